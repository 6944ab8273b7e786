"""Sharing with several connections (G3, F11, D3): what is taken away counts for nothing, whatever was under way; nobody who
idles keeps another one waiting; a key that is used again is another row."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from database import eventually
from documents import trust
from issuer import Issuer

SCHEMA = """
CREATE TABLE tools (id varchar PRIMARY KEY, user_id uuid NOT NULL, name text NOT NULL, UNIQUE (user_id, name));
GRANT SELECT, INSERT, UPDATE, DELETE ON tools TO app;
SELECT warden.protect('tools', shareable => true);
"""
# Whoever waits for another client's transaction waits for ever: this ends it.
BOUND = "SET statement_timeout = '60s'"


class Workshop:
    """Users and their tools, each named by a key of its own."""

    def __init__(self, database):
        self.database = database
        self.issuer = Issuer("https://id.example.com")
        with database.connect("owner", autocommit=True) as owner:
            owner.execute(SCHEMA)
        self.superuser = database.connect("postgres", autocommit=True)
        self.superuser.execute("SELECT warden.add_client_role('app'), warden.add_admin_role('boss')")
        trust(self.superuser, self.issuer)
        self.alice, self.bob, self.carol, self.dave = (self.value("SELECT warden.create_user()") for _ in range(4))

    def value(self, sql, parameters=()):
        return self.superuser.execute(sql, parameters).fetchone()[0]

    def tool(self, owner=None) -> str:
        key = str(uuid4())
        self.superuser.execute("INSERT INTO tools VALUES (%s, %s, %s)", (key, owner or self.alice, key))
        return key

    def sign_in(self, connection, user):
        connection.execute("SELECT warden.authenticate(%s)", (self.issuer.token(user),))

    def do(self, user, sql, parameters=()):
        """The value of a statement that a user executes, committed."""
        with self.database.connect("app") as connection:
            connection.execute(BOUND)
            self.sign_in(connection, user)
            return connection.execute(sql, parameters).fetchone()[0]

    def sees(self, user, key) -> bool:
        seen = self.do(user, "SELECT count(*) FROM tools WHERE id = %s", (key,)) == 1
        # By the list, by the key, by the function: always the same.
        assert self.do(user, "SELECT count(*) FROM (SELECT id FROM tools OFFSET 0) t WHERE id = %s", (key,)) == int(seen)
        assert (self.do(user, "SELECT warden.access_level('tools', %s)", (key,)) is not None) == seen
        return seen

    def share(self, giver, key, user, level="view", **options):
        return self.do(giver, *share(key, user, level, **options))

    def unshare(self, giver, key, user):
        return self.do(giver, "SELECT warden.unshare('tools', %s, %s)", (key, user))


def share(key, user, level="view", offer=False):
    return "SELECT warden.share('tools', %s, %s, %s, offer => %s)", (key, user, level, offer)


@pytest.fixture(scope="module")
def workshop(database):
    workshop = Workshop(database)
    yield workshop
    workshop.superuser.close()


@pytest.fixture
def app(workshop):
    with workshop.database.connect("app") as connection:
        yield connection


def all_at_once(calls):
    """Each call by a thread of its own; its result, or its error."""
    barrier = Barrier(len(calls))

    def one(call):
        barrier.wait(300)
        try:
            return call()
        except psycopg.Error as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(one, calls))


def test_twenty_shares_of_one_row_with_one_user(workshop):
    key = workshop.tool()
    given = all_at_once([lambda: workshop.share(workshop.alice, key, workshop.bob, "edit")] * 20)
    assert all(isinstance(one, UUID) for one in given), given
    assert workshop.sees(workshop.bob, key)
    # However many of them there are, they are taken away together ...
    assert workshop.unshare(workshop.alice, key, workshop.bob) >= 1
    assert not workshop.sees(workshop.bob, key)
    # ... and are one, once they are given again.
    all_at_once([lambda: workshop.share(workshop.alice, key, workshop.bob)] * 20)
    workshop.share(workshop.alice, key, workshop.bob, "use")
    levels = workshop.superuser.execute("SELECT level FROM warden.shares WHERE row_id = %s AND warden.share_counts(id) IS NOT NULL", (key,))
    assert levels.fetchall() == [("use",)]
    assert workshop.do(workshop.bob, "SELECT warden.access_level('tools', %s)", (key,)) == "use"


PAUSE = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(18); RETURN NEW; END $$;
CREATE TRIGGER pause BEFORE UPDATE ON warden.shares FOR EACH ROW EXECUTE FUNCTION pause();
"""


