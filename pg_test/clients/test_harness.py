"""What the other tests rely on: the pooler does share connections, the server is set up as a careful user's would be."""

import os
from pathlib import Path

import psycopg
import pytest


def test_the_extension_is_there(superuser):
    row = superuser.execute("SELECT extname FROM pg_extension WHERE extname = 'pg_warden'").fetchone()
    assert row == ("pg_warden",)


def test_server_has_the_version_asked_for(superuser):
    assert superuser.info.server_version // 10000 == int(os.environ["WARDEN_PG_MAJOR"])


def test_pooled_clients_share_one_server_connection(database):
    backends = set()
    for _ in range(3):
        with database.connect("app", pooled=True) as client:
            backends.add(client.execute("SELECT pg_backend_pid()").fetchone())
    assert len(backends) == 1


def test_open_transactions_do_not_share_it(database):
    with database.connect("app", pooled=True) as one, database.connect("app", pooled=True) as other:
        first = one.execute("SELECT pg_backend_pid()").fetchone()
        second = other.execute("SELECT pg_backend_pid()").fetchone()
    assert first != second


def test_pooler_knows_a_role_created_later(database, superuser):
    superuser.execute("CREATE ROLE harness_late LOGIN")
    try:
        with database.connect("harness_late", pooled=True) as client:
            assert client.execute("SELECT current_user").fetchone() == ("harness_late",)
    finally:
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'harness_late'")
        superuser.execute("DROP ROLE harness_late")


@pytest.mark.parametrize("port", ["WARDEN_PORT", "WARDEN_POOLER_PORT"])
def test_superuser_is_refused_by_tcp(port):
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={os.environ[port]} user=postgres dbname=postgres")


def test_server_sends_no_backtraces(superuser):
    """Backends inherit the postmaster's environment; with RUST_BACKTRACE clients would read our stack in DETAIL."""
    pid = superuser.execute("SELECT pg_backend_pid()").fetchone()[0]
    assert b"RUST_BACKTRACE" not in Path(f"/proc/{pid}/environ").read_bytes()
