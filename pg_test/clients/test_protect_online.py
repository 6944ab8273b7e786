"""Row A1 on a table in use: protect() takes its lock or leaves it, and from its commit on nobody sees foreign rows."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from psycopg import errors

from database import eventually

CLIENTS = 8
OWN = 10


@pytest.fixture
def notes(documents, superuser):
    """A table of ten rows a user that is not protected yet."""
    superuser.execute(
        f"""
        CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, body text);
        ALTER TABLE notes OWNER TO owner;
        GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO app;
        INSERT INTO notes (user_id) SELECT id FROM warden.users, generate_series(1, {OWN});
        """
    )
    yield superuser
    superuser.execute("SELECT warden.unprotect('notes'); DROP TABLE notes")


class Reader:
    """A client that reads the table again and again, with a prepared statement, and remembers whose rows it saw."""

    def __init__(self, documents, user, stop):
        self.documents, self.user, self.stop = documents, user, stop
        self.rounds = 0

    def run(self):
        """Returns the number of rows of others in each round."""
        foreign = []
        with self.documents.connect("app", prepare_threshold=0) as connection:
            while not self.stop.is_set():
                self.documents.sign_in(connection, self.user)
                rows = connection.execute("SELECT user_id FROM notes").fetchall()
                connection.execute("UPDATE notes SET body = 'touched' WHERE user_id = %s", (self.user,))
                connection.commit()
                foreign.append(len(rows) - rows.count((self.user,)))
                assert rows.count((self.user,)) == OWN
                self.rounds += 1
        return foreign


@pytest.fixture
def readers(documents):
    """Clients at work, each with another user; stopped, they tell what they saw."""
    stop = Event()
    readers = [Reader(documents, user, stop) for user in documents.users[:CLIENTS]]
    with ThreadPoolExecutor(CLIENTS) as threads:
        runs = [threads.submit(reader.run) for reader in readers]

        def all_went_on():
            """Waits until each reader has begun and ended a round since the call."""
            before = [reader.rounds for reader in readers]
            eventually(lambda: all(reader.rounds >= past + 2 for reader, past in zip(readers, before)))

        def seen():
            stop.set()
            return [run.result() for run in runs]

        yield all_went_on, seen
        stop.set()


def test_protect_under_traffic(documents, notes, readers):
    """Before, everybody sees everything; after, everybody sees his own. Never half, and nobody gets an error."""
    all_went_on, seen = readers
    all_went_on()
    with documents.connect("owner") as owner:
        owner.execute("SELECT warden.protect('notes')")
    all_went_on()
    everything = notes.execute("SELECT count(*) FROM notes").fetchone()[0] - OWN
    for foreign in seen():
        assert set(foreign) == {everything, 0}
        assert foreign == sorted(foreign, reverse=True)


def test_protecting_again_under_traffic_opens_no_gap(documents, notes, readers):
    with documents.connect("owner", autocommit=True) as owner:
        owner.execute("SELECT warden.protect('notes')")
        all_went_on, seen = readers
        for _ in range(20):
            all_went_on()
            owner.execute("SELECT warden.protect('notes')")
    # What a reader saw in its first rounds, it may have seen before.
    assert all(foreign[-20:] == [0] * 20 for foreign in seen())


def is_protected(superuser):
    return superuser.execute(
        """
        SELECT relrowsecurity, EXISTS (SELECT FROM pg_policy WHERE polrelid = 'notes'::regclass),
               EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'notes'::regclass AND NOT tgisinternal),
               EXISTS (SELECT FROM warden.protected_tables WHERE table_name = 'notes')
        FROM pg_class WHERE oid = 'notes'::regclass
        """
    ).fetchone()


def test_lock_timeout_is_honoured_and_nothing_is_half_done(documents, notes):
    protect = "SELECT warden.protect('notes')"
    with documents.connect("app") as reader, documents.connect("owner") as owner:
        reader.execute("SELECT count(*) FROM notes")
        owner.execute("SET lock_timeout = '100ms'")
        owner.commit()
        with pytest.raises(errors.LockNotAvailable):
            owner.execute(protect)
        owner.rollback()
        assert is_protected(notes) == (False, False, False, False)
        reader.rollback()
        # Nobody is in the way now, but for what Postgres does of its own accord.
        owner.execute("RESET lock_timeout")
        owner.execute(protect)
        owner.commit()
        assert is_protected(notes) == (True, True, True, True)


def test_protect_that_is_cancelled_leaves_nothing(documents, notes):
    with documents.connect("app") as reader, documents.connect("owner") as owner, ThreadPoolExecutor() as threads:
        reader.execute("SELECT count(*) FROM notes")
        call = threads.submit(owner.execute, "SELECT warden.protect('notes')")
        waiting = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        eventually(lambda: notes.execute(waiting, (owner.info.backend_pid,)).fetchone() is not None)
        owner.cancel_safe()
        with pytest.raises(errors.QueryCanceled):
            call.result()
        owner.rollback()
    assert is_protected(notes) == (False, False, False, False)


def test_protect_by_two_at_once(documents, notes):
    def protect(_number):
        with documents.connect("owner") as owner:
            return len(owner.execute("SELECT * FROM warden.protect('notes')").fetchall())

    with ThreadPoolExecutor(4) as threads:
        steps = sorted(threads.map(protect, range(4)))
    # One did it, for the others there was nothing left to do.
    assert steps[:3] == [0, 0, 0] and steps[3] > 0
    assert is_protected(notes) == (True, True, True, True)
