"""docs/errors.md as typed: what each driver makes of each SQLSTATE, and the handlers of each framework, against the errors that a
database raises for an ordinary client role."""

import asyncio
import importlib
import json
import os
import re
import subprocess
import sys

import asyncpg
import psycopg
import pytest
import sqlalchemy
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import create_async_engine

from issuer import Issuer
from manual import REPOSITORY, blocks

CHAPTER = (REPOSITORY / "docs/errors.md").read_text()
FILES = {block.options.removeprefix("file="): block.text for block in blocks("docs/errors.md")}
CLIENTS = REPOSITORY / "pg_test/clients"


def rows(heading):
    """The cells of the table of the chapter whose first line has this cell second, without backticks; its heads first."""
    lines = CHAPTER.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|") and f"| {heading} |" in line)
    table = [line for line in lines[start : lines.index("", start)]]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in (table[0], *table[2:])]


STATUS = {state: int(http) for state, _, http in rows("meaning")[1:]}
# Of each state the cells by their heads.
BY_DRIVER = {state: dict(zip(rows("psycopg")[0][1:], cells)) for state, *cells in rows("psycopg")[1:]}
# With others of Postgres: bad data, and what is no client's fault.
STATES = {**STATUS, "22P02": 400, "40001": 500, "XX000": 500}


def test_the_tables_are_of_the_same_states():
    assert STATUS.keys() == BY_DRIVER.keys() and len(STATUS) == 7
    assert {state: int(cells["HTTP"]) for state, cells in BY_DRIVER.items()} == STATUS
    readme = re.findall(r"^\| (\w{5}) \| .* \| (\d{3}) \|$", (REPOSITORY / "README.md").read_text(), re.M)
    assert {state: int(http) for state, http in readme} == STATUS


