"""Attack E10: a backend that runs out of memory in our code loses its own session, and nobody else's."""

import os
import subprocess
from pathlib import Path

import psycopg
import pytest

MEGABYTE = 2**20


def leave_room(connection, megabytes: int) -> None:
    """Lets the backend allocate this much more, as a server does that does not overcommit memory."""
    pid = connection.info.backend_pid
    status = Path(f"/proc/{pid}/status").read_text()
    size = int(status.split("VmSize:")[1].split()[0]) * 1024
    limit = ["prlimit", f"--pid={pid}", f"--as={size + megabytes * MEGABYTE}"]
    subprocess.run([os.environ["WARDEN_AS_SERVER_USER"], *limit], check=True)


# It fits into the room as Postgres' value, and does not as Rust's. That the caller does not own the table is found out later.
@pytest.mark.parametrize("argument", ["owner_column", "tenant_column", "parent_column"])
def test_a_large_argument(documents, argument):
    with documents.connect("app") as neighbour, documents.connect("app") as connection:
        documents.sign_in(neighbour, documents.users[0])
        connection.execute("SELECT warden.record_event('the library is loaded')")
        leave_room(connection, 150)
        with pytest.raises(psycopg.OperationalError):
            connection.execute(f"SELECT warden.protect('documents', {argument} => repeat('c', 60000000))")
        assert connection.broken
        assert neighbour.execute("SELECT warden.current_user_id()").fetchone()[0] is not None
