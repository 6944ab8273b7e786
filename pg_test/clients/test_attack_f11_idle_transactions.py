"""Attack F11: whatever function mallory leaves an open transaction behind, alice is answered; two never deadlock."""

import itertools

import psycopg
import pytest
from psycopg import errors

from documents import DOCUMENTS_EACH, owners_seen, trust
from issuer import Issuer

# Whoever waits for another client's transaction waits for ever: the bound only ends the test.
BOUND = "SET statement_timeout = '60s'; SET lock_timeout = '5s'"

# A call of each function for clients and trusted roles. The parameters are of the caller; errors are answers too.
CALLS = {
    # Of who may not; of who may, test_act_as.py.
    "act_as": "SELECT warden.act_as(%(user)s, 'ticket 7')",
    "add_member": "SELECT warden.add_member(%(user)s, %(user)s)",
    "admin_is_open": "SELECT warden.admin_is_open()",
    "admin_open": "SELECT warden.admin_open()",
    "allow": "SELECT warden.allow('documents', 'SELECT', 'true', 'for all')",
    "authenticate": "SELECT warden.authenticate(%(token)s)",
    "begin_admin": "SELECT warden.begin_admin('curious')",
    # Each by its own: one visitor by two gateways at once is made by the first of them that commits.
    "create_anonymous_user": "SELECT warden.create_anonymous_user(%(user)s::text)",
    "caller_administers": "SELECT warden.caller_administers()",
    "current_actor_id": "SELECT warden.current_actor_id()",
    "current_external_id": "SELECT warden.current_external_id()",
    "current_external_number": "SELECT warden.current_external_number()",
    "current_roles": "SELECT warden.current_roles()",
    "current_scopes": "SELECT warden.current_scopes()",
    "current_session_id": "SELECT warden.current_session_id()",
    "current_tenant_id": "SELECT warden.current_tenant_id()",
    "current_user_id": "SELECT warden.current_user_id()",
    # And takes it back: a user has a hundred at a time.
    "create_api_key": "SELECT warden.revoke_api_key(id) FROM warden.create_api_key('one of many')",
    "create_invite": "SELECT warden.create_invite(short => true)",
    "list_invites": "SELECT warden.list_invites()",
    "revoke_invite": "SELECT warden.revoke_invite(id) FROM warden.create_invite()",
    # Of one's own: one gets what one has.
    "redeem_invite": "SELECT r.* FROM warden.create_invite() i, warden.redeem_invite(i.code) r",
    "redeem_invite, wrong": "SELECT * FROM warden.redeem_invite('12345678', invite_id => %(user)s)",
    "deployment": "SELECT warden.deployment()",
    "disallow": "SELECT warden.disallow('documents', 'SELECT')",
    "doctor": "SELECT count(*) FROM warden.doctor()",
    "entity_allowed": "SELECT warden.entity_allowed('agent', '1')",
    "explain_entity": "SELECT warden.explain_entity('agent', '1')",
    "exempt": "SELECT warden.exempt('documents', 'for all')",
    "find_session": "SELECT warden.find_session(gen_random_uuid())",
    "find_tenant": "SELECT warden.find_tenant(%(user)s)",
    "has_feature": "SELECT warden.has_feature('sso')",
    "has_scope": "SELECT warden.has_scope('user')",
    "http_status": "SELECT warden.http_status('28000')",
    "identity": "SELECT warden.identity()",
    "is_banned": "SELECT warden.is_banned('203.0.113.7')",
    "is_intact": "SELECT warden.is_intact('documents')",
    "jwks": "SELECT warden.jwks()",
    "lending_external_id": "SELECT warden.lending_external_id('can_read_user_memory')",
    "lending_external_number": "SELECT warden.lending_external_number('can_read_user_memory')",
    "lending_user_id": "SELECT warden.lending_user_id('can_read_user_memory')",
    "list_agents": "SELECT warden.list_agents()",
    "list_api_keys": "SELECT warden.list_api_keys()",
    "list_members": "SELECT warden.list_members(%(user)s)",
    "list_sessions": "SELECT warden.list_sessions()",
    "list_tenants": "SELECT warden.list_tenants()",
    "pre_request": "SELECT warden.pre_request()",
    "protect": "SELECT warden.protect('documents')",
    "prove": "SELECT count(*) FROM warden.prove('documents')",
    "protect_schema": "SELECT warden.protect_schema('public', 'user_id')",
    "record_event": "SELECT warden.record_event('something')",
    # And revokes it: a user has a hundred at a time.
    "register_agent": "SELECT warden.set_agent_status(a, 'revoked') FROM warden.register_agent('one of many ' || gen_random_uuid()) AS a",
    "remove_member": "SELECT warden.remove_member(%(user)s, %(user)s)",
    "require_scope": "SELECT warden.require_scope('user')",
    "require_user": "SELECT warden.require_user(%(user)s::uuid)",
    # Of nobody: of all of them the other calls would be refused.
    "revoke_all_sessions": "SELECT warden.revoke_all_sessions(gen_random_uuid())",
    "revoke_api_key": "SELECT warden.revoke_api_key(gen_random_uuid())",
    "list_device_certificates": "SELECT warden.list_device_certificates()",
    "revoke_device_certificate": "SELECT warden.revoke_device_certificate(gen_random_uuid())",
    # Each enrolls one of its own.
    "enroll_device_certificate": "SELECT warden.enroll_device_certificate(repeat(md5(random()::text), 2), 'one of many')",
    "set_current_device": "SELECT warden.set_current_device(replace(%(user)s::text, '-', '') || replace(%(user)s::text, '-', ''))",
    "revoke_session": "SELECT warden.revoke_session(gen_random_uuid())",
    "scope_admits": "SELECT warden.scope_admits('user')",
    "set_agent_capability": "SELECT warden.set_agent_capability(gen_random_uuid(), 'can_read_user_memory', true)",
    "set_agent_scopes": "SELECT warden.set_agent_scopes(gen_random_uuid(), '{}')",
    "set_agent_status": "SELECT warden.set_agent_status(gen_random_uuid(), 'suspended')",
    "set_current_external_user": "SELECT warden.set_current_external_user('4711')",
    "set_current_user": "SELECT warden.set_current_user(%(user)s)",
    "sign_out": "SELECT warden.sign_out()",
    "unexempt": "SELECT warden.unexempt('documents')",
    "unprotect": "SELECT warden.unprotect('documents')",
    "unwatch_schema": "SELECT warden.unwatch_schema('public')",
    "verify_token": "SELECT warden.verify_token(%(token)s)",
    "version": "SELECT warden.version()",
    "watch_schema": "SELECT warden.watch_schema('public')",
    "authenticate, from an address": "SELECT warden.authenticate(%(token)s, '203.0.113.8')",
    "login": "SELECT * FROM warden.login(%(name)s, %(password)s, '192.0.2.1')",
    "refresh": "SELECT r.* FROM warden.login(%(name)s, %(password)s) l, warden.refresh(l.refresh_token) r",
    "logout": "SELECT warden.logout(l.refresh_token) FROM warden.login(%(name)s, %(password)s) l",
    "exchange_token": "SELECT * FROM warden.exchange_token(%(token)s)",
    "set_password": "SELECT warden.set_password(%(user)s, %(password)s, %(password)s)",
    "setup_owner": "SELECT warden.setup_owner('owner@example.com', %(password)s)",
    # A guess at a password; what is refused is an answer.
    "login, wrong": "SELECT * FROM warden.login(%(name)s, 'a guess')",
    # A token of somebody who is not in the directory yet.
    "authenticate, first sight": "SELECT warden.authenticate(%(first_token)s)",
    "record_event, outliving": "SELECT warden.record_event('something', outlive_rollback => true)",
    # Each of both owns a board, shares it with the other at level share, and has offered another one.
    "share": "SELECT warden.share('boards', %(user)s, %(other)s, 'manage')",
    "share, on": "SELECT warden.share('boards', %(other)s, %(third)s, 'view')",
    "share_with": "SELECT warden.share_with('boards', %(user)s, 'everyone', 'view')",
    "share_with, on": "SELECT warden.share_with('boards', %(other)s, 'role:user', 'use')",
    "unshare": "SELECT warden.unshare('boards', %(user)s, %(other)s)",
    "unshare, leaving": "SELECT warden.unshare('boards', %(other)s, %(user)s)",
    "unshare_with": "SELECT warden.unshare_with('boards', %(user)s, 'user:' || %(other)s)",
    "accept_share": "SELECT warden.accept_share((SELECT share_id FROM warden.shared_with_me() WHERE status = 'pending'))",
    "decline_share": "SELECT warden.decline_share((SELECT share_id FROM warden.shared_with_me() WHERE status = 'pending'))",
    "transfer": "SELECT warden.transfer('boards', %(user)s, %(other)s, 'edit')",
    "assign": "SELECT warden.assign('boards', %(user)s, %(other)s, 'view')",
    "cleanup_shares": "SELECT warden.cleanup_shares()",
    "access_level": "SELECT warden.access_level('boards', %(other)s)",
    "can": "SELECT warden.can('boards', %(other)s, 'edit')",
    "require_access": "SELECT warden.require_access('boards', %(other)s, 'share')",
    "list_shares": "SELECT warden.list_shares('boards', %(user)s)",
    "who_can": "SELECT warden.who_can('boards', %(user)s)",
    "shared": "SELECT warden.shared('boards'::regclass, %(other)s, 'edit')",
    "shared_ids": "SELECT warden.shared_ids('boards'::regclass, 'view', NULL::uuid, false)",
    "shared_level": "SELECT warden.shared_level('boards'::regclass, %(other)s)",
    "shared_with_me": "SELECT warden.shared_with_me()",
    "explain_access": "SELECT warden.explain_access('boards', %(user)s)",
    # Not functions, but what they are for.
    "boards": "SELECT count(*) FROM boards",
    "documents": "SELECT count(*) FROM documents",
    "insert": "INSERT INTO documents (title) VALUES ('new')",
    "update": "UPDATE documents SET title = title",
    "delete": "DELETE FROM documents",
}
PASSWORD = "correct horse"
BOARDS = """
CREATE TABLE boards (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, name text);
GRANT SELECT, INSERT, UPDATE, DELETE ON boards TO app, gateway;
SELECT warden.protect('boards', shareable => true);
"""
CALLABLE = """
SELECT DISTINCT proname FROM pg_proc f
WHERE pronamespace = 'warden'::regnamespace AND prorettype <> 'trigger'::regtype AND 'record'::regtype <> ALL (proargtypes)
  AND (has_function_privilege('app', f.oid, 'EXECUTE') OR has_function_privilege('gateway', f.oid, 'EXECUTE'))
"""


