"""Attack F11 and "what must outlive a rollback": events committed beside the transaction that records them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from psycopg import errors

from database import eventually

RECORD = "SELECT warden.record_event(%s, outlive_rollback => %s)"
AT_ONCE = 20


@pytest.fixture(scope="module", autouse=True)
def roles(database):
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway')")


@pytest.fixture
def event():
    """The name of an event of the test's own."""
    return f"event {uuid4()}"


@pytest.fixture
def recorded(superuser, event):
    """How often the event is in the audit log."""

    def recorded():
        return superuser.execute("SELECT count(*) FROM warden.audit_log WHERE action = %s", (event,)).fetchone()[0]

    return recorded


def test_record_outlives_the_rollback(database, event, recorded):
    with database.connect("gateway") as gateway:
        gateway.execute(RECORD, (event, False))
        gateway.rollback()
        assert recorded() == 0
        gateway.execute(RECORD, (event, True))
        assert recorded() == 1
        gateway.rollback()
        assert recorded() == 1


def test_record_outlives_a_savepoint_and_an_error(database, event, recorded):
    with database.connect("gateway") as gateway:
        gateway.execute("SAVEPOINT s")
        gateway.execute(RECORD, (event, True))
        gateway.execute("ROLLBACK TO s")
        with pytest.raises(errors.DivisionByZero):
            gateway.execute("SELECT warden.record_event(%s, outlive_rollback => true), 1 / (random() * 0)::int", (event,))
        gateway.rollback()
    assert recorded() == 2


def test_clients_may_not(database, event, recorded):
    """Each such record costs the server a process, so an ordinary client may only record in its transaction."""
    with database.connect("app") as app:
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(RECORD, (event, True))
        app.rollback()
        app.execute(RECORD, (event, False))
        app.commit()
    assert recorded() == 1


def test_large_record(database, superuser, event):
    """The record travels in shared memory of its own, as long as one may be."""
    with database.connect("gateway") as gateway:
        record = "SELECT warden.record_event(%s, NULL, jsonb_build_object('a', repeat('x', 1000000)), true)"
        gateway.execute(record, (event,))
        gateway.rollback()
    length = "SELECT length(detail ->> 'a') FROM warden.audit_log WHERE action = %s"
    assert superuser.execute(length, (event,)).fetchone() == (1_000_000,)


def test_twenty_at_once(database, event, recorded):
    """More than there are background workers: those who find none wait for one."""
    barrier = Barrier(AT_ONCE)

    def record(_number):
        with database.connect("gateway") as gateway:
            barrier.wait(300)
            gateway.execute(RECORD, (event, True))
            gateway.rollback()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(record, range(AT_ONCE)))
    assert recorded() == AT_ONCE


def test_cancelled_while_it_waits(database, superuser, event, recorded):
    """The wait can be cancelled; the record is there or not, and nothing of the transaction is half done."""
    with database.connect("gateway") as gateway, database.connect("postgres") as holder, ThreadPoolExecutor() as threads:
        holder.execute("LOCK TABLE warden.audit_records IN EXCLUSIVE MODE")
        call = threads.submit(gateway.execute, RECORD, (event, True))
        eventually(lambda: writers(superuser, "wait_event_type = 'Lock'") == 1)
        gateway.cancel_safe()
        with pytest.raises(errors.QueryCanceled):
            call.result()
        holder.rollback()
        gateway.rollback()
        eventually(lambda: writers(superuser) == 0)
        assert recorded() <= 1
        gateway.execute(RECORD, (event, True))
        assert recorded() in (1, 2)


def writers(superuser, condition="true"):
    backends = f"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_warden autonomous write' AND {condition}"
    return superuser.execute(backends).fetchone()[0]


def test_no_worker_to_be_had(database, superuser, event, recorded):
    """All of them are stuck at a lock, each for one caller: all are refused, and nothing is left of them."""
    workers = int(superuser.execute("SHOW max_worker_processes").fetchone()[0])
    callers = [database.connect("gateway") for _ in range(workers + 3)]
    with database.connect("postgres") as holder, ThreadPoolExecutor(len(callers)) as threads:
        holder.execute("LOCK TABLE warden.audit_records IN EXCLUSIVE MODE")
        calls = [threads.submit(caller.execute, RECORD, (event, True)) for caller in callers]
        refusals = [call.exception() for call in calls]
        holder.rollback()
    assert [type(refusal) for refusal in refusals] == [errors.ObjectNotInPrerequisiteState] * len(callers)
    reasons = {str(refusal).splitlines()[0].rpartition(": ")[2] for refusal in refusals}
    assert reasons == {"no background worker is free", "the write took too long"}
    for caller in callers:
        # The transaction has failed like any other: it can be rolled back, and the connection goes on.
        caller.rollback()
        assert caller.execute("SELECT 1").fetchone() == (1,)
        caller.close()
    eventually(lambda: writers(superuser) == 0)
    assert recorded() == 0
    with database.connect("gateway") as gateway:
        gateway.execute(RECORD, (event, True))
    assert recorded() == 1
