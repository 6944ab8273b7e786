"""Attack E10: an authentication that is interrupted leaves nobody, and no error tells of our insides or of a token."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from database import eventually
from documents import owners_seen
from issuer import forged

# What authenticate() reads, in its order: held by somebody else, each is a place to be interrupted at.
TABLES = ["trusted_issuers", "issuer_keys", "users"]


@pytest.fixture(params=TABLES)
def stuck(request, documents):
    """Makes every authenticate() wait at one table, until the test ends."""
    with documents.connect("postgres") as holder:
        holder.execute(f"LOCK TABLE warden.{request.param} IN ACCESS EXCLUSIVE MODE")
        yield holder


@pytest.fixture
def connection(documents):
    with documents.connect("app") as connection:
        yield connection


def authenticate(connection, token):
    return connection.execute("SELECT warden.authenticate(%s)", (token,)).fetchone()


def wait_until_it_waits(superuser, connection):
    waiting = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    eventually(lambda: superuser.execute(waiting, (connection.info.backend_pid,)).fetchone() is not None)


def assert_nobody_and_recovers(documents, connection, stuck):
    """Within the transaction the attempt has ended every identity; the next transaction is as new."""
    connection.execute("ROLLBACK TO before")
    stuck.rollback()
    assert owners_seen(connection) == set()
    with pytest.raises(errors.ObjectNotInPrerequisiteState):
        documents.sign_in(connection, documents.users[0])
    connection.rollback()
    documents.sign_in(connection, documents.users[1])
    assert owners_seen(connection) == {documents.users[1]}
    connection.rollback()


@pytest.mark.parametrize("by", ["client", "superuser"])
def test_cancelled(documents, superuser, connection, stuck, by):
    connection.execute("SAVEPOINT before")
    with ThreadPoolExecutor() as threads:
        attempt = threads.submit(authenticate, connection, documents.token(documents.users[0]))
        wait_until_it_waits(superuser, connection)
        if by == "client":
            connection.cancel_safe()
        else:
            superuser.execute("SELECT pg_cancel_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(errors.QueryCanceled):
            attempt.result()
    assert_nobody_and_recovers(documents, connection, stuck)


@pytest.mark.parametrize(
    ("setting", "error"),
    [("statement_timeout", errors.QueryCanceled), ("lock_timeout", errors.LockNotAvailable)],
)
def test_timeout(documents, connection, stuck, setting, error):
    # The bound is of the one statement: whatever else takes its time is not interrupted.
    connection.execute("SAVEPOINT before")
    connection.execute(f"SET LOCAL {setting} = '50ms'")
    with pytest.raises(error):
        authenticate(connection, documents.token(documents.users[0]))
    assert_nobody_and_recovers(documents, connection, stuck)


def test_interrupted_second_attempt_ends_the_first_identity(documents, connection):
    """A user is signed in, and again by another issuer, whose keys this backend has yet to read: interrupted there."""
    user = documents.users[0]
    documents.sign_in(connection, user)
    connection.commit()
    documents.sign_in(connection, user)
    assert owners_seen(connection) == {user}
    connection.execute("SAVEPOINT before; SET LOCAL lock_timeout = '50ms'")
    with documents.connect("postgres") as holder:
        holder.execute("LOCK TABLE warden.issuer_keys IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(errors.LockNotAvailable):
            authenticate(connection, documents.rs256.token(user))
        assert_nobody_and_recovers(documents, connection, holder)


def test_killed_backend_takes_the_identity_along(documents, superuser, stuck, connection):
    with ThreadPoolExecutor() as threads:
        attempt = threads.submit(authenticate, connection, documents.token(documents.users[0]))
        wait_until_it_waits(superuser, connection)
        superuser.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(errors.AdminShutdown):
            attempt.result()
    stuck.rollback()
    with documents.connect("app") as another:
        assert owners_seen(another) == set()


BAD_CALLS = {
    "authenticate": ["''", "NULL", "repeat('.', 100)", "repeat('[', 16000)", "E'\\u0001.\\u0002.\\u0003'", "'{bad}'"],
    "verify_token": ["''", "NULL", "repeat('a.', 3)", "'{bad}'"],
}


@pytest.mark.parametrize(("function", "argument"), [(f, a) for f, arguments in BAD_CALLS.items() for a in arguments])
def test_refusals_tell_nothing_of_our_insides(documents, connection, function, argument):
    bad = forged(documents.token(documents.users[0]))
    with pytest.raises(errors.InvalidAuthorizationSpecification) as refusal:
        connection.execute(f"SELECT warden.{function}({argument.format(bad=bad)})")
    diagnosis = refusal.value.diag
    told = [diagnosis.message_primary, diagnosis.message_detail, diagnosis.message_hint, diagnosis.context]
    for text in filter(None, told):
        assert not any(word in text.lower() for word in ("panic", "backtrace", ".rs", "unwrap", "src/", bad.lower()))


def test_refused_tokens_are_not_in_the_server_log(documents, connection):
    """Sent as literals: in statements that fail in authenticate, beside it, before it, and after it."""
    log = Path(os.environ["WARDEN_LOG"])
    begin = log.stat().st_size
    good = documents.token(documents.users[0])
    bad = forged(good)
    for statement in (
        f"SELECT warden.authenticate('{bad}')",
        f"SELECT warden.authenticate('{good}'), 1 / 0",
        f"SELECT warden.authenticate('{good}', 'no address')",
        f"SELECT warden.authenticate('{good}'; oops",
        f"SELECT warden.verify_token('{bad}')",
        f"DO $$ BEGIN PERFORM warden.authenticate('{bad}'); END $$",
    ):
        with pytest.raises(psycopg.Error):
            connection.execute(statement)
        connection.rollback()
    with pytest.raises(errors.UndefinedTable):
        connection.execute("SELECT 'a statement that is logged' FROM nowhere")
    written = log.read_bytes()[begin:].decode(errors="replace")
    assert "a statement that is logged" in written
    assert 'pg_warden refused function=authenticate reason="' in written
    for token in (good, bad):
        assert not any(part in written for part in token.split("."))
