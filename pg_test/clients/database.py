"""A database of the private cluster, reached directly or through PgBouncer."""

import os
import time
from dataclasses import dataclass, field

import psycopg


@dataclass(frozen=True, kw_only=True)
class Database:
    """One database; of the run's cluster, unless it is said where."""

    name: str
    socket: str = field(default_factory=lambda: os.environ["WARDEN_SOCKET_DIR"])
    port: int = field(default_factory=lambda: int(os.environ["WARDEN_PORT"]))

    def dsn(self, user: str, *, pooled: bool = False) -> str:
        """A connection string; the superuser `postgres` is let in by the socket only, never pooled."""
        if pooled:
            return f"host=127.0.0.1 port={os.environ['WARDEN_POOLER_PORT']} user={user} dbname={self.name}"
        return f"host={self.socket} port={self.port} user={user} dbname={self.name}"

    def connect(self, user: str, *, pooled: bool = False, **options) -> psycopg.Connection:
        """A connection; through the pooler without server-side prepared statements, which not every PgBouncer knows."""
        if pooled:
            options.setdefault("prepare_threshold", None)
        return psycopg.connect(self.dsn(user, pooled=pooled), **options)


def eventually(condition, seconds: float = 120):
    """Waits until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
    return result