def test_who_give_again_at_once_what_is_there_twice_do_not_undo_each_other(workshop):
    """Neither keeps what the other takes away, and takes away what the other keeps."""
    key = workshop.tool()
    workshop.share(workshop.alice, key, workshop.bob)
    # As two do that share at once.
    workshop.superuser.execute("""
        INSERT INTO warden.shares (relation, row_id, grantee, level, granted_by)
        SELECT relation, row_id, grantee, level, granted_by FROM warden.shares WHERE row_id = %s""", (key,))
    workshop.superuser.execute(PAUSE)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    try:
        with workshop.database.connect("postgres") as holding, ThreadPoolExecutor(2) as threads:
            holding.execute("SELECT pg_advisory_lock(18)")
            given = [threads.submit(workshop.do, workshop.alice, *share(key, workshop.bob, "use")) for _ in range(2)]
            eventually(lambda: workshop.value(waiting) + sum(one.done() for one in given) == 2)
            holding.execute("SELECT pg_advisory_unlock(18)")
            assert all(one.result() for one in given)
    finally:
        workshop.superuser.execute("DROP TRIGGER pause ON warden.shares; DROP FUNCTION pause")
    assert workshop.do(workshop.bob, "SELECT warden.access_level('tools', %s)", (key,)) == "use"
    assert workshop.sees(workshop.bob, key)


def test_who_share_with_each_other_take_nothing_from_each_other(workshop):
    """The share that seems to last longest was given under the one that is to be given again."""
    key, alice, bob, carol = workshop.tool(), workshop.alice, workshop.bob, workshop.carol
    workshop.do(alice, "SELECT warden.share('tools', %s, %s, 'share', now() + interval '1 hour')", (key, bob))
    workshop.share(bob, key, carol, "share")
    workshop.share(carol, key, bob, "share")
    workshop.share(bob, key, carol, "share")
    assert workshop.sees(bob, key) and workshop.sees(carol, key)
    workshop.unshare(alice, key, bob)
    assert not workshop.sees(bob, key) and not workshop.sees(carol, key)


