"""N10: docs/providers.md as typed. One call of trust_issuer for each provider, all of them in one database; then a token of each
provider is accepted, and its neighbours (another audience, tenant or application, an ID token, a claim left out) are refused.
N12: the administrator is told which check it was, the log has one line for each, and the client gets one answer for all."""

import base64
import json
import os
import re
import subprocess
import sys

import psycopg
import pytest

import providers
from manual import REPOSITORY, blocks, own_server, typed

CHAPTER = blocks("docs/providers.md")
SQL = [block.text for block in CHAPTER if block.language == "sql"]
SETTINGS = {block.options.removeprefix("settings="): block.text for block in CHAPTER if block.options.startswith("settings=")}
SCRIPTS = {block.options.removeprefix("file="): block.text for block in CHAPTER if block.options.startswith("file=")}
PROVIDERS = providers.every_provider(SETTINGS)
ACCEPTED = [(p.name, name, token) for p in PROVIDERS for name, token in p.accepted.items()]
REFUSED = [(p.name, name, check, token) for p in PROVIDERS for name, (check, token) in p.refused.items()]
ANSWER = ("28000", "authentication failed", None, "The server log has the reason; an administrator can call warden.explain_token().")
# The chapter's `curl` gets what the provider publishes; a URL that nobody publishes fails, as --fail does.
CURL = """#!/bin/sh
for url; do :; done
exec cat "$(dirname "$0")/published/$(printf %s "$url" | tr -c 'A-Za-z0-9.' _)"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The socket directory of a server where the chapter has been typed, and what psql printed for each block."""
    with own_server("providers") as directory:
        # Of an operator who logs whatever there is.
        with connect((directory,), "postgres") as superuser:
            for setting in ("log_statement = 'all'", "log_min_duration_statement = 0"):
                superuser.execute(f"ALTER SYSTEM SET {setting}")
            superuser.execute("SELECT pg_reload_conf()")
            printed = typed_with_curl(directory, tmp_path_factory.mktemp("chapter"))
            superuser.execute("ALTER SYSTEM RESET ALL")
            superuser.execute("SELECT pg_reload_conf()")
        yield directory, printed


def typed_with_curl(directory, workplace):
    (workplace / "published").mkdir()
    (workplace / "curl").write_text(CURL)
    (workplace / "curl").chmod(0o755)
    path = os.pathsep.join([str(workplace), os.path.dirname(sys.executable), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    for provider in PROVIDERS:
        environment |= provider.environment
        for url, key_set in provider.key_sets.items():
            (workplace / "published" / re.sub("[^A-Za-z0-9.]", "_", url)).write_text(json.dumps(key_set))
    for name, text in SCRIPTS.items():
        (workplace / name).write_text(text)
    return typed(directory, SQL, cwd=workplace, environment=environment)


def connect(server, user):
    return psycopg.connect(f"host={server[0]} port=5432 user={user} dbname=postgres", autocommit=True)


@pytest.fixture(scope="module")
def app(server):
    with connect(server, "app") as connection:
        yield connection


@pytest.fixture(scope="module")
def admin(server):
    with connect(server, "postgres") as connection:
        yield connection


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(server, number):
    output = server[1][number]
    assert "ERROR:" not in output and "cannot open" not in output.lower(), f"{SQL[number]}\n--- printed ---\n{output}"


def test_every_provider_is_trusted(admin):
    issuers = admin.execute("SELECT count(*) FROM warden.issuers").fetchone()[0]
    assert issuers == len(PROVIDERS) == 11


def test_n10_a_key_for_encryption_is_skipped_with_a_notice(server):
    (output,) = [output for output in server[1] if "kc-enc" in output]
    assert re.search(r'NOTICE:  key "kc-enc" is not used', output)


@pytest.mark.parametrize(("provider", "name", "token"), ACCEPTED, ids=[f"{p}: {n}" for p, n, _ in ACCEPTED])
def test_n10_accepted(app, admin, provider, name, token):
    with app.transaction():
        user, again = app.execute("SELECT warden.authenticate(%s), warden.current_user_id()", (token,)).fetchone()
        assert user is not None
        assert app.execute("SELECT warden.current_user_id()").fetchone()[0] == user
    checks = admin.execute("SELECT passed FROM warden.explain_token(%s)", (token,)).fetchall()
    assert len(checks) > 10 and all(passed for (passed,) in checks)


def refusal(connection, token):
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as raised, connection.transaction():
        connection.execute("SELECT warden.authenticate(%s)", (token,))
    answer = raised.value.diag
    return answer.sqlstate, answer.message_primary, answer.message_detail, answer.message_hint


@pytest.mark.parametrize(
    ("provider", "name", "check", "token"), REFUSED, ids=[f"{p}: {n}" for p, n, _, _ in REFUSED]
)
def test_n10_n12_refused(app, admin, server, provider, name, check, token):
    before = lines_of_refusal(server)
    assert refusal(app, token) == ANSWER
    (line,) = lines_of_refusal(server)[len(before):]
    assert "function=authenticate reason=" in line and token not in line
    with app.transaction():
        assert app.execute("SELECT warden.current_user_id()").fetchone() == (None,)
    failed = admin.execute('SELECT "check" FROM warden.explain_token(%s) WHERE NOT passed', (token,)).fetchall()
    assert failed == [(check,)]


def log_of(server):
    reader = [os.environ["WARDEN_AS_SERVER_USER"], "cat", f"{server[0]}/log"]
    return subprocess.run(reader, capture_output=True, text=True, check=True).stdout


def lines_of_refusal(server):
    return [line for line in log_of(server).splitlines() if "pg_warden refused" in line]


def test_e10_no_secret_of_the_chapter_is_in_the_log(server):
    log = log_of(server)
    assert "warden.trust_issuer" in log, "statements are logged"
    assert "kty" in log, "and the keys in them, which are public"
    assert base64.urlsafe_b64encode(providers.SECRET.encode()).decode().rstrip("=") not in log


def test_n10_no_provider_speaks_for_another(app, server):
    """The claims of each provider's good token, signed with the key of each other."""
    signers = {"RS256": providers.Key("RS256", "auth0-key-1"), "HS256": providers.Secret("4e2fExample", providers.SECRET)}
    for provider in PROVIDERS:
        for token in provider.accepted.values():
            claims = providers.jwt.decode(token, options={"verify_signature": False})
            for algorithm, signer in signers.items():
                header = providers.jwt.get_unverified_header(token)
                if header["alg"] == algorithm == "HS256":
                    continue
                forged = signer.sign(claims, **{name: value for name, value in header.items() if name == "kid"})
                assert refusal(app, forged) == ANSWER, provider.name


def test_what_cannot_be_fetched_is_refused(admin):
    """`\\set jwks` of a command that fails is the empty text."""
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        admin.execute("SELECT warden.trust_issuer('https://clerk.example.com', '', NULL, '{RS256}', required_claims => '{\"a\": \"b\"}')")


def test_links_of_the_chapter():
    text = (REPOSITORY / "docs/providers.md").read_text()
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (REPOSITORY / "docs" / path).exists(), target
        assert path or anchor in headings, target
