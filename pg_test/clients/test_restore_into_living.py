"""Attack D9, feature N7: what is restored into a database that lives already, and who can dump at all."""

import uuid

import pytest
from psycopg import errors

from database import Database
from programs import run

ALICE, BOB = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("alice", "bob"))
ROLES = """
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS t CASCADE;
SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway'), warden.add_admin_role('boss');
"""
TABLES = """
CREATE TABLE letters (id int PRIMARY KEY, user_id uuid, body text);
CREATE TABLE stamps (id int PRIMARY KEY, letter_id int REFERENCES letters);
GRANT SELECT, INSERT ON letters, stamps TO app, gateway;
SELECT warden.protect('letters');
SELECT warden.protect('stamps', owner_column => NULL, parent_column => 'letter_id');
"""
ROWS = f"""
SELECT warden.create_user(id => '{ALICE}'), warden.create_user(id => '{BOB}');
INSERT INTO letters VALUES (1, '{ALICE}', 'to bob'), (2, '{BOB}', 'to alice');
INSERT INTO stamps VALUES (1, 1), (2, 2);
SELECT warden.record_event('written here');
"""


@pytest.fixture(scope="module")
def source(database):
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute(ROLES)
        with database.connect("owner") as owner:
            owner.execute(TABLES)
        superuser.execute(ROWS)
    return database


@pytest.fixture
def create(source):
    """Makes databases from a template, and drops them."""
    made = []

    def create(name, template):
        with Database(name="postgres").connect("postgres", autocommit=True) as superuser:
            superuser.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return Database(name=name)

    yield create
    with Database(name="postgres").connect("postgres", autocommit=True) as superuser:
        for name in made:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def living(source, create):
    """The same database once more, in which time has gone on."""
    return create("living", source.name)


def seen(database, user, role="gateway"):
    """The bodies of the letters that a role sees, acting for a user or for nobody."""
    with database.connect(role) as client:
        if user:
            client.execute("SELECT warden.set_current_user(%s)", (user,))
        letters = client.execute("SELECT body FROM letters ORDER BY id").fetchall()
        return [body for (body,) in letters]


def intact(database):
    with database.connect("postgres") as superuser:
        rows = superuser.execute("SELECT table_name, intact FROM warden.protected_tables ORDER BY 1").fetchall()
    return dict(rows)


def isolates(database):
    return (seen(database, ALICE), seen(database, BOB), seen(database, None, "app")) == (["to bob"], ["to alice"], [])


def dump(database, path, *options, role="postgres"):
    run("pg_dump", "-d", database.dsn(role), "-f", str(path), *options)


@pytest.mark.parametrize("way", (["-1"], ["-e", "-j", "4"]), ids=" ".join)
def test_into_a_database_that_was_made_ready(source, create, tmp_path, way):
    """The extension, the roles, a watched schema and their records are there before the dump is."""
    ready = create("ready", "template_warden")
    with ready.connect("postgres", autocommit=True) as superuser:
        superuser.execute(ROLES)
        superuser.execute("SELECT warden.watch_schema('public', except_tables => '{here}')")
        before = superuser.execute("SELECT * FROM warden.audit_log ORDER BY id").fetchall()
    dump(source, tmp_path / "dump", "-Fc")
    run("pg_restore", *way, "-d", ready.dsn("postgres"), str(tmp_path / "dump"))
    assert intact(ready) == {"letters": True, "stamps": True}
    assert isolates(ready)
    with ready.connect("postgres", autocommit=True) as superuser, source.connect("postgres") as origin:
        after = superuser.execute("SELECT * FROM warden.audit_log ORDER BY id").fetchall()
        restored = origin.execute("SELECT * FROM warden.audit_log ORDER BY id").fetchall()
        # Every record of both, those of the dump by another number where theirs was taken.
        assert after[: len(before)] == before
        assert sorted(record[1:4] for record in after) == sorted(record[1:4] for record in before + restored)
        assert superuser.execute("SELECT except_tables FROM warden.watched_schemas").fetchall() == [(["here"],)]
        # Nothing is counted over, and life goes on.
        superuser.execute("SELECT warden.record_event('written there')")
        assert superuser.execute("SELECT action FROM warden.audit_log ORDER BY id DESC LIMIT 1").fetchall() == [("written there",)]


def test_records_are_not_doubled(source, living, tmp_path):
    """The records alone, restored over themselves."""
    dump(source, tmp_path / "dump", "-Fc")
    count = "SELECT count(*) FROM warden.audit_records"
    with living.connect("postgres", autocommit=True) as superuser:
        [before] = superuser.execute(count).fetchone()
        run("pg_restore", "-e", "-a", "-n", "warden", "-t", "audit_records", "-d", living.dsn("postgres"), str(tmp_path / "dump"))
        assert superuser.execute(count).fetchone() == (before,)
        superuser.execute("SELECT warden.record_event('later')")
        assert superuser.execute(count).fetchone() == (before + 1,)


