"""Attacks C1 to C4: whatever A leaves on a server connection, the next client of it does not see A's rows.

In every test A and B are clients of one login behind PgBouncer in transaction mode, and get the same backend.
"""

import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from database import eventually
from documents import DOCUMENTS_EACH, owners_seen

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


@pytest.fixture
def fresh_backend(documents, superuser):
    """The pooler begins with new connections, in which the library is not loaded yet."""
    console = f"host={os.environ['WARDEN_SOCKET_DIR']} port={os.environ['WARDEN_POOLER_PORT']} user=postgres dbname=pgbouncer"
    with psycopg.connect(console, autocommit=True) as pooler:
        pooler.execute(f"RECONNECT {documents.name}")
    backends = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND datname = current_database()"
    eventually(lambda: superuser.execute(backends).fetchone() == (0,))


@pytest.fixture
def as_a(documents, fresh_backend):
    """Runs what A leaves behind, outside a transaction and in one that is signed in; returns A's backend."""

    def run(*statements, signed_in=()):
        with documents.connect("app", pooled=True, autocommit=True) as a:
            run.backend = a.execute("SELECT pg_backend_pid()").fetchone()
            for statement in statements:
                a.execute(statement)
            with a.transaction():
                documents.sign_in(a, documents.users[0])
                assert owners_seen(a) == {documents.users[0]}
                for statement in signed_in:
                    a.execute(statement)
        return run.backend

    return run


@pytest.fixture
def b(documents):
    with documents.connect("app", pooled=True, autocommit=True) as b:
        yield b


def assert_b_sees_only_b(b, documents, backend=None, query="SELECT user_id FROM documents"):
    """Nobody before it signs in, then B alone, then nobody again."""

    def seen():
        return [owner for (owner,) in b.execute(query)]

    if backend is not None:
        assert b.execute("SELECT pg_backend_pid()").fetchone() == backend
    assert seen() == []
    with b.transaction():
        documents.sign_in(b, documents.users[1])
        assert seen() == [documents.users[1]] * DOCUMENTS_EACH
    assert seen() == []


def test_c1_plain_set_before_the_library_is_loaded(documents, fresh_backend, b):
    """Postgres takes any setting with a dot for a placeholder, until the library comes and throws it out."""
    with documents.connect("app", pooled=True, autocommit=True) as a:
        a.execute(f"SET app.current_user_id = '{documents.users[0]}'")
        a.execute("SET warden.identity = 'anything'")
        backend = a.execute("SELECT pg_backend_pid()").fetchone()
    assert_b_sees_only_b(b, documents, backend)
    assert b.execute("SHOW app.current_user_id").fetchone() == ("",)


@pytest.mark.parametrize("name", ["app.current_user_id", "app.current_tenant_id", "warden.identity", "warden.seal"])
def test_c1_plain_set_afterwards_is_refused(documents, as_a, b, name):
    backend = as_a()
    with documents.connect("app", pooled=True, autocommit=True) as a:
        for statement in (f"SET {name} = '1'", f"SET LOCAL {name} = '1'", f"SELECT set_config('{name}', '1', false)"):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CantChangeRuntimeParam)):
                a.execute(statement)
    assert_b_sees_only_b(b, documents, backend)


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan", "force_custom_plan"])
def test_c2_prepared_statement_and_its_plan(documents, as_a, b, mode):
    backend = as_a(
        f"SET plan_cache_mode = {mode}",
        "PREPARE mine AS SELECT user_id FROM documents",
        signed_in=["EXECUTE mine"] * 7,
    )
    assert_b_sees_only_b(b, documents, backend, "EXECUTE mine")


def test_c2_plan_cached_in_a_function(documents, superuser, as_a, b):
    superuser.execute(
        """
        CREATE FUNCTION mine() RETURNS SETOF uuid LANGUAGE plpgsql AS
        'BEGIN RETURN QUERY SELECT user_id FROM documents; END'
        """
    )
    backend = as_a(signed_in=["SELECT mine()"] * 7)
    assert_b_sees_only_b(b, documents, backend, "SELECT mine()")


