"""The database most tests work on: 100,000 documents of 1,000 users, protected."""

from dataclasses import dataclass
from uuid import UUID

import psycopg

from database import Database
from issuer import AUDIENCE, Issuer

USERS = 1000
DOCUMENTS_EACH = 100

TABLE = """
CREATE TABLE documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO app, gateway;
"""

ROWS = f"""
SELECT count(warden.create_user()) FROM generate_series(1, {USERS});
INSERT INTO documents (user_id, title)
    SELECT id, 'document ' || n FROM generate_series(1, {DOCUMENTS_EACH}) n, warden.users;
ANALYZE documents;
"""

ROLES = """
SELECT warden.add_client_role('app');
SELECT warden.add_trusted_role('gateway');
SELECT warden.add_key_role('keymaster');
SELECT warden.add_admin_role('boss');
"""

# A row each for what would make the tests of this login worthless.
PRIVILEGES = """
SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'app' AND (rolsuper OR rolbypassrls)
UNION ALL
SELECT true, true FROM pg_class WHERE relname = 'documents' AND pg_has_role('app', relowner, 'MEMBER')
"""


@dataclass(frozen=True, kw_only=True)
class Documents(Database):
    """The database with its users, and two issuers that speak for them."""

    users: tuple[UUID, ...]
    eddsa: Issuer
    rs256: Issuer

    def token(self, user: UUID, **claims) -> str:
        """A token of the issuer that most tests use."""
        return self.eddsa.token(user, **claims)

    def sign_in(self, connection: psycopg.Connection, user: UUID) -> None:
        """Acts for the user in the connection's transaction."""
        connection.execute("SELECT warden.authenticate(%s)", (self.token(user),))


def fill(database: Database) -> Documents:
    """Makes the table, its users and the roles in an empty database that has the extension."""
    eddsa = Issuer("https://id.example.com")
    rs256 = Issuer("https://login.example.org", "RS256")
    with database.connect("owner") as owner:
        owner.execute(TABLE)
        owner.execute("SELECT warden.protect('documents')")
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute(ROLES)
        for issuer in (eddsa, rs256):
            trust(superuser, issuer)
        superuser.execute(ROWS)
        users = superuser.execute("SELECT id FROM warden.users ORDER BY id").fetchall()
        assert superuser.execute(PRIVILEGES).fetchall() == [], "app is not an ordinary login"
    return Documents(**vars(database), users=tuple(user for (user,) in users), eddsa=eddsa, rs256=rs256)


def trust(connection: psycopg.Connection, issuer: Issuer, **options) -> None:
    """Believes the issuer's tokens; `options` are further arguments of warden.trust_issuer()."""
    named = "".join(f", {name} => %({name})s" for name in options)
    connection.execute(
        f"SELECT warden.trust_issuer(%(issuer)s, %(key_set)s, %(audiences)s{named})",
        {"issuer": issuer.name, "key_set": issuer.key_set, "audiences": [AUDIENCE], **options},
    )


def owners_seen(connection: psycopg.Connection) -> set[UUID]:
    """Whose rows an unfiltered query returns."""
    return {owner for (owner,) in connection.execute("SELECT user_id FROM documents")}