@pytest.fixture(scope="module")
def newcomers(documents):
    """An issuer that makes users of whoever it names."""
    issuer = Issuer("https://new.example.com")
    with documents.connect("postgres") as superuser:
        trust(superuser, issuer, subject_is="subject", provision=True)
        superuser.execute("SELECT warden.create_user('4711')")
        # Somebody is banned, so that addresses are looked up.
        superuser.execute("SELECT warden.ban_ip('203.0.113.7', 'permanent', 'test')")
        # Thousands of passwords are hashed here.
        for role in ("app", "gateway"):
            superuser.execute(f"ALTER ROLE {role} IN DATABASE {documents.name} SET warden.password_memory = '7MB'")
            superuser.execute(f"ALTER ROLE {role} IN DATABASE {documents.name} SET warden.password_iterations = 1")
        superuser.execute("SET warden.password_memory = '7MB'; SET warden.password_iterations = 1; SELECT warden.rotate_signing_key()")
        for user in documents.users[:2]:
            superuser.execute("SELECT warden.update_user(%s, name => %s), warden.set_password(%s, %s)", [user, f"n{user}", user, PASSWORD])
            superuser.execute("SELECT warden.grant_scope(%s, 'users:invite')", [user])
            superuser.execute("SELECT warden.enroll_device_certificate(%s, 'laptop', user_id => %s)", [str(user).replace("-", "") * 2, user])
    with documents.connect("owner") as owner:
        owner.execute(BOARDS)
    with documents.connect("postgres") as superuser:
        for user, other in (documents.users[:2], documents.users[1::-1]):
            superuser.execute("INSERT INTO boards (id, user_id) VALUES (%s, %s)", [user, user])
            superuser.execute("SELECT warden.share('boards', %s, %s, 'share')", [user, other])
            offered = superuser.execute("INSERT INTO boards (user_id) VALUES (%s) RETURNING id", [user]).fetchone()[0]
            superuser.execute("SELECT warden.share('boards', %s, %s, 'view', offer => true)", [offered, other])
    return issuer


