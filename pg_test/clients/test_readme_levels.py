"""The README's table of levels and commands, each cell tried with a real statement by an ordinary client (G2)."""

import re

import psycopg
import pytest
from documents import trust
from issuer import Issuer
from manual import REPOSITORY

LEVELS = ["none", "view", "use", "edit", "manage", "share", "owner"]
# What a row of the table begins with, the statement that tries it, and what it is refused with where it says so.
STATEMENTS = {
    "see it": ("SELECT FROM agents WHERE id = %(agent)s", None),
    "refer to it": ("INSERT INTO conversations (agent_id) VALUES (%(agent)s)", {"42501"}),
    "change it": ("UPDATE agents SET name = 'changed' WHERE id = %(agent)s", None),
    "add to its children": ("INSERT INTO prompts (agent_id) VALUES (%(agent)s)", {"42501"}),
    "change its settings": ("UPDATE settings SET model = 'large' WHERE agent_id = %(agent)s", None),
    "delete it": ("DELETE FROM agents WHERE id = %(agent)s", None),
    "share it on": ("SELECT warden.share('agents', %(agent)s::uuid, %(carol)s, 'view')", {"42501", "P0002"}),
    "give it away": ("SELECT warden.transfer('agents', %(agent)s::uuid, %(carol)s)", {"42501", "P0002"}),
}
TABLES = """
CREATE TABLE agents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL, name text NOT NULL, UNIQUE (user_id, name)
);
CREATE TABLE conversations (
    id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, user_id uuid NOT NULL, agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE
);
CREATE TABLE prompts (
    id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE
);
CREATE TABLE settings (agent_id uuid PRIMARY KEY REFERENCES agents ON DELETE CASCADE, model text NOT NULL DEFAULT 'small');
GRANT SELECT, INSERT, UPDATE, DELETE ON agents, conversations, prompts, settings TO app;
SELECT count(*) FROM warden.protect('agents', shareable => true);
SELECT count(*) FROM warden.protect('conversations');
SELECT count(*) FROM warden.protect('prompts', owner_column => NULL, parent_column => 'agent_id');
SELECT count(*) FROM warden.protect('settings', owner_column => NULL, parent_column => 'agent_id', write_level => 'manage');
"""


def table():
    """What the README says: a row of yes and no, by the level, for each verb."""
    section = (REPOSITORY / "README.md").read_text().split("\n## Sharing rows\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", section, re.M)]
    header, _, *cells = rows
    assert header[1:] == LEVELS
    return {re.sub(r" \(.*", "", verb): dict(zip(LEVELS, said, strict=True)) for verb, *said in cells}


TABLE = table()


@pytest.fixture(scope="module")
def client(database):
    """A connection as a client; how to sign in; alice's agent."""
    issuer = Issuer("https://id.example.com")
    with database.connect("owner") as owner:
        owner.execute(TABLES)
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app')")
        trust(superuser, issuer)
        users = {name: superuser.execute("SELECT warden.create_user()").fetchone()[0] for name in ("alice", "bob", "carol")}
    with database.connect("app") as connection:
        [(ordinary,)] = connection.execute(
            "SELECT NOT (rolsuper OR rolbypassrls OR pg_has_role('owner', 'MEMBER')) FROM pg_roles WHERE rolname = session_user"
        )
        assert ordinary
        connection.rollback()

        def sign_in(name):
            connection.rollback()
            connection.execute("SELECT warden.authenticate(%s)", (issuer.token(users[name]),))

        sign_in("alice")
        [(agent,)] = connection.execute("INSERT INTO agents (name) VALUES ('researcher') RETURNING id")
        connection.execute("INSERT INTO settings (agent_id) VALUES (%s)", (agent,))
        connection.commit()
        yield connection, sign_in, {"agent": agent, **users}


@pytest.fixture(params=LEVELS)
def level(client, request):
    """Signs in as who has this level on alice's agent: alice herself, or bob."""
    connection, sign_in, names = client
    sign_in("alice")
    connection.execute("SELECT warden.unshare('agents', %(agent)s, %(bob)s)", names)
    if request.param not in ("none", "owner"):
        connection.execute("SELECT warden.share('agents', %(agent)s, %(bob)s, %(level)s)", {**names, "level": request.param})
    connection.commit()
    sign_in("alice" if request.param == "owner" else "bob")
    return request.param


def test_the_table_is_whole():
    assert list(TABLE) == list(STATEMENTS)
    assert {said for row in TABLE.values() for said in row.values()} == {"yes", "no"}


@pytest.mark.parametrize("verb", STATEMENTS)
def test_cell(client, level, verb):
    connection, _, names = client
    statement, refused_with = STATEMENTS[verb]
    try:
        reached = connection.execute(statement, names).rowcount
    except psycopg.Error as error:
        assert refused_with and error.sqlstate in refused_with, error
        reached = 0
    finally:
        connection.rollback()
    assert reached in (0, 1)
    assert ("yes" if reached else "no") == TABLE[verb][level]
