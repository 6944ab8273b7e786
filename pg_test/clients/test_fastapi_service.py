"""Rows A2 and A5 to A8 over HTTP: the service of fastapi_service/, run by uvicorn, behind PgBouncer."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from documents import DOCUMENTS_EACH
from issuer import Issuer


@pytest.fixture(scope="module")
def service(documents):
    """Where the service answers. It inherits a socket that listens already, so nobody has to wait for it."""
    url = f"postgresql+psycopg://app@127.0.0.1:{os.environ['WARDEN_POOLER_PORT']}/{documents.name}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "app:app", "--fd", str(listener.fileno()), "--log-level", "warning"]
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parent / "fastapi_service",
            env={**os.environ, "DATABASE_URL": url},
            pass_fds=[listener.fileno()],
        )
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(120)


@pytest.fixture(scope="module")
def client_of(service, documents):
    """An HTTP client with a user's token, and paths below the user's own URL."""

    def client_of(user, token=None):
        token = token or documents.token(user)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{service}/api/{user}", headers=headers, timeout=300)

    return client_of


@pytest.fixture
def alice(client_of, documents):
    return client_of(documents.users[0])


@pytest.fixture
def bob(client_of, documents):
    return client_of(documents.users[1])


def owners(items):
    return {item["user_id"] for item in items}


def test_list_is_paged_and_counts_all_that_is_visible(alice, documents):
    page = alice.get("/documents", params={"skip": 95, "limit": 10}).json()
    assert len(page["items"]) == 5
    assert page["total"] == DOCUMENTS_EACH
    first = alice.get("/documents", params={"limit": 10}).json()["items"]
    assert len(first) == 10 and owners(first) == {str(documents.users[0])}
    assert alice.get("/documents", params={"skip": -1}).status_code == 422
    assert alice.get("/documents", params={"limit": -1}).status_code == 422


def test_page_is_bounded_and_in_a_stable_order(client_of, documents, superuser):
    """A8: of 250 rows a page has at most 100, whatever is asked for; pages that follow each other make the whole."""
    user = documents.users[4]
    superuser.execute("INSERT INTO documents (user_id, title) SELECT %s, 'more' FROM generate_series(1, %s)", (user, 250 - DOCUMENTS_EACH))

    def page(**params):
        answer = client_of(user).get("/documents", params=params).json()
        assert answer["total"] == 250
        return [item["id"] for item in answer["items"]]

    assert len(page()) == len(page(limit=100)) == len(page(limit=1_000_000)) == 100
    assert page(limit=0) == [] and page(skip=250) == []
    ids = page() + page(skip=100) + page(skip=200)
    assert len(ids) == 250 and ids == sorted(set(ids))


def test_document_is_the_callers_whatever_the_body_says(client_of, documents):
    user, other = documents.users[2:4]
    answer = client_of(user).post("/documents", json={"title": "new", "user_id": str(other)})
    assert (answer.status_code, answer.json()["user_id"]) == (201, str(user))
    assert client_of(user).get("/documents").json()["total"] == DOCUMENTS_EACH + 1
    assert client_of(other).get("/documents").json()["total"] == DOCUMENTS_EACH


def test_foreign_document_is_answered_like_one_that_does_not_exist(alice, bob):
    document = alice.get("/documents", params={"limit": 1}).json()["items"][0]
    assert alice.get(f"/documents/{document['id']}").json() == document
    foreign, unknown = bob.get(f"/documents/{document['id']}"), bob.get("/documents/9999999")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert foreign.status_code == 404


def test_token_is_required(service, documents):
    answer = httpx.get(f"{service}/api/{documents.users[0]}/documents", timeout=300)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_bad_tokens_are_answered_alike(client_of, documents):
    user = documents.users[0]
    stranger = Issuer(documents.eddsa.name)
    unknown_user = "00000000-0000-4000-8000-000000000000"
    bad = ["x", documents.token(user, lifetime=-60), stranger.token(user), documents.token(unknown_user)]
    answers = [client_of(user, token).get("/documents") for token in bad]
    assert [answer.status_code for answer in answers] == [401] * len(bad)
    assert len({answer.content for answer in answers}) == 1
    assert client_of(user, documents.rs256.token(user)).get("/documents").status_code == 200


def test_url_of_another_user_is_forbidden_whether_there_is_one_or_not(client_of, documents):
    alice, bob = documents.users[:2]
    unknown = "00000000-0000-4000-8000-000000000000"
    answers = [client_of(user, documents.token(alice)).get("/documents") for user in (bob, unknown)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content


def test_status_comes_from_the_extension(superuser):
    sys.path.insert(0, str(Path(__file__).parent / "fastapi_service"))
    os.environ.setdefault("DATABASE_URL", "postgresql+psycopg://")
    from app import HTTP_STATUS

    for state, status in HTTP_STATUS.items():
        assert superuser.execute("SELECT warden.http_status(%s)", (state,)).fetchone() == (status,)


# What is injected, and how the request is answered.
INJECTED_READS = {
    "' OR 1=1 --": 200,
    "' OR true UNION ALL SELECT id, user_id, title FROM documents --": 200,
    "' OR user_id = '{bob}' --": 200,
    "'; INSERT INTO documents (title) VALUES ('x') RETURNING id, user_id, title --": 200,
    "'; ROLLBACK; SELECT id, user_id, title FROM documents --": 200,
    "' OR set_config('app.current_user_id', '{bob}', true) <> '' --": 403,
    "'; SELECT set_config('app.current_user_id', '{bob}', false); SELECT id, user_id, title FROM documents --": 403,
    "'; SET LOCAL app.current_user_id = '{bob}'; SELECT id, user_id, title FROM documents --": 403,
    "'; COMMIT; BEGIN; SELECT set_config('warden.identity', '{bob}', true); SELECT * FROM documents --": 403,
    "'; SELECT warden.authenticate('{stolen}'); SELECT id, user_id, title FROM documents --": 401,
    "'; SELECT warden.authenticate('{other}'); SELECT id, user_id, title FROM documents --": 409,
    "'; SELECT warden.set_current_user('{bob}'); SELECT id, user_id, title FROM documents --": 403,
    "'; SET row_security = off; SELECT id, user_id, title FROM documents --": 403,
    "'; RESET ALL; SET ROLE owner; SELECT id, user_id, title FROM documents --": 403,
}


@pytest.mark.parametrize(("injected", "status"), INJECTED_READS.items())
def test_injected_sql_sees_own_rows_at_most(alice, bob, documents, injected, status):
    """The attacker has bob's id, an expired token of his, and a good token of another account of her own."""
    me, victim, other = documents.users[:3]
    stolen = documents.token(victim, lifetime=-60)
    title = injected.format(bob=victim, stolen=stolen, other=documents.token(other))
    answer = alice.get("/search", params={"title": title})
    assert answer.status_code == status
    if status == 200:
        assert owners(answer.json()) <= {str(me)}
    assert owners(bob.get("/documents").json()["items"]) == {str(victim)}


