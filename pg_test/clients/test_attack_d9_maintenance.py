"""Attack D9: upkeep, logical decoding and replication of protected tables need no identity, miss no row and leak none."""

import pytest

from database import eventually
from documents import DOCUMENTS_EACH, TABLE, USERS, fill, owners_seen
from server import Server

ALL = USERS * DOCUMENTS_EACH


@pytest.fixture(scope="module")
def server():
    server = Server("replicated", 5434)
    server.create()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def documents(server):
    return fill(server.create_database("documents"))


@pytest.fixture
def superuser(documents):
    with documents.connect("postgres", autocommit=True) as superuser:
        yield superuser


UPKEEP = [
    "ANALYZE documents",
    "VACUUM documents",
    "VACUUM FULL documents",
    "REINDEX TABLE documents",
    "REINDEX TABLE CONCURRENTLY documents",
    "CLUSTER documents USING documents_pkey",
    "CREATE INDEX ON documents (title)",
    "CREATE INDEX CONCURRENTLY ON documents (created_at)",
    "ALTER TABLE documents ADD CHECK (title <> '')",
]


@pytest.mark.parametrize("role", ["owner", "postgres"])
@pytest.mark.parametrize("statement", UPKEEP)
def test_upkeep_needs_no_identity(documents, role, statement):
    with documents.connect(role, autocommit=True) as connection:
        connection.execute(statement)
    with documents.connect("app") as app:
        assert owners_seen(app) == set()
        app.rollback()
        documents.sign_in(app, documents.users[0])
        assert app.execute("SELECT user_id FROM documents").fetchall() == [(documents.users[0],)] * DOCUMENTS_EACH


def test_statistics_are_of_all_rows_and_not_for_clients(documents, superuser):
    superuser.execute("ANALYZE documents")
    assert superuser.execute("SELECT reltuples::int FROM pg_class WHERE relname = 'documents'").fetchone() == (ALL,)
    seen = "SELECT count(*) FROM pg_stats WHERE tablename = 'documents'"
    assert superuser.execute(seen).fetchone() > (0,)
    with documents.connect("app") as app:
        assert app.execute(seen).fetchone() == (0,)


def test_logical_decoding(superuser):
    superuser.execute("CREATE PUBLICATION decoded FOR TABLE documents")
    superuser.execute("SELECT pg_create_logical_replication_slot('decoded', 'pgoutput')")
    superuser.execute("UPDATE documents SET title = title WHERE id % 10 = 1")
    changes = superuser.execute(
        "SELECT count(*) FROM pg_logical_slot_get_binary_changes('decoded', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'decoded') WHERE substr(data, 1, 1) = 'U'"
    ).fetchone()
    superuser.execute("SELECT pg_drop_replication_slot('decoded'); DROP PUBLICATION decoded")
    assert changes == (ALL // 10,)


def refuse_as_owner(documents, subscriber):
    """Applied as the table's owner, no row arrives, and the statistics say that it failed."""
    subscriber.execute(
        f"CREATE SUBSCRIPTION as_owner CONNECTION '{documents.dsn('postgres')}' PUBLICATION documents"
        " WITH (create_slot = false, slot_name = 'documents')"
    )
    failures = "SELECT sync_error_count FROM pg_stat_subscription_stats WHERE subname = 'as_owner'"
    eventually(lambda: subscriber.execute(failures).fetchone() > (0,))
    assert subscriber.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    subscriber.execute("ALTER SUBSCRIPTION as_owner DISABLE")
    subscriber.execute("ALTER SUBSCRIPTION as_owner SET (slot_name = NONE)")
    subscriber.execute("DROP SUBSCRIPTION as_owner")


def test_logical_replication_into_a_protected_table(server, documents, superuser):
    """All rows arrive, and a change of owner by an administrator; there too clients see their own."""
    copy = server.create_database("copy")
    with copy.connect("owner") as owner:
        owner.execute(TABLE)
        owner.execute("SELECT warden.protect('documents')")
    giver, taker = documents.users[:2]
    superuser.execute("CREATE PUBLICATION documents FOR TABLE documents")
    superuser.execute("SELECT pg_create_logical_replication_slot('documents', 'pgoutput')")
    # From 16 on the rows are otherwise applied as the table's owner, whom row security binds.
    as_superuser = ", run_as_owner = true" if superuser.info.server_version >= 160000 else ""
    with copy.connect("postgres", autocommit=True) as subscriber:
        if as_superuser:
            refuse_as_owner(documents, subscriber)
        subscriber.execute(
            f"CREATE SUBSCRIPTION documents CONNECTION '{documents.dsn('postgres')}' PUBLICATION documents"
            f" WITH (create_slot = false, slot_name = 'documents'{as_superuser})"
        )
        count = "SELECT count(*) FROM documents"
        eventually(lambda: subscriber.execute(count).fetchone() == (ALL,))
        superuser.execute("UPDATE documents SET user_id = %s WHERE user_id = %s", (taker, giver))
        taken = "SELECT count(*) FROM documents WHERE user_id = %s"
        eventually(lambda: subscriber.execute(taken, (taker,)).fetchone() == (2 * DOCUMENTS_EACH,))
        with copy.connect("app") as app:
            assert owners_seen(app) == set()
        subscriber.execute("DROP SUBSCRIPTION documents")
