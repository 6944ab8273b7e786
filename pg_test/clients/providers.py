"""The token providers of docs/providers.md: key sets and tokens of the shapes that each of them makes. Signed by PyJWT and, for
simplejwt, by simplejwt itself; the shapes are those of the providers' own documentation."""

import json
import os
import subprocess
import sys
import time
import uuid
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

ABSENT = object()
ALICE = "a11ce000-0000-4000-8000-000000000001"


class Key:
    """A signing key of a provider."""

    def __init__(self, algorithm: str, kid: str | None):
        self.algorithm, self.kid = algorithm, kid
        self.private = (
            ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
        )

    def jwk(self, *members: str, **more) -> dict:
        """Its public half, with `members` among alg, use, key_ops and x5c, as the provider publishes it."""
        jwk = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        all_members = {"alg": self.algorithm, "use": "sig", "key_ops": ["verify"]}
        jwk |= {name: self.certificate() if name == "x5c" else all_members[name] for name in members}
        return {**jwk, "kid": self.kid, **more}

    def certificate(self) -> list[str]:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider.example.com")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, self.private.public_key(), x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=365))
            .sign(self.private, hashes.SHA256())
        )
        return [b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]

    def pem(self) -> tuple[str, str]:
        """The private and the public key."""
        encoding = serialization.Encoding.PEM
        private = self.private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = self.private.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        return private.decode(), public.decode()

    def sign(self, claims: dict, **header) -> str:
        return jwt.encode(claims, self.private, self.algorithm, {**({"kid": self.kid} if self.kid else {}), **header})


@dataclass
class Provider:
    """Who made the tokens, what is believed, and what stands beside it and is not."""

    name: str
    # What the provider publishes: URL -> JWK Set.
    key_sets: dict[str, dict]
    # name -> token
    accepted: dict[str, str]
    # name -> the check of explain_token that notices, and the token
    refused: dict[str, tuple[str, str]]
    # What the chapter's own scripts for its key set read.
    environment: dict[str, str] = field(default_factory=dict)


def every_provider(settings: dict[str, str]) -> list[Provider]:
    """All of them; `settings` are the Django settings of the chapter by their name."""
    return [
        auth0(), clerk(), workos(), cognito(), entra(), keycloak(), supabase(), supabase_with_secret(), firebase(),
        simplejwt("simplejwt", settings["rs256"], user=4711),
        # Another user: who came in by one issuer is not to be named by another.
        simplejwt("simplejwt with a secret", settings["hs256"], user=4712),
    ]  # fmt: skip


def variations(
    key: Key, claims: dict, changes: dict[str, tuple[str, dict]], subject: str = "sub", **header
) -> dict[str, tuple[str, str]]:
    """Tokens that differ from the right one by some claims, and the check that notices each."""
    common = {
        "expired": ("expiry", {"iat": claims["iat"] - 7200, "nbf": ABSENT, "exp": claims["iat"] - 3600}),
        "without exp": ("claims", {"exp": ABSENT}),
        "without iss": ("trusted_issuer", {"iss": ABSENT}),
        f"without {subject}": ("claims", {subject: ABSENT}),
    }
    return {
        name: (check, key.sign(without_absent({**claims, **change}), **header))
        for name, (check, change) in {**common, **changes}.items()
    }


def without_absent(claims: dict) -> dict:
    return {name: value for name, value in claims.items() if value is not ABSENT}


def now(lifetime: int = 3600) -> dict:
    issued = int(time.time()) - 5
    return {"iat": issued, "exp": issued + lifetime}