class Client:
    """A connection in a transaction of one user, that can be asked to make any of the calls."""

    def __init__(self, documents, newcomers, role, user):
        self.documents, self.newcomers, self.user = documents, newcomers, user
        self.connection = documents.connect(role)
        self.connection.execute(BOUND)
        self.connection.commit()
        self.first_sights = itertools.count()

    def begin(self):
        self.connection.rollback()
        self.documents.sign_in(self.connection, self.user)

    def call(self, name):
        """Makes the call; returns the error that answers it. Waiting for somebody is an error that answers nothing."""
        if "first sight" in name:
            # One transaction has one user, so this one begins as nobody.
            self.connection.rollback()
        subject = f"{self.user} {next(self.first_sights)}"
        token, first = self.documents.token(self.user), self.newcomers.token(subject)
        other = self.documents.users[1 if self.user == self.documents.users[0] else 0]
        parameters = {"token": token, "first_token": first, "user": self.user, "name": f"n{self.user}", "password": PASSWORD}
        parameters |= {"other": other, "third": self.documents.users[2]}
        try:
            with self.connection.transaction():
                self.connection.execute(CALLS[name], {key: parameters[key] for key in parameters if f"%({key})s" in CALLS[name]})
        except (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected):
            raise
        except psycopg.Error as error:
            return error