def test_c3_error_in_the_transaction(documents, as_a, b):
    with pytest.raises(psycopg.errors.DivisionByZero):
        as_a(signed_in=["SELECT 1 / 0"])
    assert_b_sees_only_b(b, documents, as_a.backend)


def test_c3_error_at_commit(documents, superuser, as_a, b):
    superuser.execute("CREATE TABLE pairs (id int, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED)")
    superuser.execute("GRANT INSERT ON pairs TO app")
    with pytest.raises(psycopg.errors.UniqueViolation):
        as_a(signed_in=["INSERT INTO pairs VALUES (1), (1)"])
    assert_b_sees_only_b(b, documents, as_a.backend)


@pytest.mark.parametrize("by", ["client", "superuser"])
def test_c3_cancelled_query(documents, superuser, b, by):
    sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    with documents.connect("app", pooled=True) as a, ThreadPoolExecutor() as threads:
        documents.sign_in(a, documents.users[0])
        query = threads.submit(a.execute, "SELECT pg_sleep(600) FROM documents")
        backend = eventually(lambda: superuser.execute(sleeping).fetchone())
        if by == "client":
            a.cancel_safe()
        else:
            superuser.execute("SELECT pg_cancel_backend(%s)", backend)
        with pytest.raises(psycopg.errors.QueryCanceled):
            query.result()
        a.rollback()
        assert_b_sees_only_b(b, documents, backend)


def test_c3_client_dropped_in_mid_transaction(documents, superuser, b):
    a = documents.connect("app", pooled=True)
    documents.sign_in(a, documents.users[0])
    a.execute("UPDATE documents SET title = 'half done'")
    backend = a.execute("SELECT pg_backend_pid()").fetchone()
    # As when the process is killed: no ROLLBACK, no goodbye.
    dropped = socket.socket(fileno=os.dup(a.fileno()))
    dropped.shutdown(socket.SHUT_RDWR)
    in_transaction = "SELECT FROM pg_stat_activity WHERE pid = %s AND xact_start IS NOT NULL"
    eventually(lambda: superuser.execute(in_transaction, backend).fetchone() is None)
    assert_b_sees_only_b(b, documents)
    assert superuser.execute("SELECT count(*) FROM documents WHERE title = 'half done'").fetchone() == (0,)
    dropped.close()


def test_c3_client_dropped_while_a_query_runs(documents, superuser, b):
    sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    a = documents.connect("app", pooled=True)
    documents.sign_in(a, documents.users[0])
    a.pgconn.send_query(b"SELECT pg_sleep(600)")
    a.pgconn.flush()
    backend = eventually(lambda: superuser.execute(sleeping).fetchone())
    socket.socket(fileno=os.dup(a.fileno())).shutdown(socket.SHUT_RDWR)
    assert_b_sees_only_b(b, documents)
    superuser.execute("SELECT pg_terminate_backend(%s)", backend)


FORGED_DIRECTORY = [
    "CREATE TEMP TABLE users AS SELECT * FROM (VALUES (gen_random_uuid(), NULL::text, '{}'::text[], 'active')) u (id, external_id, roles, status)",
    "CREATE TEMP TABLE trusted_issuers (issuer text, generation uuid, audiences text[])",
    "CREATE TEMP TABLE issuer_keys (issuer text, jwk jsonb)",
    "CREATE TEMP TABLE identities (issuer text, subject text, user_id uuid)",
    "CREATE TEMP TABLE database_roles (role oid, kind text)",
    "CREATE TEMP TABLE pg_class (oid oid)",
    "CREATE FUNCTION pg_temp.current_user_id() RETURNS uuid LANGUAGE sql AS 'SELECT user_id FROM public.documents LIMIT 1'",
    "CREATE FUNCTION pg_temp.equal(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.equal)",
]

