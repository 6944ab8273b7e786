"""The issuers, keys and tokens of the SQL tests, fresh for each test file.

tokens.py              writes psql's \\set commands to a file and prints its path, for \\i
tokens.py mint SUBJECT SECONDS_TO_LIVE [CLAIMS]
                       prints one token of the issuer :issuer; CLAIMS are a JSON object of further claims

The keys live as long as the test run. PyJWT signs; only what PyJWT refuses to make is put together by hand.
"""

import base64
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

import refused_tokens

ISSUER = "https://id.example.com"
# Trusted as well, with keys of its own.
OTHER_ISSUER = "https://other.example.com"
AUDIENCE = "api"

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
MALLORY = "3a110000-0000-4000-8000-000000000003"

# kid of a key -> the algorithm it signs with. The keys of :jwks, and those of :every_jwks.
MAIN_KEYS = {"ed": "EdDSA", "rs": "RS256", "es": "ES256"}
EVERY_KEY = {f"k-{algorithm}": algorithm for algorithm in (
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")}

ABSENT = object()


class Issuers:
    """Keys by name, made at first use and kept for the run."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)

    def key(self, name: str, make):
        path = self.directory / f"{name}.pem"
        if not path.exists():
            pem = make().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            path.write_bytes(pem)
        return serialization.load_pem_private_key(path.read_bytes(), None)

    def secret(self, name: str) -> bytes:
        path = self.directory / f"{name}.secret"
        if not path.exists():
            path.write_bytes(secrets.token_bytes(64))
        return path.read_bytes()

    def ed25519(self, name="main"):
        return self.key(f"ed25519-{name}", ed25519.Ed25519PrivateKey.generate)

    def rsa(self, name="main", bits=2048):
        return self.key(f"rsa-{name}", lambda: rsa.generate_private_key(65537, bits))

    def p256(self, name="main"):
        return self.key(f"p256-{name}", lambda: ec.generate_private_key(ec.SECP256R1()))

    def p384(self, name="main"):
        return self.key(f"p384-{name}", lambda: ec.generate_private_key(ec.SECP384R1()))

    def for_algorithm(self, algorithm: str):
        """The private key, or the secret, that signs with this algorithm."""
        match algorithm:
            case "EdDSA":
                return self.ed25519()
            case "ES256":
                return self.p256()
            case "ES384":
                return self.p384()
            case _ if algorithm.startswith("HS"):
                return self.secret("main")
            case _:
                return self.rsa()


issuers = Issuers(Path(os.environ["WARDEN_RUN_DIR"]) / "tokens")
now = int(time.time())


def jwk(key, kid: str | None = None, algorithm: str | None = None, private=False, **members) -> dict:
    """The JWK of a private key (its public half, unless told otherwise) or of a secret."""
    if isinstance(key, bytes):
        found = HMACAlgorithm.to_jwk(key, as_dict=True)
    else:
        half = key if private else key.public_key()
        kind = {rsa.RSAPublicKey: RSAAlgorithm, rsa.RSAPrivateKey: RSAAlgorithm,
                ec.EllipticCurvePublicKey: ECAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm,
                ed25519.Ed25519PublicKey: OKPAlgorithm, ed25519.Ed25519PrivateKey: OKPAlgorithm}
        algorithm_class = next(value for type_, value in kind.items() if isinstance(half, type_))
        found = algorithm_class.to_jwk(half, as_dict=True)
    found.pop("key_ops", None)
    given = {"kid": kid, "alg": algorithm, **members}
    return {**found, **{name: value for name, value in given.items() if value is not None}}


def key_set(*jwks: dict) -> str:
    return json.dumps({"keys": list(jwks)})


def claims(**changes) -> dict:
    """Alice's claims for ten minutes, with changes; ABSENT leaves a claim out."""
    every = {"iss": ISSUER, "aud": AUDIENCE, "sub": ALICE, "iat": now, "exp": now + 600, **changes}
    return {name: value for name, value in every.items() if value is not ABSENT}


def token(key=None, algorithm="EdDSA", kid: str | None = "ed", header: dict | None = None, **changes) -> str:
    """A token as PyJWT makes it."""
    headers = {**({"kid": kid} if kid is not None else {}), **(header or {})}
    # encode() insists on types that some attacks do without, so the payload is made here.
    payload = json.dumps(claims(**changes), separators=(",", ":")).encode()
    return jwt.api_jws.encode(payload, key or issuers.for_algorithm(algorithm), algorithm=algorithm, headers=headers)


def base64url(data: bytes | str) -> str:
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(text: str, algorithm="EdDSA") -> bytes:
    """The signature of a key of :jwks over any text at all."""
    key = issuers.for_algorithm(algorithm)
    match algorithm:
        case "EdDSA":
            return key.sign(text.encode())
        case "ES256":
            return key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))  # DER
        case "RS256":
            return key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    raise ValueError(algorithm)


def by_hand(header: dict | str, payload: dict | str, signature: bytes | None = None) -> str:
    """A token of any header and payload, with a good EdDSA signature unless another is given."""
    text = ".".join(
        base64url(part if isinstance(part, str) else json.dumps(part, separators=(",", ":")))
        for part in (header, payload))
    return f"{text}.{base64url(sign(text) if signature is None else signature)}"


