"""A project as a chapter of the manual builds it: a directory with its files, and a database with two logins."""

import os
import subprocess

import psycopg
from manual import REPOSITORY
from protection import protection


class Project:
    """Commands run in the directory as typed; `database`, its owner's login and the application's are the chapter's."""

    def __init__(self, directory, socket, database, **environment):
        self.directory, self.socket, self.database = directory, socket, database
        directory.mkdir(exist_ok=True)
        # The manual's commands are typed in a checkout.
        (directory / "pg_test").symlink_to(REPOSITORY / "pg_test")
        programs = [str(REPOSITORY / ".build/venv/bin"), os.environ["WARDEN_BIN_DIR"], os.environ["PATH"]]
        self.environment = {
            "PATH": ":".join(programs),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "PGHOST": socket,
            "PGPORT": "5432",
            "PGUSER": "postgres",
            **environment,
        }

    def run(self, command):
        """What a command printed, and its exit status."""
        options = {"cwd": self.directory, "env": self.environment, "stdin": subprocess.DEVNULL, "timeout": 600, "text": True}
        result = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        return result.stdout, result.returncode

    def type(self, command):
        """What a command printed that has to succeed."""
        output, status = self.run(command)
        assert status == 0 and "ERROR:" not in output, f"{command}\n{output}"
        return output

    def write(self, name, text):
        """Writes a file; what it held before, or None."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else None
        path.write_text(text)
        return before

    def connect(self, user, **options):
        return psycopg.connect(f"host={self.socket} port=5432 dbname={self.database} user={user}", **options)

    def sql(self, statement):
        """The rows of a statement that a superuser executes."""
        with self.connect("postgres", autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def as_owner(self, statement, reason=None):
        """Executes a statement as the owner of the tables, with the door open if there is a reason."""
        with self.connect(f"{self.database}_owner") as owner:
            if reason:
                owner.execute("SELECT warden.begin_admin(%s)", (reason,))
            owner.execute(statement)

    def protection(self):
        with self.connect("postgres") as connection:
            return protection(connection)


def token(user):
    """A bearer token of the manual's issuer."""
    return subprocess.check_output([REPOSITORY / "pg_test/demo/token", user], text=True).strip()
