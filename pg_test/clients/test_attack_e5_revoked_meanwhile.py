"""Attacks E5 and E8, S2, S4 and S8: a credential that is revoked elsewhere while its transaction is open leaves nothing behind
that outlives the transaction, whatever else is shown in it, and is not good again afterwards."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from psycopg import errors

from documents import trust
from issuer import Issuer

REFUSED = errors.InvalidAuthorizationSpecification
KEY = "SELECT key FROM warden.create_api_key('to stay')"
KEEP = "SELECT warden.revoke_all_sessions(keep_current => true)"

# What a client makes that outlives the transaction. The parameters are of the cast.
MAKING = {
    "create_api_key": "SELECT warden.create_api_key('to stay')",
    "create_api_key of an agent": "SELECT warden.create_api_key('to stay', user_id => %(agent)s)",
    "register_agent": "SELECT warden.register_agent(gen_random_uuid()::text)",
    "set_agent_capability": "SELECT warden.set_agent_capability(%(agent)s, 'can_read_' || replace(gen_random_uuid()::text, '-', '_'), true)",
    "create_invite": "SELECT warden.create_invite()",
    "redeem_invite": "SELECT 1 / (error IS NULL)::int FROM warden.redeem_invite(%(code)s)",
    "add_member": "SELECT warden.add_member(%(tenant)s, %(other)s, '{viewer}')",
    "share": "SELECT warden.share('tools', %(tool)s::text, %(other)s, 'view')",
    "act_as": "SELECT warden.act_as(%(other)s, 'to look around')",
    "revoke_all_sessions": KEEP,
}


@pytest.fixture(scope="module")
def roles(database):
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app'), warden.add_admin_role('boss')")
        superuser.execute("SELECT warden.rotate_signing_key('https://db.example.com')")
    with database.connect("owner", autocommit=True) as owner:
        owner.execute("CREATE TABLE tools (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL)")
        owner.execute("GRANT SELECT ON tools TO app")
        owner.execute("SELECT warden.protect('tools', shareable => true)")
    return database


@pytest.fixture
def boss(roles):
    with roles.connect("boss", autocommit=True) as connection:
        yield connection


@pytest.fixture
def thief(roles):
    """The transaction that is open."""
    with roles.connect("app") as connection:
        yield connection


@pytest.fixture
def app(roles):
    with roles.connect("app", autocommit=True) as connection:
        yield connection


@pytest.fixture
def alice(superuser, roles):
    """Of each test one of her own, with an issuer of her own, who may make whatever there is to make."""
    def one(statement, *parameters):
        return superuser.execute(f"SELECT {statement}", parameters).fetchone()[0]

    alice = SimpleNamespace(one=one, issuer=Issuer(f"https://{uuid4().hex}.example.com"))
    trust(superuser, alice.issuer)
    alice.id, alice.other, alice.third = (one("warden.create_user()") for _ in range(3))
    one("warden.assign_role(%s, 'admin')", alice.id)
    one("warden.grant_scope(%s, 'users:invite')", alice.id)
    alice.tenant = one("warden.create_tenant(%s)", uuid4().hex)
    one("warden.add_member(%s, %s, '{owner}')", alice.tenant, alice.id)
    one("warden.add_member(%s, %s, '{user}')", alice.tenant, alice.other)
    alice.agent = one("warden.register_agent('helper', %s)", alice.id)
    alice.tool_of = lambda user: superuser.execute("INSERT INTO tools (user_id) VALUES (%s) RETURNING id", (user,)).fetchone()[0]
    alice.tool = alice.tool_of(alice.id)
    alice.code = superuser.execute("SELECT code FROM warden.create_invite()").fetchone()[0]
    alice.jti = uuid4().hex
    alice.token = alice.issuer.token(alice.id, jti=alice.jti, sid="s-1")
    return alice


@pytest.fixture
def revoke(alice, app, boss):
    """revoke(how): what somebody else does to alice's token."""
    def run(how):
        match how:
            case "by its name":
                assert boss.execute("SELECT warden.revoke_token(%s, %s)", (alice.jti, alice.issuer.name)).fetchone() == (True,)
            case "by its name, of any issuer":
                assert boss.execute("SELECT warden.revoke_token(%s)", (alice.jti,)).fetchone() == (True,)
            case "logout":
                assert app.execute("SELECT warden.logout(%s)", (alice.token,)).fetchone() == (True,)
            case "its issuer is distrusted":
                assert boss.execute("SELECT warden.distrust_issuer(%s)", (alice.issuer.name,)).fetchone() == (True,)
            case "all sessions":
                assert boss.execute("SELECT warden.revoke_all_sessions(%s)", (alice.id,)).fetchone() == (0,)

    return run


def authenticate(connection, token, tenant=None):
    return connection.execute("SELECT warden.authenticate(%s, tenant_id => %s)", (token, tenant)).fetchone()[0]


def is_good(connection, token):
    try:
        with connection.transaction():
            authenticate(connection, token)
        return True
    except REFUSED:
        return False


