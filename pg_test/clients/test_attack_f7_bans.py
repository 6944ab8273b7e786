"""Attack F7, features B3, B5, B6: a ban is felt by backends that are open, whatever they know and however old their snapshot is."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from psycopg import errors

from documents import owners_seen

BANNED = errors.InsufficientPrivilege
AT_ONCE = 20


@pytest.fixture
def boss(documents):
    with documents.connect("boss", autocommit=True) as connection:
        yield connection
        for (network,) in connection.execute("SELECT network FROM warden.list_bans(page_size => 100)").fetchall():
            connection.execute("SELECT warden.unban_ip(%s)", (network,))
        assert connection.execute("SELECT warden.count_bans()").fetchone() == (0,)


@pytest.fixture(params=["read committed", "repeatable read", "serializable"])
def client(request, documents):
    """A connection of an ordinary client."""
    with documents.connect("app") as connection:
        connection.execute(f"SET default_transaction_isolation = '{request.param}'")
        connection.commit()
        yield connection


def authenticate(connection, documents, address):
    """Whom the connection acts for, coming from the address; the connection stays in its transaction."""
    token = documents.token(documents.users[0])
    return connection.execute("SELECT warden.authenticate(%s, %s::inet)", (token, address)).fetchone()[0]


def ban(boss, address, duration="1 hour"):
    return boss.execute("SELECT warden.ban_ip(%s, %s, 'test')", (address, duration)).fetchone()[0]


def test_f7_a_ban_is_felt_through_an_older_snapshot(documents, boss, client):
    """By a backend that knows of none, and again by one that knows of others."""
    for address in ("203.0.113.1", "203.0.113.2"):
        assert authenticate(client, documents, address) == documents.users[0]
        client.commit()
        client.execute("SELECT count(*) FROM documents")
        assert ban(boss, address) == 1
        with pytest.raises(BANNED):
            authenticate(client, documents, address)
        client.rollback()
        assert owners_seen(client) == set()
        client.rollback()
    assert authenticate(client, documents, "203.0.113.3") == documents.users[0]
    client.rollback()
    assert boss.execute("SELECT warden.unban_ip('203.0.113.1')").fetchone() == (True,)
    assert authenticate(client, documents, "203.0.113.1") == documents.users[0]
    client.rollback()


def test_f7_no_ban_comes_between_looking_and_knowing(documents, boss, client):
    """A ban that another transaction has not committed is none; from its commit on it is one."""
    with documents.connect("boss") as other:
        ban(other, "203.0.113.4")
        assert authenticate(client, documents, "203.0.113.4") == documents.users[0]
        client.rollback()
        other.commit()
        with pytest.raises(BANNED):
            authenticate(client, documents, "203.0.113.4")
        client.rollback()
        # Nor does one that was rolled back stay.
        other.execute("SELECT warden.unban_ip('203.0.113.4')")
        other.commit()
        ban(other, "203.0.113.4")
        other.rollback()
        assert authenticate(client, documents, "203.0.113.4") == documents.users[0]
        client.rollback()


def test_f7_a_ban_by_the_transaction_itself_counts(documents, boss):
    with documents.connect("gateway") as gateway, documents.connect("boss") as other:
        assert gateway.execute("SELECT warden.is_banned('203.0.113.5')").fetchone() == (False,)
        gateway.rollback()
        assert other.execute("SELECT warden.is_banned('203.0.113.5')").fetchone() == (False,)
        ban(other, "203.0.113.5")
        assert other.execute("SELECT warden.is_banned('203.0.113.5')").fetchone() == (True,)
        assert gateway.execute("SELECT warden.is_banned('203.0.113.5')").fetchone() == (False,)
        other.rollback()
        assert other.execute("SELECT warden.is_banned('203.0.113.5')").fetchone() == (False,)


def test_b6_an_extension_made_anew_is_asked_anew(database, documents):
    """A backend keeps a plan and what it knows of the bans; both are of the extension that was."""
    name = f"{database.name}_anew"
    with documents.connect("postgres", autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    anew = type(database)(name=name)
    try:
        with anew.connect("postgres", autocommit=True) as superuser:
            for _ in range(2):
                superuser.execute("CREATE EXTENSION pg_warden")
                assert superuser.execute("SELECT warden.is_banned('203.0.113.6')").fetchone() == (False,)
                ban(superuser, "203.0.113.6")
                assert superuser.execute("SELECT warden.is_banned('203.0.113.6')").fetchone() == (True,)
                superuser.execute("DROP EXTENSION pg_warden")
    finally:
        with documents.connect("postgres", autocommit=True) as superuser:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_b3_bans_at_once_are_all_counted(documents, boss):
    """And none weakens another: the longest is the one that stays."""
    barrier = Barrier(AT_ONCE)

    def one(number):
        with documents.connect("boss", autocommit=True) as connection:
            barrier.wait(300)
            return ban(connection, "203.0.113.9", "permanent" if number == 7 else f"{number + 1} hours")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        counts = list(threads.map(one, range(AT_ONCE)))
    assert sorted(counts) == list(range(1, AT_ONCE + 1))
    row = "SELECT ban_count, is_permanent FROM warden.get_ban('203.0.113.9')"
    assert boss.execute(row).fetchone() == (AT_ONCE, True)
    assert boss.execute("SELECT count(*) FROM warden.list_ban_history('203.0.113.9', 100)").fetchone() == (AT_ONCE,)


def test_f11_an_idle_administrator_keeps_no_client_waiting(documents, boss):
    """Whatever an administrator has left open, who authenticates does not wait for it."""
    with documents.connect("boss") as idle, documents.connect("app") as client:
        client.execute("SET statement_timeout = '60s'")
        client.commit()
        for call in ("ban_ip('203.0.113.10', '1 hour', 'x')", "cleanup_bans()", "unban_ip('203.0.113.10')"):
            idle.execute(f"SELECT warden.{call}")
            assert authenticate(client, documents, "203.0.113.10") == documents.users[0]
            client.rollback()
        idle.rollback()


def test_b5_cleaning_up_passes_by_a_ban_that_is_renewed(documents, boss):
    ban(boss, "203.0.113.11", "1 microsecond")
    with documents.connect("boss") as other:
        ban(other, "203.0.113.11")
        boss.execute("SET statement_timeout = '60s'")
        assert boss.execute("SELECT warden.cleanup_bans()").fetchone() == (0,)
        other.commit()
    assert boss.execute("SELECT warden.cleanup_bans()").fetchone() == (0,)
    assert boss.execute("SELECT ban_count FROM warden.get_ban('203.0.113.11')").fetchone() == (2,)