@pytest.fixture(scope="module", params=["app", "gateway"])
def mallory(request, documents, newcomers):
    client = Client(documents, newcomers, request.param, documents.users[0])
    yield client
    client.connection.close()


@pytest.fixture(autouse=True)
def few_keys(documents, superuser):
    """A user has a hundred keys at most, and ten short invites, and what is made here is committed, whatever is rolled back."""
    superuser.execute("DELETE FROM warden.api_keys; DELETE FROM warden.device_certificates WHERE label = 'one of many'; DELETE FROM warden.invites")


@pytest.fixture(scope="module")
def alice(documents, newcomers):
    client = Client(documents, newcomers, "app", documents.users[1])
    yield client
    client.connection.close()


def test_every_function_is_tried(documents, superuser):
    called = {name.partition(",")[0] for name in CALLS}
    assert {name for (name,) in superuser.execute(CALLABLE)} <= called


# For the table's owner, an administrator, trusted roles, or the admin of a tenant, which test_tenants_at_once.py has
# (protect_schema finds nothing to protect here); 4711 is another user than the transaction's.
REFUSED = {
    "act_as", "add_member", "list_members", "remove_member", "allow", "begin_admin", "disallow", "doctor", "exempt", "protect", "prove",
    "unexempt", "unprotect", "unwatch_schema", "watch_schema", "set_current_external_user", "revoke_all_sessions", "setup_owner",
    "set_agent_capability", "set_agent_scopes", "set_agent_status", "assign", "cleanup_shares",
}
REFUSED_TO_CLIENTS = {"create_anonymous_user", "enroll_device_certificate", "set_current_device", "is_banned", "set_current_user", "record_event, outliving"}


def test_the_other_calls_do_work(mallory):
    refused = set()
    for name in CALLS:
        mallory.begin()
        if mallory.call(name):
            refused.add(name)
    mallory.connection.rollback()
    is_client = mallory.connection.info.user == "app"
    assert refused == REFUSED | (REFUSED_TO_CLIENTS if is_client else set())


@pytest.mark.parametrize("left_open", CALLS)
def test_alice_is_answered(mallory, alice, documents, left_open):
    mallory.begin()
    mallory.call(left_open)
    for name in CALLS:
        alice.begin()
        alice.call(name)
    alice.begin()
    assert owners_seen(alice.connection) == {alice.user}
    alice.connection.rollback()
    mallory.connection.rollback()


# These hash a password or start a worker, which takes its time.
SLOW = {name for name in CALLS if name.startswith(("create_invite", "revoke_invite", "redeem_invite", "login", "refresh", "logout", "exchange_token", "set_password", "setup_owner"))}
# These change what is shared. What only reads is not among them.
SHARING = {name for name in CALLS if name.startswith(("share", "unshare", "accept_share", "decline_share", "transfer", "assign", "cleanup_shares"))
           and not name.startswith("shared")}
# Each of them is tried with its like and with what writes.
WRITING = {"authenticate", "authenticate, first sight", "insert", "update", "delete", "record_event", "record_event, outliving"}