def refused(connection, statement, parameters=None):
    """Whether it is refused as a revoked credential is; undone in either case."""
    with connection.transaction(force_rollback=True):
        try:
            with connection.transaction():
                connection.execute(statement, parameters)
        except REFUSED as error:
            assert error.diag.message_primary in ("authentication failed", "invalid credentials"), error
            return True
        except errors.DivisionByZero:
            return True
    return False


def call(alice, making):
    tenant = alice.tenant if making == "add_member" else None
    parameters = {name: getattr(alice, name) for name in ("agent", "code", "tenant", "other", "tool")}
    return MAKING[making], parameters, tenant


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
@pytest.mark.parametrize("making", MAKING)
def test_e5_an_old_snapshot_is_no_refuge(alice, thief, revoke, making, isolation):
    statement, parameters, tenant = call(alice, making)
    thief.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    authenticate(thief, alice.token, tenant)
    thief.execute("SELECT count(*) FROM tools")
    if making != "redeem_invite":  # Once redeemed, an invite is no test of the refusal.
        assert not refused(thief, statement, parameters)
    revoke("by its name")
    assert refused(thief, statement, parameters)


@pytest.mark.parametrize("making", MAKING)
@pytest.mark.parametrize("how", ["by its name", "by its name, of any issuer", "logout", "its issuer is distrusted", "all sessions"])
def test_e5_s8_a_revoked_token_makes_nothing_that_stays(alice, thief, revoke, making, how):
    statement, parameters, tenant = call(alice, making)
    authenticate(thief, alice.token, tenant)
    revoke(how)
    assert refused(thief, statement, parameters)
    thief.rollback()
    assert not is_good(thief, alice.token)


@pytest.mark.parametrize("making", MAKING)
def test_e5_s8_a_token_makes_it_while_others_are_revoked(alice, boss, thief, making):
    statement, parameters, tenant = call(alice, making)
    authenticate(thief, alice.token, tenant)
    assert boss.execute("SELECT warden.revoke_token(%s)", (uuid4().hex,)).fetchone() == (True,)
    other = Issuer(f"https://{uuid4().hex}.example.com")
    trust(boss, other)
    # The same name by another issuer is another token.
    assert boss.execute("SELECT warden.revoke_token(%s, %s)", (alice.jti, other.name)).fetchone() == (True,)
    thief.execute(statement, parameters)
    thief.commit()


@pytest.mark.parametrize("how", ["by its name", "its issuer is distrusted"])
def test_e5_a_token_of_ours_makes_no_key_either(superuser, alice, app, boss, thief, how):
    begin = """
        SELECT warden.autonomously('begin_session', jsonb_build_object('user_id', %s::uuid, 'kind', 'login',
            'scopes', '["user"]'::jsonb, 'lifetime', '1 day', 'idle_timeout', '0', 'max_sessions', 0, 'evict', true)) ->> 'session_id'"""
    (session,) = superuser.execute(begin, (alice.id,)).fetchone()
    token = alice.one("warden.issue_access_token(%s, %s, '{user}', 900)", alice.id, session)
    authenticate(thief, token)
    assert not refused(thief, KEY)
    if how == "by its name":
        (jti,) = app.execute("SELECT warden.verify_token(%s) ->> 'jti'", (token,)).fetchone()
        boss.execute("SELECT warden.revoke_token(%s)", (jti,))
    else:
        boss.execute("SELECT warden.distrust_issuer('https://db.example.com')")
    assert refused(thief, KEY)
    thief.rollback()
    assert not is_good(thief, token)
    superuser.execute("SELECT warden.rotate_signing_key('https://db.example.com')")


@pytest.mark.parametrize("keep", [KEEP, "SELECT warden.revoke_all_sessions()"], ids=["keep", "all"])
@pytest.mark.parametrize("how", ["all sessions", "by its name", "its issuer is distrusted"])
def test_s4_a_revoked_token_does_not_keep_itself(superuser, alice, thief, revoke, how, keep):
    ends = "SELECT tokens_valid_after::text, kept_session FROM warden.users WHERE id = %s"
    authenticate(thief, alice.token)
    revoke(how)
    before = superuser.execute(ends, (alice.id,)).fetchone()
    assert refused(thief, keep)
    # Nothing has changed, also where it is committed.
    thief.commit()
    assert superuser.execute(ends, (alice.id,)).fetchone() == before
    assert not is_good(thief, alice.token)


def test_s4_who_keeps_his_session_keeps_it_again_and_the_others_are_out(alice, app, thief):
    other = alice.issuer.token(alice.id, sid="s-2")
    authenticate(thief, other)
    with app.transaction():
        authenticate(app, alice.token)
        for _ in range(2):
            app.execute(KEEP)
        app.execute(KEY)
    assert is_good(app, alice.token)
    # Whoever was in with another one neither keeps that nor ends the one that was kept.
    assert refused(thief, KEEP) and refused(thief, "SELECT warden.revoke_all_sessions()")
    thief.commit()
    assert is_good(app, alice.token) and not is_good(app, other)