def test_a_chain_of_shares_ends_with_a_refusal(workshop):
    """taOS F7: what was not refused has an effect, in the list and by the key."""
    key, giver = workshop.tool(), workshop.alice
    for number in range(1, 30):
        user = workshop.value("SELECT warden.create_user()")
        try:
            workshop.share(giver, key, user, "share")
        except errors.InsufficientPrivilege:
            break
        assert workshop.sees(user, key)
        giver = user
    assert number == 18


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_g3_what_is_taken_back_is_gone_in_the_next_statement(workshop, app, isolation):
    """Of a transaction that is under way, whatever it saw a moment ago, planned anew or not; so is what was shared on."""
    kept, key, (alice, bob, carol) = workshop.tool(), workshop.tool(), (workshop.alice, workshop.bob, workshop.carol)
    for one in (kept, key):
        workshop.share(alice, one, bob, "share")
        workshop.share(bob, one, carol, "manage")
    app.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    workshop.sign_in(app, carol)
    app.execute("PREPARE listed AS SELECT id FROM tools WHERE id IN ($1, $2)")

    def reached(one):
        changed = app.execute("UPDATE tools SET name = name WHERE id = %s RETURNING 1", (one,)).fetchone()
        return changed is not None, app.execute("SELECT warden.access_level('tools', %s)", (one,)).fetchone()[0]

    def listed():
        return {id_ for (id_,) in app.execute(f"EXECUTE listed('{kept}', '{key}')")}

    assert listed() == {kept, key} and reached(key) == reached(kept) == (True, "manage")
    workshop.unshare(alice, key, bob)
    assert listed() == {kept}
    assert reached(key) == (False, None) and reached(kept) == (True, "manage")
    assert app.execute("DELETE FROM tools WHERE id = %s RETURNING 1", (key,)).fetchone() is None
    app.rollback()


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_what_is_shared_on_while_the_share_is_taken_away_counts_for_nothing(workshop, app, isolation):
    key = workshop.tool()
    workshop.share(workshop.alice, key, workshop.bob, "share")
    app.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    workshop.sign_in(app, workshop.bob)
    app.execute(*share(key, workshop.carol))
    workshop.unshare(workshop.alice, key, workshop.bob)
    app.commit()
    assert not workshop.sees(workshop.carol, key) and not workshop.sees(workshop.bob, key)
    # Nor does it come back with another share, or when it is taken out.
    workshop.share(workshop.alice, key, workshop.bob, "share")
    assert not workshop.sees(workshop.carol, key) and workshop.sees(workshop.bob, key)
    workshop.value("SELECT warden.cleanup_shares()")
    assert not workshop.sees(workshop.carol, key) and workshop.sees(workshop.bob, key)
    # Nor as the gift of an owner: Bob gave nothing that counts.
    workshop.do(workshop.alice, "SELECT warden.transfer('tools', %s, %s)", (key, workshop.bob))
    assert not workshop.sees(workshop.carol, key)
    workshop.share(workshop.bob, key, workshop.carol)
    assert workshop.sees(workshop.carol, key)


def left_by_share_on(workshop, key):
    workshop.share(workshop.alice, key, workshop.bob, "share")
    return workshop.bob, share(key, workshop.carol)


def left_by_another_level(workshop, key):
    workshop.share(workshop.alice, key, workshop.bob, "share")
    workshop.share(workshop.bob, key, workshop.carol)
    return workshop.bob, share(key, workshop.carol, "edit")


def left_by_unshare(workshop, key):
    workshop.share(workshop.alice, key, workshop.bob, "share")
    workshop.share(workshop.bob, key, workshop.carol)
    return workshop.bob, ("SELECT warden.unshare('tools', %s, %s)", (key, workshop.carol))


def left_by_leaving(workshop, key):
    workshop.share(workshop.alice, key, workshop.bob, "share")
    workshop.share(workshop.bob, key, workshop.carol)
    return workshop.bob, ("SELECT warden.unshare('tools', %s, %s)", (key, workshop.bob))


def left_by_accepting(workshop, key):
    offered = workshop.share(workshop.alice, key, workshop.bob, "share", offer=True)
    return workshop.bob, ("SELECT warden.accept_share(%s)", (offered,))


def left_by_accepting_what_was_shared_on(workshop, key):
    workshop.share(workshop.alice, key, workshop.bob, "share")
    offered = workshop.share(workshop.bob, key, workshop.carol, offer=True)
    return workshop.carol, ("SELECT warden.accept_share(%s)", (offered,))


LEFT = [left_by_share_on, left_by_another_level, left_by_unshare, left_by_leaving, left_by_accepting, left_by_accepting_what_was_shared_on]


