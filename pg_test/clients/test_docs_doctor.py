"""N2, N3: what docs/doctor.md shows is executed as typed, its command fails a pipeline when it should, and its table has
exactly the codes that doctor() can return."""

import os
import re
import subprocess

import psycopg
import pytest
from manual import REPOSITORY, blocks, own_server

BLOCKS = [block for block in blocks("docs/doctor.md") if block.language == "sql"]
[COMMAND] = [block.text for block in blocks("docs/doctor.md") if block.language == "sh"]


@pytest.fixture(scope="module")
def chapter():
    """A server in which the chapter was typed, and what psql printed for each block of SQL."""
    script = "".join(f"\\echo @@\n{block.text}\n" for block in BLOCKS)
    with own_server("doctor") as directory:
        assert pipeline(directory).returncode == 3, "there is no extension yet"
        result = subprocess.run(
            ["psql", "-X", "-A", "-t"],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env=environment(directory),
            timeout=600,
        )
        yield directory, result.stdout.split("@@\n")[1:]


def environment(directory, **more):
    path = f"{os.environ['WARDEN_BIN_DIR']}:{os.environ['PATH']}"
    server = {"PGHOST": directory, "PGPORT": "5432", "PGUSER": "postgres", "PGDATABASE": "postgres"}
    return {**os.environ, **server, "PATH": path, **more}


def pipeline(directory, **more):
    return subprocess.run(["bash", "-c", COMMAND], capture_output=True, text=True, env=environment(directory, **more), timeout=600)


def test_every_block_was_run(chapter):
    _, sections = chapter
    assert len(sections) == len(BLOCKS) > 0


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block(chapter, number):
    _, sections = chapter
    assert ("ERROR:" in sections[number]) == (BLOCKS[number].options == "refused"), sections[number]


def test_what_it_says_is_printed_is_printed(chapter):
    """An `output` block shows the last lines of the block of SQL before it."""
    _, sections = chapter
    printed = iter(zip(BLOCKS, sections, strict=True))
    shown, last = 0, None
    for block in blocks("docs/doctor.md"):
        if block.language == "sql":
            last = next(printed)[1]
        elif block.language == "output":
            lines = block.text.splitlines()
            # The test does not choose the minor version of its server.
            assert [line for line in last.splitlines() if "server_outdated" not in line][-len(lines):] == lines
            shown += 1
    assert shown == 4


def test_ci_the_command_fails_when_there_are_findings_and_only_then(chapter):
    directory, _ = chapter
    with psycopg.connect(f"host={directory} port=5432 user=postgres dbname=postgres", autocommit=True) as superuser:
        healthy = superuser.execute("SELECT FROM warden.doctor() WHERE code = 'server_outdated'").rowcount == 0
        result = pipeline(directory)
        assert result.returncode == (0 if healthy else 3), result.stderr
        assert "temporary_granted" in result.stdout, "advice is printed, and does not fail"

        superuser.execute("GRANT TRUNCATE ON documents TO app")
        result = pipeline(directory)
        assert result.returncode == 3
        assert "privilege_granted" in result.stdout
        superuser.execute("REVOKE TRUNCATE ON documents FROM app")

    assert pipeline(directory, PGUSER="app").returncode == 3, "who may not ask, has not passed"
    assert pipeline(directory, PGHOST="/nowhere").returncode == 2, "nor has who asked nobody"


def test_the_table_has_the_codes_of_the_code(chapter):
    directory, _ = chapter
    text = (REPOSITORY / "docs/doctor.md").read_text()
    documented = re.findall(r"^\| `([a-z_]+)` \| (critical|warning|advice) \|", text, re.M)
    with psycopg.connect(f"host={directory} port=5432 user=postgres dbname=postgres") as superuser:
        known = superuser.execute("SELECT code, severity FROM warden.finding_codes()").fetchall()
    assert sorted(documented) == sorted(known)


def test_every_code_of_the_parts_is_listed_and_planted_by_a_test(chapter):
    """A code that a part returned and the list did not have would be without a severity."""
    directory, _ = chapter
    with psycopg.connect(f"host={directory} port=5432 user=postgres dbname=postgres") as superuser:
        known = {code for (code,) in superuser.execute("SELECT code FROM warden.finding_codes()")}
    parts = "".join(path.read_text() for path in (REPOSITORY / "sql").glob("doctor_*.sql"))
    obstacles = (REPOSITORY / "sql/isolation_obstacles.sql").read_text()
    returned = re.findall(r"^ +SELECT '([a-z_]+)', ", parts, re.M) + re.findall(r"^ +\('(client_[a-z_]+)',\s", obstacles, re.M)
    assert set(returned) == known
    tests = "".join(path.read_text() for path in (REPOSITORY / "pg_test/sql").glob("doctor_*.sql"))
    assert [code for code in known if not re.search(rf"\b{code}\b", tests)] == []


def test_n3_the_table_has_the_checks_of_prove(chapter):
    directory, _ = chapter
    section = (REPOSITORY / "docs/doctor.md").read_text().split("## Proving a table")[1].split("\n## ")[0]
    documented = [name for cell in re.findall(r"^\| (`.*?`) \|", section, re.M) for name in re.findall(r"`([a-z_]+)`", cell)]
    with psycopg.connect(f"host={directory} port=5432 user=postgres dbname=postgres") as superuser:
        superuser.execute("CREATE TABLE tenanted (user_id uuid, tenant_id uuid); GRANT SELECT, INSERT ON tenanted TO app")
        superuser.execute("SELECT FROM warden.protect('tenanted', tenant_column => 'tenant_id')")
        tried = [name for (name,) in superuser.execute("SELECT \"check\" FROM warden.prove('tenanted')")]
        superuser.rollback()
    assert documented == tried
