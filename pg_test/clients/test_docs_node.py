"""What docs/node.md shows is executed as typed: its Drizzle and its Prisma, each from the chapter's beginning in a server
where nothing was prepared. Then the tools do what else they can to the tables (N8, N9, attacks D10 and D11)."""

import json
import re
import subprocess

import pytest
from manual import REPOSITORY, blocks, own_server
from project import Project, token

ALICE = "00000000-0000-4000-8000-0000000a11ce"
BOB = "00000000-0000-4000-8000-000000000b0b"
CLIENTS = REPOSITORY / "pg_test/clients"
MANUAL = blocks("docs/node.md")
START = MANUAL[:2]
PRISMA_BEGINS = next(number for number, block in enumerate(MANUAL) if block.options == "file=prisma-act-for.js")
DRIZZLE = MANUAL[2:PRISMA_BEGINS]
PRISMA = MANUAL[PRISMA_BEGINS:]
# So that no tool looks for engines or news elsewhere: what is needed comes in the packages.
OFFLINE = {
    "npm_config_offline": "true",
    "npm_config_update_notifier": "false",
    "CHECKPOINT_DISABLE": "1",
    "PRISMA_HIDE_UPDATE_MESSAGE": "1",
    "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true",
    "PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true",
}


class Shop(Project):
    """The manual's project, with the packages of one of the folders beside this file."""

    def __init__(self, directory, socket, packages):
        urls = {
            f"{name}_URL": f"postgresql://shop_{user}@localhost/shop?host={socket}"
            for name, user in [("DATABASE", "app"), ("MIGRATIONS", "owner")]
        }
        super().__init__(directory, socket, "shop", **urls, **OFFLINE)
        subprocess.run([CLIENTS / "prepare", packages], check=True)
        (directory / "node_modules").symlink_to(CLIENTS / packages / "node_modules")
        # What the manual types begins with npx, which takes a second to find them.
        self.environment["PATH"] = f"{directory}/node_modules/.bin:{self.environment['PATH']}"
        self.write("package.json", '{"type": "module"}')

    def follow(self, manual):
        """Writes its files and types its commands, in order."""
        for language, options, text in manual:
            option, _, name = options.partition("=")
            if option == "file":
                self.write(name, text)
            elif option == "migration":
                [folder] = self.directory.glob(f"prisma/migrations/*_{name}")
                (folder / "migration.sql").write_text(text)
            else:
                assert language == "sh", f"nobody runs {text}"
                for line in text.splitlines():
                    self.type(line)

    def ask(self, script):
        """What a script in the project's directory prints as JSON; it has the tokens of alice and bob."""
        self.write("script.js", f"const alice = {token(ALICE)!r}, bob = {token(BOB)!r};\n{script}")
        return json.loads(self.type("node script.js").splitlines()[-1])


def protected_tables(project):
    return {name: table["protected_tables"]["owner_column"] for name, table in project.protection().items()}


# ---- Drizzle


@pytest.fixture(scope="module")
def drizzle(tmp_path_factory):
    with own_server("drizzle") as socket:
        shop = Shop(tmp_path_factory.mktemp("drizzle"), socket, "node")
        shop.follow(START + DRIZZLE)
        shop.as_owner(f"INSERT INTO notes (user_id, body) VALUES ('{ALICE}', 'of alice'), ('{BOB}', 'of bob')", "notes of two")
        yield shop


def bodies(drizzle):
    return drizzle.sql("SELECT body FROM notes ORDER BY id")


def push(drizzle, schema):
    """What drizzle-kit push prints for a schema; the manual's is there again afterwards."""
    before = drizzle.write("schema.js", schema)
    try:
        return drizzle.run("drizzle-kit push --verbose")
    finally:
        drizzle.write("schema.js", before)


def schema(drizzle):
    return (drizzle.directory / "schema.js").read_text()


def test_drizzle_as_the_manual_says(drizzle):
    """The tables are protected as drizzle-kit makes them, and the last push has added its column."""
    assert protected_tables(drizzle) == {"public.notes": "user_id"}
    assert drizzle.sql("SELECT count(*) FROM information_schema.columns WHERE (table_name, column_name) = ('notes', 'title')") == [(1,)]
    assert drizzle.sql("SELECT detail->>'reason' FROM warden.audit_log WHERE action = 'begin_admin' LIMIT 1") == [("0001: spaces around notes",)]
    output, status = drizzle.run("drizzle-kit push")
    assert status == 0 and "No changes detected" in output, output


