"""Rows A1 and A2 with psql as the client, through PgBouncer."""

import os
import subprocess

import pytest

from documents import DOCUMENTS_EACH


@pytest.fixture
def psql(documents):
    """Types a script into psql as the pooled login; the variable `token` holds alice's token."""

    def run(script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [f"{os.environ['WARDEN_BIN_DIR']}/psql", "-X", "-At", "-d", documents.dsn("app", pooled=True)]
            + ["-v", "ON_ERROR_STOP=1", "-v", f"token={documents.token(documents.users[0])}"],
            input=script,
            capture_output=True,
            text=True,
        )

    return run


def test_a_transaction_that_presents_a_token_sees_its_users_rows(psql, documents):
    result = psql(
        """
        BEGIN;
        SELECT warden.authenticate(:'token');
        SELECT count(*), min(user_id::text), max(user_id::text) FROM documents;
        INSERT INTO documents (title) VALUES ('mine') RETURNING user_id;
        ROLLBACK;
        SELECT count(*) FROM documents;
        """
    )
    alice = documents.users[0]
    printed = ["BEGIN", f"{alice}", f"{DOCUMENTS_EACH}|{alice}|{alice}", f"{alice}", "INSERT 0 1", "ROLLBACK", "0"]
    assert (result.stderr, result.stdout.splitlines()) == ("", printed)


def test_a_bad_token_ends_the_script(psql):
    result = psql("BEGIN; SELECT warden.authenticate('x'); SELECT count(*) FROM documents;")
    assert result.returncode == 3
    assert "ERROR:  authentication failed" in result.stderr
    assert result.stdout.splitlines() == ["BEGIN"]


def test_outside_a_block_the_identity_lasts_for_its_statement(psql, documents):
    result = psql("SELECT warden.authenticate(:'token'); SELECT count(*) FROM documents;")
    assert result.stdout.splitlines() == [str(documents.users[0]), "0"]
    assert "WARNING:  authenticate() outside a transaction block" in result.stderr


def test_one_message_of_several_statements_is_one_transaction(psql):
    """psql sends what is joined by \\; as one message, which Postgres runs as one transaction."""
    result = psql("SELECT warden.authenticate(:'token') \\; SELECT count(*) FROM documents;")
    assert result.stdout.splitlines()[1:] == [str(DOCUMENTS_EACH)]
