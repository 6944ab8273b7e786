"""Attack E5: a subscriber of the issuers (logical replication) stops believing one with the publisher, in live backends too."""

import uuid

import psycopg
import pytest

from database import eventually
from documents import trust
from issuer import Issuer
from server import Server

REFUSED = psycopg.errors.InvalidAuthorizationSpecification
ALICE = uuid.uuid4()
NAME = "https://id.example.com"
TABLES = ("users", "trusted_issuers", "issuer_keys")


@pytest.fixture(scope="module")
def server():
    server = Server("replicated_trust", 5436)
    server.create()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def publisher(server):
    """A superuser's connection to the publisher."""
    database = server.create_database("publisher")
    with database.connect("postgres", autocommit=True) as connection:
        connection.execute("SELECT warden.create_user(id => %s)", (ALICE,))
        connection.execute(f"CREATE PUBLICATION trust FOR TABLE {', '.join(f'warden.{table}' for table in TABLES)}")
        connection.execute("SELECT pg_create_logical_replication_slot('trust', 'pgoutput')")
        yield connection


@pytest.fixture(scope="module")
def subscriber(server, publisher):
    database = server.create_database("subscriber")
    with database.connect("postgres", autocommit=True) as connection:
        connection.execute("SELECT warden.add_client_role('app')")
        connection.execute(
            f"CREATE SUBSCRIPTION trust CONNECTION '{server.database('publisher').dsn('postgres')}' PUBLICATION trust"
            " WITH (create_slot = false, slot_name = 'trust')"
        )
        yield database
        connection.execute("DROP SUBSCRIPTION trust")


def is_accepted(client, token) -> bool:
    try:
        with client.transaction():
            return client.execute("SELECT warden.authenticate(%s)", (token,)).fetchone() == (ALICE,)
    except REFUSED:
        return False


@pytest.mark.parametrize("change", [
    f"SELECT warden.distrust_issuer('{NAME}')",
    "UPDATE warden.trusted_issuers SET audiences = '{another}', generation = gen_random_uuid()",
    "TRUNCATE warden.trusted_issuers, warden.issuer_keys",
])
def test_a_change_that_arrives_is_felt_by_a_backend_that_has_verified_the_token(publisher, subscriber, change):
    issuer = Issuer(NAME)
    trust(publisher, issuer)
    token = issuer.token(ALICE)
    with subscriber.connect("app", autocommit=True) as client:
        eventually(lambda: is_accepted(client, token))
        publisher.execute(change)
        eventually(lambda: not is_accepted(client, token))
