"""What docs/testing.md shows is executed as typed, by the real tools: each suite passes on a protected table, and fails
where isolation is broken (features A14 and N3 as a team would check them), or where two users in one transaction are
not allowed."""

import os
import re
import shutil
import subprocess
from typing import NamedTuple

import pytest
from manual import REPOSITORY, blocks, own_server

MANUAL = blocks("docs/testing.md")
FILES = {block.options: block.text for block in MANUAL if block.options}
TYPED = [line for block in MANUAL if block.language == "sh" for line in block.text.splitlines()]
WORKFLOW = re.findall(r"- run: (.*)", FILES[".github/workflows/isolation.yml"])
PREPARATION = [line for line in TYPED if line.startswith(("createdb", "psql", "touch"))]


class Suite(NamedTuple):
    """A command of the manual, and how its output names tests that did not pass, and says how many there were."""

    starts: str
    failure: str
    count: str


SUITES = {
    "pytest": Suite("pytest test_isolation.py", r"^(?:FAILED|ERROR) \S+::(\w+)", r"collected 7 items"),
    "own key": Suite("pytest test_own_key.py", r"^(?:FAILED|ERROR) \S+::(\w+)", r"collected 3 items"),
    "django": Suite("python3 -m django", r"^(?:FAIL|ERROR): (\w+)", r"^Ran 5 tests"),
    "pgtap": Suite("pg_prove", r"^# *Failed test \d+: \"(.*)\"", r"Tests=11,"),
    "node": Suite("node --test", r"^not ok \d+ - (.*)", r"^# tests 6$"),
}
# What says that isolation is broken does not have to be the suite's every test.
ISOLATION = [name for name in SUITES if name != "own key"]


class Place(NamedTuple):
    """A directory with the files of the manual, and the server that its commands reach."""

    directory: str
    environment: dict

    def run(self, command):
        """What the command, typed into a shell, printed, and whether it succeeded."""
        typed = ["bash", "-o", "pipefail", "-c", command]
        options = {"cwd": self.directory, "env": self.environment, "stderr": subprocess.STDOUT, "timeout": 600}
        return subprocess.run(typed, stdout=subprocess.PIPE, text=True, **options)

    def type(self, *commands):
        for command in commands:
            result = self.run(command)
            assert result.returncode == 0 and "ERROR:" not in result.stdout, f"{command}\n{result.stdout}"

    def sql(self, statement):
        """Executes a statement as superuser; what it printed."""
        result = self.run(f"psql -X -A -t -q -v ON_ERROR_STOP=1 -d notes_test <<'END'\n{statement}\nEND")
        assert result.returncode == 0, result.stdout
        return result.stdout.strip()

    def run_suite(self, suite):
        return self.run(next(line for line in TYPED if line.startswith(SUITES[suite].starts)))

    def failures(self, suite):
        """The tests of a suite that did not pass; the tool's exit status has to agree, and all of them to have run."""
        result = self.run_suite(suite)
        failed = set(re.findall(SUITES[suite].failure, result.stdout, re.M))
        assert (result.returncode != 0) == bool(failed), result.stdout
        assert failed or re.search(SUITES[suite].count, result.stdout, re.M), result.stdout
        return failed


def place(directory, socket):
    """Writes the files of the manual, and puts its tools on the path."""
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    clients = REPOSITORY / "pg_test/clients"
    subprocess.run([clients / "prepare", "node"], check=True)
    (directory / "node_modules").symlink_to(clients / "node/node_modules")
    found = subprocess.run([REPOSITORY / "pg_test/server/pgtap"], check=True, stdout=subprocess.PIPE, text=True)
    pgtap = found.stdout.strip()
    # As installing the package would: the server is this run's own copy.
    sharedir = subprocess.run([os.environ["WARDEN_PG_CONFIG"], "--sharedir"], check=True, stdout=subprocess.PIPE, text=True)
    shutil.copytree(f"{pgtap}/extension", f"{sharedir.stdout.strip()}/extension", dirs_exist_ok=True)
    programs = [REPOSITORY / ".build/venv/bin", os.environ["WARDEN_BIN_DIR"], f"{pgtap}/bin", os.environ["PATH"]]
    environment = {
        "PATH": ":".join(map(str, programs)),
        "PERL5LIB": f"{pgtap}/perl5",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PGHOST": socket,
        "PGPORT": "5432",
        "PGUSER": "postgres",
        "LC_ALL": "C.UTF-8",
        "NODE_OPTIONS": os.environ.get("NODE_OPTIONS", ""),
    }
    return Place(str(directory), environment)


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """The manual's directory and database, prepared as it says."""
    with own_server("testing") as socket:
        notes = place(tmp_path_factory.mktemp("notes"), socket)
        notes.type(*PREPARATION)
        yield notes