@pytest.mark.parametrize("later", ["commit", "rollback"])
@pytest.mark.parametrize("left", LEFT)
def test_f11_the_owner_takes_away_what_an_idle_transaction_holds(workshop, app, left, later):
    key = workshop.tool()
    user, statement = left(workshop, key)
    workshop.sign_in(app, user)
    app.execute(*statement)
    # Another reader, in a transaction that goes on, with a statement that is prepared.
    with workshop.database.connect("app") as reader:
        workshop.sign_in(reader, workshop.bob)
        reader.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        seen = "SELECT count(*) FROM tools WHERE id = %s"
        before = reader.execute(seen, (key,), prepare=True).fetchone()[0]
        assert before == (0 if left is left_by_accepting else 1)
        assert workshop.unshare(workshop.alice, key, workshop.bob) >= 1
        assert reader.execute(seen, (key,), prepare=True).fetchone() == (0,)
    for one in (workshop.bob, workshop.carol):
        assert not workshop.sees(one, key)
    getattr(app, later)()
    for one in (workshop.bob, workshop.carol):
        assert not workshop.sees(one, key)
    # What is given anew counts, and cleaning up takes nothing of it.
    workshop.share(workshop.alice, key, workshop.bob, "share")
    workshop.share(workshop.bob, key, workshop.carol)
    workshop.value("SELECT warden.cleanup_shares()")
    assert workshop.sees(workshop.bob, key) and workshop.sees(workshop.carol, key)


@pytest.mark.parametrize("left", LEFT)
def test_f11_the_others_share_and_answer_meanwhile(workshop, app, left):
    key = workshop.tool()
    user, statement = left(workshop, key)
    workshop.sign_in(app, user)
    app.execute(*statement)
    workshop.share(workshop.alice, key, workshop.carol, "use")
    workshop.share(workshop.alice, key, workshop.bob, "edit")
    assert workshop.do(workshop.bob, "SELECT warden.access_level('tools', %s)", (key,)) == "edit"
    assert workshop.do(workshop.carol, "SELECT warden.access_level('tools', %s)", (key,)) == "use"
    assert workshop.do(workshop.alice, "SELECT count(*) FROM warden.list_shares('tools', %s)", (key,)) >= 2
    app.commit()
    assert workshop.do(workshop.bob, "SELECT warden.access_level('tools', %s)", (key,)) == "edit"


@pytest.mark.parametrize("left", [left_by_accepting, left_by_accepting_what_was_shared_on, left_by_unshare, left_by_leaving])
def test_f11_a_row_is_given_away_and_deleted_meanwhile(workshop, app, left):
    """Only who is sharing a row keeps it from being deleted, as a foreign key to it would."""
    key, other = workshop.tool(), workshop.tool()
    for one in (key, other):
        user, statement = left(workshop, one)
        if one == key:
            workshop.sign_in(app, user)
        app.execute(*statement)
    assert workshop.do(workshop.alice, "SELECT warden.transfer('tools', %s, %s)", (key, workshop.bob))
    assert workshop.do(workshop.alice, "DELETE FROM tools WHERE id = %s RETURNING 1", (other,)) == 1
    app.commit()
    workshop.do(workshop.dave, "INSERT INTO tools (id, name) VALUES (%s, %s) RETURNING 1", (other, other))
    for one in (workshop.alice, workshop.bob, workshop.carol):
        assert not workshop.sees(one, other)
    assert workshop.sees(workshop.bob, key) and not workshop.sees(workshop.alice, key)


@pytest.mark.parametrize("left", [left_by_accepting, left_by_accepting_what_was_shared_on])
def test_f11_an_administrator_empties_a_table_meanwhile(workshop, app, left):
    key = workshop.tool()
    user, statement = left(workshop, key)
    workshop.sign_in(app, user)
    app.execute(*statement)
    with workshop.database.connect("postgres") as superuser:
        superuser.execute(BOUND)
        superuser.execute("TRUNCATE tools")
        superuser.commit()
    app.commit()
    workshop.do(workshop.dave, "INSERT INTO tools (id, name) VALUES (%s, %s) RETURNING 1", (key, key))
    assert not workshop.sees(workshop.bob, key) and not workshop.sees(workshop.carol, key)


def waits(workshop, connection) -> bool:
    return workshop.value("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", (connection.info.backend_pid,)) > 0


