"""Sharing against a model of it (G2–G4, G11, N5, F2, F3): random users, rows and operations, and after every few of them the
database and sharing_model.py have to agree for everybody on what is seen, changed, deleted, answered and explained.

WARDEN_SEED=17 repeats a run; the seed of each is printed when it fails. WARDEN_COMPARISONS=1000000 goes on for longer.
"""

import os
import random
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import cycle
from uuid import UUID, uuid4

import psycopg
import pytest

from documents import trust
from issuer import Issuer
from sharing_model import ADMINISTRATOR, GRANTABLE, LEVELS, ROLES, Model, Principal, Row, Share, User

SEED = int(os.environ.get("WARDEN_SEED") or random.randrange(2**32))
COMPARISONS = int(os.environ.get("WARDEN_COMPARISONS") or 100_000)
OPERATIONS = 40

SCHEMA = """
CREATE TABLE agents (id uuid PRIMARY KEY, user_id uuid NOT NULL, name text NOT NULL, is_public boolean NOT NULL DEFAULT false, UNIQUE (user_id, name));
CREATE TABLE projects (id bigint PRIMARY KEY, user_id uuid NOT NULL, name text NOT NULL);
CREATE TABLE tools (id varchar(40) PRIMARY KEY, user_id uuid NOT NULL, name text NOT NULL);
CREATE TABLE files (id smallint PRIMARY KEY, user_id uuid NOT NULL, tenant_id uuid NOT NULL, name text NOT NULL);
CREATE TABLE conversations (id int PRIMARY KEY, user_id uuid NOT NULL, agent_id uuid NOT NULL REFERENCES agents ON DELETE CASCADE, name text NOT NULL);
CREATE TABLE messages (id int PRIMARY KEY, conversation_id int NOT NULL UNIQUE REFERENCES conversations ON DELETE CASCADE, name text NOT NULL);
CREATE TABLE attachments (id int PRIMARY KEY, message_id int NOT NULL UNIQUE REFERENCES messages ON DELETE CASCADE, name text NOT NULL);
CREATE TABLE prompts (id uuid PRIMARY KEY, agent_id uuid NOT NULL UNIQUE REFERENCES agents ON DELETE CASCADE, name text NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
SELECT count(*) FROM warden.protect('agents', shareable => true, public_column => 'is_public');
SELECT count(*) FROM warden.protect('projects', shareable => true);
SELECT count(*) FROM warden.protect('tools', shareable => true);
SELECT count(*) FROM warden.protect('files', tenant_column => 'tenant_id', shareable => true);
SELECT count(*) FROM warden.protect('conversations', shareable => true);
SELECT count(*) FROM warden.protect('messages', NULL, parent_column => 'conversation_id');
SELECT count(*) FROM warden.protect('attachments', NULL, parent_column => 'message_id', write_level => 'manage');
SELECT count(*) FROM warden.protect('prompts', NULL, parent_column => 'agent_id', read_level => 'edit', write_level => 'share');

-- A statement for one key: its value, or the SQLSTATE by which it is refused.
CREATE FUNCTION answer_to(statement text, id text, argument text DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    EXECUTE statement INTO answer USING id, argument;
    RETURN coalesce(answer, '[]');
EXCEPTION WHEN OTHERS THEN
    RETURN to_jsonb(SQLSTATE);
END $$;
-- How many rows a statement reaches, undone.
CREATE FUNCTION reach_of(statement text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE statement USING id;
    GET DIAGNOSTICS n = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'TE000', MESSAGE = n;
EXCEPTION WHEN SQLSTATE 'TE000' THEN
    RETURN SQLERRM;
WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
"""

