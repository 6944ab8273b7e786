"""Two at once: first sign-ins of one subject, roles added, keys set. Nothing mixes, nobody gets an error."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from psycopg.errors import NoDataFound, ObjectNotInPrerequisiteState, SerializationFailure

from database import eventually
from documents import trust
from issuer import Issuer

AT_ONCE = 20


@pytest.fixture
def together(database):
    """together(n, role, work): n connections of a role, each in a transaction, all starting `work` at once."""

    def run(count, role, work):
        barrier = Barrier(count)

        def one(number):
            with database.connect(role) as connection:
                barrier.wait(300)
                return work(connection, number)

        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(one, range(count)))

    return run


@pytest.mark.parametrize("subject_is", ["user_id", "external_id", "subject"])
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_first_sign_ins_of_one_subject_make_one_user(superuser, together, subject_is, isolation):
    superuser.execute("SELECT warden.add_client_role('app')")
    issuer = Issuer(f"https://{uuid4()}.example.com")
    trust(superuser, issuer, subject_is=subject_is, provision=True)
    subject = uuid4() if subject_is == "user_id" else f"somebody new of {issuer.name}"
    token = issuer.token(subject)

    def sign_in(connection, _number):
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        connection.execute("SELECT count(*) FROM pg_class")
        return connection.execute("SELECT warden.authenticate(%s)", (token,)).fetchone()[0]

    ids = set(together(AT_ONCE, "app", sign_in if isolation == "read committed" else retried(sign_in)))
    linked = superuser.execute("SELECT user_id FROM warden.identities WHERE issuer = %s", (issuer.name,)).fetchall()
    assert linked == [(user,) for user in ids] and len(linked) == 1
    created = "SELECT count(*) FROM warden.audit_log WHERE action = 'provision_user' AND object = %s"
    assert superuser.execute(created, (str(linked[0][0]),)).fetchone() == (1,)


def retried(work):
    """As every application of REPEATABLE READ must: again, after a serialization failure."""

    def run(connection, number):
        while True:
            try:
                return work(connection, number)
            except SerializationFailure:
                connection.rollback()

    return run


def test_twenty_unknown_subjects_make_twenty_users(superuser, together):
    superuser.execute("SELECT warden.add_client_role('app')")
    issuer = Issuer("https://many.example.com")
    trust(superuser, issuer, subject_is="subject", provision=True)

    def sign_in(connection, number):
        return connection.execute("SELECT warden.authenticate(%s)", (issuer.token(f"user {number}"),)).fetchone()[0]

    assert len(set(together(AT_ONCE, "app", sign_in))) == AT_ONCE


def test_roles_added_at_once(superuser, together):
    """Each grants on the same functions, whose catalogue rows are then updated twice."""
    roles = ["app", "app2", "gateway", "keymaster", "boss"]
    kinds = dict(zip(roles, ["client", "client", "trusted", "key", "admin"]))
    for role in roles:
        superuser.execute(f"SELECT warden.remove_database_role('{role}')")

    def add(connection, number):
        role = roles[number % len(roles)]
        return connection.execute(f"SELECT warden.add_{kinds[role]}_role('{role}')").fetchone()[0]

    added = together(10, "postgres", add)
    assert sorted(added) == [False] * 5 + [True] * 5
    assert dict(superuser.execute("SELECT role::text, kind FROM warden.database_roles").fetchall()) == kinds
    allowed = "SELECT has_function_privilege(%s, 'warden.record_event(text,text,jsonb,boolean)', 'EXECUTE')"
    assert [superuser.execute(allowed, (role,)).fetchone()[0] for role in roles] == [True, True, True, False, True]


def test_role_added_in_two_duties_at_once_has_one(superuser, together):
    """Each alone is allowed; together they would let a client state who it is."""
    superuser.execute("SELECT warden.remove_database_role('app2')")

    def add(connection, number):
        try:
            return connection.execute(f"SELECT warden.add_{['client', 'trusted'][number]}_role('app2')").fetchone()[0]
        except ObjectNotInPrerequisiteState:
            return "refused"

    assert sorted(map(str, together(2, "postgres", add))) == ["True", "refused"]
    kinds = superuser.execute("SELECT kind FROM warden.database_roles WHERE role = 'app2'::regrole").fetchall()
    assert len(kinds) == 1
    superuser.execute("SELECT warden.remove_database_role('app2')")


def test_role_added_while_it_is_removed(superuser, together):
    superuser.execute("SELECT warden.add_client_role('app2')")

    def change(connection, number):
        what = "add_client_role" if number % 2 else "remove_database_role"
        return connection.execute(f"SELECT warden.{what}('app2')").fetchone()[0]

    together(10, "postgres", change)
    is_client = superuser.execute("SELECT FROM warden.database_roles WHERE role = 'app2'::regrole").fetchone() is not None
    may = superuser.execute("SELECT has_function_privilege('app2', 'warden.sign_out()', 'EXECUTE')").fetchone()
    assert may == (is_client,)


def test_identity_linked_while_its_user_is_deleted(database, superuser):
    """No identity outlives its user: it goes with the user, and who comes too late is told."""
    user = superuser.execute("SELECT warden.create_user()").fetchone()
    superuser.execute("SELECT warden.link_identity(%s, 'https://linked.example.com', 'early')", user)
    link = "SELECT warden.link_identity(%s, 'https://linked.example.com', 'late')"
    with database.connect("postgres") as deleting, database.connect("postgres") as linking, ThreadPoolExecutor() as threads:
        deleting.execute("DELETE FROM warden.users WHERE id = %s", user)
        late = threads.submit(linking.execute, link, user)
        eventually(lambda: is_waiting(superuser, linking))
        deleting.commit()
        with pytest.raises(NoDataFound):
            late.result()
    assert superuser.execute("SELECT FROM warden.identities WHERE user_id = %s", user).fetchall() == []


def test_user_deleted_while_an_identity_is_linked(database, superuser):
    user = superuser.execute("SELECT warden.create_user()").fetchone()
    with database.connect("postgres") as linking, database.connect("postgres") as deleting, ThreadPoolExecutor() as threads:
        linking.execute("SELECT warden.link_identity(%s, 'https://linked.example.com', 'in time')", user)
        late = threads.submit(deleting.execute, "DELETE FROM warden.users WHERE id = %s", user)
        eventually(lambda: is_waiting(superuser, deleting))
        linking.commit()
        assert late.result().rowcount == 1
    assert superuser.execute("SELECT FROM warden.identities WHERE user_id = %s", user).fetchall() == []


def is_waiting(superuser, connection):
    waiting = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    return superuser.execute(waiting, (connection.info.backend_pid,)).fetchone() is not None


def test_two_jobs_set_different_keys(database, superuser):
    """The second waits for the first; in the end one of the sets is there, whole."""
    superuser.execute("SELECT warden.add_key_role('keymaster')")
    issuer = Issuer("https://rotating.example.com")
    trust(superuser, issuer)
    sets = []
    for _ in range(2):
        issuer.rotate()
        sets.append((issuer.kid, issuer.key_set))
    set_keys = "SELECT warden.set_issuer_keys(%s, %s)"
    with database.connect("keymaster") as one, database.connect("keymaster") as other, ThreadPoolExecutor() as threads:
        assert one.execute(set_keys, (issuer.name, sets[0][1])).fetchone() == (True,)
        second = threads.submit(other.execute, set_keys, (issuer.name, sets[1][1]))
        eventually(lambda: is_waiting(superuser, other))
        one.commit()
        assert second.result().fetchone() == (True,)
        other.commit()
    kids = "SELECT kids FROM warden.issuers WHERE issuer = %s"
    assert superuser.execute(kids, (issuer.name,)).fetchone() == ([sets[1][0]],)


def test_many_jobs_push_one_new_set(superuser, together):
    """One change, one record; for all others there is nothing to do."""
    superuser.execute("SELECT warden.add_key_role('keymaster')")
    issuer = Issuer("https://pushed.example.com")
    trust(superuser, issuer)
    issuer.rotate()

    def push(connection, _number):
        answer = connection.execute("SELECT warden.set_issuer_keys(%s, %s)", (issuer.name, issuer.key_set)).fetchone()
        return answer[0]

    assert sorted(together(AT_ONCE, "keymaster", push)) == [False] * (AT_ONCE - 1) + [True]
    changes = "SELECT count(*) FROM warden.audit_log WHERE action = 'set_issuer_keys' AND object = %s"
    assert superuser.execute(changes, (issuer.name,)).fetchone() == (1,)


def test_issuer_trusted_by_two_at_once(superuser, together):
    issuer = Issuer("https://twice.example.com")
    together(AT_ONCE, "postgres", lambda connection, _number: trust(connection, issuer))
    kids = "SELECT kids FROM warden.issuers WHERE issuer = %s"
    assert superuser.execute(kids, (issuer.name,)).fetchone() == ([issuer.kid],)