@pytest.mark.parametrize("how", ["share first", "delete first"])
def test_a_share_in_flight_is_never_of_a_row_that_comes_later(workshop, app, how):
    """The key is used again by somebody else as soon as the row is gone."""
    key = workshop.tool()
    again = "INSERT INTO tools (id, name) VALUES (%s, 'another') RETURNING 1"
    with workshop.database.connect("app") as deleting, ThreadPoolExecutor(1) as threads:
        workshop.sign_in(app, workshop.alice)
        workshop.sign_in(deleting, workshop.alice)
        if how == "share first":
            app.execute(*share(key, workshop.bob))
            deleted = threads.submit(deleting.execute, "DELETE FROM tools WHERE id = %s", (key,))
            eventually(lambda: waits(workshop, deleting) or deleted.done())
            app.commit()
            deleted.result()
            deleting.commit()
        else:
            deleting.execute("DELETE FROM tools WHERE id = %s", (key,))
            shared = threads.submit(app.execute, *share(key, workshop.bob))
            eventually(lambda: waits(workshop, app) or shared.done())
            deleting.commit()
            with pytest.raises(errors.NoDataFound):
                shared.result()
            app.rollback()
    assert workshop.do(workshop.dave, again, (key,)) == 1
    assert not workshop.sees(workshop.bob, key) and workshop.sees(workshop.dave, key)
    assert workshop.value("SELECT count(*) FROM warden.shares WHERE row_id = %s", (key,)) == 0
    workshop.do(workshop.dave, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))


ISOLATIONS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


def in_an_old_transaction(connection, isolation, then, sql, parameters=()):
    """A transaction begins, something else happens and is committed, and then the statement."""
    connection.execute("SELECT count(*) FROM tools")
    assert connection.execute("SHOW transaction_isolation").fetchone() == (isolation.lower(),)
    then()
    assert connection.execute(sql, parameters).rowcount == 1
    connection.commit()