def auth0() -> Provider:
    tenant = "https://example.eu.auth0.com/"
    key, upcoming, stranger = (Key("RS256", f"auth0-key-{name}") for name in ("1", "2", "x"))
    application = "xPyA8Nk2FrontEndClientId"
    claims = {
        "iss": tenant, "sub": "auth0|65f0c0ffee0123456789abcd", "aud": ["https://api.example.com", f"{tenant}userinfo"],
        **now(86400), "scope": "openid profile email", "azp": application,
    }  # fmt: skip
    id_token = {"aud": application, "azp": ABSENT, "scope": ABSENT, "nonce": "n", "email": "alice@example.com"}
    machine = {"sub": "m2mClient@clients", "azp": "m2mClient", "gty": "client-credentials", "scope": "read:all"}
    return Provider(
        "Auth0",
        {f"{tenant}.well-known/jwks.json": {"keys": [each.jwk("alg", "use", "x5c", x5t="eDV0") for each in (key, upcoming)]}},
        {"access token": key.sign(claims), "of RFC 9068": key.sign({**claims, "jti": "1", "client_id": application}, typ="at+jwt")},
        {
            **variations(key, claims, {
                "ID token": ("audience", id_token),
                "another API's": ("audience", {"aud": "https://billing.example.com"}),
                "only for userinfo": ("audience", {"aud": f"{tenant}userinfo"}),
                "another tenant's": ("trusted_issuer", {"iss": "https://mallory.eu.auth0.com/"}),
                "issuer without its slash": ("trusted_issuer", {"iss": tenant.rstrip("/")}),
                "machine to machine": ("required_claims", machine),
                "another application's": ("required_claims", {"azp": "another"}),
                "without azp": ("required_claims", {"azp": ABSENT}),
            }),
            "another tenant's key": ("key", stranger.sign(claims)),
            "opaque": ("format", "Zm9vYmFyYmF6cXV4"),
        },
    )  # fmt: skip


def clerk() -> Provider:
    instance, key = "https://clerk.example.com", Key("RS256", "ins_2example")
    claims = {
        "iss": instance, "sub": "user_2example", "sid": "sess_2example", "azp": "https://app.example.com", **now(),
        "nbf": int(time.time()) - 15, "jti": "1f", "v": 2, "fva": [0, -1], "sts": "active", "pla": "u:free", "fea": "",
    }  # fmt: skip
    header = {"cat": "cl_B7d4PD111AAA"}
    impersonation = {"act": {"iss": "https://dashboard.clerk.com", "sid": "sess_3", "sub": "user_staff"}}
    return Provider(
        "Clerk",
        {f"{instance}/.well-known/jwks.json": {"keys": [key.jwk("alg", "use")]}},
        {
            "session token": key.sign(claims, **header),
            "in an organization": key.sign({**claims, "o": {"id": "org_1", "rol": "admin", "slg": "acme"}}, **header),
        },
        variations(key, claims, {
            "another origin's": ("required_claims", {"azp": "https://evil.example.net"}),
            "without azp": ("required_claims", {"azp": ABSENT}),
            "pending session": ("required_claims", {"sts": "pending"}),
            "version 1": ("required_claims", {"v": ABSENT, "sts": ABSENT}),
            "of the development instance": ("trusted_issuer", {"iss": "https://quick-fox-1.clerk.accounts.dev"}),
            "impersonation": ("user", impersonation),
        }, **header),
    )  # fmt: skip


def workos() -> Provider:
    client, key = "client_01EXAMPLE", Key("RS256", "sso_oidc_key_pair_01EXAMPLE")
    claims = {
        "iss": f"https://api.workos.com/user_management/{client}", "sub": "user_01EXAMPLE", "sid": "session_01EXAMPLE",
        "jti": "01J", **now(), "org_id": "org_01EXAMPLE", "role": "member", "roles": ["member"],
        "permissions": ["posts:read"], "client_id": client,
    }  # fmt: skip
    return Provider(
        "WorkOS",
        {f"https://api.workos.com/sso/jwks/{client}": {"keys": [key.jwk("alg", "use", "x5c")]}},
        {"access token": key.sign(claims)},
        variations(key, claims, {
            "another client's": ("required_claims", {"client_id": "client_01OTHER"}),
            "without client_id": ("required_claims", {"client_id": ABSENT}),
            "of another environment": ("trusted_issuer", {"iss": "https://api.workos.com/user_management/client_01OTHER"}),
            "of the bare issuer": ("trusted_issuer", {"iss": "https://api.workos.com"}),
            "impersonation": ("user", {"act": {"sub": "admin@foocorp.example"}}),
        }),
    )  # fmt: skip


