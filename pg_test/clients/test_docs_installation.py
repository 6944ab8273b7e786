"""N7, attack C4: what docs/installation.md shows is executed as typed, by one psql in a server where nothing was prepared;
its commands of the shell against a small database of that server."""

import os
import re
import subprocess

import pytest
from manual import REPOSITORY, blocks, own_server

SQL = [(block.options, block.text) for block in blocks("docs/installation.md") if block.language == "sql"]
SHELL = [block.text for block in blocks("docs/installation.md") if block.language == "sh"]
PREPARED = """
CREATE ROLE owner LOGIN;
CREATE ROLE app LOGIN;
CREATE DATABASE shop;
\\connect shop
GRANT CREATE ON SCHEMA public TO owner;
CREATE EXTENSION pg_warden;
SELECT warden.add_client_role('app'), warden.create_user(id => '00000000-0000-4000-8000-0000000a11ce');
SET ROLE owner;
CREATE TABLE documents (id int PRIMARY KEY, user_id uuid, title text);
GRANT SELECT ON documents TO app;
SELECT warden.protect('documents');
RESET ROLE;
INSERT INTO documents VALUES (1, '00000000-0000-4000-8000-0000000a11ce', 'of alice');
"""


def psql(directory, script, *options):
    command = [os.environ["WARDEN_BIN_DIR"] + "/psql", "-X", "-A", "-t", "-h", directory, "-p", "5432", "-U", "postgres", *options]
    result = subprocess.run(
        command,
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PGDATABASE": "postgres"},
        timeout=600,
    )
    return result.stdout


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    script = "".join(f"\\echo @@ {number}\n{text}\n" for number, (_, text) in enumerate(SQL))
    with own_server("installation") as directory:
        return re.split(r"^@@ \d+\n", psql(directory, script), flags=re.M)[1:]


def section(sections, words):
    [found] = [output for (_, text), output in zip(SQL, sections, strict=True) if words in text]
    return found.splitlines()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    options, text = SQL[number]
    output = sections[number]
    assert ("ERROR:" in output) == (options == "refused"), f"{text}\n--- printed ---\n{output}"


def test_what_a_client_leaves_behind(sections):
    assert section(sections, "FETCH kept")[-4:] == ["made up", "of alice", "0", "COMMIT"]
    assert section(sections, "DISCARD ALL")[-2:] == ["0", "COMMIT"]


def test_temporary_tables_can_be_prevented(sections):
    assert "permission denied to create temporary tables" in "".join(section(sections, "CREATE TEMP TABLE documents (id int)"))


def test_the_library_is_preloaded(sections):
    """The setting is there in the connections that begin later: nobody can set what the library keeps."""
    with own_server("preloaded") as directory:
        psql(directory, SQL[0][1])
        printed = psql(directory, "SET app.current_user_id = 'x';\nSHOW session_preload_libraries;")
    assert 'invalid value for parameter "app.current_user_id"' in printed
    assert printed.splitlines()[-1] == "pg_warden"


def test_dump_and_restore_as_typed(tmp_path):
    [whole] = [text for text in SHELL if "createdb" in text]
    [one_table] = [text for text in SHELL if "pg_restore -t" in text]
    with own_server("dumped") as directory:
        environment = {
            **os.environ,
            "PATH": f"{os.environ['WARDEN_BIN_DIR']}:{os.environ['PATH']}",
            "PGHOST": directory,
            "PGPORT": "5432",
            "PGUSER": "postgres",
        }

        def type_in(text):
            typed = ["bash", "-eo", "pipefail", "-c", text]
            result = subprocess.run(typed, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert (result.returncode, result.stderr) == (0, ""), result.stderr

        psql(directory, PREPARED)
        type_in(whole)
        psql(directory, "DROP TABLE documents", "-d", "shop")
        type_in(one_table)
        for name in ("shop", "shop_restored"):
            listed = psql(directory, "SELECT relation, intact FROM warden.protected_tables", "-d", name)
            assert listed == "documents|t\n"
            assert psql(directory, "SELECT title FROM documents", "-d", name) == "of alice\n"
            assert psql(directory, "\\connect - app\nSELECT count(*) FROM documents", "-d", name).splitlines()[-1] == "0"
