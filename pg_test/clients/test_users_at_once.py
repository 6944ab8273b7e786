"""The directory with several administrators at once: U4 (one winner), U7 (no update lost), U15, R1, F1 (an owner is left)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import DeadlockDetected, ObjectNotInPrerequisiteState, SerializationFailure

AT_ONCE = 50


@pytest.fixture
def boss(superuser):
    superuser.execute("SELECT warden.add_admin_role('boss')")
    return "boss"


@pytest.fixture
def together(database, boss):
    """together(statements, isolation): each (statement, parameters) by a connection of its own, committed; all at once."""

    def run(statements, isolation="read committed"):
        barrier = Barrier(len(statements))

        def one(statement):
            with database.connect(boss, autocommit=True) as connection:
                connection.execute("SELECT count(*) FROM warden.list_users(page_size => 1)")
                connection.execute(f"BEGIN ISOLATION LEVEL {isolation}")
                connection.execute("SELECT count(*) FROM pg_class")
                barrier.wait(300)
                try:
                    result = connection.execute(*statement).fetchone()[0]
                    connection.execute("COMMIT")
                    return result
                except psycopg.Error as error:
                    connection.execute("ROLLBACK")
                    return type(error)

        with ThreadPoolExecutor(len(statements)) as threads:
            return list(threads.map(one, statements))

    return run


@pytest.mark.parametrize("argument", ["email", "name", "external_id"])
def test_u4_fifty_create_one_user_if_absent(superuser, together, argument):
    value = uuid4().hex[:12] + ("@example.com" if argument == "email" else "")
    results = together([(f"SELECT warden.create_user_if_absent({argument} => %s)", (value,))] * AT_ONCE)
    winners = [result for result in results if result is not None]
    rows = superuser.execute(f"SELECT id FROM warden.users WHERE {argument} = %s", (value,)).fetchall()
    assert len(winners) == 1 and results.count(None) == AT_ONCE - 1
    assert rows == [(winners[0],)]


def test_u7_updates_at_once_lose_nothing(superuser, together):
    (user,) = superuser.execute("SELECT warden.create_user()").fetchone()
    fields = {"name": f"n {user}"[:40], "email": f"{uuid4()}@example.com", "full_name": "f", "display_name": "d", "avatar_url": "a"}
    results = together([(f"SELECT id FROM warden.update_user(%s, {field} => %s)", (user, value)) for field, value in fields.items()])
    assert results == [user] * len(fields)
    assert superuser.execute(f"SELECT {', '.join(fields)} FROM warden.users WHERE id = %s", (user,)).fetchone() == tuple(fields.values())


def test_u15_roles_assigned_at_once_are_all_there(superuser, together):
    (user,) = superuser.execute("SELECT warden.create_user()").fetchone()
    together([("SELECT warden.assign_role(%s, %s)", (user, role)) for role in ("viewer", "admin", "anonymous")])
    (roles,) = superuser.execute("SELECT roles FROM warden.users WHERE id = %s", (user,)).fetchone()
    assert set(roles) == {"user", "viewer", "admin", "anonymous"}


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("goes", ["revoke_role(%s, 'owner')", "delete_user(%s)", "set_user_status(%s, 'suspended')"])
def test_u15_r1_f1_two_last_owners_do_not_both_go(superuser, together, goes, isolation):
    for _ in range(5):
        # The owners of the round before make way for two new ones.
        old = superuser.execute("SELECT id FROM warden.users WHERE status = 'active' AND roles && '{owner,admin}'").fetchall()
        owners = [superuser.execute("SELECT warden.create_user()").fetchone()[0] for _ in range(2)]
        for owner in owners:
            superuser.execute("SELECT warden.assign_role(%s, 'owner')", (owner,))
        for (user,) in old:
            superuser.execute("SELECT warden.delete_user(%s)", (user,))
        results = together([(f"SELECT warden.{goes}", (owner,)) for owner in owners], isolation)
        left = "SELECT count(*) FROM warden.users WHERE id = ANY (%s) AND status = 'active' AND 'owner' = ANY (roles)"
        assert superuser.execute(left, (owners,)).fetchone() == (1,)
        assert results.count(True) == 1
        refusals = {ObjectNotInPrerequisiteState} if isolation == "read committed" else {
            ObjectNotInPrerequisiteState, SerializationFailure, DeadlockDetected}
        assert set(results) - {True} <= refusals
