"""docs/postgrest.md as typed; then requests as PostgREST 16 makes them (src/library/PostgREST/Query/PreQuery.hs, MainTx.hs): one
statement that sets what the request says, one that calls the pre-request function, both prepared, then the query."""

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import psycopg
import pytest

from manual import REPOSITORY, blocks, own_server, typed

CHAPTER = "docs/postgrest.md"
SQL = [(block.options, block.text) for block in blocks(CHAPTER) if block.language == "sql"]
CONFIG = dict(re.findall(r'^(\S+) = "(.*)"$', next(b.text for b in blocks(CHAPTER) if b.language == "ini"), re.M))
STATUS = re.findall(r"^\| (\w{5}) \| .* \| PT(\d+), so (\d+) \|", (REPOSITORY / CHAPTER).read_text(), re.M)
ALICE = "00000000-0000-4000-8000-0000000a11ce"
BOB = "00000000-0000-4000-8000-000000000b0b"


def token(*arguments):
    return subprocess.run([REPOSITORY / "pg_test/demo/token", *arguments], check=True, capture_output=True, text=True).stdout


def expired(subject):
    """A token of the demo's issuer that was good an hour ago."""
    then = int(time.time()) - 7200
    claims = {"iss": "https://id.example.com", "aud": "api", "sub": subject, "iat": then, "exp": then + 3600}
    return jwt.encode(claims, "a-secret-of-the-demo-with-32-bytes-or-more", "HS256", {"kid": "demo"})


@pytest.fixture(scope="module")
def chapter():
    """The socket directory of a server where the chapter was typed, and what psql printed for each block."""
    with own_server("postgrest") as directory:
        printed = typed(directory, [text for _, text in SQL])
        with psycopg.connect(f"host={directory} port=5432 user=postgres dbname=postgres", autocommit=True) as superuser:
            # The chapter ends with it; requests begin as before.
            superuser.execute("ALTER ROLE authenticator RESET warden.missing_identity")
            superuser.execute("""
                CREATE FUNCTION api.refuse(state text) RETURNS int LANGUAGE plpgsql AS
                    $$BEGIN RAISE 'by the application' USING ERRCODE = state; END$$;
                CREATE FUNCTION api.caught() RETURNS text LANGUAGE plpgsql AS
                    $$BEGIN PERFORM warden.require_user(gen_random_uuid()); EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END$$""")
        yield directory, printed


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(chapter, number):
    options, text = SQL[number]
    output = chapter[1][number]
    assert ("ERROR:" in output) == (options == "refused"), f"{text}\n--- printed ---\n{output}"


def test_what_the_blocks_show(chapter):
    """Alice's first GET is empty; her row is returned by her POST, and by no other request of that block."""
    output = "\n".join(chapter[1])
    get = next(text for text in chapter[1] if "pre_request" in text and "task" in text)
    assert "(0 rows)" in get and ALICE in get
    post = next(text for text in chapter[1] if "INSERT 0 1" in text)
    assert post.count("write a diary") == 1 and post.count("(0 rows)") == 2
    assert output.count("ERROR:  authentication failed") == 1
    assert output.count("ERROR:  nobody is signed in in this transaction") == 1


class Gateway:
    """One connection of PostgREST's pool."""

    def __init__(self, directory):
        # As PostgREST does by default: each statement is prepared.
        dsn = f"host={directory} port=5432 user=authenticator dbname=postgres"
        self.connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=0)

    def request(self, method, query, headers=None, claims=None, role=CONFIG["db-anon-role"]):
        """The rows of the query, or the SQLSTATE that came back; `headers` in lower case, as PostgREST writes them."""
        mode = "READ ONLY" if method in ("GET", "HEAD") else "READ WRITE"
        execute = self.connection.execute
        execute(f"START TRANSACTION ISOLATION LEVEL READ COMMITTED {mode}")
        try:
            execute(
                "select set_config('search_path', %s, true), set_config('role', %s, true),"
                " set_config('request.jwt.claims', %s, true), set_config('request.method', %s, true),"
                " set_config('request.path', %s, true), set_config('request.headers', %s, true),"
                " set_config('request.cookies', %s, true)",
                (f'"{CONFIG["db-schemas"]}", "public"', role, json.dumps({"role": role, **(claims or {})}), method,
                 "/todos", json.dumps({"host": "api.example.com", "accept": "*/*", **(headers or {})}), "{}"),
            )  # fmt: skip
            schema, function = CONFIG["db-pre-request"].split(".")
            execute(f'select "{schema}"."{function}"()')
            rows = execute(query).fetchall()
        except psycopg.Error as error:
            execute("ROLLBACK")
            return error.sqlstate
        execute("COMMIT")
        return rows

    def tasks(self, **request):
        rows = self.request("GET", "SELECT task FROM todos ORDER BY id", **request)
        return rows if isinstance(rows, str) else [task for (task,) in rows]


