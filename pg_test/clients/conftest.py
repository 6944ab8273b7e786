"""Fixtures of the Python client tests: a database of one's own, reached directly or through PgBouncer."""

import os

import psycopg
import pytest
from psycopg import sql

from database import Database
from documents import Documents, fill


@pytest.fixture(scope="module")
def database(request):
    """A new database for each test file, with the extension and the logins of pg_test/sql/lib/roles.sql."""
    name = request.module.__name__.rpartition(".")[2]
    with psycopg.connect(os.environ["WARDEN_ADMIN_DSN"], autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_warden").format(sql.Identifier(name)))
        yield Database(name=name)
        admin.execute(drop)


@pytest.fixture(scope="module")
def documents(database) -> Documents:
    """The same with 100,000 documents of 1,000 users."""
    return fill(database)


@pytest.fixture
def superuser(database):
    """A connection as superuser that commits each statement."""
    with database.connect("postgres", autocommit=True) as connection:
        yield connection