LEFT_BEHIND = {
    "temp objects named as ours": FORGED_DIRECTORY,
    "search_path": [*FORGED_DIRECTORY, "SET search_path = pg_temp, public, warden"],
    "listen": ["LISTEN documents", "NOTIFY documents, 'from a'"],
    "advisory locks": ["SELECT pg_advisory_lock(n) FROM generate_series(-100, 100) n", "SELECT pg_advisory_lock(1, 1)"],
    "read only": ["SET default_transaction_read_only = on"],
    "isolation": ["SET default_transaction_isolation = serializable"],
    "planner": ["SET enable_indexscan = off", "SET enable_bitmapscan = off"],
}


@pytest.mark.parametrize("statements", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_c4_session_state_left_behind(documents, as_a, b, statements):
    assert_b_sees_only_b(b, documents, as_a(*statements), "SELECT user_id FROM public.documents")


def test_c4_identity_kept_by_a_temp_object_of_a(documents, as_a, b):
    """A default or a function that A made, evaluated by B, speaks of B."""
    backend = as_a(
        "CREATE TEMP TABLE notes (owner uuid DEFAULT warden.current_user_id())",
        "CREATE FUNCTION pg_temp.who() RETURNS uuid LANGUAGE sql AS 'SELECT warden.current_user_id()'",
        signed_in=["INSERT INTO notes DEFAULT VALUES", "SELECT pg_temp.who()"],
    )
    assert b.execute("SELECT pg_backend_pid(), pg_temp.who()").fetchone() == (*backend, None)
    with b.transaction():
        documents.sign_in(b, documents.users[1])
        assert b.execute("SELECT pg_temp.who()").fetchone() == (documents.users[1],)
        inserted = b.execute("INSERT INTO notes DEFAULT VALUES RETURNING owner").fetchone()
        assert inserted == (documents.users[1],)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("row_security = off", psycopg.errors.InsufficientPrivilege),
        ("search_path = nowhere", psycopg.errors.UndefinedTable),
    ],
)
def test_documented_settings_left_behind_disturb_and_show_nothing(documents, as_a, b, setting, error):
    """Postgres' own, and any pool's: B meets an error, not A's rows. DISCARD ALL, by the pooler or by hand, mends it."""
    backend = as_a(signed_in=[f"SET {setting}"])
    with pytest.raises(error):
        b.execute("SELECT user_id FROM documents")
    b.execute("DISCARD ALL")
    assert_b_sees_only_b(b, documents, backend)


def test_documented_holdable_cursor_keeps_its_makers_rows(documents, as_a, b):
    """Postgres' own: the rows were taken when A committed. The README says so; B's own queries are B's."""
    backend = as_a(signed_in=["DECLARE kept CURSOR WITH HOLD FOR SELECT user_id FROM documents"])
    assert_b_sees_only_b(b, documents, backend)
    assert set(b.execute("FETCH ALL FROM kept")) == {(documents.users[0],)}
    assert re.search(r"cursor WITH HOLD and a temporary table keep the rows", README)


def test_documented_temp_table_keeps_its_makers_rows(documents, as_a, b):
    """The same, and what a client may do about the name: qualify it."""
    backend = as_a(signed_in=["CREATE TEMP TABLE documents AS SELECT * FROM public.documents"])
    assert owners_seen(b) == {documents.users[0]}
    assert_b_sees_only_b(b, documents, backend, "SELECT user_id FROM public.documents")


def test_remedy_for_temp_tables_is_the_one_of_the_readme(documents, superuser, as_a, b):
    assert "revoke TEMPORARY" in README
    superuser.execute(f"REVOKE TEMPORARY ON DATABASE {documents.name} FROM PUBLIC")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_a(signed_in=["CREATE TEMP TABLE documents AS SELECT * FROM public.documents"])
        assert_b_sees_only_b(b, documents)
    finally:
        superuser.execute(f"GRANT TEMPORARY ON DATABASE {documents.name} TO PUBLIC")
