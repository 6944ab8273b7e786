"""Visitors, merges and erasures with several clients at once (U5, U8, U12, U14, F11): one winner, no row lost, nobody kept waiting."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import psycopg
import pytest
from psycopg import errors

from database import eventually

TABLE = """
CREATE TABLE IF NOT EXISTS things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, word text, UNIQUE (user_id, word));
CREATE INDEX IF NOT EXISTS things_user_id_idx ON things (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON things TO gateway;
SELECT warden.protect('things');
"""


@pytest.fixture(autouse=True, scope="module")
def prepared(database):
    with database.connect("owner", autocommit=True) as owner:
        owner.execute(TABLE)
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_trusted_role('gateway'), warden.add_admin_role('boss')")


@pytest.fixture
def boss(database):
    with database.connect("boss", autocommit=True) as connection:
        connection.execute("SET statement_timeout = '60s'")
        yield connection


@pytest.fixture
def users(boss):
    return [boss.execute("SELECT warden.create_user()").fetchone()[0] for _ in range(2)]


class Acting:
    """A transaction of the gateway that acts for a user."""

    def __init__(self, database, user):
        self.connection = database.connect("gateway")
        self.connection.execute("SELECT warden.set_current_user(%s)", (user,))

    def write(self, sql="INSERT INTO things (word) VALUES (gen_random_uuid()::text)"):
        self.connection.execute(sql)

    def commit(self):
        self.connection.commit()
        self.connection.close()


def owned(superuser, user):
    return superuser.execute("SELECT count(*) FROM things WHERE user_id = %s", (user,)).fetchone()[0]


def at_once(number, work):
    """The results of work(0), work(1), …, all of which begin at the same moment; errors are results."""
    barrier = Barrier(number)

    def one(i):
        try:
            return work(i, barrier)
        except psycopg.Error as error:
            return type(error)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


def test_u5_fifty_calls_make_one_visitor(database, superuser):
    def call(_, barrier):
        with database.connect("gateway", autocommit=True) as gateway:
            barrier.wait(300)
            return gateway.execute("SELECT warden.create_anonymous_user('one browser')").fetchone()[0]

    results = at_once(50, call)
    assert len(set(results)) == 1 and not isinstance(results[0], type)
    assert superuser.execute("SELECT count(*) FROM warden.users WHERE kind = 'anonymous'").fetchone() == (1,)


def test_u5_a_visitor_deleted_meanwhile_is_not_given_back(database, superuser, boss):
    """A delete between calls: whoever calls has an id that was alive after the call began."""
    (first,) = boss.execute("SELECT warden.create_anonymous_user('another browser')").fetchone()

    def call(i, barrier):
        with database.connect("boss", autocommit=True) as connection:
            barrier.wait(300)
            if i == 0:
                connection.execute("SELECT warden.delete_user(%s)", (first,))
            return connection.execute("SELECT warden.create_anonymous_user('another browser')").fetchone()[0]

    results = at_once(10, call)
    assert set(results) <= {first, results[0]} and results[0] != first
    alive = superuser.execute("SELECT id FROM warden.known_users WHERE kind = 'anonymous' AND id = ANY (%s)", (list(set(results)),))
    assert alive.fetchall() == [(results[0],)]


def test_u12_two_merges_into_each_other(database, superuser, boss):
    for _ in range(10):
        users = [boss.execute("SELECT warden.create_user()").fetchone()[0] for _ in range(2)]
        for user in users:
            superuser.execute("INSERT INTO things (user_id, word) SELECT %s, n FROM generate_series(1, 20) n", (user,))

        def merge(i, barrier, users=users):
            with database.connect("boss", autocommit=True) as connection:
                barrier.wait(300)
                return connection.execute(
                    "SELECT total_rows + taken_out FROM warden.merge_users(%s, %s, 'keep_target')", (users[i], users[1 - i])
                ).fetchone()[0]

        results = at_once(2, merge)
        assert sorted(results, key=str) == sorted([20, errors.NoDataFound], key=str)
        assert sorted(owned(superuser, user) for user in users) == [0, 20]
        assert superuser.execute("SELECT count(*) FROM warden.merged_rows").fetchone()[0] >= 20
        superuser.execute("TRUNCATE warden.merged_rows")


def test_u12_two_merges_of_the_same_users_lock_them_in_one_order(database, superuser, boss, users):
    low, high = sorted(users)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def merge(source, target):
        with database.connect("boss", autocommit=True) as connection:
            return connection.execute("SELECT total_rows FROM warden.merge_users(%s, %s)", (source, target)).fetchone()[0]

    with database.connect("postgres") as holder, ThreadPoolExecutor(2) as threads:
        holder.execute("SELECT FROM warden.users WHERE id = %s FOR UPDATE", (high,))
        # The first in the queue for the user that is held; whoever had the other one by then would wait for the first.
        first = threads.submit(merge, high, low)
        eventually(lambda: superuser.execute(waiting).fetchone() == (1,))
        second = threads.submit(merge, low, high)
        eventually(lambda: superuser.execute(waiting).fetchone() == (2,))
        holder.rollback()
        assert first.result(300) == 0
        with pytest.raises(errors.NoDataFound):
            second.result(300)


def test_u12_a_merge_races_with_inserts_of_the_source(database, superuser, boss, users):
    source, target = users
    merged = Event()
    # Each has inserted a row by then, and goes on.
    under_way = Barrier(6)

    def insert(_, __):
        inserted = 0
        while True:
            try:
                acting = Acting(database, source)
                acting.write()
                acting.commit()
                inserted += 1
                if inserted == 1:
                    under_way.wait(300)
            except errors.InvalidAuthorizationSpecification:
                assert merged.wait(300), "the source was refused before it was merged"
                return inserted

    def merge(_, __):
        with database.connect("boss", autocommit=True) as connection:
            under_way.wait(300)
            moved = connection.execute("SELECT total_rows FROM warden.merge_users(%s, %s)", (source, target)).fetchone()[0]
        merged.set()
        return moved

    *inserted, moved = at_once(6, lambda i, barrier: (merge if i == 5 else insert)(i, barrier))
    assert moved >= 5
    late = sum(boss.execute("SELECT warden.settle_departures()").fetchone()[0] for _ in range(2))
    assert owned(superuser, source) == 0
    assert owned(superuser, target) == sum(inserted) == moved + late


@pytest.mark.parametrize("goes", ["merge", "erase"])
def test_u12_what_an_open_transaction_writes_late_follows(database, superuser, boss, users, goes):
    source, target = users
    before, after = Acting(database, source), Acting(database, source)
    before.write()
    if goes == "merge":
        boss.execute("SELECT warden.merge_users(%s, %s)", (source, target))
    else:
        boss.execute("SELECT warden.erase_user(%s)", (source,))
    # Nobody waits for the transactions that are still open.
    assert boss.execute("SELECT warden.settle_departures()").fetchone() == (0,)
    before.commit()
    assert boss.execute("SELECT warden.settle_departures()").fetchone() == (1,)
    after.write()
    assert boss.execute("SELECT warden.settle_departures()").fetchone() == (0,)
    unsettled = "SELECT count(*) FROM warden.departures WHERE user_id = %s AND NOT settled"
    assert superuser.execute(unsettled, (source,)).fetchone() == (1,), "as long as one of them is open"
    after.commit()
    assert boss.execute("SELECT warden.settle_departures()").fetchone() == (1,)
    boss.execute("SELECT warden.settle_departures()")
    assert superuser.execute(unsettled, (source,)).fetchone() == (0,), "then nothing is left to be done"
    assert (owned(superuser, source), owned(superuser, target)) == (0, 2 if goes == "merge" else 0)


def test_late_rows_follow_the_heir_of_the_heir(database, superuser, boss, users):
    source, target = users
    (last,) = boss.execute("SELECT warden.create_user()").fetchone()
    acting = Acting(database, source)
    boss.execute("SELECT warden.merge_users(%s, %s)", (source, target))
    boss.execute("SELECT warden.merge_users(%s, %s)", (target, last))
    acting.write()
    acting.commit()
    boss.execute("SELECT warden.settle_departures()")
    assert owned(superuser, last) == 1


def test_who_was_restored_keeps_its_rows(database, superuser, boss, users):
    source, target = users
    boss.execute("SELECT warden.merge_users(%s, %s)", (source, target))
    boss.execute("SELECT warden.restore_user(%s)", (source,))
    boss.execute("SELECT warden.set_user_status(%s, 'active')", (source,))
    # Its roles went with it, and without one nobody writes.
    boss.execute("SELECT warden.assign_role(%s, 'user')", (source,))
    acting = Acting(database, source)
    acting.write()
    acting.commit()
    assert boss.execute("SELECT warden.settle_departures()").fetchone() == (0,)
    assert owned(superuser, source) == 1


@pytest.mark.parametrize("call", ["merge_users(%s, %s)", "erase_user(%s, 'transfer', %s)"])
def test_f11_an_idle_transaction_keeps_nobody_waiting_for_ever(database, superuser, boss, users, call):
    superuser.execute("INSERT INTO things (user_id, word) VALUES (%s, 'mine')", (users[0],))
    idle = Acting(database, users[0])
    idle.write("UPDATE things SET word = 'changed'")
    boss.execute("SET lock_timeout = '200ms'")
    with pytest.raises(errors.LockNotAvailable) as refused:
        boss.execute(f"SELECT warden.{call}", users)
    assert "another transaction" in str(refused.value)
    boss.execute("RESET lock_timeout; SET statement_timeout = '30s'")
    with pytest.raises(errors.LockNotAvailable):
        boss.execute(f"SELECT warden.{call}", users)
    # Nor does the attempt keep others waiting: somebody else writes the same table.
    other = Acting(database, users[1])
    other.write()
    other.commit()
    idle.connection.rollback()
    idle.connection.close()
    boss.execute(f"SELECT warden.{call}", users)
    assert owned(superuser, users[0]) == 0


def test_u14_a_visitor_that_somebody_changes_is_passed_by(database, superuser, boss):
    (changing,) = superuser.execute(
        "INSERT INTO warden.users (kind, roles, created_at) VALUES ('anonymous', '{anonymous}', now() - interval '1 year') RETURNING id"
    ).fetchone()
    superuser.execute(
        "INSERT INTO warden.users (kind, roles, created_at) SELECT 'anonymous', '{anonymous}', now() - interval '1 year' FROM generate_series(1, 30)"
    )
    with database.connect("boss") as other:
        other.execute("SELECT warden.assign_role(%s, 'user')", (changing,))
        boss.execute("SET lock_timeout = '30s'")
        assert boss.execute("SELECT warden.cleanup_anonymous_users(dry_run => false)").fetchone() == (30,)
    assert superuser.execute("SELECT count(*) FROM warden.users WHERE id = %s", (changing,)).fetchone() == (1,)


def test_u14_two_cleanups_at_once_delete_each_visitor_once(database, superuser):
    superuser.execute(
        "INSERT INTO warden.users (kind, roles, created_at) SELECT 'anonymous', '{anonymous}', now() - interval '1 year' FROM generate_series(1, 3000)"
    )

    def clean(_, barrier):
        with database.connect("boss", autocommit=True) as connection:
            barrier.wait(300)
            return connection.execute("SELECT warden.cleanup_anonymous_users(dry_run => false)").fetchone()[0]

    first, second = at_once(2, clean)
    assert first + second == 3000
    left = "SELECT count(*) FROM warden.users WHERE kind = 'anonymous' AND roles = '{anonymous}' AND created_at < now() - interval '30 days'"
    assert superuser.execute(left).fetchone() == (0,)
