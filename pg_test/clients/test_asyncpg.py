"""Rows A1 and A4 with asyncpg: without its statement cache through any PgBouncer, with it where that can work."""

import asyncio
import os
import subprocess

import asyncpg
import pytest

from documents import DOCUMENTS_EACH


def pooler_knows_prepared_statements() -> bool:
    """PgBouncer does from 1.21 on."""
    path = os.environ["PATH"] + ":/usr/sbin"
    version = subprocess.run(["pgbouncer", "--version"], capture_output=True, text=True, env={"PATH": path}).stdout
    return tuple(int(part) for part in version.split()[1].split(".")[:2]) >= (1, 21)


CACHED_AND_POOLED = pytest.param(
    {"pooled": True},
    marks=pytest.mark.skipif(not pooler_knows_prepared_statements(), reason="PgBouncer before 1.21"),
    id="pooled, cache",
)
UNCACHED = {"pooled": True, "statement_cache_size": 0}


def connect(documents, pooled, **options):
    where = "POOLER_PORT" if pooled else "PORT"
    port = int(os.environ[f"WARDEN_{where}"])
    return asyncpg.connect(host="127.0.0.1", port=port, user="app", database=documents.name, **options)


@pytest.mark.parametrize(
    "options",
    [pytest.param(UNCACHED, id="pooled, no cache"), pytest.param({"pooled": False}, id="direct, cache"), CACHED_AND_POOLED],
)
def test_each_transaction_has_its_own_user(documents, options):
    async def run():
        connection = await connect(documents, **options)
        for user in documents.users[:12]:
            async with connection.transaction():
                await connection.execute("SELECT warden.authenticate($1)", documents.token(user))
                rows = await connection.fetch("SELECT user_id FROM documents")
            assert [row["user_id"] for row in rows] == [user] * DOCUMENTS_EACH
            assert await connection.fetch("SELECT user_id FROM documents") == []
        await connection.close()

    asyncio.run(run())


def test_refusal_comes_as_the_drivers_own_class(documents):
    async def run():
        connection = await connect(documents, **UNCACHED)
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            async with connection.transaction():
                await connection.execute("SELECT warden.authenticate($1)", "bad")
        assert await connection.fetchval("SELECT count(*) FROM documents") == 0
        await connection.close()

    asyncio.run(run())