def test_drizzle_serves_each_user_their_own(drizzle):
    """A1: by a query without a WHERE, and a DELETE without one."""
    answers = drizzle.ask("""
import { actFor, pool } from "./act-for.js";
import { forgetEverything, read, write } from "./notes.js";

const titles = (rows) => rows.map((row) => row.body);
const written = await write(alice, "by alice");
const plain = await actFor(bob, (client) => client.query("SELECT body FROM notes"));
const refused = await read(bob + "x").catch((error) => error.cause.code);
const seen = [written[0].userId, titles(await read(alice)), titles(await read(bob)), titles(plain.rows), refused];
const forgotten = titles(await forgetEverything(bob));
const nobody = await pool.query("SELECT FROM notes");
console.log(JSON.stringify([...seen, forgotten, titles(await read(bob)), titles(await read(alice)), nobody.rowCount]));
await pool.end();
""")
    mine = ["of alice", "by alice"]
    assert answers == [ALICE, mine, ["of bob"], ["of bob"], "28000", ["of bob"], [], mine, 0]
    drizzle.as_owner(f"INSERT INTO notes (user_id, body) VALUES ('{BOB}', 'of bob')", "the note that was forgotten")


def test_push_does_not_take_protection_away(drizzle):
    """D10: what it cannot know of is not removed; it is told why not, and fails with nothing else than words."""
    before, rows = drizzle.protection(), bodies(drizzle)
    output, status = push(drizzle, schema(drizzle).replace(', ...policies("shop_owner")', ""))
    assert 'ALTER TABLE "notes" DISABLE ROW LEVEL SECURITY' in output and 'DROP POLICY "warden_select"' in output
    assert "code: '55000'" in output and "warden.unprotect('public.notes')" in output
    assert status == 0, "the manual says that drizzle-kit reports success"
    assert (drizzle.protection(), bodies(drizzle)) == (before, rows)


def test_push_with_declared_policies(drizzle):
    """N9: a column, an index and a table come; what protects the table is equal before and after."""
    before, rows = drizzle.protection(), bodies(drizzle)
    table = """
export const tags = pgTable(
  "tags",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    userId: uuid("user_id").notNull().default(sql`warden.current_user_id()`),
    noteId: bigint("note_id", { mode: "number" }).notNull().references(() => notes.id),
  },
  (table) => [index("tags_user_id").on(table.userId)],
);
"""
    more = schema(drizzle).replace("title: text(),", 'title: text(), more: text().notNull().default("more"),')
    output, status = push(drizzle, more.replace("=> [index(", '=> [index("notes_body").on(table.body), index(') + table)
    assert status == 0 and "Changes applied" in output, output
    after = drizzle.protection()
    assert after.pop("public.tags")["protected_tables"]["intact"]
    assert (after, bodies(drizzle)) == (before, rows)
    assert drizzle.sql("SELECT DISTINCT more FROM notes") == [("more",)]
    drizzle.as_owner("DROP TABLE tags; ALTER TABLE notes DROP more; DROP INDEX notes_body")


def test_a_drizzle_migration_without_the_door_is_refused(drizzle):
    """N8, D11: nothing is done by halves; inside the door it reaches the rows of everybody."""
    before, rows = drizzle.protection(), bodies(drizzle)
    drizzle.type("drizzle-kit generate --custom --name shout")
    update = "ALTER TABLE notes ADD loud boolean;\n--> statement-breakpoint\nUPDATE notes SET body = upper(body);\n"
    drizzle.write("drizzle/0002_shout.sql", update)
    assert drizzle.run("drizzle-kit migrate")[1] != 0
    output, status = drizzle.run("node migrate.js")
    assert status != 0 and "42501" in output and "begin_admin" in output, output
    assert (drizzle.protection(), bodies(drizzle)) == (before, rows)
    drizzle.write("drizzle/0002_shout.sql", f"SELECT warden.begin_admin('0002');\n--> statement-breakpoint\n{update}")
    drizzle.type("drizzle-kit migrate")
    assert bodies(drizzle) == [(body.upper(),) for (body,) in rows]
    assert drizzle.protection() == before


