"""Attack E5: what ends trust in a token is felt although its verification is cached, whatever the isolation level."""

import contextlib
import time

import psycopg
import pytest

from database import eventually
from documents import DOCUMENTS_EACH, owners_seen, trust
from issuer import Issuer

REFUSED = psycopg.errors.InvalidAuthorizationSpecification


@pytest.fixture
def issuer(superuser):
    """An issuer of the test's own, without leeway."""
    issuer = Issuer("https://short.example.com")
    trust(superuser, issuer, leeway="0 seconds")
    yield issuer
    superuser.execute("SELECT warden.distrust_issuer(%s)", (issuer.name,))


@pytest.fixture
def connection(documents):
    """A client connection that has cached nothing."""
    with documents.connect("app") as connection:
        yield connection


@pytest.fixture(params=["read committed", "repeatable read", "serializable"])
def isolated(request, connection):
    connection.execute(f"SET default_transaction_isolation = '{request.param}'")
    connection.commit()
    return connection


@pytest.fixture(scope="module")
def unused_users(documents):
    return iter(documents.users)


@pytest.fixture
def user(unused_users):
    """Each test has a user of its own: what it does to one is not undone."""
    return next(unused_users)


def authenticate(connection, token):
    connection.execute("SELECT warden.authenticate(%s)", (token,))


# Seconds. As short as this machine is fast enough for: where one is over too soon, the next is tried.
BRIEF = (2, 4, 8, 16, 32, 64)


def sign_in_briefly(connection, issuer, user, then="SELECT"):
    """Acts for the user, for seconds only, and executes a statement in that time; returns when that time is over."""
    for lifetime in BRIEF:
        expires = int(time.time()) + lifetime
        with contextlib.suppress(REFUSED):
            authenticate(connection, issuer.token(user, exp=expires))
            connection.execute(then)
            assert connection.execute("SELECT count(*) FROM documents").fetchone() == (DOCUMENTS_EACH,)
            return expires
        connection.rollback()
    raise AssertionError("an identity of a minute is over before it is used")


def cache(connection, user, token):
    for _ in range(2):
        authenticate(connection, token)
        assert owners_seen(connection) == {user}
        connection.commit()


def assert_felt_by_cached_token(connection, user, token, change):
    """The token is good and cached; then `change` happens elsewhere; then it is refused: next, and in an older snapshot."""
    cache(connection, user, token)
    # A snapshot that is older than the change.
    connection.execute("SELECT count(*) FROM documents")
    change()
    assert_refused(connection, token)


def assert_refused(connection, token):
    """In the transaction that is open, and in the next."""
    with pytest.raises(REFUSED):
        authenticate(connection, token)
    connection.rollback()
    with pytest.raises(REFUSED):
        authenticate(connection, token)
    connection.rollback()
    assert owners_seen(connection) == set()
    connection.rollback()


def test_transaction_outlives_its_token(documents, issuer, user, connection):
    """Loud: the statements that start in time see everything, the first that starts late sees an error, not half."""
    sign_in_briefly(connection, issuer, user)
    answers = [(DOCUMENTS_EACH,)]

    def expired():
        try:
            answers.append(connection.execute("SELECT count(*) FROM documents").fetchone())
        except REFUSED as error:
            return error

    error = eventually(expired)
    assert "has expired" in str(error)
    assert set(answers) == {(DOCUMENTS_EACH,)}


def test_expired_identity_stays_expired_after_rollback_to(documents, issuer, user, connection):
    sign_in_briefly(connection, issuer, user)
    connection.execute("SAVEPOINT before")

    def expired():
        try:
            connection.execute("SELECT count(*) FROM documents")
        except REFUSED:
            return True

    eventually(expired)
    connection.execute("ROLLBACK TO before")
    with pytest.raises(REFUSED):
        connection.execute("SELECT count(*) FROM documents")
    connection.execute("ROLLBACK TO before")
    authenticate(connection, issuer.token(user))
    assert owners_seen(connection) == {user}


def test_open_cursor_may_finish(documents, issuer, user, connection):
    expires = sign_in_briefly(connection, issuer, user, "DECLARE report CURSOR FOR SELECT user_id FROM documents")
    eventually(lambda: time.time() > expires)
    assert connection.execute("FETCH ALL FROM report").fetchall() == [(user,)] * DOCUMENTS_EACH
    with pytest.raises(REFUSED):
        connection.execute("SELECT count(*) FROM documents")


def test_expired_token_is_refused_although_cached(documents, issuer, user, connection):
    for lifetime in BRIEF:
        token = issuer.token(user, lifetime=lifetime)
        with contextlib.suppress(REFUSED):
            cache(connection, user, token)
            break
        connection.rollback()
    connection.execute("SELECT count(*) FROM documents")
    eventually(lambda: refused_elsewhere(documents, token))
    assert_refused(connection, token)


def refused_elsewhere(documents, token):
    with documents.connect("app") as other:
        try:
            authenticate(other, token)
        except REFUSED:
            return True


def test_suspended_user(documents, superuser, user, isolated):
    def suspend():
        superuser.execute("SELECT warden.set_user_status(%s, 'suspended')", (user,))

    token = documents.token(user)
    assert_felt_by_cached_token(isolated, user, token, suspend)
    superuser.execute("SELECT warden.set_user_status(%s, 'active')", (user,))
    authenticate(isolated, token)


def test_tokens_valid_after(documents, superuser, user, isolated):
    def revoke():
        superuser.execute("UPDATE warden.users SET tokens_valid_after = now() WHERE id = %s", (user,))

    # A token of the very second of the revocation would be refused just the same: iat has whole seconds.
    old = documents.token(user, iat=int(time.time()) - 10)
    assert_felt_by_cached_token(isolated, user, old, revoke)
    authenticate(isolated, documents.token(user, iat=int(time.time()) + 1))


def test_retired_key(superuser, issuer, user, isolated):
    token = issuer.token(user)

    def retire():
        issuer.rotate()
        superuser.execute("SELECT warden.set_issuer_keys(%s, %s)", (issuer.name, issuer.key_set))

    assert_felt_by_cached_token(isolated, user, token, retire)
    authenticate(isolated, issuer.token(user))


def test_distrusted_issuer(superuser, issuer, user, isolated):
    token = issuer.token(user)

    def distrust():
        superuser.execute("SELECT warden.distrust_issuer(%s)", (issuer.name,))

    assert_felt_by_cached_token(isolated, user, token, distrust)
    trust(superuser, issuer)
    authenticate(isolated, token)


def test_narrowed_audience(superuser, issuer, user, isolated):
    """Trusting again with other rules voids what was verified under the old ones."""
    token = issuer.token(user)

    def narrow():
        superuser.execute("SELECT warden.trust_issuer(%s, %s, '{other}')", (issuer.name, issuer.key_set))

    assert_felt_by_cached_token(isolated, user, token, narrow)
    authenticate(isolated, issuer.token(user, aud="other"))


def test_suspension_ends_no_transaction_that_runs(documents, superuser, user, connection):
    """Status is read when a transaction authenticates: what runs may finish, the next may not begin."""
    authenticate(connection, documents.token(user))
    superuser.execute("SELECT warden.set_user_status(%s, 'suspended')", (user,))
    assert owners_seen(connection) == {user}
    connection.commit()
    with pytest.raises(REFUSED):
        authenticate(connection, documents.token(user))
    superuser.execute("SELECT warden.set_user_status(%s, 'active')", (user,))
