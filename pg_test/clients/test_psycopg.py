"""Rows A1 and A4 with psycopg 3: plain, with prepared statements, in pipeline mode."""

import psycopg
import pytest

from documents import DOCUMENTS_EACH, owners_seen

AUTHENTICATE = "SELECT warden.authenticate(%s)"
COUNT = "SELECT count(*) FROM documents"


@pytest.fixture(params=["direct", "pooled"])
def connect(request, documents):
    def connect(**options):
        return documents.connect("app", pooled=request.param == "pooled", **options)

    return connect


def test_a_transaction_block_has_an_identity_and_the_next_has_none(connect, documents):
    alice, bob = documents.users[:2]
    with connect() as connection:
        for user in (alice, bob):
            with connection.transaction():
                documents.sign_in(connection, user)
                assert owners_seen(connection) == {user}
            with connection.transaction():
                assert owners_seen(connection) == set()


def test_commit_and_rollback_by_hand(connect, documents):
    with connect() as connection:
        for end in (connection.commit, connection.rollback):
            documents.sign_in(connection, documents.users[0])
            assert owners_seen(connection) == {documents.users[0]}
            end()
            assert owners_seen(connection) == set()


def test_async_connection(documents):
    import asyncio

    async def run():
        dsn = documents.dsn("app", pooled=True)
        async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as connection:
            async with connection.transaction():
                await connection.execute(AUTHENTICATE, (documents.token(documents.users[0]),))
                return await (await connection.execute(COUNT)).fetchone()

    assert asyncio.run(run()) == (DOCUMENTS_EACH,)


def test_prepared_statements_of_one_connection_serve_every_user(documents):
    """Directly: PgBouncer before 1.21 knows no prepared statements."""
    with documents.connect("app", prepare_threshold=0) as connection:
        # More often than plan_cache_mode = auto waits before it takes a generic plan.
        for user in documents.users[:12]:
            with connection.transaction():
                documents.sign_in(connection, user)
                assert owners_seen(connection) == {user}
        kept = connection.execute("SELECT count(*) FROM pg_prepared_statements WHERE generic_plans > 0").fetchone()
        assert kept > (0,)


def test_pipeline_authenticates_and_asks_in_one_round_trip(connect, documents):
    """Until its Sync a pipeline is one transaction, without any BEGIN."""
    with connect(autocommit=True) as connection:
        with connection.pipeline():
            connection.execute(AUTHENTICATE, (documents.token(documents.users[0]),))
            answer = connection.execute(COUNT)
        assert answer.fetchone() == (DOCUMENTS_EACH,)
        assert connection.execute(COUNT).fetchone() == (0,)


def test_pipeline_with_a_transaction_block(connect, documents):
    with connect(autocommit=True) as connection:
        with connection.pipeline(), connection.transaction():
            connection.execute(AUTHENTICATE, (documents.token(documents.users[0]),))
            answer = connection.execute(COUNT)
        assert answer.fetchone() == (DOCUMENTS_EACH,)
        assert connection.execute(COUNT).fetchone() == (0,)


def test_pipeline_with_a_bad_token_shows_nothing(connect):
    with connect(autocommit=True) as connection:
        # The refusal may arrive before the second statement is sent.
        answers = []
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            with connection.pipeline():
                connection.execute(AUTHENTICATE, ("bad",))
                answers.append(connection.execute(COUNT))
        for answer in answers:
            with pytest.raises(psycopg.Error):
                answer.fetchone()
        assert connection.execute(COUNT).fetchone() == (0,)


def test_errors_come_as_the_drivers_own_classes(connect, documents):
    with connect() as connection:
        documents.sign_in(connection, documents.users[0])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO documents (user_id, title) VALUES (%s, '')", (documents.users[1],))
