"""What the README shows is executed as typed: its SQL by psql, in order, in a server where nothing was prepared; then
what it shows of drivers, each as the README's alice."""

import asyncio
import os
import subprocess

import pytest
from manual import REPOSITORY, blocks, own_server, typed

README = blocks("README.md")
SQL = [(block.options, block.text) for block in README if block.language == "sql"]
PYTHON = "\n".join(block.text for block in README if block.language == "python")
JAVASCRIPT = "\n".join(block.text for block in README if block.language == "js")
ALICE = "00000000-0000-4000-8000-0000000a11ce"


@pytest.fixture(scope="module")
def empty_server():
    with own_server("readme") as directory:
        yield directory


@pytest.fixture(scope="module")
def sections(empty_server):
    """What psql printed for each block of the README, typed one after the other into one psql."""
    return typed(empty_server, [text for _, text in SQL])


def test_there_is_something_to_run(sections):
    assert len(sections) == len(SQL) >= 10


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    options, text = SQL[number]
    output = sections[number]
    assert ("ERROR:" in output) == (options == "refused"), f"{text}\n--- printed ---\n{output}"


def test_the_quick_start_isolates(sections):
    """The quick start's second block: alice inserts two rows, of which bob sees none, and nobody sees any."""
    output = sections[1]
    assert "INSERT 0 2" in output
    assert output.count("(0 rows)") == 2
    assert "recipe" in output


def test_what_is_shared_is_seen_and_not_changed(sections):
    [output] = [output for (_, text), output in zip(SQL, sections, strict=True) if "warden.share(" in text]
    assert " recipe | owner" in output and " diary  | view" in output
    assert "UPDATE 0" in output


@pytest.fixture(scope="module")
def drivers(empty_server, sections):
    """The functions of the README's Python, where to connect to, and alice's token."""
    binaries = os.environ["WARDEN_BIN_DIR"]
    # The README ends with unprotect().
    again = "SELECT warden.protect('documents')"
    subprocess.run([f"{binaries}/psql", "-X", "-h", empty_server, "-p", "5432", "-U", "postgres", "-c", again], check=True)
    token = subprocess.run([REPOSITORY / "pg_test/demo/token", ALICE], check=True, capture_output=True, text=True).stdout
    functions = {}
    exec(compile(PYTHON, "README.md", "exec"), functions)
    return functions, f"postgresql://app@/postgres?host={empty_server}&port=5432", token


@pytest.mark.parametrize("function", ["titles", "titles_in_one_round_trip", "titles_with_asyncpg", "titles_with_sqlalchemy"])
def test_python(drivers, function):
    functions, dsn, token = drivers
    url = dsn.replace("postgresql:", "postgresql+psycopg:") if function == "titles_with_sqlalchemy" else dsn
    answer = functions[function](url, token)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    assert answer == ["salary", "diary"]


def test_javascript(drivers, empty_server):
    _, _, token = drivers
    clients = REPOSITORY / "pg_test/clients"
    subprocess.run([clients / "prepare", "node"], check=True)
    script = f"""
        import pg from "pg";
        {JAVASCRIPT.replace("export ", "")}
        const pool = new pg.Pool({{ host: {empty_server!r}, port: 5432, user: "app", database: "postgres" }});
        const rows = await actFor(pool, {token!r}, (client) => client.query("SELECT title FROM documents ORDER BY id"));
        console.log(rows.rows.map((row) => row.title).join());
        await pool.end();
    """
    command = ["node", "--input-type=module", "--eval", script]
    result = subprocess.run(command, cwd=clients / "node", capture_output=True, text=True, timeout=600)
    assert result.stdout == "salary,diary\n", result.stderr
