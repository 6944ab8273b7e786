"""An identity provider for tests. It signs with PyJWT, so that no token is made by the code under test."""

import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

AUDIENCE = "api"


class Issuer:
    """Signs bearer tokens with one key at a time, and publishes it as a JWK Set (RFC 7517)."""

    def __init__(self, name: str, algorithm: str = "EdDSA"):
        self.name = name
        self.algorithm = algorithm
        self.generation = 0
        self.rotate()

    def rotate(self) -> None:
        """Takes a new key; tokens signed so far are of a key no longer published."""
        self.generation += 1
        if self.algorithm == "EdDSA":
            self._key = ed25519.Ed25519PrivateKey.generate()
        else:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def kid(self) -> str:
        return f"key-{self.generation}"

    @property
    def key_set(self) -> str:
        """The public key, as the issuer's jwks_uri would serve it."""
        public = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self._key.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return json.dumps({"keys": [{**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}]})

    def token(self, subject, *, lifetime: int = 900, **claims) -> str:
        """A bearer token for a subject; `lifetime` in seconds, `claims` are added or replace."""
        now = int(time.time())
        standard = {"iss": self.name, "aud": AUDIENCE, "sub": str(subject), "iat": now, "exp": now + lifetime}
        return self.sign(json.dumps({**standard, **claims}).encode())

    def sign(self, payload: bytes) -> str:
        """A compact JWS (RFC 7515) over any bytes."""
        return jwt.api_jws.encode(payload, self._key, algorithm=self.algorithm, headers={"kid": self.kid, "typ": "JWT"})


def forged(token: str) -> str:
    """The token with one character of its signature changed, whatever that was."""
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