def cognito() -> Provider:
    pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE"
    # A pool has two keys, and signs access tokens with one and ID tokens with the other.
    key, id_key = Key("RS256", "abcdefgh+access/1="), Key("RS256", "ijklmnop+id/2=")
    claims = {
        "iss": pool, "sub": str(uuid.uuid4()), "client_id": "1example23456789", "token_use": "access",
        "scope": "aws.cognito.signin.user.admin", "auth_time": int(time.time()), **now(), "username": "alice",
        "cognito:groups": ["staff"], "event_id": str(uuid.uuid4()), "origin_jti": "o", "jti": "j", "version": 2,
    }  # fmt: skip
    id_token = {**claims, "aud": claims["client_id"], "token_use": "id", "cognito:username": "alice", "email": "a@example.com"}
    id_token = {name: value for name, value in id_token.items() if name not in ("client_id", "scope", "username")}
    return Provider(
        "Cognito",
        {f"{pool}/.well-known/jwks.json": {"keys": [key.jwk("alg", "use"), id_key.jwk("alg", "use")]}},
        {"access token": key.sign(claims)},
        {
            **variations(key, claims, {
                "another application's": ("required_claims", {"client_id": "2other"}),
                "without client_id": ("required_claims", {"client_id": ABSENT}),
                "without token_use": ("required_claims", {"token_use": ABSENT}),
                "another pool's": ("trusted_issuer", {"iss": pool.replace("EXAMPLE", "OTHER")}),
            }),
            "ID token": ("required_claims", id_key.sign(id_token)),
            "ID token that names the client": ("required_claims", id_key.sign({**id_token, "client_id": claims["client_id"]})),
        },
    )  # fmt: skip


def entra() -> Provider:
    tenant, key = "11111111-2222-3333-4444-555555555555", Key("RS256", "EntraKey1")
    issuer = f"https://login.microsoftonline.com/{tenant}/v2.0"
    client = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    claims = {
        "iss": issuer, "aud": "99999999-8888-7777-6666-555555555555", **now(), "nbf": int(time.time()) - 5, "ver": "2.0",
        "tid": tenant, "oid": str(uuid.uuid4()), "sub": "pairwiseSubject", "azp": client, "azpacr": "0", "aio": "a",
        "scp": "access_as_user", "uti": "u", "rh": "0.A", "name": "Alice", "preferred_username": "alice@example.com",
    }  # fmt: skip
    version_1 = {"iss": f"https://sts.windows.net/{tenant}/", "ver": "1.0", "appid": client, "azp": ABSENT, "aud": "api://x"}
    other_tenant = {"iss": issuer.replace(tenant, "66666666-2222-3333-4444-555555555555")}
    daemon = {"azp": "dddddddd-0000-0000-0000-000000000000", "idtyp": "app", "roles": ["All"], "scp": ABSENT}
    # No alg in these keys, but the issuer they are for.
    keys = [each.jwk("use", "x5c", x5t=each.kid, issuer=issuer) for each in (key, Key("RS256", "EntraKey2"))]
    return Provider(
        "Entra",
        {f"https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys": {"keys": keys}},
        {"access token": key.sign(claims)},
        {
            **variations(key, claims, {
                "ID token": ("audience", {"aud": client, "azp": ABSENT, "scp": ABSENT, "nonce": "n"}),
                "for Microsoft Graph": ("audience", {"aud": "00000003-0000-0000-c000-000000000000"}),
                "version 1": ("trusted_issuer", version_1),
                "another tenant's": ("trusted_issuer", other_tenant),
                "a daemon's": ("required_claims", daemon),
                "without azp": ("required_claims", {"azp": ABSENT}),
            }, subject="oid"),
            # A key without alg could do this as well, were the list of algorithms not there.
            "PS256 by the same key": ("key", jwt.encode(claims, key.private, "PS256", {"kid": key.kid})),
        },
    )  # fmt: skip