KEYS = {
    "agents": [str(UUID(int=0xA0000000000040008000000000000000 + n)) for n in range(8)],
    "projects": [str(n) for n in (-9223372036854775808, -1, 0, 1, 7, 10, 4294967297, 9223372036854775807)],
    "tools": ["search", "Search", "ä b", "", "'", "1", "x" * 40, "%"],
    "files": [str(n) for n in (-32768, -1, 0, 1, 2, 32767)],
    "conversations": [str(n) for n in (-2147483648, 0, 1, 2, 3, 5, 2147483647)],
}
TYPES = {"agents": "uuid", "projects": "bigint", "tools": "text", "files": "smallint", "conversations": "int"}
# Below which table, the column of that one's key, and what it takes there to read and to write.
CHILDREN = {
    "messages": ("conversations", "conversation_id", "view", "edit"),
    "attachments": ("conversations", "message_id", "view", "manage"),
    "prompts": ("agents", "agent_id", "edit", "share"),
}
PLANS = {
    "planned": [],
    "no index": ["SET LOCAL enable_indexscan = off", "SET LOCAL enable_bitmapscan = off", "SET LOCAL enable_indexonlyscan = off"],
    "only indexes": ["SET LOCAL enable_seqscan = off"],
    "prepared": ["SET LOCAL plan_cache_mode = force_generic_plan"],
    "parallel": [
        "SET LOCAL parallel_setup_cost = 0", "SET LOCAL parallel_tuple_cost = 0", "SET LOCAL min_parallel_table_scan_size = 0",
        "SET LOCAL min_parallel_index_scan_size = 0",
    ],
    "cursor": [],
    "repeatable read": [],
}

REFUSED_WRITE = "42501"