def drop_letters(living):
    with living.connect("postgres") as superuser:
        superuser.execute("DROP TABLE stamps, letters")


@pytest.mark.parametrize("watched", (False, True))
def test_one_table_is_closed_until_it_is_protected(source, living, tmp_path, watched):
    """pg_restore -t brings neither policies nor row security, whoever is granted the table."""
    dump(source, tmp_path / "dump", "-Fc")
    drop_letters(living)
    with living.connect("postgres", autocommit=True) as superuser:
        if watched:
            superuser.execute("SELECT warden.watch_schema('public')")
        run("pg_restore", "-e", "-t", "letters", "-d", living.dsn("postgres"), str(tmp_path / "dump"))
        assert superuser.execute("SELECT count(*) FROM letters").fetchone() == (2,)
        assert seen(living, ALICE) == seen(living, None, "app") == []
        superuser.execute("SELECT warden.protect('letters')")
    assert intact(living)["letters"]
    assert isolates(living)


def test_one_table_is_protected_as_it_comes(source, living, tmp_path):
    """In the same transaction."""
    dump(source, tmp_path / "dump", "-Fc")
    drop_letters(living)
    run("pg_restore", "-t", "letters", "-f", str(tmp_path / "letters.sql"), str(tmp_path / "dump"))
    script = f"BEGIN;\n{(tmp_path / 'letters.sql').read_text()}\nSELECT warden.protect('public.letters');\nCOMMIT;\n"
    run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", living.dsn("postgres"), input=script)
    assert intact(living)["letters"]
    assert isolates(living)


def test_a_table_that_is_not_protected_stays_as_it_is(source, living, tmp_path):
    with source.connect("owner", autocommit=True) as owner:
        owner.execute("CREATE TABLE plain (id int, user_id uuid); GRANT SELECT ON plain TO app; INSERT INTO plain VALUES (1, NULL)")
        try:
            dump(source, tmp_path / "dump", "-Fc", "-t", "plain")
        finally:
            owner.execute("DROP TABLE plain")
    run("pg_restore", "-e", "-t", "plain", "-d", living.dsn("postgres"), str(tmp_path / "dump"))
    with living.connect("app") as app:
        assert app.execute("SELECT id FROM plain").fetchall() == [(1,)]


def test_rows_of_one_table(source, living, tmp_path):
    """A superuser brings rows back into the protected table; its owner can neither dump nor restore them in silence."""
    dump(source, tmp_path / "dump", "-Fc")
    with living.connect("postgres") as superuser:
        superuser.execute("DELETE FROM stamps; DELETE FROM letters")
    restore = ["pg_restore", "-e", "-a", "-t", "letters"]
    refused = run(*restore, "-d", living.dsn("owner"), str(tmp_path / "dump"), check=False)
    assert refused.returncode == 1
    assert "row-level security" in refused.stderr
    run(*restore, "-d", living.dsn("postgres"), str(tmp_path / "dump"))
    assert intact(living) == {"letters": True, "stamps": True}
    assert isolates(living)


def test_dump_by_the_owner(source, tmp_path):
    """Row security binds the owner too, and pg_dump says so instead of leaving rows out; the definition alone it may have."""
    refused = run("pg_dump", "-d", source.dsn("owner"), "-t", "letters", "-f", f"{tmp_path}/dump", check=False)
    assert refused.returncode == 1
    assert "row-level security" in refused.stderr
    refused = run("pg_dump", "--enable-row-security", "-d", source.dsn("owner"), "-t", "letters", "-f", f"{tmp_path}/dump", check=False)
    assert refused.returncode == 1
    assert "begin_admin" in refused.stderr
    dump(source, tmp_path / "schema", "-s", "-t", "letters", role="owner")
    assert "CREATE POLICY warden_select" in (tmp_path / "schema").read_text()


def test_dump_by_a_backup_role(source, create, tmp_path):
    """A login that reads everything and writes nothing is enough; it can never be a client."""
    with source.connect("postgres", autocommit=True) as superuser:
        superuser.execute("CREATE ROLE restore_into_living_backup LOGIN BYPASSRLS IN ROLE pg_read_all_data")
        try:
            dump(source, tmp_path / "dump", "-Fc", role="restore_into_living_backup")
            with pytest.raises(errors.ObjectNotInPrerequisiteState):
                superuser.execute("SELECT warden.add_client_role('restore_into_living_backup')")
        finally:
            superuser.execute("DROP ROLE restore_into_living_backup")
    target = create("from_backup", "template0")
    run("pg_restore", "-1", "-d", target.dsn("postgres"), str(tmp_path / "dump"))
    assert intact(target) == {"letters": True, "stamps": True}
    assert isolates(target)
