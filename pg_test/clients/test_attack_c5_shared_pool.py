"""Attack C5: 200 clients over five server connections, random users; every row seen belongs to the user who asked.

Twenty seconds, or WARDEN_STRESS_SECONDS.
"""

import asyncio
import os
import random
import time
from collections import defaultdict

import asyncpg
import pytest

from documents import DOCUMENTS_EACH
from issuer import forged

CLIENTS = 200
SECONDS = float(os.environ.get("WARDEN_STRESS_SECONDS", "20"))
# Below this nothing would be proven, however slow the machine: the clients go on until they have done it.
TRANSACTIONS = 5000


class Observations:
    def __init__(self):
        self.transactions = 0
        self.violations = []
        self.users_of_backend = defaultdict(set)
        self.deadline = time.monotonic() + SECONDS

    def unfinished(self) -> bool:
        return time.monotonic() < self.deadline or self.transactions < TRANSACTIONS

    def expect(self, rows, user, count) -> None:
        self.transactions += 1
        owners = [row["user_id"] for row in rows]
        if owners != [user] * count:
            self.violations.append((user, set(owners), len(owners)))


async def read(connection):
    return await connection.fetch("SELECT user_id FROM documents")


async def plain(connection, user, token, seen):
    async with connection.transaction():
        await connection.execute("SELECT warden.authenticate($1)", token)
        seen.expect(await read(connection), user, DOCUMENTS_EACH)
        seen.users_of_backend[await connection.fetchval("SELECT pg_backend_pid()")].add(user)


async def rolled_back(connection, user, token, seen):
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT warden.authenticate($1)", token)
    await connection.execute("UPDATE documents SET title = 'undone' WHERE id = (SELECT min(id) FROM documents)")
    seen.expect(await read(connection), user, DOCUMENTS_EACH)
    await transaction.rollback()


async def failing(connection, user, token, seen):
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with connection.transaction():
            await connection.execute("SELECT warden.authenticate($1)", token)
            seen.expect(await read(connection), user, DOCUMENTS_EACH)
            await connection.execute("SELECT 1 / 0")


async def refused(connection, user, token, seen):
    async with connection.transaction():
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            async with connection.transaction():
                await connection.execute("SELECT warden.authenticate($1)", forged(token))
        seen.expect(await read(connection), user, 0)


async def nobody(connection, user, token, seen):
    seen.expect(await read(connection), user, 0)


async def client(documents, tokens, seen):
    port = int(os.environ["WARDEN_POOLER_PORT"])
    connection = await asyncpg.connect(
        host="127.0.0.1", port=port, user="app", database=documents.name, statement_cache_size=0, timeout=300
    )
    while seen.unfinished():
        user = random.choice(documents.users)
        act = random.choice([plain, plain, plain, rolled_back, failing, refused, nobody])
        await act(connection, user, tokens[user], seen)
    await connection.close()


def test_every_row_belongs_to_the_user_who_asked(documents):
    tokens = {user: documents.token(user, lifetime=3600) for user in documents.users}
    seen = Observations()

    async def run():
        await asyncio.gather(*(client(documents, tokens, seen) for _ in range(CLIENTS)))

    asyncio.run(run())

    assert seen.violations == []
    assert seen.transactions >= TRANSACTIONS
    # Connections were shared, and each among many users.
    assert 1 <= len(seen.users_of_backend) <= 5
    assert min(len(users) for users in seen.users_of_backend.values()) > 50
    print(f"{seen.transactions} transactions, {len(seen.users_of_backend)} server connections")
