"""What a backend keeps of an issuer (src/issuers.rs) is void once a change of it is committed, whoever made it and how."""

import uuid

import psycopg
import pytest

from documents import trust
from issuer import Issuer

REFUSED = psycopg.errors.InvalidAuthorizationSpecification
ALICE = uuid.uuid4()
NAME = "https://id.example.com"


@pytest.fixture(scope="module")
def prepared(database):
    with database.connect("postgres", autocommit=True) as admin:
        prepare(admin)
    return database


def prepare(admin):
    admin.execute("SELECT warden.add_client_role('app')")
    admin.execute("SELECT warden.create_user(id => %s)", (ALICE,))


@pytest.fixture
def issuer(prepared, superuser):
    issuer = Issuer(NAME)
    trust(superuser, issuer)
    return issuer


@pytest.fixture
def client(prepared):
    """A client whose statements are transactions, in a backend that lives on."""
    with prepared.connect("app", autocommit=True) as connection:
        yield connection


def is_accepted(client, token) -> bool:
    try:
        with client.transaction():
            return client.execute("SELECT warden.authenticate(%s)", (token,)).fetchone() == (ALICE,)
    except REFUSED:
        return False


@pytest.mark.parametrize("change", [
    f"SELECT warden.distrust_issuer('{NAME}')",
    "DELETE FROM warden.trusted_issuers",
    "UPDATE warden.trusted_issuers SET audiences = '{another}', generation = gen_random_uuid()",
    "TRUNCATE warden.trusted_issuers CASCADE",
    "SET session_replication_role = replica; DELETE FROM warden.trusted_issuers",
])
def test_a_change_is_felt_by_a_backend_that_has_verified_the_token(superuser, issuer, client, change):
    token = issuer.token(ALICE)
    assert is_accepted(client, token)
    superuser.execute(change)
    assert not is_accepted(client, token)
    superuser.execute("RESET session_replication_role")
    trust(superuser, issuer)
    assert is_accepted(client, token)


def test_a_change_is_felt_within_a_transaction_that_began_before(superuser, issuer, client):
    token = issuer.token(ALICE)
    with pytest.raises(REFUSED), client.transaction():
        client.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        client.execute("SELECT warden.authenticate(%s)", (token,))
        superuser.execute("DELETE FROM warden.trusted_issuers")
        client.execute("SELECT warden.authenticate(%s)", (token,))


def test_a_change_counts_when_it_is_committed(prepared, issuer, client):
    token = issuer.token(ALICE)
    assert is_accepted(client, token)
    with prepared.connect("postgres") as admin:
        admin.execute("DELETE FROM warden.trusted_issuers")
        assert is_accepted(client, token)
        admin.rollback()
        assert is_accepted(client, token)
        admin.execute("DELETE FROM warden.trusted_issuers")
        admin.commit()
    assert not is_accepted(client, token)


def test_a_change_undone_leaves_nothing_in_the_backend_that_made_it(prepared, superuser, issuer):
    """An administrator's own backend keeps nothing of what it has read before it rolled back."""
    impostor = Issuer(NAME)
    verifies = "SELECT warden.verify_token(%s) ->> 'sub'"
    with prepared.connect("postgres") as admin:
        trust(admin, impostor)
        assert admin.execute(verifies, (impostor.token(ALICE),)).fetchone() == (str(ALICE),)
        admin.rollback()
        with pytest.raises(REFUSED):
            admin.execute(verifies, (impostor.token(ALICE),))
        admin.rollback()
        assert admin.execute(verifies, (issuer.token(ALICE),)).fetchone() == (str(ALICE),)


def test_the_extension_made_again_believes_nobody(superuser, issuer, client):
    token = issuer.token(ALICE)
    assert is_accepted(client, token)
    superuser.execute("DROP EXTENSION pg_warden CASCADE")
    superuser.execute("CREATE EXTENSION pg_warden")
    prepare(superuser)
    assert not is_accepted(client, token)
    trust(superuser, issuer)
    assert is_accepted(client, token)