@pytest.fixture(scope="module")
def shop(database):
    """A table that is protected and one that refuses whatever is asked of it; returns alice's and bob's tokens."""
    issuer = Issuer("https://id.example.com")
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("""
            CREATE TABLE documents (id bigserial PRIMARY KEY, user_id uuid, title text);
            CREATE TABLE refusals (sqlstate text PRIMARY KEY);
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN RAISE 'secret text' USING ERRCODE = NEW.sqlstate; END$$;
            CREATE TRIGGER refuse BEFORE INSERT ON refusals FOR EACH ROW EXECUTE FUNCTION refuse();
            GRANT SELECT, INSERT ON documents, refusals TO app;
            GRANT USAGE ON SEQUENCE documents_id_seq TO app;
            SELECT warden.add_client_role('app');
            SELECT warden.protect('documents')""")
        trust = "SELECT warden.trust_issuer(%s, %s, '{api}', subject_is => 'subject', provision => true)"
        superuser.execute(trust, (issuer.name, issuer.key_set))
    # Packages are installed in between.
    return issuer.token("alice", lifetime=7200), issuer.token("bob", lifetime=7200)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of the chapter, importable."""
    directory = tmp_path_factory.mktemp("files")
    for name, text in FILES.items():
        (directory / name).write_text(text)
    sys.path.insert(0, str(directory))
    yield directory
    sys.path.remove(str(directory))


def url(database, driver):
    return f"postgresql{driver}://app@127.0.0.1:{database.port}/{database.name}"


@pytest.mark.parametrize("state", STATES)
def test_http_status(superuser, state):
    assert superuser.execute("SELECT warden.http_status(%s)", (state,)).fetchone()[0] == STATES[state]


REFUSED = "INSERT INTO refusals VALUES ('{}')"


@pytest.mark.parametrize("state", STATES)
def test_psycopg(database, shop, files, state):
    http_status = importlib.import_module("database_errors").http_status
    with pytest.raises(psycopg.Error) as raised, database.connect("app") as connection:
        connection.execute(REFUSED.format(state))
    assert raised.value.sqlstate == state and http_status(raised.value) == STATES[state]
    if state in BY_DRIVER:
        assert type(raised.value).__name__ == BY_DRIVER[state]["psycopg"]


@pytest.mark.parametrize("driver", ["+psycopg", "+asyncpg"])
@pytest.mark.parametrize("state", STATES)
def test_sqlalchemy(database, shop, files, driver, state):
    http_status = importlib.import_module("database_errors").http_status

    async def execute_async(engine):
        async with engine.connect() as connection:
            await connection.execute(sqlalchemy.text(REFUSED.format(state)))

    with pytest.raises(sqlalchemy.exc.DBAPIError) as raised:
        if driver == "+asyncpg":
            asyncio.run(execute_async(create_async_engine(url(database, driver))))
        else:
            with sqlalchemy.create_engine(url(database, driver)).connect() as connection:
                connection.execute(sqlalchemy.text(REFUSED.format(state)))
    assert raised.value.orig.sqlstate == state and http_status(raised.value) == STATES[state]
    if state in BY_DRIVER and driver == "+psycopg":
        assert type(raised.value).__name__ == BY_DRIVER[state]["SQLAlchemy, Django"]


@pytest.mark.parametrize("state", STATES)
def test_asyncpg(database, shop, files, state):
    http_status = importlib.import_module("database_errors").http_status

    async def execute():
        connection = await asyncpg.connect(url(database, ""))
        try:
            await connection.execute(REFUSED.format(state))
        finally:
            await connection.close()

    with pytest.raises(asyncpg.PostgresError) as raised:
        asyncio.run(execute())
    assert raised.value.sqlstate == state and http_status(raised.value) == STATES[state]
    if state in BY_DRIVER:
        assert type(raised.value).__name__ == BY_DRIVER[state]["asyncpg"]


def test_postgrest(database, shop):
    """What it is sent; each of our own errors by a function that raises it. The other states are in docs/postgrest.md, too."""
    alice, bob = shop
    calls = {
        "28000": "SELECT warden.authenticate('x')",
        "42501": "SELECT warden.require_user('a11ce000-0000-4000-8000-000000000001')",
        "55000": f"SELECT warden.authenticate('{bob}')",
        "22023": "SELECT warden.record_event('')",
    }
    for state, call in calls.items():
        with pytest.raises(psycopg.Error) as raised, database.connect("app") as connection:
            connection.execute("SET warden.error_style = 'postgrest'")
            connection.execute("SELECT warden.authenticate(%s)", (alice,))
            connection.execute(call)
        assert raised.value.sqlstate == BY_DRIVER[state]["PostgREST"]
    postgrest = (REPOSITORY / "docs/postgrest.md").read_text()
    answers = dict(re.findall(r"^\| (\w{5}) \| .* \| (PT\d+), so \d+ \|", postgrest, re.M))
    assert answers == {state: cells["PostgREST"] for state, cells in BY_DRIVER.items()}


def test_a_login_that_is_turned_away_is_not_the_clients_fault(database, files):
    """28000 as well, and fatal: no 401 for a server whose own login is wrong."""
    http_status = importlib.import_module("database_errors").http_status
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError) as raised:
        asyncio.run(asyncpg.connect(url(database, "").replace("app@", "postgres@")))
    assert raised.value.sqlstate == "28000" and http_status(raised.value) == 500


@pytest.fixture(scope="module")
def fastapi_client(database, shop, files):
    """The chapter's service with one handler for each driver, that signs in and executes what it is told."""
    api = importlib.import_module("api")
    engine = sqlalchemy.create_engine(url(database, "+psycopg"))

    @api.app.post("/sqlalchemy")
    def by_sqlalchemy(body: dict):
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT warden.authenticate(:token)"), {"token": body["token"]})
            connection.execute(sqlalchemy.text(body["sql"]))

    @api.app.post("/psycopg")
    def by_psycopg(body: dict):
        with psycopg.connect(url(database, "")) as connection:
            connection.execute("SELECT warden.authenticate(%s)", (body["token"],))
            connection.execute(body["sql"])

    @api.app.post("/asyncpg")
    async def by_asyncpg(body: dict):
        connection = await asyncpg.connect(url(database, ""))
        try:
            async with connection.transaction():
                await connection.execute("SELECT warden.authenticate($1)", body["token"])
                await connection.execute(body["sql"])
        finally:
            await connection.close()

    return TestClient(api.app, raise_server_exceptions=False)


