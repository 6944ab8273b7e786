"""Users are read past the executor (src/lookup): a backend that lives on finds them whatever becomes of the tables."""

import uuid

import psycopg
import pytest

ALICE = uuid.uuid4()


@pytest.fixture(scope="module")
def gateway(database):
    """One connection for the whole file: what it has kept of the tables is what is tested."""
    with database.connect("postgres", autocommit=True) as admin:
        admin.execute("SELECT warden.add_trusted_role('gateway')")
        admin.execute("SELECT warden.create_user(external_id => 'alice', id => %s)", (ALICE,))
    with database.connect("gateway", autocommit=True) as connection:
        yield connection


def finds_alice_and_nobody_else(gateway):
    by_id, by_external_id = "SELECT warden.set_current_user(%s)", "SELECT warden.set_current_external_user(%s)"
    for statement, alice, nobody in ((by_id, ALICE, uuid.uuid4()), (by_external_id, "alice", "alicia")):
        with gateway.transaction():
            assert gateway.execute(statement, (alice,)).fetchone() == (ALICE,)
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), gateway.transaction():
            gateway.execute(statement, (nobody,))


@pytest.mark.parametrize("change", [
    "REINDEX TABLE warden.users",
    "REINDEX TABLE CONCURRENTLY warden.users",
    "VACUUM FULL warden.users",
    "ALTER TABLE warden.users ADD COLUMN note text DEFAULT 'new'",
    "ALTER TABLE warden.users RENAME CONSTRAINT users_external_id_key TO another_name",
    "ALTER TABLE warden.users DROP CONSTRAINT another_name",
    "CREATE INDEX partial ON warden.users (external_id) WHERE external_id = 'somebody else'",
    "CREATE INDEX of_a_hash ON warden.users USING hash (external_id)",
    'CREATE INDEX of_another_order ON warden.users (external_id COLLATE "und-x-icu")',
    "CREATE INDEX of_an_expression ON warden.users ((upper(external_id)))",
    "CREATE INDEX of_more_columns ON warden.users (external_id, id)",
])
def test_a_change_of_the_table_changes_nothing(gateway, superuser, change):
    finds_alice_and_nobody_else(gateway)
    superuser.execute(change)
    finds_alice_and_nobody_else(gateway)


def test_a_user_suspended_since_the_snapshot_was_taken_is_refused(gateway, superuser):
    with gateway.transaction():
        gateway.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        gateway.execute("SELECT 1")
        assert gateway.execute("SELECT warden.set_current_user(%s)", (ALICE,)).fetchone() == (ALICE,)
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), gateway.transaction():
        gateway.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        gateway.execute("SELECT 1")
        superuser.execute("SELECT warden.set_user_status(%s, 'suspended')", (ALICE,))
        gateway.execute("SELECT warden.set_current_user(%s)", (ALICE,))
    superuser.execute("SELECT warden.set_user_status(%s, 'active')", (ALICE,))
    finds_alice_and_nobody_else(gateway)


def test_no_lock_outlives_the_call(gateway, superuser):
    with gateway.transaction():
        gateway.execute("SELECT warden.set_current_user(%s)", (ALICE,))
        held = superuser.execute(
            "SELECT relation::regclass FROM pg_locks WHERE pid = %s AND relation::regclass::text LIKE 'warden.%%'",
            (gateway.info.backend_pid,),
        ).fetchall()
    assert held == []


def test_the_extension_made_again_is_another(gateway, superuser):
    superuser.execute("DROP EXTENSION pg_warden CASCADE")
    superuser.execute("CREATE EXTENSION pg_warden")
    superuser.execute("SELECT warden.add_trusted_role('gateway')")
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), gateway.transaction():
        gateway.execute("SELECT warden.set_current_user(%s)", (ALICE,))
    superuser.execute("SELECT warden.create_user(external_id => 'alice', id => %s)", (ALICE,))
    finds_alice_and_nobody_else(gateway)
