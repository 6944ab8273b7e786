"""N7: pg_upgrade takes a protected, watching database along, and it isolates as before.

From a server to one of the same version: pg_upgrade asks and does the same as between two."""

import os
import subprocess

import pytest
from psycopg import errors

from database import Database
from server import Server, run

ALICE, BOB = "00000000-0000-4000-8000-0000000a11ce", "00000000-0000-4000-8000-000000000b0b"
ROLES = f"""
SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
SELECT warden.create_user(id => '{ALICE}'), warden.create_user(id => '{BOB}');
CREATE SCHEMA shop AUTHORIZATION owner;
GRANT USAGE ON SCHEMA shop TO app, gateway;
"""
TABLES = """
CREATE TABLE letters (id int PRIMARY KEY, user_id uuid, is_public boolean, body text);
CREATE TABLE stamps (id int PRIMARY KEY, letter_id int REFERENCES letters);
CREATE TABLE countries (code text PRIMARY KEY);
CREATE TABLE parts (id int, user_id uuid) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
CREATE POLICY old ON letters TO app USING (body <> 'draft');
GRANT SELECT, INSERT ON letters, stamps, parts TO app, gateway;
SELECT warden.protect('letters', public_column => 'is_public', replace_policies => true);
SELECT warden.allow('letters', 'SELECT', $$body = 'to everybody'$$, 'posters');
SELECT warden.protect('stamps', owner_column => NULL, parent_column => 'letter_id');
SELECT warden.protect('parts');
SELECT warden.exempt('countries', 'the same for everybody');
SELECT warden.watch_schema('shop');
"""
ROWS = f"INSERT INTO letters VALUES (1, '{ALICE}', false, 'to bob'), (2, '{BOB}', NULL, 'to alice'), (3, '{BOB}', true, 'news')"
STATE = [
    "SELECT relation::text, root::text, changes FROM warden.protections ORDER BY 1",
    "SELECT relation::text, intact FROM warden.protected_tables ORDER BY 1",
    "SELECT relation::text, command, predicate FROM warden.allowances",
    "SELECT relation::text, reason FROM warden.exempt_tables",
    "SELECT role::text, kind FROM warden.database_roles ORDER BY 1",
    "SELECT schema_name::text, owner_column FROM warden.watched_schemas",
    "SELECT id, action FROM warden.audit_log ORDER BY id",
    "SELECT id, status FROM warden.users ORDER BY id",
    "SELECT id, ended_at FROM warden.sessions ORDER BY id",
    "SELECT * FROM warden.api_keys ORDER BY id",
    "SELECT * FROM warden.device_certificates ORDER BY id",
]


def state(database):
    with database.connect("postgres") as superuser:
        return [superuser.execute(query).fetchall() for query in STATE]


@pytest.fixture(scope="module")
def upgraded():
    """The database after it was upgraded, and what it was like before."""
    old, new = Server("upgrade_from", 5436), Server("upgrade_to", 5437)
    old.create()
    source = old.create_database("shop")
    with source.connect("postgres", autocommit=True) as superuser:
        superuser.execute(ROLES)
        with source.connect("owner") as owner:
            owner.execute(TABLES)
        superuser.execute(ROWS)
        signed_in = sign_in(superuser)
    before = state(source)
    old.stop()
    run("initdb", "-D", new.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    upgrade(old, new)
    new.start()
    yield new.database("shop"), before, signed_in
    new.stop()


def sign_in(superuser):
    """Credentials of alice: those that are good, and those that are over."""

    def one(statement, *values):
        return superuser.execute(f"SELECT {statement}", values).fetchone()

    superuser.execute("SELECT warden.rotate_signing_key('https://db.example.com')")
    one("warden.update_user(%s, name => 'alice'), warden.set_password(%s, 'correct horse')", ALICE, ALICE)
    (live, _), (ended, refresh_token) = (one("access_token, refresh_token FROM warden.login('alice', 'correct horse')") for _ in range(2))
    (_, key), (revoked, revoked_key) = (one("id, key FROM warden.create_api_key(%s, user_id => %s)", name, ALICE) for name in "ab")
    assert one("warden.logout(%s), warden.revoke_api_key(%s)", refresh_token, revoked) == (True, True)
    one("warden.enroll_device_certificate(repeat('0a', 32), 'laptop', user_id => %s)", ALICE)
    return [live, key], [ended, revoked_key]


def upgrade(old, new):
    """It writes where it stands, so it stands in the new server's directory."""
    binaries = os.environ["WARDEN_BIN_DIR"]
    ports = ["-p", str(old.port), "-P", str(new.port)]
    command = [f"{binaries}/pg_upgrade", "-b", binaries, "-B", binaries, "-d", old.data, "-D", new.data, "-U", "postgres", *ports]
    result = subprocess.run(
        [os.environ["WARDEN_AS_SERVER_USER"], "sh", "-c", 'cd "$0" && exec "$@"', new.data, *command],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def seen(database: Database, user):
    with database.connect("gateway") as gateway:
        if user:
            gateway.execute("SELECT warden.set_current_user(%s)", (user,))
        return [id for (id,) in gateway.execute("SELECT id FROM letters ORDER BY id")]


def test_nothing_is_lost(upgraded):
    database, before, _ = upgraded
    assert state(database) == before


def test_it_isolates(upgraded):
    database, _, _ = upgraded
    assert [seen(database, user) for user in (ALICE, BOB, None)] == [[1, 3], [2, 3], [3]]
    with database.connect("gateway") as gateway:
        gateway.execute("SELECT warden.set_current_user(%s)", (ALICE,))
        with pytest.raises(errors.InsufficientPrivilege):
            gateway.execute("INSERT INTO stamps VALUES (1, 2)")


def test_it_lets_in_by_what_is_good_alone(upgraded):
    database, _, (good, over) = upgraded
    with database.connect("app") as app:
        for credential in good:
            assert str(app.execute("SELECT warden.authenticate(%s)", (credential,)).fetchone()[0]) == ALICE
            app.rollback()
        for credential in over:
            with pytest.raises(errors.InvalidAuthorizationSpecification):
                app.execute("SELECT warden.authenticate(%s)", (credential,))
            app.rollback()
    with database.connect("gateway") as gateway:
        assert str(gateway.execute("SELECT warden.set_current_device(repeat('0A', 32))").fetchone()[0]) == ALICE


def test_it_is_guarded(upgraded):
    database, _, _ = upgraded
    with database.connect("owner") as owner:
        with pytest.raises(errors.ObjectNotInPrerequisiteState):
            owner.execute("ALTER TABLE letters DISABLE ROW LEVEL SECURITY")
        owner.rollback()
        owner.execute("CREATE TABLE shop.orders (id int PRIMARY KEY, user_id uuid)")
        assert owner.execute("SELECT * FROM warden.protect('shop.orders')").fetchall() == []