def shared_with_nobody(workshop, key):
    """What is left of it counts for nothing, and goes with the next cleaning."""
    left = "SELECT count(*) FROM warden.shares WHERE row_id = %s AND warden.share_counts(id) IS NOT NULL"
    assert workshop.value(left, (key,)) == 0
    workshop.value("SELECT warden.cleanup_shares()")
    assert workshop.value("SELECT count(*) FROM warden.shares WHERE row_id = %s", (key,)) == 0
    assert workshop.value("SELECT count(*) FROM warden.revoked_shares") == 0


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_d8_nobody_plants_a_share_on_the_row_that_will_have_his_key(workshop, app, isolation):
    """What was shared since the snapshot of whoever deletes a row ends with it, and so does what was shared on."""
    key, (alice, bob, carol, dave) = str(uuid4()), (workshop.alice, workshop.bob, workshop.carol, workshop.dave)
    make = "INSERT INTO tools (id, name) VALUES (%s, %s) RETURNING 1"
    workshop.do(dave, make, (key, key))

    def plant():
        workshop.do(dave, "SELECT warden.share_with('tools', %s, 'everyone', 'manage')", (key,))
        workshop.share(dave, key, bob, "share")
        workshop.share(bob, key, carol, "edit")
        assert workshop.sees(carol, key)

    app.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    workshop.sign_in(app, dave)
    in_an_old_transaction(app, isolation, plant, "DELETE FROM tools WHERE id = %s", (key,))
    workshop.do(alice, make, (key, "mine"))
    for one in (bob, carol, dave):
        assert not workshop.sees(one, key)
        assert workshop.do(one, "WITH d AS (DELETE FROM tools WHERE id = %s RETURNING 1) SELECT count(*) FROM d", (key,)) == 0
    assert workshop.sees(alice, key)
    assert workshop.do(alice, "SELECT count(*) FROM warden.who_can('tools', %s)", (key,)) == 1
    # She shares it as any other, and cleaning up takes nothing of that.
    workshop.share(alice, key, bob, "share")
    workshop.share(bob, key, carol)
    workshop.value("SELECT warden.cleanup_shares()")
    assert workshop.sees(bob, key) and workshop.sees(carol, key) and not workshop.sees(dave, key)
    workshop.do(alice, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))
    shared_with_nobody(workshop, key)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_d8_nor_on_one_that_has_been_given_another_key(workshop, isolation):
    """By who may do that. What the transaction sees follows the row; what it is too old to see ends, and is of no other."""
    key, other, alice, bob, carol = workshop.tool(workshop.dave), str(uuid4()), workshop.alice, workshop.bob, workshop.carol
    workshop.share(workshop.dave, key, bob, "edit")
    with workshop.database.connect("postgres") as superuser:
        superuser.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        in_an_old_transaction(
            superuser, isolation, lambda: workshop.share(workshop.dave, key, carol, "manage"),
            "UPDATE tools SET id = %s WHERE id = %s", (other, key))
    workshop.do(alice, "INSERT INTO tools (id, name) VALUES (%s, 'mine') RETURNING 1", (key,))
    assert not any(workshop.sees(one, key) for one in (bob, carol, workshop.dave))
    assert workshop.sees(bob, other)
    assert workshop.sees(carol, other) == (isolation == "READ COMMITTED")
    workshop.do(alice, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))
    shared_with_nobody(workshop, key)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_d8_nor_on_a_table_that_is_emptied(workshop, isolation):
    key = workshop.tool()
    with workshop.database.connect("postgres") as superuser:
        superuser.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        superuser.execute("SELECT count(*) FROM warden.users")
        workshop.share(workshop.alice, key, workshop.bob)
        superuser.execute("TRUNCATE tools")
        superuser.commit()
    workshop.do(workshop.carol, "INSERT INTO tools (id, name) VALUES (%s, 'mine') RETURNING 1", (key,))
    assert not workshop.sees(workshop.bob, key) and workshop.sees(workshop.carol, key)
    workshop.do(workshop.carol, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))
    shared_with_nobody(workshop, key)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_d8_nor_with_a_user_that_is_deleted(workshop, isolation):
    """Its id may be given again: what was shared since the transaction began is gone, too (erase_user() refuses to be so old)."""
    key, user = workshop.tool(), workshop.value("SELECT warden.create_user()")
    with workshop.database.connect("postgres") as superuser:
        superuser.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        superuser.execute("SELECT count(*) FROM warden.users")
        workshop.share(workshop.alice, key, user)
        assert workshop.sees(user, key)
        superuser.execute("DELETE FROM warden.users WHERE id = %s", (user,))
        superuser.commit()
    workshop.value("SELECT warden.create_user(id => %s)", (user,))
    assert not workshop.sees(user, key)
    workshop.share(workshop.alice, key, user)
    assert workshop.sees(user, key)


@pytest.mark.parametrize("left", [left_by_accepting, left_by_accepting_what_was_shared_on, left_by_unshare])
def test_f11_a_row_has_another_key_meanwhile(workshop, app, left):
    """Nobody waits for who holds a share of it: that one ends, and what nobody holds follows."""
    key, other = workshop.tool(), str(uuid4())
    user, statement = left(workshop, key)
    workshop.share(workshop.alice, key, workshop.dave)
    workshop.sign_in(app, user)
    app.execute(*statement)
    with workshop.database.connect("postgres") as superuser:
        superuser.execute(BOUND)
        superuser.execute("UPDATE tools SET id = %s WHERE id = %s", (other, key))
        superuser.commit()
    app.commit()
    assert workshop.sees(workshop.dave, other) and not workshop.sees(user if left is not left_by_unshare else workshop.carol, other)
    workshop.do(workshop.carol, "INSERT INTO tools (id, name) VALUES (%s, %s) RETURNING 1", (key, key))
    assert not any(workshop.sees(one, key) for one in (workshop.alice, workshop.bob, workshop.dave))