def do_not_meet(first, second):
    return any({first, second} & apart and not {first, second} <= apart | WRITING for apart in (SLOW, SHARING))


@pytest.mark.parametrize("first", CALLS)
def test_two_transactions_in_opposite_order_do_not_deadlock(mallory, alice, first):
    for second in CALLS:
        if do_not_meet(first, second):
            continue
        mallory.begin()
        alice.begin()
        mallory.call(first)
        alice.call(second)
        mallory.call(second)
        alice.call(first)
    alice.connection.rollback()
    mallory.connection.rollback()


@pytest.mark.parametrize("left_open", sorted(SHARING))
def test_an_administrator_does_not_wait_for_what_is_shared(mallory, documents, left_open):
    me, other, third = documents.users[:3]
    mallory.begin()
    mallory.call(left_open)
    with documents.connect("boss") as boss:
        boss.execute(BOUND)
        for board, user in ((me, other), (other, me), (me, third)):
            boss.execute("SELECT warden.assign('boards', %s, %s, 'edit')", [board, user])
            boss.execute("SELECT warden.unshare('boards', %s, %s)", [board, user])
        boss.execute("SELECT warden.cleanup_shares()")
        boss.rollback()
    mallory.connection.rollback()


# What administrators change, of users and things that no call above is about; a transaction each that is left open. Neither users nor
# administrators wait for it, unless they change the very same.
LEFT_OPEN_BY_AN_ADMINISTRATOR = {
    "grant_scope": "SELECT warden.grant_scope(%(bystander)s, 'tools:execute')",
    "revoke_scope": "SELECT warden.revoke_scope(%(bystander)s, 'mcp')",
    "assign_role": "SELECT warden.assign_role(%(bystander)s, 'admin')",
    "define_role": "SELECT warden.define_role('auditor', '{user}')",
    "define_scope": "SELECT warden.define_scope('audits:write', '{audits:read}')",
    "register_client": "SELECT warden.register_client('till', '{user}')",
    "unregister_client": "SELECT warden.unregister_client('kiosk')",
    "declare_entity": "SELECT warden.declare_entity('agent', '2')",
    "remove_entity": "SELECT warden.remove_entity('agent', 'old')",
    "add_entity_parent": "SELECT warden.add_entity_parent('agent', '1', 'team', 'a')",
    "remove_entity_parent": "SELECT warden.remove_entity_parent('agent', 'below', 'team', 'a')",
    "set_entity_rule": "SELECT warden.set_entity_rule('agent', '1', 'deny', 'test', user_id => %(bystander)s)",
    "set_entity_rule, of a role": "SELECT warden.set_entity_rule('agent', '1', 'allow', 'test', role => 'user')",
    "remove_entity_rule": "SELECT warden.remove_entity_rule('agent', 'ruled', role => 'user')",
    "set_user_status": "SELECT warden.set_user_status(%(bystander)s, 'suspended')",
    "set_user_private": "SELECT warden.set_user_private(%(bystander)s)",
    "ban_ip": "SELECT warden.ban_ip('198.51.100.7', '1 hour', 'test')",
    "set_feature": "SELECT warden.set_feature('sso')",
    "set_deployment": "SELECT warden.set_deployment('ours')",
}
PREPARED_BY_AN_ADMINISTRATOR = """
SELECT warden.define_role('auditor', '{user,audits:read}'), warden.register_client('kiosk', '{user}');
SELECT warden.declare_entity('agent', '1', default_included => true), warden.declare_entity('agent', 'old'), warden.declare_entity('agent', 'below'),
    warden.declare_entity('agent', 'ruled'), warden.declare_entity('team', 'a');
SELECT warden.add_entity_parent('agent', 'below', 'team', 'a'), warden.set_entity_rule('agent', 'ruled', 'allow', 'test', role => 'user');
"""
# What another administrator does meanwhile: the same of others.
MEANWHILE = """
SELECT warden.grant_scope(%(other)s, 'mcp'), warden.assign_role(%(other)s, 'viewer'), warden.register_client('web', '{user}'),
    warden.declare_entity('agent', '3'), warden.set_entity_rule('agent', '3', 'deny', 'test', user_id => %(other)s), warden.ban_ip('192.0.2.7', '1 hour', 'test'),
    warden.set_user_private(%(other)s), warden.create_tenant('Acme')
"""


