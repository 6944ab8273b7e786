"""Fixtures of the Python client tests: a database of one's own, reached directly or through PgBouncer."""

import os
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql


@dataclass(frozen=True)
class Database:
    """One database of the private cluster, copied from template_warden."""

    name: str

    def dsn(self, user: str, *, pooled: bool = False) -> str:
        """A connection string; the superuser `postgres` is let in by the socket only, never pooled."""
        if pooled:
            return f"host=127.0.0.1 port={os.environ['WARDEN_POOLER_PORT']} user={user} dbname={self.name}"
        return f"host={os.environ['WARDEN_SOCKET_DIR']} port={os.environ['WARDEN_PORT']} user={user} dbname={self.name}"

    def connect(self, user: str, *, pooled: bool = False, **options) -> psycopg.Connection:
        """A connection; through the pooler without server-side prepared statements, which not every PgBouncer knows."""
        if pooled:
            options.setdefault("prepare_threshold", None)
        return psycopg.connect(self.dsn(user, pooled=pooled), **options)


@pytest.fixture(scope="module")
def database(request):
    """A new database for each test file, with the extension and the logins of pg_test/sql/lib/roles.sql."""
    name = request.module.__name__.rpartition(".")[2]
    with psycopg.connect(os.environ["WARDEN_ADMIN_DSN"], autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_warden").format(sql.Identifier(name)))
        yield Database(name)
        admin.execute(drop)


@pytest.fixture
def superuser(database):
    """A connection as superuser that commits each statement."""
    with database.connect("postgres", autocommit=True) as connection:
        yield connection