def variables() -> dict[str, str]:
    """What a test finds as psql variables."""
    main = [jwk(issuers.for_algorithm(algorithm), kid, algorithm, use="sig") for kid, algorithm in MAIN_KEYS.items()]
    every = [jwk(issuers.for_algorithm(algorithm), kid, algorithm) for kid, algorithm in EVERY_KEY.items()]
    other = issuers.ed25519("other")
    following = issuers.ed25519("next")
    return {
        "issuer": ISSUER, "other_issuer": OTHER_ISSUER, "audience": AUDIENCE,
        "alice": ALICE, "bob": BOB, "mallory": MALLORY,
        # Key sets.
        "jwks": key_set(*main),
        "jwks_and_next": key_set(*main, jwk(following, "next", "EdDSA")),
        "next_jwks": key_set(jwk(following, "next", "EdDSA")),
        "other_jwks": key_set(jwk(other, "other", "EdDSA")),
        "every_jwks": key_set(*every),
        "bad_key_sets": json.dumps(bad_key_sets()),
        "mixed_jwks": key_set(
            jwk(issuers.ed25519(), "ed", "EdDSA"), jwk(issuers.rsa(), "for-encryption", use="enc"),
            {"kty": "AKP", "kid": "of-tomorrow", "alg": "ML-DSA-65", "pub": "AA"}),
        # Tokens of :issuer, ten minutes long.
        "alice_token": token(), "alice_token_2": token(jti="second"), "bob_token": token(sub=BOB),
        "mallory_token": token(sub=MALLORY),
        "full_token": token(session_id="sess-1", scope="agents:read tools:execute", act={"sub": BOB},
                            tenant_id="7e000000-0000-4000-8000-00000000000a"),
        "expired_token": token(iat=now - 1200, exp=now - 600),
        "tampered_token": tampered(token()),
        "next_token": token(issuers.ed25519("next"), kid="next"),
        # Tokens of :other_issuer, for alice and for bob.
        "other_alice_token": token(other, kid="other", iss=OTHER_ISSUER),
        "other_bob_token": token(other, kid="other", iss=OTHER_ISSUER, sub=BOB),
        # One token for each algorithm, as {algorithm: token}, of :issuer with the keys of :every_jwks.
        "every_token": json.dumps({algorithm: token(None, algorithm, kid) for kid, algorithm in EVERY_KEY.items()}),
        # [{attack, check, reason, token}]: see refused_tokens.py.
        "refused_tokens": json.dumps(refused_tokens.refused(sys.modules[__name__])),
        # {name: token}: near an attack, and good.
        "accepted_tokens": json.dumps(refused_tokens.accepted(sys.modules[__name__])),
    }


def bad_key_sets() -> dict[str, str]:
    """Key sets that trust_issuer must refuse, by what is wrong with them."""
    ed, weak = issuers.ed25519(), issuers.rsa("weak", 1024)
    return {
        "empty set": key_set(),
        "empty text": "",
        "not JSON": "{keys: []}",
        "no list of keys": "{}",
        "a key without a set": json.dumps(jwk(ed, "ed", "EdDSA")),
        "a PEM": ed.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "private key": key_set(jwk(ed, "ed", "EdDSA", private=True)),
        "private RSA key": key_set(jwk(issuers.rsa(), "rs", "RS256", private=True)),
        "private key beside a good one": key_set(jwk(ed, "ed", "EdDSA"), jwk(issuers.p256(), "es", private=True)),
        "private key for encryption": key_set(
            jwk(ed, "ed", "EdDSA"), jwk(issuers.rsa(), "enc", private=True, use="enc")),
        "empty kid": key_set(jwk(ed, "", "EdDSA")),
        "duplicate kids": key_set(jwk(ed, "twice", "EdDSA"), jwk(issuers.rsa(), "twice", "RS256")),
        "only keys for encryption": key_set(jwk(issuers.rsa(), "enc", use="enc")),
        "only an unknown type": key_set({"kty": "AKP", "kid": "new"}),
        "RSA of 1024 bits": key_set(jwk(weak, "weak", "RS256")),
        "HMAC key of 16 bytes": key_set(jwk(secrets.token_bytes(16), "hs", "HS256")),
        "HMAC key of 32 bytes for HS512": key_set(jwk(secrets.token_bytes(32), "hs", "HS512")),
        "HMAC key without algorithm": key_set(jwk(secrets.token_bytes(64), "hs")),
        "algorithm of another type": key_set(jwk(issuers.rsa(), "rs", "EdDSA")),
        "duplicate member": '{"keys": [], "keys": [' + json.dumps(jwk(ed, "ed", "EdDSA")) + "]}",
    }


def tampered(good: str) -> str:
    """The token with one character of its signature changed, still canonical base64url."""
    header, payload, signature = good.split(".")
    return f"{header}.{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def psql_quoted(value: str) -> str:
    r"""As psql reads it: single quotes, in which a backslash escapes."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def main():
    match sys.argv[1:]:
        case []:
            with tempfile.NamedTemporaryFile(
                    "w", dir=issuers.directory, suffix=".sql", delete=False, encoding="utf-8") as file:
                for name, value in variables().items():
                    file.write(f"\\set {name} {psql_quoted(value)}\n")
            print(file.name, end="")
        case ["mint", subject, seconds, *rest]:
            further = json.loads(rest[0]) if rest else {}
            print(token(**{"sub": subject, "exp": now + int(seconds), **further}), end="")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