@pytest.fixture(scope="module")
def prepared(documents, newcomers):
    with documents.connect("postgres") as superuser:
        superuser.execute(PREPARED_BY_AN_ADMINISTRATOR)
        superuser.execute("SELECT warden.grant_scope(%s, 'mcp')", [documents.users[5]])


@pytest.mark.parametrize("left_open", LEFT_OPEN_BY_AN_ADMINISTRATOR)
def test_nobody_waits_for_an_administrator_who_idles(prepared, alice, documents, left_open):
    bystander, other = documents.users[5:7]
    with documents.connect("boss") as idle, documents.connect("boss") as boss:
        (changed,) = idle.execute(LEFT_OPEN_BY_AN_ADMINISTRATOR[left_open], {"bystander": bystander}).fetchone()
        # What changes nothing holds nothing.
        assert changed is not False
        for name in CALLS:
            alice.begin()
            alice.call(name)
        alice.begin()
        assert owners_seen(alice.connection) == {alice.user}
        assert alice.connection.execute("SELECT warden.entity_allowed('agent', '1')").fetchone() == (True,)
        alice.connection.rollback()
        # Who is being changed comes in, as he was.
        with documents.connect("app") as client:
            client.execute(BOUND)
            documents.sign_in(client, bystander)
            assert owners_seen(client) == {bystander}
        boss.execute(BOUND)
        boss.execute(MEANWHILE, {"other": other})
        # What roles are said to be is written by one at a time.
        if left_open != "define_role":
            boss.execute("SELECT warden.define_role('reader', '{user}')")
        boss.rollback()
        idle.rollback()


@pytest.mark.parametrize("leaving", ["merge_users(%(leaver)s, %(heir)s)", "erase_user(%(leaver)s, 'cascade')"])
def test_who_leaves_does_not_wait_for_what_is_shared(mallory, documents, superuser, leaving):
    """A share that mallory is taking away all the time: it ends with the user, and is nobody else's."""
    me, leaver, heir = mallory.user, *documents.users[3:5]
    count = "SELECT count(*) FROM warden.shares s WHERE s.grantee IN ('user:' || %s, 'user:' || %s) AND warden.share_counts(s.id) IS NOT NULL"
    superuser.execute("SELECT warden.assign('boards', %s, %s, 'edit')", [me, leaver])
    assert superuser.execute(count, [leaver, heir]).fetchone() == (1,)
    mallory.begin()
    assert mallory.connection.execute("SELECT warden.unshare('boards', %s, %s)", [me, leaver]).fetchone() == (1,)
    with documents.connect("postgres") as administrator:
        administrator.execute(BOUND)
        administrator.execute(f"SELECT count(*) FROM warden.{leaving}", {"leaver": leaver} | ({"heir": heir} if "heir" in leaving else {}))
        assert administrator.execute(count, [leaver, heir]).fetchone() == (0,)
        administrator.rollback()
    mallory.connection.rollback()
    superuser.execute("SELECT warden.unshare('boards', %s, %s)", [me, leaver])


def test_the_bound_does_end_a_wait(mallory, alice, documents):
    """The tests above can fail: one row of both would be waited for."""
    mallory.begin()
    alice.connection.rollback()
    documents.sign_in(alice.connection, mallory.user)
    mallory.connection.execute("UPDATE documents SET title = 'held'")
    with pytest.raises(errors.LockNotAvailable):
        alice.call("update")
    alice.connection.rollback()
    mallory.connection.rollback()
    mallory.begin()
    assert mallory.connection.execute(CALLS["documents"]).fetchone() == (DOCUMENTS_EACH,)
    mallory.connection.rollback()


@pytest.mark.parametrize("function", ["protect('documents')", "unprotect('documents')", "watch_schema('public')"])
def test_who_may_not_change_a_table_does_not_queue_for_its_lock(mallory, alice, function):
    """A request for an exclusive lock holds up everybody behind it, also one that would be refused in the end."""
    alice.begin()
    assert owners_seen(alice.connection) == {alice.user}
    mallory.begin()
    with pytest.raises(errors.InsufficientPrivilege):
        mallory.connection.execute(f"SELECT warden.{function}")
    mallory.connection.rollback()
    alice.connection.rollback()