@pytest.mark.parametrize("driver", ["sqlalchemy", "psycopg", "asyncpg"])
def test_fastapi(fastapi_client, shop, driver):
    """Our own errors, each by the function that raises it, and one of nobody's making."""
    alice, bob = shop

    def answer(token, sql="SELECT 1"):
        response = fastapi_client.post(f"/{driver}", json={"token": token, "sql": sql})
        assert "secret text" not in response.text and "PG" not in response.text
        return response

    assert answer(alice, "INSERT INTO documents (title) VALUES ('mine')").status_code == 200
    refused = answer(alice + "x")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json() == {"detail": "Unauthorized"}
    assert answer(alice, "SELECT warden.require_user('a11ce000-0000-4000-8000-000000000001')").status_code == 403
    assert answer(alice, "SELECT warden.set_current_user('a11ce000-0000-4000-8000-000000000001')").status_code == 403
    assert answer(alice, f"SELECT warden.authenticate('{bob}')").status_code == 409
    assert answer(alice, "SELECT warden.record_event('')").status_code == 400
    for state, status in STATES.items():
        response = answer(alice, REFUSED.format(state))
        assert response.status_code == status, state
        assert ("WWW-Authenticate" in response.headers) == (status == 401)


# Prints, for each state, the class of the exception and the SQLSTATE behind it, then what the chapter's middleware answers.
DJANGO = """
import json, sys
from django.conf import settings
database, port, states = json.loads(sys.argv[1])
settings.configure(ROOT_URLCONF=__name__, MIDDLEWARE=["database_refusals.DatabaseRefusals"], ALLOWED_HOSTS=["*"], USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": database, "HOST": "127.0.0.1", "PORT": port,
                           "USER": "app", "ATOMIC_REQUESTS": True}})
import django
django.setup()
from django import db, http, test, urls
def view(request):
    with db.connection.cursor() as cursor:
        cursor.execute("INSERT INTO refusals VALUES (%s)", [request.GET["state"]])
    return http.HttpResponse()
urlpatterns = [urls.path("", view)]
result = {}
for state in states:
    try:
        with db.transaction.atomic(), db.connection.cursor() as cursor:
            cursor.execute("INSERT INTO refusals VALUES (%s)", [state])
    except db.Error as error:
        raised = [type(error).__name__, error.__cause__.sqlstate]
    response = test.Client(raise_request_exception=False).get("/", {"state": state})
    result[state] = [*raised, response.status_code, response.headers.get("WWW-Authenticate"), "secret" in response.text]
print(json.dumps(result))
"""


def test_django(database, shop, files):
    arguments = json.dumps([database.name, database.port, list(STATES)])
    environment = {**os.environ, "PYTHONPATH": str(files)}
    result = subprocess.run([sys.executable, "-c", DJANGO, arguments], env=environment, capture_output=True, text=True)
    assert result.stdout, result.stderr
    for state, (name, sqlstate, status, challenge, leaked) in json.loads(result.stdout).items():
        assert (sqlstate, status, challenge, leaked) == (state, STATES[state], "Bearer" if status == 401 else None, False)
        if state in BY_DRIVER:
            assert name == BY_DRIVER[state]["SQLAlchemy, Django"]