def test_many_share_delete_and_make_the_row_again(workshop):
    """Whatever comes first: what bob sees in the end was shared by who owns it."""
    key = workshop.tool()

    def again(user):
        workshop.do(user, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))
        workshop.do(user, "INSERT INTO tools (id, name) VALUES (%s, 'again') RETURNING 1", (key,))

    def tried(call, *arguments):
        try:
            return call(*arguments)
        except (TypeError, psycopg.Error):
            return None

    for _ in range(5):
        all_at_once([
            *[lambda: tried(workshop.share, workshop.alice, key, workshop.bob)] * 4,
            *[lambda: tried(again, workshop.alice)] * 2,
            lambda: tried(workshop.do, workshop.dave, "INSERT INTO tools (id, name) VALUES (%s, 'mine') RETURNING 1", (key,)),
        ])
        owner = workshop.superuser.execute("SELECT user_id FROM tools WHERE id = %s", (key,)).fetchone()
        if owner is None or owner[0] == workshop.dave:
            assert not workshop.sees(workshop.bob, key)
            workshop.superuser.execute("DELETE FROM tools WHERE id = %s", (key,))
            workshop.superuser.execute("INSERT INTO tools VALUES (%s, %s, 'anew')", (key, workshop.alice))


@pytest.mark.parametrize("later", ["commit", "rollback"])
def test_a_row_is_given_away_while_it_is_shared(workshop, app, later):
    """The share of the former owner stays, as the others do; the new owner takes it away."""
    key = workshop.tool()
    workshop.sign_in(app, workshop.alice)
    app.execute(*share(key, workshop.bob))
    with workshop.database.connect("app") as giving, ThreadPoolExecutor(1) as threads:
        workshop.sign_in(giving, workshop.alice)
        given = threads.submit(giving.execute, "SELECT warden.transfer('tools', %s, %s)", (key, workshop.dave))
        eventually(lambda: waits(workshop, giving) or given.done())
        getattr(app, later)()
        assert given.result().fetchone() == (True,)
        giving.commit()
    assert workshop.sees(workshop.bob, key) == (later == "commit")
    assert workshop.sees(workshop.dave, key) and not workshop.sees(workshop.alice, key)
    workshop.unshare(workshop.dave, key, workshop.bob)
    assert not workshop.sees(workshop.bob, key)


def test_who_has_given_a_row_away_shares_it_no_more(workshop, app):
    key = workshop.tool()
    with workshop.database.connect("app") as giving, ThreadPoolExecutor(1) as threads:
        workshop.sign_in(giving, workshop.alice)
        giving.execute("SELECT warden.transfer('tools', %s, %s)", (key, workshop.dave))
        workshop.sign_in(app, workshop.alice)
        shared = threads.submit(app.execute, *share(key, workshop.bob))
        eventually(lambda: waits(workshop, app) or shared.done())
        giving.commit()
        with pytest.raises(psycopg.Error):
            shared.result()
    app.rollback()
    assert not workshop.sees(workshop.bob, key)


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_who_makes_a_row_of_a_known_key_shows_nobody_the_one_before(workshop, app, isolation):
    """An old snapshot still sees the row that is gone; what is shared since is of another."""
    reader = workshop.value("SELECT warden.create_user()")
    key, mine = workshop.tool(), workshop.tool(reader)
    app.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
    workshop.sign_in(app, reader)
    assert app.execute("SELECT id FROM tools WHERE id = ANY (%s)", ([key, mine],)).fetchall() == [(mine,)]
    workshop.do(workshop.alice, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))
    workshop.do(workshop.dave, "INSERT INTO tools (id, name) VALUES (%s, %s) RETURNING 1", (key, key))
    workshop.share(workshop.dave, key, reader, "edit")
    assert app.execute("SELECT id FROM tools WHERE id = ANY (%s)", ([key, mine],)).fetchall() == [(mine,)]
    assert app.execute("SELECT id FROM tools").fetchall() == [(mine,)]
    app.commit()
    assert workshop.sees(reader, key)


