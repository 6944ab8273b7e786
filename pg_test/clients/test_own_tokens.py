"""Feature S5: whoever has `jwks()` verifies tokens of the database itself; a dump has no key to sign them with (attack D9)."""

import base64
import hashlib
import json
import os
import time

import jwt
import psycopg
import pytest
from psycopg import errors, sql

from database import Database
from programs import run

NAME = "https://db.example.com"
RESTORED = "test_own_tokens_restored"
SESSION = "5e551017-0000-4000-8000-000000000001"
ISSUE = f"SELECT warden.issue_access_token(%s, '{SESSION}', '{{read,write}}', 900)"


@pytest.fixture(scope="module")
def alice(database):
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app')")
        superuser.execute("SELECT warden.rotate_signing_key(%s)", [NAME])
        alice = superuser.execute("SELECT warden.create_user(email => 'alice@example.com')").fetchone()[0]
        superuser.execute(
            "INSERT INTO warden.sessions (id, user_id, kind, scopes, expires_at)"
            " VALUES (%s, %s, 'login', '{read,write}', now() + interval '1 day')",
            [SESSION, alice],
        )
        return alice


def verified(key_set: dict, token: str) -> dict:
    """What a service makes of the token that has never heard of PostgreSQL."""
    kid = jwt.get_unverified_header(token)["kid"]
    key = jwt.PyJWKSet.from_dict(key_set)[kid].key
    required = ["iss", "sub", "aud", "iat", "exp", "jti"]
    return jwt.decode(token, key, algorithms=["EdDSA"], issuer=NAME, audience=NAME, options={"require": required})


def test_s5_pyjwt_verifies_our_tokens_with_our_key_set(database, superuser, alice):
    token = superuser.execute(ISSUE, [alice]).fetchone()[0]
    with database.connect("app", autocommit=True) as client:
        key_set = client.execute("SELECT warden.jwks()").fetchone()[0]
        assert client.execute("SELECT warden.authenticate(%s)", [token]).fetchone()[0] == alice
    claims = verified(key_set, token)
    assert claims["sub"] == str(alice)
    assert (claims["session_id"], claims["scope"]) == (SESSION, "read write")
    assert claims["exp"] - claims["iat"] == 900
    assert abs(claims["iat"] - time.time()) < 300
    for key in key_set["keys"]:
        # The thumbprint of RFC 7638 is of the required members alone, and the private one (d) is not there.
        canonical = json.dumps({name: key[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
        assert key["kid"] == base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
        assert "d" not in key

    header, payload, _ = token.split(".")
    other = superuser.execute(ISSUE, [alice]).fetchone()[0]
    assert verified(key_set, other)["jti"] != claims["jti"]
    with pytest.raises(jwt.InvalidSignatureError):
        verified(key_set, f"{header}.{payload}.{other.rpartition('.')[2]}")


def test_s5_both_keys_verify_during_the_overlap_and_one_after_a_theft(superuser, alice):
    before = superuser.execute(ISSUE, [alice]).fetchone()[0]
    superuser.execute("SELECT warden.rotate_signing_key()")
    after = superuser.execute(ISSUE, [alice]).fetchone()[0]
    key_set = superuser.execute("SELECT warden.jwks()").fetchone()[0]
    assert verified(key_set, before)["sub"] == verified(key_set, after)["sub"] == str(alice)
    superuser.execute("SELECT warden.rotate_signing_key(overlap => '0')")
    key_set = superuser.execute("SELECT warden.jwks()").fetchone()[0]
    with pytest.raises(KeyError):
        verified(key_set, before)


def test_d9_a_dump_has_the_public_keys_alone(database, superuser, alice):
    superuser.execute("DROP SCHEMA IF EXISTS t CASCADE")
    superuser.execute("SELECT warden.set_password(%s, 'correct horse')", [alice])
    login = "SELECT access_token, refresh_token FROM warden.login('alice@example.com', 'correct horse')"
    token, refresh_token = superuser.execute(login).fetchone()
    (private_key,) = superuser.execute("SELECT private_key FROM warden.signing_keys").fetchone()
    dump = run("pg_dump", "--dbname", database.dsn("postgres")).stdout
    assert "own_issuer" in dump and NAME in dump
    assert private_key.hex() not in dump and "signing_keys" not in dump
    assert refresh_token[3:] not in dump and "correct horse" not in dump and "warden.attempts" not in dump

    with psycopg.connect(os.environ["WARDEN_ADMIN_DSN"], autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(RESTORED))
        admin.execute(drop)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(RESTORED)))
        try:
            restored = Database(name=RESTORED)
            run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", restored.dsn("postgres"), input=dump)
            with restored.connect("app", autocommit=True) as client:
                assert client.execute("SELECT warden.authenticate(%s)", [token]).fetchone()[0] == alice
            with restored.connect("postgres", autocommit=True) as connection:
                with pytest.raises(errors.ObjectNotInPrerequisiteState):
                    connection.execute(ISSUE, [alice])
                with pytest.raises(errors.ObjectNotInPrerequisiteState):
                    connection.execute(login)
                connection.execute("SELECT warden.rotate_signing_key()")
                # The password and the session are there, and go on.
                assert connection.execute(login).fetchone()[0]
                assert connection.execute("SELECT error FROM warden.refresh(%s)", [refresh_token]).fetchone() == (None,)
                fresh = connection.execute(ISSUE, [alice]).fetchone()[0]
                key_set = connection.execute("SELECT warden.jwks()").fetchone()[0]
                assert verified(key_set, fresh)["sub"] == verified(key_set, token)["sub"] == str(alice)
        finally:
            admin.execute(drop)
