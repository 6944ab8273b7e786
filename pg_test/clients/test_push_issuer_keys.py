"""N10: docker/push-issuer-keys, the job that pushes an issuer's keys, as it is shipped: against a server of key sets over HTTPS,
under a role that can do nothing else."""

import json
import os
import shlex
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from issuer import Issuer
from manual import REPOSITORY, blocks

JOB = REPOSITORY / "docker/push-issuer-keys"


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """An HTTPS server that answers each path with what `answers` says: status, body, further headers."""
    directory = tmp_path_factory.mktemp("web")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(directory / "server.pem"))
    plain, server.socket = server.socket, context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"https://127.0.0.1:{server.server_port}"
    server.authority = str(directory / "server.pem")
    yield server
    server.shutdown()
    plain.close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body, headers = self.server.answers.get(self.path, (404, "not here", {}))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body.encode())), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def certificate(path):
    """A key and a certificate for 127.0.0.1 in one file, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keys.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(encoding))
    return path


@pytest.fixture(scope="module")
def issuer(database):
    """A trusted issuer, and the roles: keymaster pushes its keys, app sends its tokens."""
    issuer = Issuer("https://id.example.com/it's", "RS256")
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app'), warden.add_key_role('keymaster')")
        trust = "SELECT warden.trust_issuer(%s, %s, '{api}', subject_is => 'subject', provision => true)"
        superuser.execute(trust, (issuer.name, issuer.key_set))
    return issuer


@pytest.fixture
def push(database, web, issuer):
    """Runs the job as cron would."""

    def run(url=f"{web.url}/keys", **environment):
        connection = {"PGHOST": database.socket, "PGPORT": str(database.port), "PGUSER": "keymaster", "PGDATABASE": database.name}
        job = {"ISSUER": issuer.name, "JWKS_URL": url, "CURL_CA_BUNDLE": web.authority}
        everything = {"PATH": os.environ["PATH"], **connection, **job, **environment}
        return subprocess.run([JOB], env=everything, capture_output=True, text=True, timeout=600)

    return run


def is_accepted(database, token):
    with database.connect("app") as connection:
        try:
            connection.execute("SELECT warden.authenticate(%s)", (token,))
        except psycopg.errors.InvalidAuthorizationSpecification:
            return False
        return True


def publish(web, *key_sets):
    keys = [key for key_set in key_sets for key in json.loads(key_set)["keys"]]
    web.answers["/keys"] = (200, json.dumps({"keys": keys}), {})


def test_n10_the_job_follows_a_rotation(database, web, issuer, push):
    old, old_set = issuer.token("alice"), issuer.key_set
    publish(web, old_set)
    assert (push().stdout.strip(), push().returncode) == ("unchanged", 0)
    issuer.rotate()
    new, new_set = issuer.token("alice"), issuer.key_set
    assert is_accepted(database, old) and not is_accepted(database, new)

    publish(web, old_set, new_set)
    assert push().stdout.strip() == "changed"
    assert is_accepted(database, old) and is_accepted(database, new)

    publish(web, new_set)
    assert push().stdout.strip() == "changed"
    assert is_accepted(database, new) and not is_accepted(database, old)


def test_n10_the_line_for_cron(database, web, issuer):
    """That of docs/providers.md, but for where everything is."""
    (line,) = [block.text for block in blocks("docs/providers.md") if block.language == "crontab"]
    command = line.split(maxsplit=5)[5]
    for example, real in {
        "https://example.eu.auth0.com/.well-known/jwks.json": f"{web.url}/keys",
        "https://example.eu.auth0.com/": shlex.quote(issuer.name),
        "db.example.com": database.socket,
        "PGDATABASE=shop": f"PGDATABASE={database.name}",
        "key_job": "keymaster",
        "verify-full": "disable",
    }.items():
        assert example in command
        command = command.replace(example, real)
    publish(web, issuer.key_set)
    path = f"{JOB.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PGPORT": str(database.port), "CURL_CA_BUNDLE": web.authority}
    result = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=600)
    assert (result.stdout.strip(), result.stderr) == ("unchanged", "")


def test_n10_what_the_set_says_is_not_sql(superuser, web, issuer, push):
    """psql quotes what the provider serves; a kid is a text, whatever it says."""
    kid = "k'); SELECT 1; -- :issuer \\! id"
    key = json.loads(issuer.key_set)["keys"][0]
    web.answers["/keys"] = (200, json.dumps({"keys": [{**key, "kid": kid}]}), {})
    assert push().stdout.strip() == "changed"
    assert superuser.execute("SELECT kids FROM warden.issuers").fetchone()[0] == [kid]
    publish(web, issuer.key_set)
    assert push().stdout.strip() == "changed"


PRIVATE_KEY = '{"keys": [{"kty": "RSA", "kid": "p", "n": "AQAB", "e": "AQAB", "d": "AQAB"}]}'
FAILURES = {
    "not found": ("/keys", (404, "{}", {})),
    "the server's error": ("/keys", (500, '{"keys": []}', {})),
    "a redirect": ("/keys", (302, "", {"Location": "/elsewhere"})),
    "a page of HTML": ("/keys", (200, "<html>sign in to the network</html>", {})),
    "an empty set": ("/keys", (200, '{"keys": []}', {})),
    "an empty answer": ("/keys", (200, "", {})),
    "a private key": ("/keys", (200, PRIVATE_KEY, {})),
    "a flood": ("/keys", (200, '{"keys": []}' + " " * 200_000, {})),
}


@pytest.mark.parametrize("name", FAILURES)
def test_n10_the_keys_stay_when_the_set_is_bad(database, web, issuer, push, name):
    path, answer = FAILURES[name]
    web.answers["/elsewhere"] = (200, Issuer("x", "RS256").key_set, {})
    web.answers[path] = answer
    result = push()
    assert result.returncode != 0 and result.stdout == "" and result.stderr != ""
    assert is_accepted(database, issuer.token("alice"))


def test_n10_the_keys_stay_when_the_way_is_not_safe(database, web, issuer, push, tmp_path):
    publish(web, Issuer("x", "RS256").key_set)
    stranger = certificate(tmp_path / "stranger.pem")
    assert push(CURL_CA_BUNDLE=str(stranger)).returncode != 0, "a certificate that nobody vouches for"
    assert push(url=f"http://127.0.0.1:{web.server_port}/keys").returncode != 0, "plain HTTP"
    (tmp_path / "keys.json").write_text(Issuer("x", "RS256").key_set)
    assert push(url=f"file://{tmp_path}/keys.json").returncode != 0, "a file"
    assert push(ISSUER="").returncode != 0 and push(JWKS_URL="").returncode != 0
    assert push(ISSUER="https://unknown.example.com").returncode != 0, "an issuer that is not trusted"
    assert push(PGUSER="app").returncode != 0, "a role that is not for it"
    assert is_accepted(database, issuer.token("alice"))
    assert push().stdout.strip() == "changed", "and with none of this it would have been taken"
    publish(web, issuer.key_set)
    assert push().stdout.strip() == "changed"


# Nothing that another role has by being somebody: each fails for want of a privilege.
NOT_FOR_KEYS = [
    "SELECT * FROM notes",
    "INSERT INTO notes VALUES (2, NULL)",
    "SELECT warden.authenticate('token')",
    "SELECT warden.pre_request()",
    "SELECT warden.verify_token('token')",
    "SELECT warden.set_current_user('a11ce000-0000-4000-8000-000000000001')",
    "SELECT warden.begin_admin('keys')",
    "SELECT warden.trust_issuer('https://evil.example.com', '{}', '{api}')",
    "SELECT warden.distrust_issuer('https://id.example.com')",
    "SELECT * FROM warden.explain_token('token')",
    "SELECT warden.create_user()",
    "SELECT warden.add_client_role('keymaster')",
    "SELECT * FROM warden.users",
    "SELECT * FROM warden.issuers",
    "SELECT * FROM warden.issuer_keys",
    "UPDATE warden.trusted_issuers SET audiences = '{other}'",
    "CREATE TABLE public.mine ()",
]


def test_n10_a_key_role_can_do_nothing_else(database, superuser, issuer):
    superuser.execute("CREATE TABLE notes (id int, user_id uuid); GRANT SELECT, INSERT ON notes TO app")
    superuser.execute("SELECT warden.protect('notes')")
    with database.connect("keymaster", autocommit=True) as keymaster:
        for statement in NOT_FOR_KEYS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                keymaster.execute(statement)
        unchanged = keymaster.execute("SELECT warden.set_issuer_keys(%s, %s)", (issuer.name, issuer.key_set)).fetchone()
        assert unchanged == (False,)
    more = """
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'warden'::regnamespace AND has_function_privilege('keymaster', p.oid, 'EXECUTE')
          AND NOT has_function_privilege('mallory_login', p.oid, 'EXECUTE')"""
    assert superuser.execute(more).fetchall() == [("warden.set_issuer_keys(text,text)",)]