def node(files, packages, script, *arguments):
    """Runs a module beside the files of the chapter, with the packages of a folder; returns what it printed as JSON."""
    subprocess.run([CLIENTS / "prepare", packages], check=True)
    link = files / "node_modules"
    link.unlink(missing_ok=True)
    link.symlink_to(CLIENTS / packages / "node_modules")
    (files / "main.mjs").write_text(script)
    command = ["node", str(files / "main.mjs"), *map(json.dumps, arguments)]
    # `prepare prisma` brings a newer Node where the machine's is too old.
    environment = {**os.environ, "PATH": f"{link}/.bin:{os.environ['PATH']}"}
    result = subprocess.run(command, cwd=files, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


NODE = """
import pg from "pg";
import { httpStatus } from "./database-errors.mjs";
import { serve as plain } from "./server.mjs";
import { serve as express } from "./express.mjs";
const [connectionString, states] = process.argv.slice(2).map((argument) => JSON.parse(argument));
const pool = new pg.Pool({ connectionString });
const handle = async (request, response) => {
  await pool.query("INSERT INTO refusals VALUES ($1)", [request.url.slice(1)]);
  response.end();
};
console.error = () => {};
const result = { states: {} };
const servers = await Promise.all([plain(handle), express(handle)].map((app) =>
  new Promise((listening) => { const server = app.listen(0, "127.0.0.1", () => listening(server)); })));
for (const state of states) {
  const error = await pool.query("INSERT INTO refusals VALUES ($1)", [state]).catch((error) => error);
  const answers = await Promise.all(servers.map(async (server) => {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/${state}`);
    return [answer.status, answer.headers.get("www-authenticate"), (await answer.text()).includes("secret")];
  }));
  result.states[state] = [error.constructor.name, error.code, httpStatus(error), answers];
}
const stranger = new pg.Client({ connectionString: connectionString.replace("app@", "postgres@") });
const fatal = await stranger.connect().catch((error) => error);
result.fatal = [fatal.code, httpStatus(fatal)];
console.log(JSON.stringify(result));
process.exit(0);
"""


def test_node_postgres(database, shop, files):
    result = node(files, "node", NODE, url(database, ""), list(STATES))
    assert result["fatal"] == ["28000", 500]
    for state, (name, code, status, answers) in result["states"].items():
        assert (name, code, status) == ("DatabaseError", state, STATES[state])
        assert BY_DRIVER.get(state, {}).get("node-postgres", name) == name
        assert answers == [[status, "Bearer" if status == 401 else None, False]] * 2
    assert result["states"].keys() == STATES.keys()


PRISMA = """
import { PrismaPg } from "@prisma/adapter-pg";
import client from "@prisma/client";
import { actFor } from "./act-for.mjs";
import { httpStatus } from "./database-errors.mjs";
const [connectionString, states, alice] = process.argv.slice(2).map((argument) => JSON.parse(argument));
const prisma = new client.PrismaClient({ adapter: new PrismaPg({ connectionString }) });
const result = { states: {} };
for (const sqlstate of states) {
  const raw = await prisma.$executeRaw`INSERT INTO refusals VALUES (${sqlstate})`.catch((error) => error);
  const model = await prisma.refusal.create({ data: { sqlstate } }).catch((error) => error);
  result.states[sqlstate] = [raw, model].map((error) =>
    [error.constructor.name, error.code, error.meta.driverAdapterError.cause.originalCode, httpStatus(error)]);
}
const titles = (tx) => tx.document.findMany().then((rows) => rows.map((row) => row.title));
await actFor(prisma, alice, (tx) => tx.document.create({ data: { title: "by prisma" } }));
result.mine = await actFor(prisma, alice, titles);
result.nobodys = await titles(prisma);
result.refused = httpStatus(await actFor(prisma, alice + "x", titles).catch((error) => error));
const strangers = connectionString.replace("app@", "postgres@");
const stranger = new client.PrismaClient({ adapter: new PrismaPg({ connectionString: strangers }) });
const turnedAway = await stranger.document.findMany().catch((error) => error);
result.turnedAway = [turnedAway.code, turnedAway.meta.driverAdapterError.cause.originalCode];
console.log(JSON.stringify(result));
await Promise.all([prisma.$disconnect(), stranger.$disconnect()]);
"""


def test_prisma(database, shop, files):
    result = node(files, "prisma", PRISMA, url(database, ""), list(STATES), shop[0])
    assert ("by prisma" in result["mine"], result["nobodys"], result["refused"]) == (True, [], 401)
    # As the chapter says: not to be told from a refused token.
    assert result["turnedAway"] == ["P1010", "28000"]
    for state, (raw, model) in result["states"].items():
        for name, _, sqlstate, status in (raw, model):
            assert (name, sqlstate, status) == ("PrismaClientKnownRequestError", state, STATES[state])
        if state in BY_DRIVER:
            assert [raw[1], model[1]] == [BY_DRIVER[state][head] for head in ("Prisma, raw", "Prisma, a model")]
    assert result["states"].keys() == STATES.keys()