def keycloak() -> Provider:
    realm, key, encryption = "https://sso.example.com/realms/shop", Key("RS256", "kc-sig"), Key("RS256", "kc-enc")
    claims = {
        "iss": realm, "aud": ["shop-api", "account"], "sub": str(uuid.uuid4()), "typ": "Bearer", "azp": "shop-web", **now(),
        "auth_time": int(time.time()), "jti": "onrtac:1", "sid": str(uuid.uuid4()), "acr": "1", "scope": "openid profile",
        "allowed-origins": ["https://app.example.com"], "realm_access": {"roles": ["offline_access"]},
        "resource_access": {"account": {"roles": ["view-profile"]}}, "preferred_username": "alice",
    }  # fmt: skip
    refresh = {**claims, "aud": realm, "typ": "Refresh"}
    keys = [encryption.jwk("x5c", use="enc", alg="RSA-OAEP"), key.jwk("alg", "use", "x5c")]
    return Provider(
        "Keycloak",
        {f"{realm}/protocol/openid-connect/certs": {"keys": keys}},
        {"access token": key.sign(claims), "for one audience": key.sign({**claims, "aud": "shop-api"})},
        {
            **variations(key, claims, {
                "ID token": ("audience", {"aud": "shop-web", "typ": "ID"}),
                "ID token of a client that is the API": ("required_claims", {"aud": "shop-api", "typ": "ID"}),
                "without the audience mapper": ("audience", {"aud": "account"}),
                "without aud": ("audience", {"aud": ABSENT}),
                "another realm's": ("trusted_issuer", {"iss": "https://sso.example.com/realms/master"}),
                "without typ": ("required_claims", {"typ": ABSENT}),
            }),
            "refresh token": ("key", jwt.encode(refresh, "a secret of the realm" * 4, "HS512", {"kid": "kc-hmac"})),
            "by the key for encryption": ("key", encryption.sign(claims)),
        },
    )  # fmt: skip


def supabase_claims(project: str) -> dict:
    return {
        "iss": f"https://{project}.supabase.co/auth/v1", "sub": str(uuid.uuid4()), "aud": "authenticated", **now(),
        "email": "alice@example.com", "phone": "", "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"role": "service_role"}, "role": "authenticated", "aal": "aal1",
        "amr": [{"method": "password", "timestamp": int(time.time())}], "session_id": str(uuid.uuid4()), "is_anonymous": False,
    }  # fmt: skip


SUPABASE_NEIGHBOURS = {
    "another project's": ("trusted_issuer", {"iss": "https://otherproject.supabase.co/auth/v1"}),
    "an API key": ("trusted_issuer", {"iss": "supabase", "ref": "x", "role": "service_role", "sub": ABSENT, "aud": ABSENT}),
    "service_role": ("required_claims", {"role": "service_role"}),
    "for anon": ("audience", {"aud": "anon"}),
    "an anonymous user's": ("required_claims", {"is_anonymous": True}),
    "without role": ("required_claims", {"role": ABSENT}),
    "without aud": ("audience", {"aud": ABSENT}),
}


def supabase() -> Provider:
    es, rs, claims = Key("ES256", str(uuid.uuid4())), Key("RS256", str(uuid.uuid4())), supabase_claims("abcdefghij")
    keys = [es.jwk("alg", "use", "key_ops", ext=True), rs.jwk("alg", "use", "key_ops", ext=True)]
    # The oldest trick: the public key, which everybody has, as the secret of an HMAC.
    confused = jwt.encode(claims, json.dumps(keys[0]), "HS256", {"kid": es.kid})
    return Provider(
        "Supabase",
        {"https://abcdefghij.supabase.co/auth/v1/.well-known/jwks.json": {"keys": keys}},
        {"ES256": es.sign(claims), "RS256": rs.sign(claims)},
        {**variations(es, claims, SUPABASE_NEIGHBOURS), "signed with the public key": ("key", confused)},
    )


class Secret(Key):
    """The secret of a provider that signs with HMAC."""

    def __init__(self, kid: str | None, text: str):
        self.algorithm, self.kid, self.private = "HS256", kid, text

    def pem(self) -> tuple[str, str]:
        return "", ""