@pytest.fixture
def broken(notes):
    """Breaks isolation by a statement, until the test is over."""
    undo = []

    def broken(statement, restore):
        notes.sql(statement)
        undo.append(restore)

    yield broken
    for statement in reversed(undo):
        notes.sql(statement)


def test_nothing_is_left_out():
    """Every file is written, and every command typed, by one of the tests here."""
    assert len(FILES) == 15
    suites = [line for line in TYPED if line not in PREPARATION]
    assert [SUITES[name].starts for name in SUITES] == [
        next(suite.starts for suite in SUITES.values() if line.startswith(suite.starts)) for line in suites
    ]


@pytest.mark.parametrize("suite", SUITES)
def test_passes_on_a_protected_table(notes, suite):
    """A14: each user reads and changes exactly its own, through the tool itself."""
    before = notes.sql("SELECT count(*) FROM notes")
    assert notes.failures(suite) == set()
    assert (before, notes.sql("SELECT count(*) FROM notes")) == ("0", "0"), "a suite leaves no rows behind"


@pytest.mark.parametrize("suite", ISOLATION)
def test_fails_on_an_unprotected_table(notes, broken, suite):
    broken("SELECT count(*) FROM warden.unprotect('notes')", "SELECT count(*) FROM warden.protect('notes')")
    assert notes.run_suite(suite).returncode != 0


@pytest.mark.parametrize("suite", ISOLATION)
def test_fails_where_row_security_is_off(notes, broken, suite):
    """Behind the back of the event triggers, as only a superuser can: everything is there but what it is for."""
    unseen = "SET session_replication_role = replica; ALTER TABLE notes {} ROW LEVEL SECURITY"
    broken(unseen.format("DISABLE"), unseen.format("ENABLE"))
    assert len(notes.failures(suite)) >= 3


# Which test notices a command that reaches too far.
LEAKS = {
    "SELECT": {"pytest": "reads_their_own", "django": "sees_its_bearers", "pgtap": "reads hers", "node": "reads? their own"},
    "UPDATE": {"pytest": "changes_what", "django": "changes_what", "pgtap": "changes his", "node": "UPDATE"},
    "DELETE": {"pytest": "changes_what", "django": "changes_what", "pgtap": "deletes his", "node": "DELETE"},
    "INSERT": {"pytest": "in_another_name", "django": "in_another_name", "pgtap": "in the name of", "node": "in another name"},
}


@pytest.mark.parametrize(("command", "suite"), [(command, suite) for command in LEAKS for suite in ISOLATION])
def test_notices_a_leak_of_one_command(notes, broken, command, suite):
    """N11: a command that reaches the rows of others (UPDATE and DELETE have to see them as well)."""
    leaks = {command, "SELECT"} if command in ("UPDATE", "DELETE") else {command}
    for leak in leaks:
        argument = f"'notes', '{leak}', 'true'"
        broken(f"SELECT warden.allow({argument}, 'planted')", f"SELECT warden.disallow({argument})")
    failed = notes.failures(suite)
    assert any(re.search(LEAKS[command][suite], name) for name in failed), failed


