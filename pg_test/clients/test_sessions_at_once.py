"""Sessions and keys with several clients at once: S7 (as many as may be), E5 (a revocation is felt everywhere), F11 (nobody waits
for a client's open transaction), U17 (one address is one user), and cleaning beside others."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from database import eventually
from documents import owners_seen, trust
from issuer import Issuer

AT_ONCE = 20
REFUSED = errors.InvalidAuthorizationSpecification
LIVE = """
SELECT count(*) FROM warden.sessions
WHERE user_id = %s AND least(ended_at, expires_at, idle_expires_at) > clock_timestamp()
"""


@pytest.fixture(scope="module")
def signing(documents):
    with documents.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.rotate_signing_key('https://db.example.com')")
    return documents


@pytest.fixture
def user(signing, superuser):
    """Each test has a user of its own."""
    return superuser.execute("SELECT warden.create_user()").fetchone()[0]


@pytest.fixture
def boss(documents):
    with documents.connect("boss", autocommit=True) as connection:
        connection.execute("SET lock_timeout = '30s'")
        yield connection


def begin_session(connection, user, **options):
    """Begins a session as login does; returns the answer of the task."""
    arguments = {"user_id": str(user), "kind": "login", "scopes": ["user"], "lifetime": "1 day", "idle_timeout": "0",
                 "max_sessions": 0, "evict": True, **options}
    return connection.execute("SELECT warden.autonomously('begin_session', %s)", [json.dumps(arguments)]).fetchone()[0]


def session_and_token(superuser, user):
    session = begin_session(superuser, user)["session_id"]
    return session, superuser.execute("SELECT warden.issue_access_token(%s, %s, '{user}', 900)", (user, session)).fetchone()[0]


def authenticate(connection, token):
    connection.execute("SELECT warden.authenticate(%s)", (token,))


def together(database, role, works):
    """Each work by a connection of its own, all at once; what each returned, or its error."""
    barrier = Barrier(len(works))

    def one(work):
        with database.connect(role, autocommit=True) as connection:
            connection.execute("SELECT warden.version()")
            barrier.wait(300)
            try:
                return work(connection)
            except psycopg.Error as error:
                return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(one, works))


@pytest.mark.parametrize("limit", [1, 5])
def test_s7_the_oldest_make_room_and_no_more_live_than_may(signing, superuser, user, limit):
    before = [begin_session(superuser, user)["session_id"] for _ in range(limit - 1)]
    answers = together(signing, "postgres", [lambda c: begin_session(c, user, max_sessions=limit)] * AT_ONCE)
    begun = {answer["session_id"] for answer in answers}
    assert len(begun) == AT_ONCE
    assert superuser.execute(LIVE, (user,)).fetchone() == (limit,)
    live = {str(session) for (session,) in superuser.execute("SELECT id FROM warden.sessions WHERE user_id = %s AND ended_at IS NULL", (user,))}
    assert live <= begun
    ended = superuser.execute("SELECT DISTINCT end_reason FROM warden.sessions WHERE id = ANY (%s)", (before,)).fetchall()
    assert ended == ([("evicted",)] if before else [])


def test_s7_or_the_new_one_is_refused(signing, superuser, user):
    for _ in range(4):
        begin_session(superuser, user)
    answers = together(signing, "postgres", [lambda c: begin_session(c, user, max_sessions=5, evict=False)] * AT_ONCE)
    assert sum("session_id" in answer for answer in answers) == 1
    assert [answer for answer in answers if "session_id" not in answer] == [{"error": "too_many_sessions"}] * (AT_ONCE - 1)
    assert superuser.execute(LIVE, (user,)).fetchone() == (5,)


def test_s7_sessions_that_are_over_do_not_count(superuser, user):
    for column in ("expires_at", "idle_expires_at"):
        session = begin_session(superuser, user)["session_id"]
        superuser.execute(f"UPDATE warden.sessions SET {column} = clock_timestamp() WHERE id = %s", (session,))
    assert "session_id" in begin_session(superuser, user, max_sessions=1, evict=False)
    assert begin_session(superuser, user, max_sessions=1, evict=False) == {"error": "too_many_sessions"}


def test_beginning_and_ending_at_once_deadlocks_nobody(signing, superuser, user):
    """Both want the user and its sessions."""
    for _ in range(5):
        parent = begin_session(superuser, user)["session_id"]
        begin_session(superuser, user, kind="exchange", parent_id=parent)
        _, token = session_and_token(superuser, user)

        def revoke(connection, token=token):
            connection.execute("BEGIN")
            authenticate(connection, token)
            return connection.execute("SELECT warden.revoke_all_sessions()").fetchone()[0]

        def revoke_one(connection, token=token, parent=parent):
            connection.execute("BEGIN")
            authenticate(connection, token)
            return connection.execute("SELECT warden.revoke_session(%s)", (parent,)).fetchone()[0]

        with signing.connect("postgres", autocommit=True) as beginner, ThreadPoolExecutor(1) as thread:
            begun = thread.submit(lambda: [begin_session(beginner, user, max_sessions=2) for _ in range(5)])
            answers = together(signing, "app", [revoke, revoke_one, revoke])
            assert all("session_id" in answer for answer in begun.result())
        # Whoever came after the others was signed out by them.
        assert all(isinstance(answer, (int, REFUSED)) for answer in answers), answers


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("revoke", ["session", "all", "by an administrator", "all by an administrator", "token", "key"])
def test_e5_a_revocation_is_felt_by_who_has_cached_the_token(signing, superuser, boss, user, revoke, isolation):
    """The token is good and cached; then it is revoked elsewhere; then it is refused: next, and in an older snapshot."""
    session, token = session_and_token(superuser, user)
    _, own = session_and_token(superuser, user)
    if revoke == "key":
        key_id, token = superuser.execute("SELECT id, key FROM warden.create_api_key('k', '{}', user_id => %s)", (user,)).fetchone()
    with signing.connect("app") as connection, signing.connect("app") as other:
        connection.execute(f"SET default_transaction_isolation = '{isolation}'")
        connection.commit()
        for _ in range(2):
            authenticate(connection, token)
            connection.commit()
        jti = connection.execute("SELECT warden.verify_token(%s) ->> 'jti'", (token,)).fetchone()[0] if revoke == "token" else None
        connection.commit()
        connection.execute("SELECT count(*) FROM documents")
        match revoke:
            case "by an administrator":
                assert boss.execute("SELECT warden.revoke_session(%s)", (session,)).fetchone() == (True,)
            case "all by an administrator":
                assert boss.execute("SELECT warden.revoke_all_sessions(%s)", (user,)).fetchone() == (2,)
            case "token":
                assert boss.execute("SELECT warden.revoke_token(%s)", (jti,)).fetchone() == (True,)
            case _:
                authenticate(other, own)
                call = {"session": ("revoke_session(%s)", [session]), "all": ("revoke_all_sessions()", []),
                        "key": ("revoke_api_key(%s)", [key_id] if revoke == "key" else [])}[revoke]
                assert other.execute(f"SELECT warden.{call[0]}", call[1]).fetchone()[0] in (True, 2)
                # Not committed, and never will be.
        for _ in range(2):
            with pytest.raises(REFUSED):
                authenticate(connection, token)
            connection.rollback()
        assert owners_seen(connection) == set()
        other.rollback()
        with pytest.raises(REFUSED):
            authenticate(connection, token)


@pytest.mark.parametrize("call", ["revoke_session(%s)", "revoke_all_sessions()", "revoke_all_sessions(keep_current => true)",
                                  "create_api_key('k')", "list_sessions()"])
def test_f11_a_client_that_idles_after_it_keeps_nobody_waiting(signing, superuser, boss, user, call):
    session, token = session_and_token(superuser, user)
    other, other_token = session_and_token(superuser, user)
    with signing.connect("app") as idle, signing.connect("app", autocommit=True) as next_client:
        authenticate(idle, token)
        idle.execute(f"SELECT warden.{call}", [other] if "%s" in call else [])
        # The same user signs in again and revokes, an administrator does what he does, while the transaction is open.
        _, newest = session_and_token(superuser, user)
        next_client.execute("BEGIN")
        authenticate(next_client, newest)
        next_client.execute("SELECT warden.revoke_all_sessions(include_api_keys => true)")
        next_client.execute("ROLLBACK")
        assert boss.execute("SELECT warden.set_user_status(%s, 'suspended')", (user,)).fetchone() == (True,)
        assert boss.execute("SELECT warden.revoke_all_sessions(%s)", (user,)).fetchone() == (0,)
        assert boss.execute("SELECT warden.delete_user(%s)", (user,)).fetchone() == (True,)
        idle.rollback()


def test_u17_no_more_keys_at_once_than_may_be(signing, superuser, user):
    superuser.execute("""
        INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes)
        SELECT %s, 'k', %s || n, '', '{}' FROM generate_series(1, 99) n""", (user, str(user)))
    _, token = session_and_token(superuser, user)

    def create(connection):
        connection.execute("BEGIN")
        authenticate(connection, token)
        return connection.execute("SELECT key FROM warden.create_api_key('k')").fetchone()[0]

    waiting = "SELECT count(*) >= 5 FROM pg_stat_activity WHERE backend_type = 'pg_warden autonomous write' AND wait_event_type = 'Lock'"
    with signing.connect("postgres") as holder, ThreadPoolExecutor(1) as thread:
        # Until all of them have come as far as they can: counted, if they may, and not inserted.
        holder.execute("LOCK TABLE warden.api_keys IN SHARE MODE")
        created = thread.submit(together, signing, "app", [create] * 5)
        eventually(lambda: superuser.execute(waiting).fetchone()[0])
        holder.rollback()
        answers = created.result()
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert sum(isinstance(answer, errors.ConfigurationLimitExceeded) for answer in answers) == 4
    assert superuser.execute("SELECT count(*) FROM warden.api_keys WHERE user_id = %s", (user,)).fetchone() == (100,)


def test_two_that_clean_at_once_do_not_wait_and_count_each_once(signing, superuser, boss, user):
    superuser.execute("""
        INSERT INTO warden.sessions (user_id, kind, scopes, expires_at)
        SELECT %s, 'login', '{}', now() - interval '40 days' FROM generate_series(1, 1000)""", (user,))
    clean = "SELECT warden.cleanup_sessions(max_sessions => 300, dry_run => false)"
    with signing.connect("boss") as first:
        assert first.execute(clean).fetchone() == (300,)
        assert boss.execute(clean).fetchone() == (300,)
        assert boss.execute("SELECT warden.cleanup_sessions(dry_run => false)").fetchone() == (400,)
    assert boss.execute("SELECT warden.cleanup_sessions(dry_run => false)").fetchone() == (0,)
    assert superuser.execute("SELECT count(*) FROM warden.sessions WHERE user_id = %s", (user,)).fetchone() == (0,)


@pytest.mark.parametrize("link", [True, False])
def test_u17_one_address_is_one_users_however_many_come_by_it_at_once(signing, superuser, link):
    email = f"{uuid4().hex}@example.com"
    issuers = [Issuer(f"https://{name}.{link}.example.com") for name in ("one", "two")]
    for issuer in issuers:
        trust(superuser, issuer, subject_is="subject", provision=True, link_verified_email=link)
    tokens = [issuer.token(f"s-{n % 2}", email=email, email_verified=True) for n in range(4) for issuer in issuers]

    def sign_in(token):
        def work(connection):
            connection.execute("BEGIN")
            user = connection.execute("SELECT warden.authenticate(%s)", (token,)).fetchone()[0]
            connection.execute("ROLLBACK")
            return user

        return work

    users = together(signing, "app", [sign_in(token) for token in tokens])
    # Two subjects of each of two issuers: four users, or one.
    assert len(set(users)) == (1 if link else 4), users
    [holder] = superuser.execute("SELECT id FROM warden.users WHERE email = %s AND email_verified", (email,)).fetchall()
    assert holder[0] in users


def test_u17_who_comes_by_an_address_keeps_nobody_waiting(signing, boss, superuser):
    """The address is taken, or the user linked, by a transaction of its own."""
    issuer = Issuer("https://idle.example.com")
    trust(superuser, issuer, subject_is="subject", provision=True, link_verified_email=True)
    email = f"{uuid4().hex}@example.com"
    (known,) = superuser.execute("SELECT warden.create_user(email => %s)", (f"known-{email}",)).fetchone()
    superuser.execute("SELECT warden.update_user(%s, email_verified => true)", (known,))
    with signing.connect("app") as idle, signing.connect("app") as idle_too:
        authenticate(idle, issuer.token("new", email=email, email_verified=True))
        authenticate(idle_too, issuer.token("known", email=f"known-{email}", email_verified=True))
        with pytest.raises(errors.UniqueViolation):
            boss.execute("SELECT warden.create_user(email => %s)", (email,))
        assert boss.execute("SELECT warden.delete_user(%s)", (known,)).fetchone() == (True,)