def test_injected_sql_does_run(alice):
    """The WHERE clause is gone, and a second statement is executed."""
    assert len(alice.get("/search", params={"title": "document 7"}).json()) == 1
    assert len(alice.get("/search", params={"title": "' OR 1=1 --"}).json()) == DOCUMENTS_EACH
    assert alice.get("/search", params={"title": "'; SELECT 'second' AS answer --"}).json() == [{"answer": "second"}]


@pytest.mark.parametrize(
    "injected",
    [
        "'; DELETE FROM documents; COMMIT --",
        "'; UPDATE documents SET title = 'pwned'; COMMIT --",
        "'; UPDATE documents SET user_id = '{mallory}' WHERE user_id = '{bob}'; COMMIT --",
        "'; TRUNCATE documents; COMMIT --",
        "'; ALTER TABLE documents DISABLE ROW LEVEL SECURITY; COMMIT --",
        "'; DROP TABLE documents; COMMIT --",
    ],
)
def test_injected_writes_change_own_rows_at_most(client_of, bob, documents, injected):
    mallory = documents.users[-1]
    before = bob.get("/documents").json()
    client_of(mallory).get("/search", params={"title": injected.format(bob=documents.users[1], mallory=mallory)})
    assert bob.get("/documents").json() == before


def test_twenty_users_at_once(client_of, documents):
    users = documents.users[100:120]

    def visit(user):
        with client_of(user) as client:
            for skip in range(0, DOCUMENTS_EACH, 10):
                page = client.get("/documents", params={"skip": skip, "limit": 10}).json()
                assert owners(page["items"]) == {str(user)} and page["total"] == DOCUMENTS_EACH
        return user

    with ThreadPoolExecutor(len(users)) as threads:
        assert list(threads.map(visit, users)) == list(users)