@pytest.fixture
def keys(superuser, alice):
    """key_of(user): a new key, its id and what is shown."""
    def key_of(user, scopes=None, ends_in=None):
        made = "SELECT id, key FROM warden.create_api_key('k', %s, now() + %s::interval, %s)"
        return superuser.execute(made, (scopes, ends_in, user)).fetchone()

    return key_of


def test_e8_another_users_key_does_not_vouch_for_a_revoked_one(alice, app, boss, thief, keys):
    mallory = boss.execute("SELECT warden.create_user()").fetchone()[0]
    (stolen_id, stolen), (_, own), (_, spare) = keys(alice.id), keys(mallory), keys(alice.id)
    authenticate(thief, stolen)
    assert not refused(thief, KEY)
    with app.transaction():
        authenticate(app, spare)
        assert app.execute("SELECT warden.revoke_api_key(%s)", (stolen_id,)).fetchone() == (True,)
    with pytest.raises(errors.ObjectNotInPrerequisiteState), thief.transaction():
        authenticate(thief, own)
    assert thief.execute("SELECT warden.current_user_id()").fetchone() == (alice.id,)
    assert refused(thief, KEY)
    thief.rollback()
    assert authenticate(thief, own) == mallory
    assert not refused(thief, KEY)


def test_e8_another_users_key_takes_nothing_from_a_good_one(alice, boss, thief, keys):
    """What was declined was not shown: neither that it is revoked nor that it ends counts."""
    (_, good), (_, others) = keys(alice.id), keys(alice.other, ends_in="1 hour")
    authenticate(thief, good)
    with pytest.raises(errors.ObjectNotInPrerequisiteState), thief.transaction():
        authenticate(thief, others)
    assert not refused(thief, KEY)
    boss.execute("SELECT warden.revoke_api_key(id) FROM warden.list_api_keys(%s)", (alice.other,))
    assert not refused(thief, KEY)


@pytest.mark.parametrize("undone", [True, False], ids=["rolled back", "kept"])
@pytest.mark.parametrize("first, second", [("key", "key"), ("key", "token"), ("token", "key"), ("token", "token")])
def test_e8_a_good_credential_of_ones_own_does_not_vouch_for_a_revoked_one(alice, boss, thief, keys, first, second, undone):
    """Neither by a savepoint, which brings back the scopes of the first, nor in its place: a new transaction is what it takes."""
    key_id, key = keys(alice.id)
    narrow = {"key": lambda: keys(alice.id, ["user"])[1], "token": lambda: alice.issuer.token(alice.id, sid="s-2", scope="user")}[second]()
    authenticate(thief, {"key": key, "token": alice.token}[first])
    with thief.transaction(force_rollback=undone):
        authenticate(thief, narrow)
        assert not refused(thief, KEY)
    assert not refused(thief, KEY)
    if first == "key":
        assert boss.execute("SELECT warden.revoke_api_key(%s)", (key_id,)).fetchone() == (True,)
    else:
        assert boss.execute("SELECT warden.revoke_token(%s)", (alice.jti,)).fetchone() == (True,)
    with thief.transaction(force_rollback=undone):
        authenticate(thief, narrow)
    assert refused(thief, KEY)
    thief.rollback()
    authenticate(thief, narrow)
    assert not refused(thief, KEY)


def test_g7_a_key_of_an_agent_is_the_agents(alice, boss, thief, keys):
    key_id, key = keys(alice.agent)
    assert authenticate(thief, key) == alice.agent
    share = "SELECT warden.share('tools', %s::text, %s, 'view')"
    tool = alice.tool_of(alice.agent)
    assert not refused(thief, share, (tool, alice.other))
    boss.execute("SELECT warden.revoke_api_key(%s)", (key_id,))
    assert refused(thief, share, (tool, alice.other))


def test_e5_what_acts_for_a_user_needs_both(alice, boss, thief):
    """By a token with act: what speaks is a token of the user, and of who acts."""
    token = alice.issuer.token(alice.id, jti=alice.jti, act={"sub": str(alice.agent)})
    share = ("SELECT warden.share('tools', %s::text, %s, 'view')", (alice.tool, alice.other))
    authenticate(thief, token)
    assert not refused(thief, *share)
    boss.execute("SELECT warden.revoke_token(%s)", (alice.jti,))
    assert refused(thief, *share)


def test_g6_who_acts_as_another_shares_nothing_once_revoked(alice, boss, thief):
    """Acting as somebody, a transaction has no session; what it was authenticated by has."""
    tool = alice.tool_of(alice.other)
    share = ("SELECT warden.share('tools', %s::text, %s, 'view')", (tool, alice.third))
    authenticate(thief, alice.token)
    thief.execute("SELECT warden.act_as(%s, 'ticket 7')", (alice.other,))
    assert not refused(thief, *share)
    boss.execute("SELECT warden.revoke_token(%s)", (alice.jti,))
    assert refused(thief, *share)
