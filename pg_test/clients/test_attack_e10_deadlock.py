"""Attack E10: what quotes a statement of somebody else, or one of long ago, in the server log holds no secret either.

A deadlock is reported with the statements of all who are in it. Other reports quote what this backend was told before:
the text of a cursor, of a prepared statement, of a query that an application's function has put together, its tree.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from database import eventually
from issuer import forged

PASSWORD = "hunter2-of-a-deadlock"
KEY = "wk_0123456789ab_" + "kEy-0f_a" * 5 + "xyz"

# Who waits longest reports it.
PREPARE = """
SELECT warden.rotate_signing_key('https://db.example.com');
SELECT warden.add_client_role('app2');
CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO counters VALUES (1, 0), (2, 0);
GRANT SELECT, UPDATE ON counters TO app, app2;
CREATE FUNCTION put_together(query text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE query; END $$;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET session_preload_libraries = pg_warden', current_database());
    EXECUTE format('ALTER ROLE app IN DATABASE %I SET deadlock_timeout = 10', current_database());
    EXECUTE format('ALTER ROLE app2 IN DATABASE %I SET deadlock_timeout = 3600000', current_database());
    EXECUTE format('ALTER DATABASE %I SET log_lock_waits = on', current_database());
END $$;
"""


@pytest.fixture(scope="module")
def counters(documents):
    with documents.connect("postgres", autocommit=True) as superuser:
        superuser.execute(PREPARE)
    return documents


class Log:
    """What is written to the server log from here on."""

    def __init__(self):
        self.path = Path(os.environ["WARDEN_LOG"])
        self.begin = self.path.stat().st_size

    def text(self) -> str:
        return self.path.read_bytes()[self.begin :].decode(errors="replace")


def crosswise(first: int, second: int, secret: str) -> str:
    """One message that locks both rows, with a place in between to wait at."""
    one, two = (f"UPDATE counters SET n = n + 1 WHERE id = {row}" for row in (first, second))
    return f"BEGIN; {secret}; {one}; SELECT pg_advisory_xact_lock_shared(10); {two}; COMMIT"


def deadlock(counters, first: str, second: str, before: str = "SELECT 1") -> str:
    """The report of a deadlock between app, who has sent the first statement in his message, and app2; from the log."""
    log = Log()
    waiting = "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND objid = 10 AND NOT granted"

    def run(user: str, message: str):
        with counters.connect(user, autocommit=True) as connection:
            connection.execute(before)
            connection.execute(message)

    with counters.connect("postgres", autocommit=True) as holder, ThreadPoolExecutor() as threads:
        holder.execute("SELECT pg_advisory_lock(10)")
        victim = threads.submit(run, "app", crosswise(1, 2, first))
        other = threads.submit(run, "app2", crosswise(2, 1, second))
        try:
            eventually(lambda: victim.done() or other.done() or holder.execute(waiting).fetchone()[0])
        finally:
            holder.execute("SELECT pg_advisory_unlock(10)")
        with pytest.raises(errors.DeadlockDetected):
            victim.result()
        other.result()
    written = log.text()
    _, found, report = written.partition("ERROR:  deadlock detected")
    assert found, "the deadlock is in the log"
    # Where a literal is masked, so is what follows.
    assert report.count("Process ") >= 3, "with who waits for whom, and statements"
    assert "detected deadlock while waiting for ShareLock" in written
    return written


def sign_in(token: str) -> str:
    return f"SELECT warden.authenticate('{token}')"


def test_a_deadlock_shows_no_token(counters):
    tokens = [counters.token(user) for user in counters.users[:2]]
    written = deadlock(counters, *map(sign_in, tokens))
    for token in tokens:
        assert not any(part in written for part in token.split(".")[1:])


@pytest.mark.parametrize(
    "secret",
    [
        f"SELECT warden.login('nobody', '{PASSWORD}')",
        f'SELECT "warden"."login"(\'nobody\', $x${PASSWORD}$x$)',
        f"EXECUTE p('{PASSWORD}')",
    ],
)
@pytest.mark.parametrize("whose", ["own", "others"])
def test_a_deadlock_shows_no_password(counters, secret, whose):
    both = (secret, "SELECT 'in the clear'") if whose == "own" else ("SELECT 'in the clear'", secret)
    prepare = "PREPARE p(text) AS SELECT warden.login('nobody', $1)"
    written = deadlock(counters, *both, before=prepare)
    assert PASSWORD not in written


def test_a_deadlock_shows_no_key_that_is_cut(counters):
    """What a report quotes ends after a kilobyte: a part of a key is the key, for who tries the rest."""
    for kept in (20, 35, 42):
        written = deadlock(counters, "SELECT 'in the clear'", cut(f"SELECT length('{KEY}')", kept))
        assert KEY[16:24] not in written


def cut(statement: str, kept: int) -> str:
    """The statement so far behind in a message that of its key only so much is within the kilobyte."""
    prefix = len("BEGIN; ") + len("SELECT 1; ") + len(statement) - len(KEY) - len("')") + 16
    return "SELECT 1; " + " " * (1023 - prefix - kept) + statement


def test_a_deadlock_without_secrets_is_in_full(counters):
    written = deadlock(counters, "SELECT 'first of two'", "SELECT 'second of two'")
    assert "SELECT 'first of two'; UPDATE counters" in written
    assert "SELECT 'second of two'; UPDATE counters" in written


QUOTING = {
    "put together, wrong": [f"SELECT put_together($$SELECT warden.login('nobody', '{PASSWORD}') wrong syntax$$)"],
    "put together, token": ["SELECT put_together(format('SELECT %L wrong syntax', '{token}'))"],
    "put together, division": ["SELECT put_together(format('SELECT %L, 1/0', '{token}'))"],
    "hint": ["DO $$ BEGIN RAISE EXCEPTION 'no' USING HINT = format('try %s', '{token}'); END $$"],
    "cursor": [
        "BEGIN",
        f"DECLARE c CURSOR FOR SELECT warden.login('nobody', '{PASSWORD}') FROM generate_series(1, 2)",
        "FETCH 1 FROM c",
        "COMMIT",
    ],
    "cursor, never fetched": [
        "BEGIN",
        f"DECLARE c CURSOR FOR SELECT warden.login('nobody', '{PASSWORD}') WHERE now() IS NULL",
        "FETCH 1 FROM c",
        "COMMIT",
    ],
    "cursor with a token": ["BEGIN", "DECLARE c CURSOR FOR SELECT warden.authenticate('{token}')", "FETCH 1 FROM c", "COMMIT"],
    "prepared": [f"PREPARE p(text) AS SELECT warden.login('nobody', $1)", f"EXECUTE p('{PASSWORD}')"],
    "sorted on disk": [
        f"SELECT warden.login('nobody', '{PASSWORD}'), count(*) FROM (SELECT i FROM generate_series(1, 20000) i ORDER BY -i OFFSET 1) x"
    ],
}


@pytest.mark.parametrize("what", QUOTING)
def test_reports_of_every_kind_show_no_secret(counters, what):
    """With everything logged that can be: statements, durations, plans, trees, temporary files."""
    token = forged(counters.token(counters.users[0]))
    with counters.connect("postgres", autocommit=True) as connection:
        connection.execute("LOAD 'auto_explain'")
        for setting, value in EVERYTHING.items():
            connection.execute(f"SET {setting} = '{value}'")
        connection.execute("SET SESSION AUTHORIZATION app")
        log = Log()
        for statement in QUOTING[what]:
            try:
                connection.execute(statement.replace("{token}", token))
            except psycopg.Error:
                pass
        connection.execute("SELECT 'as always'")
    written = log.text()
    assert "statement: SELECT 'as always'" in written and "Query Text: SELECT 'as always'" in written
    assert ":sval" in written or "{QUERY" in written
    for secret in (PASSWORD, *token.split(".")[1:]):
        assert secret not in written
        # In a tree a text is the numbers of its bytes.
        assert " ".join(str(byte) for byte in secret.encode()[:12]) not in " ".join(written.split())


EVERYTHING = {
    "work_mem": "64kB",
    "log_temp_files": "0",
    "log_duration": "on",
    "log_min_duration_statement": "0",
    "log_statement": "all",
    "debug_print_parse": "on",
    "debug_print_rewritten": "on",
    "debug_print_plan": "on",
    "log_parameter_max_length_on_error": "-1",
    "log_error_verbosity": "verbose",
    "backtrace_functions": "plpgsql_call_handler",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_analyze": "on",
}


def test_a_bound_password_is_in_no_report(counters):
    log = Log()
    with counters.connect("postgres", autocommit=True) as connection:
        connection.execute("LOAD 'auto_explain'")
        for setting, value in EVERYTHING.items():
            connection.execute(f"SET {setting} = '{value}'")
        connection.execute("SET SESSION AUTHORIZATION app")
        for statement in ("SELECT warden.login('nobody', %s)", "SELECT warden.login('nobody', %s), 1 / 0"):
            try:
                connection.execute(statement, (PASSWORD,), prepare=True)
            except errors.DivisionByZero:
                pass
    written = log.text()
    assert "SELECT warden.login(" in written
    assert PASSWORD not in written
