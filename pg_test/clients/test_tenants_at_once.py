"""Tenants with several connections (D2, R7): what is ended is felt in the next transaction, whatever its snapshot, by every
kind of credential; the last admin stays, however many go at once; nobody who idles keeps another one waiting (F11)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import (
    DeadlockDetected,
    InsufficientPrivilege,
    InvalidAuthorizationSpecification,
    ObjectNotInPrerequisiteState,
    SerializationFailure,
)

from documents import trust
from issuer import Issuer

TABLE = """
CREATE TABLE pages (id int GENERATED ALWAYS AS IDENTITY, tenant_id uuid, body text);
GRANT SELECT, INSERT, UPDATE, DELETE ON pages TO app, gateway;
SELECT warden.protect('pages', owner_column => NULL, tenant_column => 'tenant_id');
"""


class Office:
    """A database with a table of pages, and tenants as they are needed."""

    def __init__(self, database):
        self.database = database
        self.issuer = Issuer("https://id.example.com")
        with database.connect("owner", autocommit=True) as owner:
            owner.execute(TABLE)
        self.superuser = database.connect("postgres", autocommit=True)
        self.superuser.execute("SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway'), warden.add_admin_role('boss')")
        trust(self.superuser, self.issuer)

    def user(self) -> UUID:
        return self.call("create_user()")

    def tenant(self) -> UUID:
        """A tenant with one page."""
        tenant = self.call("create_tenant(%s)", str(uuid4()))
        self.superuser.execute("INSERT INTO pages (tenant_id, body) VALUES (%s, 'page')", (tenant,))
        return tenant

    def member(self, tenant, *roles) -> UUID:
        user = self.user()
        self.call("add_member(%s, %s, %s)", tenant, user, list(roles or ["user"]))
        return user

    def call(self, function, *parameters):
        return self.superuser.execute(f"SELECT warden.{function}", parameters).fetchone()[0]

    def sign_in(self, connection, user, tenant=None, **claims):
        connection.execute(
            "SELECT warden.authenticate(%s, tenant_id => %s)", (self.issuer.token(user, **claims), tenant)
        )

    def api_key(self, user) -> str:
        (key,) = self.superuser.execute(
            "WITH made AS (SELECT * FROM warden.generate_api_key()), kept AS (INSERT INTO warden.api_keys (user_id, name, prefix, secret_hash, scopes)"
            " SELECT %s, 'a key', prefix, secret_hash, '{agents:read}' FROM made) SELECT key FROM made",
            (user,),
        ).fetchone()
        return key


@pytest.fixture(scope="module")
def office(database):
    office = Office(database)
    yield office
    office.superuser.close()


@pytest.fixture
def app(office):
    with office.database.connect("app") as connection:
        yield connection


def pages(connection):
    return connection.execute("SELECT count(*) FROM pages").fetchone()[0]


# First, since there is no tenant yet.
def test_a_backend_that_has_seen_no_tenant_hears_of_the_first(office, app):
    user, unknown = office.user(), str(uuid4())
    for _ in range(3):
        office.sign_in(app, user, tenant_id=unknown)
        assert app.execute("SELECT warden.current_tenant_id()").fetchone() == (UUID(unknown),)
        app.commit()
    with office.database.connect("boss") as boss:
        tenant = boss.execute("SELECT warden.create_tenant('the first')").fetchone()[0]
        # Not yet committed: there is none.
        office.sign_in(app, user, tenant_id=unknown)
        app.commit()
        boss.commit()
    for named in (unknown, str(tenant)):
        with pytest.raises(InvalidAuthorizationSpecification):
            office.sign_in(app, user, tenant_id=named)
        app.rollback()
    office.call("add_member(%s, %s)", tenant, user)
    office.sign_in(app, user, tenant_id=str(tenant))
    assert app.execute("SELECT warden.current_tenant_id()").fetchone() == (tenant,)
    app.commit()


def ways(office, connection, user, tenant):
    """Each way into a tenant."""
    key = office.api_key(user)
    return [
        lambda: office.sign_in(connection, user, tenant),
        lambda: office.sign_in(connection, user, tenant_id=str(tenant)),
        lambda: connection.execute("SELECT warden.authenticate(%s, tenant_id => %s)", (key, tenant)),
    ]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize(
    "end, again",
    [
        ("set_tenant_status(%(tenant)s, 'suspended')", "set_tenant_status(%(tenant)s, 'active')"),
        ("set_tenant_status(%(tenant)s, 'deleted')", "set_tenant_status(%(tenant)s, 'active')"),
        ("remove_member(%(tenant)s, %(user)s)", "add_member(%(tenant)s, %(user)s)"),
        ("set_user_status(%(user)s, 'suspended')", "set_user_status(%(user)s, 'active')"),
    ],
)
def test_what_is_ended_is_felt_also_under_an_older_snapshot(office, app, isolation, end, again):
    tenant = office.tenant()
    user = office.member(tenant)
    parameters = {"tenant": tenant, "user": user}
    for sign_in in ways(office, app, user, tenant):
        # A transaction that is under way goes on to its end ...
        sign_in()
        assert pages(app) == 1
        office.superuser.execute(f"SELECT warden.{end}", parameters)
        assert pages(app) == 1
        app.commit()
        # ... and the next has nobody.
        with pytest.raises(InvalidAuthorizationSpecification):
            sign_in()
        app.rollback()
        office.superuser.execute(f"SELECT warden.{again}", parameters)
        # Nor has one that began before, and looks at the database as it was then.
        app.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        app.execute("SELECT count(*) FROM pg_class")
        office.superuser.execute(f"SELECT warden.{end}", parameters)
        with pytest.raises(InvalidAuthorizationSpecification):
            sign_in()
        app.rollback()
        assert pages(app) == 0
        app.commit()
        office.superuser.execute(f"SELECT warden.{again}", parameters)
        sign_in()
        assert pages(app) == 1
        app.commit()
    with office.database.connect("gateway") as gateway:
        gateway.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        gateway.execute("SELECT count(*) FROM pg_class")
        office.superuser.execute(f"SELECT warden.{end}", parameters)
        with pytest.raises(InvalidAuthorizationSpecification):
            gateway.execute("SELECT warden.set_current_user(%s, %s)", (user, tenant))
        gateway.rollback()
        office.superuser.execute(f"SELECT warden.{again}", parameters)
        gateway.execute("SELECT warden.set_current_user(%s, %s)", (user, tenant))
        assert pages(gateway) == 1


def all_at_once(calls):
    """Each call by a thread of its own; its result, or the class of its error."""
    barrier = Barrier(len(calls))

    def one(call):
        barrier.wait(300)
        try:
            return call()
        except psycopg.Error as error:
            return type(error)

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(one, calls))


def admins_left(office, tenant):
    query = "SELECT count(*) FROM warden.tenant_members WHERE tenant_id = %s AND roles && '{owner,admin}'"
    return office.superuser.execute(query, (tenant,)).fetchone()[0]


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("role", ["admin", "owner"])
def test_two_last_admins_are_not_both_removed_by_administrators(office, isolation, role):
    for _ in range(5):
        tenant = office.tenant()
        admins = [office.member(tenant, role) for _ in range(2)]
        with office.database.connect("boss") as one, office.database.connect("boss") as other:
            for connection in (one, other):
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
                connection.execute("SELECT count(*) FROM warden.list_tenants()")

            def remove(connection, user, tenant=tenant):
                result = connection.execute("SELECT warden.remove_member(%s, %s)", (tenant, user)).fetchone()[0]
                connection.commit()
                return result

            results = all_at_once([
                lambda: remove(one, admins[0]),
                lambda: remove(other, admins[1]),
            ])
        assert admins_left(office, tenant) == 1
        assert results.count(True) == 1
        refusals = {ObjectNotInPrerequisiteState} if isolation == "read committed" else {
            ObjectNotInPrerequisiteState, SerializationFailure, DeadlockDetected}
        assert set(results) - {True} <= refusals


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
@pytest.mark.parametrize("themselves", [True, False], ids=["themselves", "each other"])
def test_two_last_admins_do_not_both_go(office, isolation, themselves):
    for _ in range(4):
        tenant = office.tenant()
        admins = [office.member(tenant, "admin") for _ in range(2)]
        with office.database.connect("app") as one, office.database.connect("app") as other:
            for connection, user in ((one, admins[0]), (other, admins[1])):
                connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
                office.sign_in(connection, user, tenant)
            gone = admins if themselves else admins[::-1]
            remove = "SELECT warden.remove_member(%s, %s)"
            results = all_at_once([
                lambda: one.execute(remove, (tenant, gone[0])).fetchone()[0],
                lambda: other.execute(remove, (tenant, gone[1])).fetchone()[0],
            ])
        assert admins_left(office, tenant) == 1
        assert results.count(True) == 1
        # Who was removed first is no admin any more.
        assert set(results) - {True} <= {ObjectNotInPrerequisiteState, InsufficientPrivilege}


def test_f11_an_admin_who_idles_keeps_nobody_waiting(office, app):
    """Neither another admin of the tenant, nor an administrator, nor the member."""
    tenant = office.tenant()
    idle, other = office.member(tenant, "admin"), office.member(tenant, "admin")
    member = office.member(tenant)
    office.sign_in(app, idle, tenant)
    for call in ("list_members(%s)", "remove_member(%s, %s)", "add_member(%s, %s)"):
        app.execute(f"SELECT warden.{call}", (tenant, member)[: call.count("%s")])
    with office.database.connect("app") as second, office.database.connect("boss", autocommit=True) as boss:
        boss.execute("SET lock_timeout = '30s'")
        second.execute("SET lock_timeout = '30s'")
        office.sign_in(second, other, tenant)
        assert second.execute("SELECT warden.add_member(%s, %s, '{viewer}')", (tenant, member)).fetchone() == (True,)
        second.rollback()
        office.sign_in(second, member, tenant)
        assert pages(second) == 1
        second.rollback()
        assert boss.execute("SELECT warden.remove_member(%s, %s)", (tenant, member)).fetchone() == (True,)
        assert boss.execute("SELECT warden.set_tenant_status(%s, 'suspended')", (tenant,)).fetchone() == (True,)
        # Who idles has its rows to the end of the transaction, and manages nothing in a tenant that is suspended.
        assert pages(app) == 1
        with pytest.raises(psycopg.errors.NoDataFound):
            app.execute("SELECT warden.add_member(%s, %s)", (tenant, member))


def test_a_removed_admin_manages_nobody_in_the_transaction_that_is_under_way(office, app):
    tenant = office.tenant()
    admin, other = office.member(tenant, "admin"), office.member(tenant, "admin")
    app.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    office.sign_in(app, admin, tenant)
    assert pages(app) == 1
    office.call("remove_member(%s, %s)", tenant, admin)
    with pytest.raises(InsufficientPrivilege):
        app.execute("SELECT warden.remove_member(%s, %s)", (tenant, other))
    assert admins_left(office, tenant) == 1


def test_one_tenant_of_a_name_is_made_by_many_at_once(office):
    name = str(uuid4())

    def create():
        with office.database.connect("boss", autocommit=True) as boss:
            return boss.execute("SELECT warden.create_tenant(%s)", (name,)).fetchone()[0]

    results = all_at_once([create] * 10)
    assert [type(result) for result in results].count(UUID) == 1
    assert [result for result in results if not isinstance(result, UUID)] == [psycopg.errors.UniqueViolation] * 9