@pytest.fixture
def gateway(chapter):
    gateway = Gateway(chapter[0])
    yield gateway
    gateway.connection.close()


def bearer(*arguments):
    return {"authorization": f"Bearer {token(*arguments)}"}


def test_each_request_is_its_bearers(gateway):
    """On one connection, one after the other, with what is left of the one before."""
    alice, bob = bearer(ALICE), bearer(BOB)
    assert gateway.tasks(headers=alice) == ["write a diary"]
    assert gateway.tasks(headers=bob) == []
    assert gateway.tasks() == []
    assert gateway.request("POST", "INSERT INTO todos (task) VALUES ('bake') RETURNING user_id::text", alice | bob) == [(BOB,)]
    assert gateway.tasks(headers=bob) == ["bake"]
    assert gateway.request("PATCH", "UPDATE todos SET done = true RETURNING task", bob) == [("bake",)]
    assert gateway.request("GET", "SELECT task FROM open_todos", alice) == [("write a diary",)]
    assert gateway.request("DELETE", "DELETE FROM todos RETURNING task", bob) == [("bake",)]
    assert gateway.tasks(headers=alice) == ["write a diary"]


def test_a_first_get_makes_the_user(gateway):
    """Also of several at once, on connections of their own."""
    newcomer = "00000000-0000-4000-8000-00000000fee1"

    def first(_):
        own = Gateway(gateway.connection.info.host)
        try:
            return own.request("GET", "SELECT warden.current_user_id()::text", bearer(newcomer))
        finally:
            own.connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(first, range(4))) == [[(newcomer,)]] * 4