def test_a_drizzle_migration_with_policies_of_ours_is_refused(drizzle):
    """As the manual says: policies are declared for push only."""
    before = drizzle.protection()
    drizzle.type("drizzle-kit generate --name policies")
    assert 'CREATE POLICY "warden_select"' in (drizzle.directory / "drizzle/0003_policies.sql").read_text()
    output, status = drizzle.run("drizzle-kit migrate")
    assert status != 0, output
    assert drizzle.protection() == before


# ---- Prisma


@pytest.fixture(scope="module")
def prisma(tmp_path_factory):
    """The manual's project, migrated by a Prisma that has the engine for it in its package."""
    with own_server("prisma") as socket:
        shop = Shop(tmp_path_factory.mktemp("prisma"), socket, "prisma_migrate")
        shop.follow(START)
        for block in PRISMA:
            if block.options == "file=prisma.config.js":
                shop.write("manual.config.js", block.text)
                shop.write("prisma.config.js", (CLIENTS / "prisma_migrate/prisma.config.js").read_text())
            elif block.options == "file=prisma/schema.prisma":
                shop.write("prisma/schema.prisma", for_the_engine(block.text))
            else:
                shop.follow([block])
        tasks = f"('{ALICE}', 'of alice'), ('{BOB}', 'of bob')"
        shop.as_owner(f"INSERT INTO tasks (user_id, what) VALUES {tasks}", "tasks of two users")
        yield shop


def for_the_engine(schema):
    """The manual's schema for Prisma 6: it wants an address, and no client."""
    client = schema[: schema.index("datasource")]
    return schema.removeprefix(client).replace('"postgresql"\n', '"postgresql"\n  url = "postgresql://of.the.adapter"\n')


@pytest.fixture(scope="module")
def prisma_client(prisma, tmp_path_factory):
    """The application of the manual, with the client of Prisma 7."""
    shop = Shop(tmp_path_factory.mktemp("prisma_client"), prisma.socket, "prisma")
    shop.follow([block for block in PRISMA if block.options.startswith("file=")])
    shop.type("npx prisma generate")
    return shop


def tasks(prisma):
    return prisma.sql("SELECT what FROM tasks ORDER BY id")


def changed(prisma, schema, command):
    """What a command of Prisma prints for a changed schema; the manual's is there again afterwards."""
    before = prisma.write("prisma/schema.prisma", schema)
    try:
        return prisma.run(command)
    finally:
        prisma.write("prisma/schema.prisma", before)


def schema_of(prisma):
    return (prisma.directory / "prisma/schema.prisma").read_text()


def deploy(prisma, sql):
    """What prisma migrate deploy makes of a migration; a failed one is forgotten."""
    name = "29990101000000_try"
    path = prisma.directory / f"prisma/migrations/{name}"
    prisma.write(f"prisma/migrations/{name}/migration.sql", sql)
    try:
        return prisma.run("prisma migrate deploy")
    finally:
        (path / "migration.sql").unlink()
        path.rmdir()
        prisma.sql(f"WITH gone AS (DELETE FROM _prisma_migrations WHERE migration_name = '{name}' RETURNING 1) SELECT count(*) FROM gone")


def test_prisma_as_the_manual_says(prisma):
    """The table is protected as Prisma makes it; the shadow database is gone, and nothing is left to do."""
    assert protected_tables(prisma) == {"public.tasks": "user_id"}
    assert prisma.sql("SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL") == [(2,)]
    assert prisma.sql("SELECT detail->>'reason' FROM warden.audit_log WHERE action = 'begin_admin' LIMIT 1") == [("spaces around tasks",)]
    assert prisma.sql("SELECT datname FROM pg_database WHERE datname LIKE 'shadow%'") == []
    assert prisma.sql("SELECT has_table_privilege('shop_app', '_prisma_migrations', 'SELECT')") == [(False,)]
    output = prisma.type("prisma migrate dev --name nothing")
    assert "Already in sync" in output, output
    assert "already in sync" in prisma.type("prisma db push --skip-generate")