class World:
    """The database and the model of it, with one connection for each user."""

    def __init__(self, database):
        self.random = random.Random(SEED)
        self.now = datetime.now(timezone.utc)
        self.model = Model(self.now)
        self.model.tenant_tables = {"files"}
        self.compared = Counter()
        self.issuer = Issuer("https://id.example.com")
        with database.connect("owner", autocommit=True) as owner:
            owner.execute(SCHEMA)
        self.superuser = database.connect("postgres", autocommit=True)
        self.superuser.execute("SELECT warden.add_client_role('app'), warden.add_admin_role('boss')")
        self.superuser.execute("SELECT warden.define_role('auditor', '{user}', true), warden.define_role('support', '{user}', false)")
        trust(self.superuser, self.issuer)
        self.boss = database.connect("boss")
        self.people()
        # Compiling a plan takes longer than everything here.
        self.connections = {user: database.connect("app", options="-c jit=off") for user in [None, *self.model.users]}
        self.tokens = {user: self.issuer.token(user, lifetime=7200) for user in self.model.users}
        self.names = iter(range(10**9))
        for table, keys in KEYS.items():
            for key in keys[:-2]:
                self.insert(table, key)

    def people(self):
        roles = [{"user", "owner"}, {"user"}, {"user"}, {"user", "support"}, {"user", "admin"}, {"viewer"}, {"anonymous"}, {"auditor", "anonymous"}, {"user"}, {"user"}, {"user"}]
        for held in roles:
            user = self.value("SELECT warden.create_user()")
            self.superuser.execute("UPDATE warden.users SET roles = %s WHERE id = %s", (list(held), user))
            self.model.users[user] = User(user, set(held))
        self.tenants = [self.value("SELECT warden.create_tenant(%s)", (str(uuid4()),)) for _ in range(2)]
        for tenant in self.tenants:
            # The first stays: there is an owner in each.
            self.join(next(iter(self.model.users)), tenant, {"owner"})
        for user in list(self.model.users)[1:9]:
            for tenant in self.random.sample(self.tenants, self.random.randint(0, 2)):
                self.join(user, tenant, {self.random.choice(["user", "viewer", "support"])})
        self.suspend(list(self.model.users)[-1], True)
        owners = list(self.model.users)[2:4]
        for owner, held in zip(owners, ({"user", "support", "viewer"}, {"support", "admin"})):
            agent = self.value("SELECT warden.register_agent('agent', %s, '{}')", (owner,))
            self.superuser.execute("UPDATE warden.users SET roles = %s WHERE id = %s", (list(held), agent))
            self.model.users[agent] = User(agent, set(held), owner=owner)
            self.join(agent, self.random.choice(self.tenants), {"user", "support"})

    def close(self):
        for connection in [self.superuser, self.boss, *self.connections.values()]:
            connection.close()

    # Talking to the database.

    def value(self, sql, parameters=()):
        return self.superuser.execute(sql, parameters).fetchone()[0]

    @contextmanager
    def acting(self, who: Principal, isolation="READ COMMITTED"):
        """A transaction of somebody, rolled back at its end."""
        connection = self.boss if who is ADMINISTRATOR else self.connections[who.user]
        connection.rollback()
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        if who.user is not None:
            connection.execute("SELECT warden.authenticate(%s, tenant_id => %s)", (self.tokens[who.user], who.tenant))
        try:
            yield connection
        finally:
            connection.rollback()

    def attempt(self, who: Principal, sql, parameters=()):
        """The value that a statement returns, committed, and None; or None and the SQLSTATE."""
        try:
            with self.acting(who) as connection:
                found = connection.execute(sql, parameters).fetchone()
                connection.commit()
                return found and found[0], None
        except psycopg.Error as error:
            return None, error.sqlstate

    def agree(self, what, actual, expected):
        self.compared[what[0]] += 1
        assert actual == expected, f"seed {SEED}: {what}: the database says {actual}, the model {expected}"

    # Whom and what it is about.

    def principal(self, user=None) -> Principal:
        user = user or self.random.choice([user for user in self.model.users if self.model.may_act(user)])
        tenants = [None, *sorted(self.model.tenants(user))]
        return Principal(user, self.random.choice(tenants))

    def a_row(self):
        if self.random.random() < 0.05:
            table = self.random.choice(list(KEYS))
            return table, self.random.choice(KEYS[table])
        # Few, so that much happens to each.
        return self.random.choice(list(self.model.rows)[:18] if self.random.random() < 0.7 else list(self.model.rows))

    def who_acts(self, row) -> Principal:
        """Mostly somebody who may."""
        model, chance = self.model, self.random.random()
        if chance < 0.08:
            return ADMINISTRATOR
        holders = [UUID(share.grantee[5:]) for share in model.of_row(row) if share.level == "share" and share.grantee.startswith("user:")]
        user = None
        if row in model.rows and chance < 0.5:
            user = model.rows[row].owner
        elif holders and chance < 0.88:
            user = self.random.choice(holders)
        if user is None or not model.may_act(user):
            return self.principal()
        if row[0] in model.tenant_tables and model.rows[row].tenant in model.tenants(user):
            return Principal(user, model.rows[row].tenant)
        return self.principal(user)

    def a_grantee(self) -> str:
        chance = self.random.random()
        if chance < 0.7:
            return f"user:{self.random.choice(list(self.model.users))}"
        if chance < 0.8:
            return f"tenant:{self.random.choice(self.tenants)}"
        if chance < 0.9:
            return f"role:{self.random.choice(sorted(ROLES))}"
        return self.random.choice(["everyone", "everyone", f"user:{uuid4()}", "role:nobody", "tenants", f"tenant:{uuid4()}"])

    # Operations.

    def insert(self, table, key, who: Principal | None = None):
        """A row of somebody: by himself if he is given, else by the superuser."""
        model = self.model
        owner = who.user if who else self.random.choice(list(model.users))
        row = Row(owner)
        columns = {"id": key, "user_id": owner, "name": f"name {next(self.names)}"}
        if table == "files":
            row.tenant = who.tenant if who else self.random.choice(list(model.users[owner].tenants) or self.tenants)
            columns["tenant_id"] = row.tenant
        if table == "agents":
            row.public = columns["is_public"] = self.random.random() < 0.2
        if table == "conversations":
            row.agent = columns["agent_id"] = self.random.choice([known for of, known in model.rows if of == "agents"] or [str(uuid4())])
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING 1"
        parameters = [value for value in columns.values()]
        if who is None:
            self.superuser.execute(insert, parameters)
        else:
            refused = not model.may_write(who) or (table == "files" and who.tenant is None)
            refused = refused or (row.agent is not None and not model.holds(who, ("agents", row.agent), "use"))
            _, state = self.attempt(who, insert, parameters)
            # A missing tenant is refused as such, or as a NULL.
            self.agree(("insert", who, table, key), state in ("42501", "23502"), refused)
            if refused:
                return
        model.rows[table, key] = row
        if table == "conversations":
            self.superuser.execute("INSERT INTO messages VALUES (%s, %s, 'm')", (key, key))
            self.superuser.execute("INSERT INTO attachments VALUES (%s, %s, 'a')", (key, key))
        if table == "agents":
            self.superuser.execute("INSERT INTO prompts VALUES (%s, %s, 'p')", (key, key))

    def share(self):
        row, grantee = self.a_row(), self.a_grantee()
        who = self.who_acts(row)
        level = self.random.choice([*GRANTABLE, "share", "share", "edit"] if self.random.random() < 0.97 else ["owner", "", "View"])
        expires = self.random.choice([None] * 6 + [self.now + timedelta(hours=1), self.now + timedelta(hours=2), self.now - timedelta(hours=1)])
        offer = grantee.startswith("user:") and self.random.random() < 0.2
        if who is ADMINISTRATOR:
            offer = False
        refusals = self.model.share_refusals(who, row, grantee, level, expires, offer)
        entitling = {None}
        if not refusals and self.model.access_of_giver(who, row) == "share":
            entitling = self.model.entitling(who, row)
        parameters = [row[0], row[1], grantee, level, expires, offer]
        id_, state = self.attempt(who, "SELECT warden.share_with(%s, %s, %s, %s, %s, %s)", parameters)
        self.agree(("share", who, *parameters, state, refusals), state in refusals if refusals else state is None, True)
        if refusals:
            return
        under = self.value("SELECT under FROM warden.shares WHERE id = %s", (id_,))
        self.agree(("under", who, *parameters, under, entitling), under in entitling, True)
        known = self.model.share(who, row, grantee, level, expires, offer, under)
        if known is None:
            assert id_ not in self.model.shares
            status = "pending" if offer else "accepted"
            self.model.shares[id_] = Share(id_, row, grantee, level, status, expires, under, who.user)
        else:
            self.agree(("id", who, *parameters), id_, known)

    def unshare(self):
        shares = list(self.model.shares.values())
        row = self.random.choice(shares).row if shares else self.a_row()
        given = [share.grantee for share in self.model.of_row(row)]
        grantee = self.random.choice(given) if given and self.random.random() < 0.85 else self.a_grantee()
        who = self.who_acts(row)
        if self.random.random() < 0.25 and grantee.startswith("user:") and self.model.users.get(UUID(grantee[5:])):
            user = UUID(grantee[5:])
            who = self.principal(user if self.model.may_act(user) else None)
        value, state = self.attempt(who, "SELECT warden.unshare_with(%s, %s, %s)", [*row, grantee])
        self.agree(("unshare", who, *row, grantee), state or value, self.model.unshare(who, row, grantee))

    def answer(self):
        shares = list(self.model.shares.values())
        if not shares:
            return
        pending = [share for share in shares if share.status == "pending"]
        share = self.random.choice(pending if pending and self.random.random() < 0.9 else shares)
        user = UUID(share.grantee[5:]) if share.grantee.startswith("user:") else None
        if user is None or not self.model.may_act(user) or self.random.random() < 0.15:
            user = None
        who = self.principal(user)
        verb = self.random.choice(["accept", "accept", "decline"])
        _, state = self.attempt(who, f"SELECT warden.{verb}_share(%s)", [share.id])
        expected = self.model.answer(who, share.id, {"accept": "accepted", "decline": "declined"}[verb])
        self.agree((verb, who, share.id), state, expected)

    def transfer(self):
        row, to = self.a_row(), self.random.choice(list(self.model.users))
        holders = [share.grantee for share in self.model.of_row(row) if share.grantee.startswith("user:")]
        if holders and self.random.random() < 0.6:
            to = UUID(self.random.choice(holders)[5:])
        who = self.who_acts(row)
        keep = self.random.choice([None, None, *GRANTABLE])
        refusals = self.model.transfer_refusals(who, row, to)
        value, state = self.attempt(who, "SELECT warden.transfer(%s, %s, %s, %s)", [*row, to, keep])
        what = ("transfer", who, *row, to, keep, state, refusals)
        self.agree(what, state in refusals if refusals else state is None, True)
        if refusals:
            return
        former = self.model.rows[row].owner
        self.agree(what, value, former != to)
        if not value:
            return
        self.model.transfer(row, to)
        if keep:
            grantee = f"user:{former}"
            if self.model.share(who, row, grantee, keep, None, False, None) is None:
                id_ = self.value("SELECT id FROM warden.shares WHERE relation = %s::regclass AND row_id = %s AND grantee = %s AND under IS NULL", [*row, grantee])
                self.model.shares[id_] = Share(id_, row, grantee, keep, "accepted", None, None, who.user)

    def delete(self):
        row = self.a_row()
        who = self.who_acts(row)
        if row not in self.model.rows or who is ADMINISTRATOR:
            return
        expected = REFUSED_WRITE if not self.model.may_write(who) else 1 if self.model.holds(who, row, "manage") else None
        value, state = self.attempt(who, f"DELETE FROM {row[0]} WHERE id = %s RETURNING 1", [row[1]])
        self.agree(("delete", who, *row), state or value, expected)
        if expected == 1:
            self.model.delete(row)

    def create(self):
        free = [(table, key) for table, keys in KEYS.items() for key in keys if (table, key) not in self.model.rows]
        if free:
            self.insert(*self.random.choice(free), self.principal())

    def publish(self):
        row = self.a_row()
        who = self.who_acts(row)
        if row not in self.model.rows or row[0] != "agents" or who is ADMINISTRATOR:
            return
        expected = None
        if not self.model.may_write(who) or (self.model.holds(who, row, "edit") and not self.model.holds(who, row, "share")):
            expected = REFUSED_WRITE
        elif self.model.holds(who, row, "share"):
            expected = 1
        value, state = self.attempt(who, "UPDATE agents SET is_public = NOT is_public WHERE id = %s RETURNING 1", [row[1]])
        self.agree(("publish", who, *row), state or value, expected)
        if expected == 1:
            self.model.rows[row].public ^= True

    def expire(self):
        shares = list(self.model.shares.values())
        if shares:
            share = self.random.choice(shares)
            share.expires = self.random.choice([self.now - timedelta(hours=1), self.now - timedelta(hours=1), None, self.now + timedelta(hours=3)])
            self.superuser.execute("UPDATE warden.shares SET expires_at = %s WHERE id = %s", (share.expires, share.id))

    def change_roles(self):
        # The first stays an owner, so that there is one.
        user = self.random.choice(list(self.model.users.values())[1:])
        held = self.random.choice([{"user"}, {"user", "support"}, {"viewer"}, {"anonymous"}, {"auditor"}, set(), {"user", "admin"}, {"user", "anonymous"}])
        user.roles = set(held)
        self.superuser.execute("UPDATE warden.users SET roles = %s WHERE id = %s", (list(held), user.id))

    def change_membership(self):
        user = self.random.choice(list(self.model.users)[1:])
        tenant = self.random.choice(self.tenants)
        if tenant in self.model.users[user].tenants and self.random.random() < 0.5:
            self.superuser.execute("SELECT warden.remove_member(%s, %s)", (tenant, user))
            del self.model.users[user].tenants[tenant]
        else:
            self.join(user, tenant, {self.random.choice(["user", "viewer", "support", "admin"])})

    def join(self, user, tenant, roles):
        self.superuser.execute("SELECT warden.add_member(%s, %s, %s)", (tenant, user, list(roles)))
        self.model.users[user].tenants[tenant] = roles

    def change_status(self):
        user = self.random.choice(list(self.model.users)[2:])
        if self.model.users[user].owner and self.random.random() < 0.5:
            self.suspend_agent(user, self.random.random() < 0.3)
        else:
            self.suspend(user, self.random.random() < 0.3)

    def suspend(self, user, yes):
        status = "suspended" if yes else "active"
        self.superuser.execute("SELECT warden.set_user_status(%s, %s)", (user, status))
        self.model.users[user].status = status

    def suspend_agent(self, user, yes):
        status = "suspended" if yes else "active"
        self.superuser.execute("SELECT warden.set_agent_status(%s, %s)", (user, status))
        self.model.users[user].agent_status = status

    def operate(self):
        operations = {
            self.share: 50, self.unshare: 14, self.answer: 10, self.transfer: 6, self.delete: 5, self.create: 7, self.publish: 2,
            self.expire: 4, self.change_roles: 2, self.change_membership: 3, self.change_status: 2,
        }
        (operation,) = self.random.choices(list(operations), list(operations.values()))
        operation()

    # Comparing.

    def compare(self, plan: str):
        for user in self.model.users:
            who = self.principal(user)
            if not self.model.may_act(user):
                _, state = self.attempt(who, "SELECT 1")
                self.agree(("suspended", who), state, "28000")
            else:
                self.compare_for(who, plan)
        self.compare_for(Principal(None, None), plan)
        self.compare_as_administrator()

    def compare_for(self, who: Principal, plan: str):
        isolation = "REPEATABLE READ" if plan == "repeatable read" else "READ COMMITTED"
        with self.acting(who, isolation) as connection:
            for setting in PLANS[plan]:
                connection.execute(setting)
            for table, keys in KEYS.items():
                self.compare_table(connection, who, plan, table, keys)
            for child in CHILDREN:
                self.compare_child(connection, who, plan, child)
            self.compare_shared_with(connection, who, plan)

    def ids(self, connection, plan, sql, parameters=None) -> set[str]:
        if plan == "parallel":
            # For this statement alone: starting a worker takes longer than all the rest.
            force = "debug_parallel_query" if connection.info.server_version >= 160000 else "force_parallel_mode"
            connection.execute(f"SET LOCAL {force} = on")
            found = {id_ for (id_,) in connection.execute(sql, parameters)}
            connection.execute(f"SET LOCAL {force} = off")
            return found
        if plan == "cursor" and not parameters:
            with connection.cursor(name="listed") as cursor:
                return {id_ for (id_,) in cursor.execute(sql)}
        return {id_ for (id_,) in connection.execute(sql, parameters, prepare=plan == "prepared")}

    def reached(self, connection, sql):
        """What a statement returns, undone, or its SQLSTATE."""
        try:
            with connection.transaction(force_rollback=True):
                return {id_ for (id_,) in connection.execute(sql)}
        except psycopg.Error as error:
            return error.sqlstate

    def agree_on_each(self, what, actual, expected, number):
        """One comparison for each of a number of keys."""
        self.agree(what, actual, expected)
        self.compared[what[0]] += number - 1

    def compare_table(self, connection, who, plan, table, keys):
        model, kind, n = self.model, TYPES[table], len(keys)
        row = {key: (table, key) for key in keys}
        seen = {key for key in keys if model.access(who, row[key])}
        what = (who, plan, table)
        self.agree_on_each(("list", *what), self.ids(connection, plan, f"SELECT id::text FROM {table}"), seen, n)
        points = f"SELECT k.id::text FROM unnest(%s::{kind}[]) k (id) CROSS JOIN LATERAL (SELECT FROM {table} t WHERE t.id = k.id OFFSET 0) t"
        self.agree_on_each(("point", *what), self.ids(connection, plan, points, (keys,)), seen, n)
        joined = f"SELECT k.id::text FROM unnest(%s::{kind}[]) k (id) JOIN {table} t USING (id)"
        self.agree_on_each(("join", *what), self.ids(connection, plan, joined, (keys,)), seen, n)
        verbs = {"UPDATE": "edit", "DELETE": "manage"}
        for verb, level in verbs.items():
            expected = {key for key in keys if model.holds(who, row[key], level)}
            if who.user is not None and not model.may_write(who):
                expected = REFUSED_WRITE
            statement = f"UPDATE {table} SET name = name || '!' RETURNING id::text" if verb == "UPDATE" else f"DELETE FROM {table} RETURNING id::text"
            self.agree_on_each((verb, *what), self.reached(connection, statement), expected, n)
        if who.user is None:
            return
        levels = dict(connection.execute("SELECT k, warden.access_level(%s, k) FROM unnest(%s::text[]) k", (table, keys)).fetchall())
        self.agree_on_each(("access_level", *what), levels, {key: model.access(who, row[key]) for key in keys}, n)
        # The rest for some.
        keys = self.random.sample(keys, 3)
        can = {
            (key, level): answer for key, level, answer in connection.execute(
                "SELECT k, l, warden.can(%s, k, l) FROM unnest(%s::text[]) k, unnest(%s::text[]) l", (table, keys, list(LEVELS)))
        }
        self.agree_on_each(("can", *what), can, {(key, level): model.can(who, row[key], level) for key, level in can}, len(can))
        self.compare_requirements(connection, who, table, keys)
        self.compare_who_can(connection, who, table, keys)
        self.compare_explanations(connection, who, table, keys)

    def compare_requirements(self, connection, who, table, keys):
        statement = f"SELECT to_jsonb(warden.require_access('{table}', $1, $2))"
        answers = connection.execute(
            "SELECT k, l, answer_to(%s, k, l) FROM unnest(%s::text[]) k, unnest(%s::text[]) l", (statement, keys, list(LEVELS))).fetchall()
        for key, level, answer in answers:
            self.agree(("require_access", who, table, key, level), answer, self.model.require_access(who, (table, key), level))

    def compare_shared_with(self, connection, who, plan):
        """The list is the one that is known; what counts of it, by its level, is what one sees of others' rows."""
        listed = connection.execute("SELECT table_name::text, id, level, status, counts, share_id, grantee FROM warden.shared_with_me()").fetchall()
        expected = self.model.shared_with(who)
        self.agree_on_each(("shared_with_me", who), set(listed), expected, len(expected) or 1)
        assert len(listed) == len(expected)
        for table in KEYS:
            counting = {id_ for of, id_, _, _, counts, *_ in listed if of == table and counts}
            rows = dict(connection.execute(f"SELECT id::text, warden.shared_level('{table}'::regclass, id) FROM {table}").fetchall())
            self.agree(("shared_with_me", who, plan, table), counting, {id_ for id_, level in rows.items() if level is not None})

    def compare_who_can(self, connection, who, table, keys):
        level = self.random.choice(GRANTABLE)
        statement = f"SELECT jsonb_agg(jsonb_build_array(grantee, access, share_id)) FROM warden.who_can('{table}', $1, $2)"
        for key, answer in connection.execute("SELECT k, answer_to(%s, k, %s) FROM unnest(%s::text[]) k", (statement, level, keys)):
            answer = answer if isinstance(answer, str) else {tuple(one) for one in answer}
            self.agree(("who_can", who, table, key, level), answer, self.model.who_can(who, (table, key), level))

    def compare_explanations(self, connection, who, table, keys):
        """The highest level of the reasons that count is the access; the shares among them are those that are known."""
        model = self.model
        of = self.random.choice([who.user, *model.users])
        statement = f"SELECT jsonb_agg(jsonb_build_array(reason, level, counts, share_id)) FROM warden.explain_access('{table}', $1, $2::uuid)"
        for key, answer in connection.execute("SELECT k, answer_to(%s, k, %s) FROM unnest(%s::text[]) k", (statement, str(of), keys)):
            row, what = (table, key), ("explain_access", who, table, key, of)
            refusal = "P0002" if model.access(who, row) is None else None
            if of != who.user:
                refusal = model.refusal_below_share(who, row)
                # Within a tenant others are not known.
                if refusal is None and not model.is_within_tenant(f"user:{of}", row):
                    refusal = "P0002"
            if refusal or isinstance(answer, str):
                self.agree(what, answer, refusal)
                continue
            asked = Principal(of, who.tenant if who.tenant in model.tenants(of) else None)
            names = model.grantees(asked)
            shares = {(share.level, model.counts(share), str(share.id)) for share in model.of_row(row) if share.grantee in names}
            self.agree(what, {tuple(one[1:]) for one in answer if one[0] == "share"}, shares)
            keeps_out = [one for one in answer if one[2] is False and one[1] is None]
            levels = [one[1] for one in answer if one[1] is not None and one[2]] if not keeps_out else []
            access = model.access(asked, row) if model.may_act(of) else None
            if of != who.user and access == "view" and not model.holds(asked, row, "view"):
                # What is public is told to whoever asks for himself.
                access = None
            self.agree(what, max(levels, key=LEVELS.index, default=None), access)

    def compare_child(self, connection, who, plan, child):
        model = self.model
        parent, column, read, write = CHILDREN[child]
        rows = [row for row in model.rows if row[0] == parent]
        what = (who, plan, child)
        seen = {key for _, key in (row for row in rows if model.access(who, row) and (read == "view" or model.holds(who, row, read)))}
        self.agree_on_each(("list", *what), self.ids(connection, plan, f"SELECT {column}::text FROM {child}"), seen, len(rows))
        written = {row[1] for row in rows if model.holds(who, row, write)}
        if who.user is not None and not model.may_write(who):
            written = REFUSED_WRITE
        for statement in (f"UPDATE {child} SET name = 'changed' RETURNING {column}::text", f"DELETE FROM {child} RETURNING {column}::text"):
            self.agree_on_each((statement[:6], *what), self.reached(connection, statement), written, len(rows))

    def compare_as_administrator(self):
        """Everything that is kept is what is known: nothing counts that the model has forgotten."""
        shares = self.superuser.execute(
            "SELECT id, warden.share_counts(id) FROM warden.shares s WHERE NOT EXISTS (SELECT FROM warden.revoked_shares WHERE share_id = s.id)")
        expected = {share.id: share.level if self.model.counts(share) else None for share in self.model.shares.values()}
        self.agree_on_each(("shares",), dict(shares.fetchall()), expected, len(expected) or 1)
        with self.acting(ADMINISTRATOR) as boss:
            for table, keys in KEYS.items():
                self.compare_who_can(boss, ADMINISTRATOR, table, self.random.sample(keys, 2))


@pytest.fixture
def world(database):
    print(f"seed {SEED}")
    world = World(database)
    yield world
    world.close()


def test_the_database_and_the_model_agree(world):
    """At least 100,000 times, in as many rounds as that takes: how much there is to compare is what the operations have left."""
    for plan in cycle(PLANS):
        for _ in range(OPERATIONS):
            world.operate()
        world.compare(plan)
        if world.compared.total() >= COMPARISONS:
            break
    print(world.compared.total(), world.compared)
    # Every question was asked, of shares of every kind.
    assert min(world.compared[what] for what in ("list", "point", "UPDATE", "DELETE", "access_level", "can", "require_access", "who_can", "shared_with_me", "explain_access")) > 100
