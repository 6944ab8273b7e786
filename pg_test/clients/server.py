"""A server of a test's own, for what the run's cluster is not set up for: standbys, replication."""

import os
import re
import subprocess
from pathlib import Path

from database import Database

ROLES = Path(__file__).resolve().parents[1] / "sql/lib/roles.sql"


def run(program: str, *arguments: str) -> str:
    """Runs a program of the server as the server's user; returns what it printed."""
    command = [os.environ["WARDEN_AS_SERVER_USER"], f"{os.environ['WARDEN_BIN_DIR']}/{program}", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{program}: {result.stderr}"
    return result.stdout


class Server:
    """Lives in a directory of the run, and is reached by a socket there."""

    def __init__(self, name: str, port: int):
        self.directory = Path(os.environ["WARDEN_RUN_DIR"]) / name
        self.data, self.log = f"{self.directory}-data", Path(f"{self.directory}-log")
        self.socket, self.port = os.environ["WARDEN_SOCKET_DIR"], port

    def create(self) -> None:
        """An empty cluster with the logins of the tests, started."""
        run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()
        subprocess.run(["psql", "-Xq", "-d", self.database("postgres").dsn("postgres"), "-f", ROLES], check=True)

    def create_database(self, name: str) -> Database:
        """A new database with the extension, where `owner` may make tables."""
        with self.database("postgres").connect("postgres", autocommit=True) as superuser:
            superuser.execute(f"CREATE DATABASE {name}")
        with self.database(name).connect("postgres", autocommit=True) as superuser:
            superuser.execute("CREATE EXTENSION pg_warden; GRANT CREATE ON SCHEMA public TO owner")
        return self.database(name)

    def copy_to(self, name: str, port: int) -> "Server":
        """A standby of this server, started."""
        standby = Server(name, port)
        primary = self.database("postgres").dsn("postgres")
        run("pg_basebackup", "--no-sync", "-c", "fast", "-R", "-D", standby.data, "-d", primary)
        standby.start()
        return standby

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.socket} -p {self.port} -c fsync=off -c autovacuum=off -c wal_level=logical"
        run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-l", str(self.log), "-o", options)

    def promote(self) -> None:
        """Makes a server of its own of a standby."""
        run("pg_ctl", "promote", "-w", "-s", "-D", self.data)

    def stop(self) -> None:
        """Stops it, and looks whether anything in it has crashed."""
        run("pg_ctl", "stop", "-s", "-m", "fast", "-D", self.data)
        assert not re.search(r"PANIC:|TRAP:|panicked at|terminated by signal", self.log.read_text())

    def database(self, name: str) -> Database:
        return Database(name=name, socket=self.socket, port=self.port)