REFUSED = {
    "another scheme": "Basic YWxpY2U6eA==",
    "no scheme": "{alice}",
    "nothing": "",
    "a scheme alone": "Bearer",
    "two tokens": "Bearer {alice}, Bearer {bob}",
    "a token and more": "Bearer {alice} x",
    "a token that was changed": "Bearer {alice}x",
    "no token": "Bearer a.b.c",
    "another issuer's key": "Bearer {forged}",
    "expired": "Bearer {expired}",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_header_that_is_no_valid_token(gateway, name):
    """401, whoever PostgREST says it is; and the next request of the connection is served."""
    tokens = {"alice": token(ALICE), "bob": token(BOB), "forged": token(ALICE, "900", "x" * 32), "expired": expired(ALICE)}
    header = {"authorization": REFUSED[name].format(**tokens)}
    assert gateway.tasks(headers=header, claims={"sub": ALICE}) == "PT401"
    assert gateway.tasks() == []
    assert gateway.tasks(headers=bearer(ALICE)) == ["write a diary"]


def test_attack_claims_and_planted_settings_make_nobody(gateway):
    """What the transaction says besides the header; and what an injected statement left in the session."""
    claims = {"sub": ALICE, "iss": "https://id.example.com", "aud": "api"}
    assert gateway.tasks(claims=claims) == []
    assert gateway.tasks(headers={"x-user-id": ALICE, "cookie": f"authorization={token(ALICE)}"}, claims=claims) == []
    plant = f"SELECT set_config('request.headers', '{json.dumps(bearer(ALICE))}', false)"
    assert gateway.request("POST", plant, bearer(BOB)) != []
    assert gateway.tasks() == [] and gateway.tasks(headers=bearer(BOB)) == []
    changed = """SELECT set_config('request.headers', '{"authorization": "Bearer x"}', true) WHERE warden.current_user_id() IS NOT NULL"""
    assert len(gateway.request("GET", changed, bearer(ALICE))) == 1, "changing it afterwards changes nothing"


def test_attack_a_query_cannot_become_another(gateway):
    """An injected query, in the transaction of bob's request, with alice's token at hand: one transaction, one user."""
    headers = json.dumps(bearer(ALICE))
    again = f"SELECT set_config('request.headers', '{headers}', true), warden.pre_request()"
    assert gateway.request("POST", again, bearer(BOB)) == "PT409"
    assert gateway.request("POST", f"SELECT warden.authenticate('{token(ALICE)}')", bearer(BOB)) == "PT409"
    assert gateway.request("POST", f"SELECT warden.set_current_user('{ALICE}')", bearer(BOB)) == "42501"


def test_roles_that_are_no_clients(chapter, gateway):
    """A role that a token names runs requests only once it is a client; and none is, behind a login that can see everything."""
    with psycopg.connect(f"host={chapter[0]} port=5432 user=postgres dbname=postgres", autocommit=True) as superuser:
        superuser.execute("CREATE ROLE staff NOLOGIN; GRANT staff TO authenticator; GRANT USAGE ON SCHEMA api TO staff")
        superuser.execute("GRANT SELECT ON api.todos TO staff")
        assert gateway.tasks(headers=bearer(ALICE), role="staff") == "42501"
        superuser.execute("SELECT warden.add_client_role('staff')")
        assert gateway.tasks(headers=bearer(ALICE), role="staff") == ["write a diary"]

        superuser.execute("CREATE ROLE late NOLOGIN; CREATE ROLE service NOLOGIN BYPASSRLS; GRANT late, service TO authenticator")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            superuser.execute("SELECT warden.add_client_role('late')")
        superuser.execute("REVOKE service FROM authenticator")
        superuser.execute("SELECT warden.add_client_role('late')")


def test_the_statuses(gateway):
    """Each row of the chapter's table that a client can cause, by the function of ours that raises it."""
    style = {state: f"PT{code}" for state, code, _ in STATUS}
    assert len(style) == 7 and all(code == status for _, code, status in STATUS)
    alice = bearer(ALICE)
    assert gateway.request("GET", "SELECT 1", {"authorization": f"Bearer {expired(ALICE)}"}) == style["28000"]
    assert gateway.request("GET", f"SELECT warden.require_user('{BOB}')", alice) == style["42501"]
    assert gateway.request("POST", "SELECT warden.record_event('')", alice) == style["22023"]
    assert gateway.request("POST", f"SELECT warden.authenticate('{token(BOB)}')", alice) == style["55000"]
    for state, code, _ in STATUS:
        with psycopg.connect(f"host={gateway.connection.info.host} port=5432 user=postgres dbname=postgres") as superuser:
            assert superuser.execute("SELECT warden.http_status(%s)", (state,)).fetchone()[0] == int(code)


def test_errors_of_others_keep_their_state(gateway):
    alice = bearer(ALICE)
    for state in ("28000", "42501", "P0002", "22023"):
        assert gateway.request("POST", f"SELECT refuse('{state}')", alice) == state
    stolen = f"INSERT INTO todos (user_id, task) VALUES ('{BOB}', 'x') RETURNING 1"
    assert gateway.request("POST", stolen, alice) == "42501"
    assert gateway.request("GET", "SELECT caught()", alice) == [("42501",)]


def test_e10_n12_the_log_holds_a_line_for_each_refusal_and_no_token(chapter):
    """Also where the operator logs every statement with its parameters, of which one holds all headers."""
    directory = chapter[0]
    with psycopg.connect(f"host={directory} port=5432 user=postgres dbname=postgres", autocommit=True) as superuser:
        for setting in ("log_min_duration_statement = 0", "log_parameter_max_length_on_error = -1"):
            superuser.execute(f"ALTER ROLE authenticator SET {setting}")
    good, bad = bearer(ALICE, "901"), {"authorization": f"Bearer {expired(ALICE)}"}
    logging = Gateway(directory)
    assert logging.tasks(headers=good) == ["write a diary"]
    assert logging.request("GET", "SELECT 1/0", good) == "22012"
    assert logging.tasks(headers=bad) == "PT401"
    assert logging.tasks(headers={"authorization": "Basic c2VjcmV0OnBhc3N3b3Jk"}) == "PT401"
    logging.connection.close()
    reader = [os.environ["WARDEN_AS_SERVER_USER"], "cat", f"{directory}/log"]
    log = subprocess.run(reader, capture_output=True, text=True, check=True).stdout
    assert "request.headers" in log, "statements are logged"
    for header in (good, bad):
        _, claims, signature = header["authorization"].split(".")
        assert claims not in log and signature not in log
    reasons = re.findall(r'pg_warden refused function=pre_request reason="([a-z_]+)"', log)
    assert reasons[-2:] == ["expired", "malformed_authorization"]
