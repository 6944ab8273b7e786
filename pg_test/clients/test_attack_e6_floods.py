"""Attack E6: tokens that are huge, deep or many cost their sender an error, and the server no memory it keeps."""

import json
import random
from pathlib import Path

import psycopg
import pytest

from documents import owners_seen
from issuer import Issuer

REFUSED = psycopg.errors.InvalidAuthorizationSpecification
# Wide of every figure seen (below 1 MB), and far below what 10,000 kept tokens of 16 KB would be.
MEGABYTES_ALLOWED = 8


@pytest.fixture
def connection(documents):
    with documents.connect("app") as connection:
        yield connection


def authenticate(connection, token):
    connection.execute("SELECT warden.authenticate(%s)", (token,))


def refuse(connection, token):
    with pytest.raises(REFUSED) as refusal:
        authenticate(connection, token)
    connection.rollback()
    assert refusal.value.diag.message_primary == "authentication failed"


def private_memory(connection) -> float:
    """Megabytes that are the backend's own: shared buffers are not counted."""
    status = Path(f"/proc/{connection.info.backend_pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def nested(depth: int, opening: str, closing: str) -> bytes:
    return f'{{"deep":{opening * depth}1{closing * depth}}}'.encode()


def test_one_megabyte(documents, connection):
    user = documents.users[0]
    refuse(connection, documents.token(user, padding="x" * 1_000_000))
    refuse(connection, "x" * 1_000_000)
    refuse(connection, "." * 1_000_000)
    authenticate(connection, documents.token(user, padding="x" * 1_000))


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["arrays", "objects"])
# The first is longer than a token may be, the second fits.
@pytest.mark.parametrize("depth", [100_000, 1_900])
def test_deep_json_signed_by_a_trusted_key(documents, connection, depth, brackets):
    refuse(connection, documents.eddsa.sign(nested(depth, *brackets)))
    documents.sign_in(connection, documents.users[0])


def test_ten_thousand_bad_tokens_leave_nothing_behind(documents, connection):
    user = documents.users[0]
    stranger = Issuer(documents.eddsa.name)
    unknown = Issuer("https://unknown.example.com")
    good = documents.token(user)

    def bad(number: int) -> str:
        kinds = [
            lambda: stranger.token(user, jti=str(number)),
            lambda: unknown.token(user, iss=f"https://{number}.example.com"),
            lambda: documents.token(user, lifetime=-3600, jti=str(number)),
            lambda: documents.token(user, padding="x" * 10_000, aud=str(number)),
            lambda: good[:-6] + f"{number:06d}",
            lambda: random.randbytes(100).hex(),
            lambda: documents.eddsa.sign(json.dumps({"iss": number}).encode()),
        ]
        return kinds[number % len(kinds)]()

    for number in range(1_000):
        refuse(connection, bad(number))
    before = private_memory(connection)
    for number in range(1_000, 10_000):
        refuse(connection, bad(number))
    assert private_memory(connection) - before < MEGABYTES_ALLOWED
    authenticate(connection, good)
    assert owners_seen(connection) == {user}


def test_eviction_storm_of_good_tokens(documents, connection):
    """The cache keeps 512 tokens, here of 8 KB each; thousands come by, each of the right user, then the first again."""
    users = documents.users
    first = documents.token(users[0])
    authenticate(connection, first)
    connection.commit()

    def come_by(numbers):
        for number in numbers:
            user = users[number % len(users)]
            authenticate(connection, documents.token(user, jti=str(number), scope="x" * 8_000))
            if number % 100 == 0:
                assert owners_seen(connection) == {user}
            connection.commit()

    come_by(range(600))
    before = private_memory(connection)
    come_by(range(600, 4_000))
    assert private_memory(connection) - before < MEGABYTES_ALLOWED
    authenticate(connection, first)
    assert owners_seen(connection) == {users[0]}


def test_many_identities_in_one_transaction_leave_nothing_behind(documents, connection):
    """The same user again and again, each in a savepoint: a setting's stack must not grow for ever."""
    token = documents.token(documents.users[0])
    for number in range(4_000):
        connection.execute("SAVEPOINT s")
        authenticate(connection, token)
        connection.execute("ROLLBACK TO s; RELEASE s" if number % 2 else "RELEASE s")
        if number == 1_000:
            before = private_memory(connection)
    assert private_memory(connection) - before < MEGABYTES_ALLOWED
    authenticate(connection, token)
    assert owners_seen(connection) == {documents.users[0]}