# As the environment of the chapter's commands has it.
SECRET = "super-secret-jwt-token-with-at-least-32-characters-long"


def supabase_with_secret() -> Provider:
    secret, claims = Secret("4e2fExample", SECRET), supabase_claims("legacyproject")
    return Provider(
        "Supabase with the legacy secret",
        {},
        {"HS256": secret.sign(claims)},
        {
            **variations(secret, claims, SUPABASE_NEIGHBOURS),
            "another secret": ("signature", Secret(secret.kid, SECRET[::-1]).sign(claims)),
            "an asymmetric key": ("key", Key("RS256", secret.kid).sign(claims)),
        },
    )


def firebase() -> Provider:
    issuer, key = "https://securetoken.google.com/example-project", Key("RS256", "b2fexample")
    uid = "kP3xExampleUid0123456789abcd"
    claims = {
        "iss": issuer, "aud": "example-project", "auth_time": int(time.time()), "user_id": uid, "sub": uid, **now(),
        "email": "alice@example.com", "email_verified": True,
        "firebase": {"identities": {"email": ["alice@example.com"]}, "sign_in_provider": "password"},
    }  # fmt: skip
    keys = [each.jwk("alg", "use") for each in (key, Key("RS256", "b2fnext"))]
    return Provider(
        "Firebase",
        {"https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com": {"keys": keys}},
        {"ID token": key.sign(claims)},
        variations(key, claims, {
            # Signed with the very same key.
            "another project's": ("trusted_issuer", {"iss": "https://securetoken.google.com/mallorys", "aud": "mallorys"}),
            "for another project": ("audience", {"aud": "mallorys"}),
            "session cookie": ("trusted_issuer", {"iss": "https://session.firebase.google.com/example-project"}),
            "without aud": ("audience", {"aud": ABSENT}),
        }),
    )  # fmt: skip


# Prints the tokens of a Django project with the settings of the chapter, as JSON.
DJANGO = """
import json, os, types
{settings}
import django
from django.conf import settings
apps = ["django.contrib.contenttypes", "django.contrib.auth"]
settings.configure(SIMPLE_JWT=SIMPLE_JWT, INSTALLED_APPS=apps, SECRET_KEY="of no concern here", USE_TZ=True)
django.setup()
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, SlidingToken
user = types.SimpleNamespace(id={user}, is_active=True)
tokens = {{kind.__name__: str(kind.for_user(user)) for kind in (AccessToken, RefreshToken, SlidingToken)}}
print(json.dumps(tokens))
"""


def simplejwt(name: str, settings: str, user: int) -> Provider:
    key = Key("RS256", None) if "RS256" in settings else Secret(None, SECRET)
    private, public = key.pem()
    environment = {**os.environ, "JWT_PRIVATE_KEY": private, "JWT_PUBLIC_KEY": public, "JWT_SECRET": SECRET}
    script = DJANGO.format(settings=settings, user=user)
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    tokens = json.loads(result.stdout)
    claims = jwt.decode(tokens["AccessToken"], options={"verify_signature": False})
    return Provider(
        name,
        {},
        {"access token": tokens["AccessToken"], "before 5.5": key.sign({**claims, "user_id": user})},
        {
            **variations(key, claims, {
                "another audience": ("audience", {"aud": "admin-api"}),
                "without aud": ("audience", {"aud": ABSENT}),
                "another service's": ("trusted_issuer", {"iss": "https://blog.example.com"}),
                "without token_type": ("required_claims", {"token_type": ABSENT}),
                "a sub instead": ("claims", {"user_id": ABSENT, "sub": str(user)}),
                "a user that is no whole number": ("claims", {"user_id": 4711.5}),
            }, subject="user_id"),
            "refresh token": ("required_claims", tokens["RefreshToken"]),
            "sliding token": ("required_claims", tokens["SlidingToken"]),
        },
        {"JWT_PUBLIC_KEY": public} if public else {"JWT_SECRET": SECRET},
    )  # fmt: skip