@pytest.mark.parametrize("suite", ISOLATION)
def test_two_users_in_a_transaction_need_the_switch(notes, broken, suite):
    """Where a superuser has not allowed it, the suites that become two users fail: all but pgTAP, which is a superuser."""
    broken(
        "ALTER ROLE app IN DATABASE notes_test RESET warden.allow_identity_switch",
        "ALTER ROLE app IN DATABASE notes_test SET warden.allow_identity_switch = on",
    )
    result = notes.run_suite(suite)
    refused = "this transaction already acts for another user" in result.stdout
    assert refused == (result.returncode != 0) == (suite != "pgtap"), result.stdout


def test_pgtap_leaves_the_record_and_nothing_else(notes):
    """N8: the fixtures of begin_admin are rolled back; that the door was opened is not."""
    opened = "SELECT count(*) FROM warden.audit_log WHERE action = 'begin_admin' AND detail ->> 'reason' = 'notes for a test'"
    before = int(notes.sql(opened))
    assert notes.failures("pgtap") == set()
    assert int(notes.sql(opened)) == before + 1
    assert notes.sql("SELECT count(*) FROM notes") == "0"
    assert notes.sql("SELECT count(*) FROM pg_extension WHERE extname = 'pgtap'") == "0"


def test_a_forgotten_table_is_found(notes, broken):
    broken("CREATE TABLE forgotten (user_id uuid); GRANT SELECT ON forgotten TO app", "DROP TABLE forgotten")
    assert notes.failures("pytest") == {"test_every_table_is_protected"}


def test_the_superuser_is_not_taken_for_the_application(notes, broken):
    """How not to be fooled: a suite that connects as a superuser, as the manual says, is told so."""
    conftest = f"{notes.directory}/conftest.py"
    with open(conftest, "w") as file:
        file.write(FILES["conftest.py"].replace('user="app"', 'user="postgres"'))
    try:
        result = notes.run("pytest test_isolation.py")
        assert "55000" in result.stdout or "ObjectNotInPrerequisiteState" in result.stdout
        assert "test_row_security_binds_the_application" in result.stdout and result.returncode != 0
    finally:
        with open(conftest, "w") as file:
            file.write(FILES["conftest.py"])


def test_the_owner_is_not_taken_for_the_application(notes):
    """N8: refused at the first row; inside of begin_admin it is shown all of them."""
    insert = "INSERT INTO notes (user_id, body) SELECT gen_random_uuid(), 'x' FROM generate_series(1, 2)"
    owner = "psql -X -A -t -q -v VERBOSITY=sqlstate -d notes_test -c 'SET ROLE notes_owner' -c \"{}\""
    assert "ERROR:  42501" in notes.run(owner.format(insert)).stdout
    inside = f"BEGIN; SELECT warden.begin_admin('why'); {insert}; SELECT count(*) FROM notes; ROLLBACK"
    assert notes.run(owner.format(inside)).stdout.split() == ["t", "2"]


def test_production_is_searched_for_the_switch(notes):
    """The manual's query finds what it is about, and only that."""
    found = notes.sql(FILES["production.sql"]).splitlines()
    assert found[-1] == "off" and len(found) == 2 and "allow_identity_switch=on" in found[0]


def test_in_ci(tmp_path_factory):
    """What the workflow runs after the image has started, on a database that the image's own script has prepared."""
    with own_server("testing_ci") as socket:
        notes = place(tmp_path_factory.mktemp("ci"), socket)
        docker, steps = WORKFLOW[:4], WORKFLOW[4:]
        assert [step.split()[0] for step in docker] == ["docker", "docker", "timeout", "pip"] and len(steps) == 2
        variables = dict(re.findall(r"--env (\w+)=(\S+)", docker[1]))
        image = {**notes.environment, **variables, "POSTGRES_USER": "postgres"}
        script = next((REPOSITORY / "docker/initdb").iterdir())
        notes.type(f"createdb {variables['POSTGRES_DB']}")
        subprocess.run(["bash", script], check=True, env=image, capture_output=True)
        # The job's own PGHOST is a container; the rest is as written.
        job = dict(re.findall(r"^      (PG\w+): (\S+)$", FILES[".github/workflows/isolation.yml"], re.M))
        ci = Place(notes.directory, {**notes.environment, **job, "PGHOST": socket})
        ci.type(*steps)