def test_prisma_serves_each_user_their_own(prisma, prisma_client):
    """A1: by a query without a WHERE, and a DELETE without one."""
    answers = prisma_client.ask("""
import { PrismaPg } from "@prisma/adapter-pg";
import client from "./client/index.js";
import { add, finishAll, list } from "./tasks.js";

const prisma = new client.PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL }) });
const titles = (rows) => rows.map((row) => row.what);
const added = await add(prisma, alice, "by alice");
const refused = await list(prisma, bob + "x").catch((error) => error.meta.driverAdapterError.cause.originalCode);
const seen = [added.userId, titles(await list(prisma, alice)), titles(await list(prisma, bob)), refused];
const { count } = await finishAll(prisma, bob);
const nobody = await prisma.task.count();
console.log(JSON.stringify([...seen, count, titles(await list(prisma, bob)), titles(await list(prisma, alice)), nobody]));
await prisma.$disconnect();
""")
    mine = ["of alice", "by alice"]
    assert answers == [ALICE, mine, ["of bob"], "28000", 1, [], mine, 0]
    prisma.as_owner(f"INSERT INTO tasks (user_id, what) VALUES ('{BOB}', 'of bob')", "the task that was finished")


LABELS = """
model Label {
  id     Int    @id @default(autoincrement())
  userId String @default(dbgenerated("warden.current_user_id()")) @map("user_id") @db.Uuid
  taskId Int    @map("task_id")
  task   Task   @relation(fields: [taskId], references: [id])

  @@index([userId])
  @@map("labels")
}
"""


@pytest.mark.parametrize("command", ["prisma migrate dev --name labels", "prisma db push --skip-generate"])
def test_prisma_adds_a_column_and_a_table(prisma, command):
    """N9: what protects the table is equal before and after, and the new one is protected."""
    before, rows = prisma.protection(), tasks(prisma)
    more = schema_of(prisma).replace("what   String\n", 'what   String\n  more   String @default("more")\n  labels Label[]\n\n  @@index([what])\n')
    output, status = changed(prisma, more + LABELS, command)
    assert status == 0, output
    after = prisma.protection()
    assert after.pop("public.labels")["protected_tables"]["intact"]
    assert (after, tasks(prisma)) == (before, rows)
    assert prisma.sql("SELECT DISTINCT more FROM tasks") == [("more",)]
    prisma.as_owner("DROP TABLE labels; ALTER TABLE tasks DROP more; DROP INDEX tasks_what_idx")
    for path in prisma.directory.glob("prisma/migrations/*_labels"):
        (path / "migration.sql").unlink()
        path.rmdir()
    prisma.sql("WITH gone AS (DELETE FROM _prisma_migrations WHERE migration_name LIKE '%labels' RETURNING 1) SELECT count(*) FROM gone")
    assert prisma.protection() == before


def test_a_prisma_migration_without_the_door_is_refused(prisma):
    """N8, D11: and inside the door it reaches the rows of everybody."""
    before, rows = prisma.protection(), tasks(prisma)
    update = "UPDATE tasks SET what = upper(what);\n"
    output, status = deploy(prisma, update)
    assert status != 0 and "warden.begin_admin('why')" in output, output
    assert (prisma.protection(), tasks(prisma)) == (before, rows)
    output, status = deploy(prisma, f"BEGIN;\nSELECT warden.begin_admin('try');\n{update}COMMIT;\n")
    assert status == 0, output
    assert tasks(prisma) == [(what.upper(),) for (what,) in rows]
    assert prisma.protection() == before


@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE tasks DISABLE ROW LEVEL SECURITY", "ALTER TABLE tasks DROP user_id CASCADE"],
)
def test_a_prisma_migration_that_weakens_protection_is_refused(prisma, statement):
    """D10."""
    before = prisma.protection()
    output, status = deploy(prisma, f"{statement};\n")
    assert status != 0 and "warden.unprotect('public.tasks')" in output, output
    assert prisma.protection() == before


def test_prisma_drops_what_protect_adds_unless_it_is_declared(prisma):
    """Without the default and the index a table is slower, and as protected as before; declared, they stay."""
    before = prisma.protection()["public.tasks"]
    undeclared = re.sub(r' @default\(dbgenerated\("warden.current_user_id\(\)"\)\)', "", schema_of(prisma))
    undeclared = undeclared.replace("  @@index([userId])\n", "")
    output, status = changed(prisma, undeclared, "prisma db push --skip-generate")
    assert status == 0, output
    after = prisma.protection()["public.tasks"]
    assert after["owner column"] == [True, None] and after["indexes of the owner column"] is None
    assert [after[part] for part in ("policies", "triggers", "flags", "grants")] == [before[part] for part in ("policies", "triggers", "flags", "grants")]
    prisma.as_owner("SELECT warden.protect('tasks')")
    assert prisma.protection()["public.tasks"] == before
    assert "already in sync" in prisma.type("prisma db push --skip-generate")