def test_nor_does_a_statement_that_takes_its_time(workshop, app):
    reader = workshop.value("SELECT warden.create_user()")
    key, mine = workshop.tool(), workshop.tool(reader)
    workshop.sign_in(app, reader)
    slow = "WITH w AS MATERIALIZED (SELECT pg_advisory_xact_lock(17)) SELECT id FROM w, LATERAL (SELECT id FROM tools WHERE w IS NOT NULL) t"
    with workshop.database.connect("postgres") as holding, ThreadPoolExecutor(1) as threads:
        holding.execute("SELECT pg_advisory_lock(17)")
        seen = threads.submit(app.execute, slow)
        eventually(lambda: waits(workshop, app))
        workshop.do(workshop.alice, "DELETE FROM tools WHERE id = %s RETURNING 1", (key,))
        workshop.do(workshop.dave, "INSERT INTO tools (id, name) VALUES (%s, %s) RETURNING 1", (key, key))
        workshop.share(workshop.dave, key, reader)
        holding.execute("SELECT pg_advisory_unlock(17)")
        assert seen.result().fetchall() == [(mine,)]


def test_g2_a_level_for_references_that_is_raised_binds_who_is_connected(workshop, app):
    """What a backend has kept of the table is read anew, in its next statement."""
    with workshop.database.connect("owner", autocommit=True) as owner:
        owner.execute("CREATE TABLE jobs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, tool_id varchar NOT NULL REFERENCES tools)")
        owner.execute("GRANT SELECT, INSERT ON jobs TO app")
        owner.execute("SELECT warden.protect('jobs')")
        key = workshop.tool()
        workshop.share(workshop.alice, key, workshop.bob, "use")
        workshop.share(workshop.alice, key, workshop.carol, "edit")
        refer = "INSERT INTO jobs (tool_id) VALUES (%s)"
        with workshop.database.connect("app") as others:
            for connection, user in ((app, workshop.bob), (others, workshop.carol)):
                workshop.sign_in(connection, user)
                connection.execute(refer, (key,))
                connection.commit()
            owner.execute("SELECT warden.protect('tools', shareable => true, reference_level => 'edit')")
            workshop.sign_in(app, workshop.bob)
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(refer, (key,))
            workshop.sign_in(others, workshop.carol)
            others.execute(refer, (key,))
        owner.execute("SELECT warden.protect('tools', shareable => true, reference_level => 'use')")
        app.rollback()
        workshop.sign_in(app, workshop.bob)
        app.execute(refer, (key,))
        app.rollback()
        owner.execute("DROP TABLE jobs")


def refused_to_who_is_suspended(workshop, app, user, statement):
    """In a transaction that was open before; and let through before that, and when it is over."""
    for status in ("active", "suspended", "active"):
        workshop.sign_in(app, user)
        workshop.value("SELECT warden.set_user_status(%s, %s)", (user, status))
        if status == "active":
            app.execute(*statement)
        else:
            with pytest.raises(errors.InvalidAuthorizationSpecification):
                app.execute(*statement)
        app.rollback()
        workshop.value("SELECT warden.set_user_status(%s, 'active')", (user,))


def test_f2_a_credential_that_is_good_no_more_destroys_no_shares(workshop, app):
    key, offered = workshop.tool(), workshop.tool()
    workshop.share(workshop.alice, key, workshop.bob)
    offer = workshop.share(workshop.alice, offered, workshop.bob, offer=True)
    take = "SELECT warden.unshare('tools', %s, %s)", (key, workshop.bob)
    refused_to_who_is_suspended(workshop, app, workshop.alice, take)
    refused_to_who_is_suspended(workshop, app, workshop.bob, take)
    refused_to_who_is_suspended(workshop, app, workshop.bob, ("SELECT warden.accept_share(%s)", (offer,)))
    refused_to_who_is_suspended(workshop, app, workshop.bob, ("SELECT warden.decline_share(%s)", (offer,)))
    assert workshop.sees(workshop.bob, key) and not workshop.sees(workshop.bob, offered)
