"""G6, C: acting as a user through a pooler, by two at once, without a worker for the record, and on a standby."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors

from database import eventually
from documents import Documents, fill, owners_seen
from server import Server

ACT_AS = "SELECT warden.act_as(%s, 'ticket 7')"


@pytest.fixture(scope="module")
def admins(documents):
    """The first two users are admins of the application."""
    with documents.connect("postgres", autocommit=True) as superuser:
        for user in documents.users[:2]:
            superuser.execute("SELECT warden.promote_user(%s)", (user,))
    return documents.users[:2]


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", "SELECT 1 / 0"])
def test_nothing_travels_to_the_next_client(documents, admins, end):
    """Of one pooled connection: first nobody, then himself."""
    bob, next_one = documents.users[2:4]
    with documents.connect("app", pooled=True, autocommit=True) as a, documents.connect("app", pooled=True, autocommit=True) as b:
        a.execute("BEGIN")
        backend = a.execute("SELECT pg_backend_pid()").fetchone()
        documents.sign_in(a, admins[0])
        assert a.execute(ACT_AS, (bob,)).fetchone() == (bob,)
        assert owners_seen(a) == {bob}
        try:
            a.execute(end)
        except psycopg.errors.DivisionByZero:
            a.execute("ROLLBACK")
        assert b.execute("SELECT pg_backend_pid()").fetchone() == backend
        assert owners_seen(b) == set()
        with pytest.raises(errors.InvalidAuthorizationSpecification):
            b.execute(ACT_AS, (bob,))
        assert owners_seen(b) == set()
        with b.transaction():
            documents.sign_in(b, next_one)
            assert owners_seen(b) == {next_one}
            assert b.execute("SELECT warden.current_actor_id()").fetchone() == (next_one,)
        # And whoever acted before begins anew, also as somebody else.
        with a.transaction():
            documents.sign_in(a, admins[0])
            assert owners_seen(a) == {admins[0]}
            a.execute(ACT_AS, (next_one,))
            assert owners_seen(a) == {next_one}


def test_f11_an_idle_transaction_keeps_nobody_waiting(documents, admins):
    """Neither the user, nor another who acts as the same, nor whoever changes the user."""
    bob = documents.users[4]
    with documents.connect("app") as idle, documents.connect("app") as other, documents.connect("postgres") as superuser:
        for connection in (other, superuser):
            connection.execute("SET lock_timeout = '30s'")
            connection.commit()
        documents.sign_in(idle, admins[0])
        idle.execute(ACT_AS, (bob,))
        assert owners_seen(idle) == {bob}
        documents.sign_in(other, bob)
        assert owners_seen(other) == {bob}
        other.commit()
        documents.sign_in(other, admins[1])
        other.execute(ACT_AS, (bob,))
        assert owners_seen(other) == {bob}
        superuser.execute("SELECT warden.set_user_private(%s), warden.update_user(%s, full_name => 'Bob')", (bob, bob))
        superuser.rollback()


def test_what_cannot_be_recorded_does_not_happen(documents, admins, superuser):
    """Whoever holds the log keeps everybody from acting: the call is refused, and leaves nobody."""
    bob = documents.users[5]
    with documents.connect("app", autocommit=True) as app, documents.connect("postgres") as holder, ThreadPoolExecutor() as threads:
        holder.execute("LOCK TABLE warden.audit_records IN EXCLUSIVE MODE")
        app.execute("BEGIN")
        documents.sign_in(app, admins[0])
        app.execute("SAVEPOINT before")
        call = threads.submit(app.execute, ACT_AS, (bob,))
        with pytest.raises(errors.ObjectNotInPrerequisiteState, match="recorded|took too long"):
            call.result()
        app.execute("ROLLBACK TO before")
        assert owners_seen(app) == set()
        assert app.execute("SELECT warden.identity()").fetchone() == (None,)
        app.execute("ROLLBACK")
        holder.rollback()
        writers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_warden autonomous write'"
        eventually(lambda: superuser.execute(writers).fetchone() == (0,))
        app.execute("BEGIN")
        documents.sign_in(app, admins[0])
        app.execute(ACT_AS, (bob,))
        assert owners_seen(app) == {bob}
        app.execute("ROLLBACK")
    recorded = "SELECT count(*) FROM warden.audit_log WHERE action = 'act_as' AND user_id = %s"
    assert superuser.execute(recorded, (bob,)).fetchone()[0] == 1


def test_on_a_standby_the_server_log_has_it():
    """Nothing can be written there, and an admin sees the user's rows all the same."""
    server = Server("acting", 5434)
    server.create()
    standby = None
    try:
        primary = fill(server.create_database("documents"))
        admin, bob = primary.users[:2]
        with primary.connect("postgres", autocommit=True) as superuser:
            superuser.execute("SELECT warden.promote_user(%s)", (admin,))
        standby = server.copy_to("acting-standby", 5435)
        copy = Documents(**{**vars(primary), "port": standby.port})
        with copy.connect("app") as app:
            copy.sign_in(app, admin)
            assert app.execute(ACT_AS, (bob,)).fetchone() == (bob,)
            assert owners_seen(app) == {bob}
        [line] = [line for line in standby.log.read_text().splitlines() if "event=act_as" in line]
        assert f'user="{bob}" actor="{admin}" reason="ticket 7"' in line
    finally:
        if standby:
            standby.stop()
        server.stop()
