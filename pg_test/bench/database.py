"""The data that is measured, and who may see it: users, tokens, each table once protected and once plain."""

import json
import os
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

ISSUER = "https://id.example.com"
NAME = "bench"


class Database:
    """A database with the extension; connections to it, and tokens of its users."""

    def __init__(self):
        self.key = ed25519.Ed25519PrivateKey.generate()

    @classmethod
    def create(cls):
        self = cls()
        with psycopg.connect(os.environ["WARDEN_ADMIN_DSN"], autocommit=True) as server:
            server.execute(f"CREATE DATABASE {NAME}")
        with self.connect("postgres") as admin:
            admin.execute((Path(__file__).parent / "data.sql").read_text())
            admin.execute("SELECT warden.trust_issuer(%s, %s, '{api}')", (ISSUER, self.jwks()))
            admin.execute("VACUUM (ANALYZE)")
            admin.execute("CHECKPOINT")
        return self

    def connect(self, role, name=NAME):
        """A session of its own, outside any transaction."""
        return psycopg.connect(f"{os.environ['WARDEN_ADMIN_DSN']} dbname={name} user={role}", autocommit=True)

    def copy(self, name):
        """A second database with all that is in the first."""
        with psycopg.connect(os.environ["WARDEN_ADMIN_DSN"], autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name} TEMPLATE {NAME}")

    def jwks(self):
        key = json.loads(OKPAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [key | {"kid": "bench", "alg": "EdDSA", "use": "sig"}]})

    def token(self, user_id):
        """A new token of the shape that identity providers send: no two are the same."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": "api", "sub": user_id, "iat": now, "exp": now + 3600,
            "jti": str(uuid.uuid4()), "session_id": str(uuid.uuid4()), "scope": "documents:read documents:write",
        }
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": "bench"})

    def users(self, number):
        """Ids of ordinary users, every one with a hundred documents."""
        with self.connect("postgres") as admin:
            rows = admin.execute("SELECT bench.user_id(n)::text FROM generate_series(1, %s) AS n", (number,))
            return [user_id for (user_id,) in rows]

    @contextmanager
    def on_one_cpu(self):
        """Backends and clients that begin here share a CPU: what counts is the time that they compute, as on a busy server.

        Left alone the scheduler puts them together or apart as it likes, and keeps to it for seconds: the figures of
        two runs of the same differ by half.
        """
        with self.connect("postgres") as admin:
            server = int(admin.execute("SELECT pg_read_file('postmaster.pid')").fetchone()[0].split()[0])
        before = {pid: os.sched_getaffinity(pid) for pid in (0, server)}
        try:
            for pid, cpus in before.items():
                os.sched_setaffinity(pid, {min(cpus)})
            yield
        finally:
            for pid, cpus in before.items():
                os.sched_setaffinity(pid, cpus)

    def description(self):
        with self.connect("postgres") as admin:
            version = admin.execute("SHOW server_version").fetchone()[0].split()[0]
        memory = "with" if huge_pages_in_use() else "without"
        return f"PostgreSQL {version}, {os.cpu_count()} cores, {memory} huge pages"


def huge_pages_in_use():
    """Whether the server has its shared memory in them: nothing else here asks for any."""
    pages = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines() if "HugePages_" in line)
    total, free, promised = (int(pages.get(f"HugePages_{which}:", 0)) for which in ("Total", "Free", "Rsvd"))
    return total - free + promised > 0
