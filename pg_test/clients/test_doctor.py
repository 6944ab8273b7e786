"""N2, A13: what doctor() says of a whole server: preloading, settings of the configuration file, a hot standby."""

import subprocess

import psycopg
import pytest

from database import eventually
from server import Server


@pytest.fixture(scope="module")
def server():
    server = Server("doctor_primary", 5432)
    server.create()
    server.create_database("application")
    with application(server) as superuser:
        superuser.execute("SELECT warden.add_client_role('app')")
        superuser.execute("REVOKE TEMPORARY ON DATABASE application FROM PUBLIC")
        superuser.execute("CREATE TABLE documents (id uuid PRIMARY KEY, user_id uuid)")
        superuser.execute("SELECT warden.protect('documents')")
    yield server
    server.stop()


def application(server):
    return server.database("application").connect("postgres", autocommit=True)


def found(connection):
    """But for the minor version, which no test chooses."""
    rows = connection.execute("SELECT code, object FROM warden.doctor() WHERE code <> 'server_outdated'").fetchall()
    return {code: thing for code, thing in rows}


def remedies(connection):
    return connection.execute("SELECT remedy FROM warden.doctor() WHERE code <> 'server_outdated'").fetchall()


def mend(server):
    """Executes every remedy as psql does a line that was pasted."""
    with application(server) as superuser:
        script = "".join(f"{remedy}\n" for (remedy,) in remedies(superuser))
    dsn = server.database("application").dsn("postgres")
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", dsn], input=script, text=True, check=True, capture_output=True)


def configure(server, setting, value):
    with application(server) as superuser:
        superuser.execute(f"ALTER SYSTEM SET {setting} = {value}")


def test_preloaded_by_the_database_or_by_the_server(server):
    with application(server) as superuser:
        assert found(superuser) == {"library_not_preloaded": "DATABASE application"}
    mend(server)
    with application(server) as superuser:
        assert found(superuser) == {}
        superuser.execute("ALTER DATABASE application RESET session_preload_libraries")
        assert found(superuser) == {"library_not_preloaded": "DATABASE application"}
    configure(server, "shared_preload_libraries", "pg_warden")
    server.stop()
    server.start()
    with application(server) as superuser:
        assert found(superuser) == {}


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("warden.allow_identity_switch", "on", "identity_switch_allowed"),
        ("session_replication_role", "replica", "triggers_switched_off"),
    ],
)
def test_settings_of_the_configuration_file(server, setting, value, code):
    """Not those of the session that asks: what the next one will have."""
    # Where the library is loaded, the setting is known and can be written.
    configure(server, "shared_preload_libraries", "pg_warden")
    server.stop()
    server.start()
    configure(server, setting, value)
    with application(server) as superuser:
        assert found(superuser) == {code: "the server"}
    mend(server)
    with application(server) as superuser:
        assert found(superuser) == {}
        superuser.execute("SELECT pg_reload_conf()")


def test_hot_standby(server):
    with application(server) as superuser:
        superuser.execute("ALTER DATABASE application SET session_preload_libraries = 'pg_warden'")
    standby = server.copy_to("doctor_standby", 5433)
    try:
        with application(server) as superuser, application(standby) as reader:
            assert found(reader) == {}
            superuser.execute("GRANT TRUNCATE ON documents TO app")
            eventually(lambda: found(reader) == {"privilege_granted": "public.documents"})
            # The remedy is for the primary.
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                reader.execute(remedies(reader)[0][0])
            superuser.execute(remedies(reader)[0][0])
            eventually(lambda: found(reader) == {})
    finally:
        standby.stop()
