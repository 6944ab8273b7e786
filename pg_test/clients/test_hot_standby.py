"""Row D9 and the design's standby: a copy that is read-only authenticates, isolates, and writes nothing."""

import pytest
from psycopg import errors

from database import eventually
from documents import DOCUMENTS_EACH, Documents, fill, owners_seen, trust
from issuer import Issuer
from server import Server

REFUSED = errors.InvalidAuthorizationSpecification


@pytest.fixture(scope="module")
def primary():
    """The documents, in a server that can have a standby."""
    server = Server("primary", 5432)
    server.create()
    documents = fill(server.create_database("documents"))
    yield documents, server
    server.stop()


@pytest.fixture(scope="module")
def standby_server(primary):
    documents, server = primary
    standby = server.copy_to("standby", 5433)
    yield standby
    standby.stop()


@pytest.fixture
def standby(primary, standby_server) -> Documents:
    documents, _ = primary
    return Documents(**{**vars(documents), "port": standby_server.port})


@pytest.fixture
def on_primary(primary, standby):
    """Runs SQL as superuser on the primary, and waits until the standby has it."""

    def run(statement, parameters=None):
        documents, _ = primary
        with documents.connect("postgres", autocommit=True) as superuser:
            superuser.execute(statement, parameters)
            (written,) = superuser.execute("SELECT pg_current_wal_lsn()").fetchone()
        with standby.connect("postgres", autocommit=True) as superuser:
            replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            eventually(lambda: superuser.execute(replayed, (written,)).fetchone() == (True,))

    return run


def authenticate(connection, token):
    return connection.execute("SELECT warden.authenticate(%s)", (token,)).fetchone()[0]


def test_it_is_a_standby(standby):
    with standby.connect("app") as app:
        assert app.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_each_user_sees_own_rows(standby, isolation):
    alice, bob = standby.users[:2]
    with standby.connect("app") as app:
        app.execute(f"SET default_transaction_isolation = '{isolation}'")
        app.commit()
        for token, user in ((standby.eddsa.token(alice), alice), (standby.rs256.token(bob), bob)):
            assert authenticate(app, token) == user
            assert app.execute("SELECT user_id FROM documents").fetchall() == [(user,)] * DOCUMENTS_EACH
            app.commit()
            assert owners_seen(app) == set()
            app.commit()


def test_trusted_role_states_whom_it_acts_for(standby):
    with standby.connect("gateway") as gateway:
        gateway.execute("SELECT warden.set_current_user(%s)", (standby.users[0],))
        assert owners_seen(gateway) == {standby.users[0]}


def test_bad_token_is_refused(standby):
    with standby.connect("app") as app:
        with pytest.raises(REFUSED):
            authenticate(app, standby.token(standby.users[0], lifetime=-3600))


def test_parallel_workers_have_the_identity(standby):
    with standby.connect("app") as app:
        app.execute("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
        app.execute("SET enable_indexscan = off; SET enable_bitmapscan = off; SET parallel_leader_participation = off")
        app.commit()
        authenticate(app, standby.token(standby.users[0]))
        plan = app.execute("EXPLAIN (ANALYZE, FORMAT JSON) SELECT user_id FROM documents").fetchone()[0]
        assert '"Workers Launched": 0' not in str(plan).replace("'", '"')
        assert owners_seen(app) == {standby.users[0]}


def test_suspension_is_felt_when_it_is_replayed(standby, on_primary):
    user = standby.users[5]
    token = standby.token(user)
    with standby.connect("app") as app:
        assert authenticate(app, token) == user
        app.commit()
        on_primary("SELECT warden.set_user_status(%s, 'suspended')", (user,))
        with pytest.raises(REFUSED):
            authenticate(app, token)


def test_a_ban_is_felt_when_it_is_replayed(standby, on_primary):
    """B6: first by a backend that knows of none; and asked for here."""
    token = standby.token(standby.users[6])
    sign_in = "SELECT warden.authenticate(%s, %s::inet)"
    with standby.connect("app") as app, standby.connect("boss", autocommit=True) as boss:
        for address in ("203.0.113.1", "203.0.113.2"):
            assert app.execute(sign_in, (token, address)).fetchone() == (standby.users[6],)
            app.commit()
            on_primary("SELECT warden.ban_ip(%s, 'permanent', 'flood')", (address,))
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(sign_in, (token, address))
            app.rollback()
        assert boss.execute("SELECT warden.is_banned('::ffff:203.0.113.1')").fetchone() == (True,)
        assert boss.execute("SELECT reason FROM warden.get_ban('203.0.113.2')").fetchone() == ("flood",)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            boss.execute("SELECT warden.unban_ip('203.0.113.1')")


def test_unknown_user_is_not_created_here(primary, standby, on_primary):
    documents, _ = primary
    issuer = Issuer("https://new.example.com")
    with documents.connect("postgres") as superuser:
        trust(superuser, issuer, subject_is="subject", provision=True)
    on_primary("SELECT 1")
    token = issuer.token("somebody new")
    directory = "SELECT count(*) FROM warden.users"
    with standby.connect("app") as app, standby.connect("postgres", autocommit=True) as superuser:
        before = superuser.execute(directory).fetchone()
        with pytest.raises(REFUSED):
            authenticate(app, token)
        app.rollback()
        assert superuser.execute(directory).fetchone() == before
        # It is created where it can be, and known here when that is replayed.
        with documents.connect("app") as app_of_primary:
            user = authenticate(app_of_primary, token)
        on_primary("SELECT 1")
        assert authenticate(app, token) == user


WRITES = {
    "SELECT warden.record_event('something')": errors.ReadOnlySqlTransaction,
    "SELECT warden.record_event('something', outlive_rollback => true)": errors.ObjectNotInPrerequisiteState,
    "INSERT INTO documents (title) VALUES ('new')": errors.ReadOnlySqlTransaction,
}


@pytest.mark.parametrize(("write", "refusal"), WRITES.items())
def test_what_would_write_is_refused(standby, write, refusal):
    with standby.connect("gateway") as gateway:
        gateway.execute("SELECT warden.set_current_user(%s)", (standby.users[0],))
        with pytest.raises(refusal):
            gateway.execute(write)
        gateway.rollback()
        assert gateway.execute("SELECT 1").fetchone() == (1,)


def test_promoted_it_writes_again(primary, standby, standby_server):
    """Last, because the standby is none afterwards."""
    issuer = Issuer("https://after.example.com")
    standby_server.promote()
    with standby.connect("postgres") as superuser:
        trust(superuser, issuer, subject_is="subject", provision=True)
    with standby.connect("app") as app:
        user = authenticate(app, issuer.token("somebody new"))
        app.execute("INSERT INTO documents (title) VALUES ('new')")
        app.commit()
        authenticate(app, issuer.token("somebody new"))
        assert owners_seen(app) == {user}
