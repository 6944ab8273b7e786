"""What docs/sqlalchemy.md shows is executed as typed, in its order, in a server where nothing was prepared; then Alembic
does what else it can to the schema that has come of it (N8, N9, attacks D10 and D11)."""

import json
import re

import psycopg
import pytest
from manual import blocks, own_server
from project import Project, token

ALICE = "00000000-0000-4000-8000-0000000a11ce"
BOB = "00000000-0000-4000-8000-000000000b0b"
MANUAL = [block for block in blocks("docs/sqlalchemy.md") if block.options != "file=declared.py"]
[DECLARED] = [block.text for block in blocks("docs/sqlalchemy.md") if block.options == "file=declared.py"]
HANDLERS = [block for block in blocks("docs/errors.md") if block.options in ("file=database_errors.py", "file=api.py")]


class Notes(Project):
    """The manual's project."""

    def __init__(self, directory, socket):
        urls = {f"{name}_URL": f"postgresql+psycopg://notes_{user}@/notes" for name, user in [("DATABASE", "app"), ("MIGRATIONS", "owner")]}
        super().__init__(directory, socket, "notes", **urls)
        self.typed = []

    def follow(self, manual):
        """Writes its files and types its commands, in order."""
        for language, options, text in manual:
            option, _, name = options.partition("=")
            if option in ("file", "append"):
                generated = self.write(name, text)
                if option == "append":
                    self.write(name, generated + text)
                if generated and name.startswith("migrations/versions"):
                    assert set() < operations(generated) <= operations(text), "the manual adds to what Alembic generates"
            else:
                assert language == "sh", f"nobody runs {text}"
                for line in text.splitlines():
                    self.typed.append((line, self.type(line)))

    def upgrade(self, upgrade, reason=None):
        """What Alembic prints when it runs such a migration, and its exit status; its effects stay, its number does not."""
        path = self.directory / "migrations/versions/try.py"
        path.write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = 'try'\ndown_revision = '0003'\n\n"
            f"def upgrade():\n    {upgrade}\n"
        )
        try:
            option = f"-x reason='{reason}' " if reason else ""
            return self.run(f"alembic {option}upgrade head")
        finally:
            path.unlink()
            self.sql("UPDATE alembic_version SET version_num = '0003' RETURNING 1")


def operations(migration):
    """The calls in a migration's upgrade(), however they are laid out."""
    body = re.sub(r"[\s'\"]+", "", migration.partition("def upgrade")[2].partition("def downgrade")[0]).replace(",)", ")")
    return set(re.findall(r"op\.\w+\(.*?\)(?=op\.|#|$)", body))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with own_server("sqlalchemy") as socket:
        project = Notes(tmp_path_factory.mktemp("notes"), socket)
        project.follow(HANDLERS + MANUAL)
        model = project.directory / "models.py"
        model.write_text(model.read_text().replace("    body: Mapped[str]\n", "    body: Mapped[str]\n    title: Mapped[str]\n"))
        rows = f"('{ALICE}', 'of alice', ''), ('{BOB}', 'of bob', '')"
        project.as_owner(f"INSERT INTO notes (user_id, body, title) VALUES {rows}", "notes of two users")
        yield project


def ask(project, script):
    """What a script in the project's directory prints as JSON; it has the tokens of alice and bob."""
    preface = f"import json\nalice, bob = {token(ALICE)!r}, {token(BOB)!r}\n"
    path = project.directory / "script.py"
    path.write_text(preface + script)
    return json.loads(project.type("python3 script.py").splitlines()[-1])


def notes(project):
    return dict(project.sql("SELECT body, title FROM notes"))


def test_the_manual_is_followed_to_its_end(project):
    typed = dict(project.typed)
    assert typed["alembic check"].endswith("No new upgrade operations detected.\n")
    assert project.sql("SELECT version_num FROM alembic_version") == [("0003",)]
    assert project.type("alembic check").endswith("No new upgrade operations detected.\n")


def test_new_tables_are_protected_as_alembic_makes_them(project):
    assert set(project.protection()) == {"public.notes", "public.tags"}
    printed = project.type("psql -A -t -d notes -f protected.sql").splitlines()
    assert sorted(printed) == ["notes|user_id|t", "tags|user_id|t"]


def test_every_opening_is_recorded(project):
    printed = project.type("psql -A -t -d notes -f record.sql")
    assert printed.count("notes_owner|0003: a title for every note") == 2
    assert printed.count("notes_owner|ticket 4711") == 2


SERVICE = """
from fastapi.testclient import TestClient
from service import app

client = TestClient(app)


def call(method, token=None, **options):
    headers = {"Authorization": "Bearer " + token} if token else {}
    answer = client.request(method, "/notes", headers=headers, **options)
    return [answer.status_code, answer.json()]


written = call("POST", alice, params={"body": "by alice"})
print(json.dumps([written[0], type(written[1]).__name__, call("GET", alice), call("GET", bob), call("GET", bob + "x"),
    call("GET")[0], call("DELETE", bob), call("GET", bob), call("GET", alice)]))
"""


def test_the_service_serves_each_user_their_own(project):
    """A1: through FastAPI and the hook, without a WHERE; also a bulk delete."""
    project.as_owner("ALTER TABLE notes ALTER title SET DEFAULT ''")
    # The service knows nothing of `title`, which came later.
    model = project.directory / "models.py"
    current = model.read_text()
    model.write_text(current.replace("    title: Mapped[str]\n", ""))
    try:
        answers = ask(project, SERVICE)
    finally:
        model.write_text(current)
        project.as_owner("ALTER TABLE notes ALTER title DROP DEFAULT")
        again = f"INSERT INTO notes (user_id, body, title) VALUES ('{BOB}', 'of bob', '')"
        project.as_owner(again, "the note that the service has deleted")
    mine = [200, ["of alice", "by alice"]]
    refused = [401, {"detail": "Unauthorized"}]
    assert answers == [201, "int", mine, [200, ["of bob"]], refused, 401, [200, 1], [200, []], mine]


def test_the_hook_serves_asynchronous_sessions(project):
    script = """
import asyncio
from asynchronous import notes
url = "postgresql+asyncpg://notes_app@/notes"
print(json.dumps([asyncio.run(notes(url, bob))]))
"""
    assert ask(project, script) == [["of bob"]]


def test_the_models_of_sqlmodel_are_the_same(project):
    """No drift either; a row written by them is its user's."""
    script = """
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import Session, SQLModel, select
from sqlmodels import Note
import database, os

engine = create_engine(os.environ["MIGRATIONS_URL"])
with engine.connect() as connection:
    ours = lambda thing, name, kind, *_: not (kind == "table" and name != "notes") and name != "title"
    options = {"compare_server_default": True, "include_object": ours}
    drift = compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata)
with Session(database.engine, info={"token": bob}) as session:
    bodies = [note.body for note in session.exec(select(Note))]
print(json.dumps([list(map(str, drift)), bodies]))
"""
    assert ask(project, script) == [[], ["of bob"]]


def test_a_data_migration_without_the_door_is_refused(project):
    """N8, D11: nothing is done by halves, and with a reason it reaches the rows of everybody."""
    before, rows = project.protection(), notes(project)
    update = "op.execute(\"UPDATE notes SET title = upper(body)\")"
    output, status = project.upgrade(update)
    assert status != 0 and "InsufficientPrivilege" in output and "begin_admin" in output
    assert notes(project) == rows
    output, status = project.upgrade(update, "upper case")
    assert status == 0, output
    assert notes(project) == {body: body.upper() for body in rows}
    assert project.protection() == before


# What a migration does, and what takes it back.
HARMLESS = {
    "a column": (
        "op.add_column('notes', sa.Column('more', sa.Integer(), server_default='1', nullable=False))",
        "ALTER TABLE notes DROP more",
    ),
    "a check": (
        "op.create_check_constraint('short', 'notes', 'length(body) < 1000')",
        "ALTER TABLE notes DROP CONSTRAINT short",
    ),
    "an index": ("op.create_index('notes_body', 'notes', ['body'])", "DROP INDEX notes_body"),
    "a comment": ("op.create_table_comment('notes', 'of their users')", "COMMENT ON TABLE notes IS NULL"),
    "in a batch": (
        "with op.batch_alter_table('notes') as batch: batch.add_column(sa.Column('batched', sa.Integer()))",
        "ALTER TABLE notes DROP batched",
    ),
    "a table": (
        "op.create_table('labels', sa.Column('note_id', sa.Integer(), sa.ForeignKey('notes.id')))",
        "DROP TABLE labels",
    ),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_the_usual_work_needs_no_door(project, change):
    """N9: the catalogue is equal before and after."""
    before, rows = project.protection(), notes(project)
    upgrade, undo = HARMLESS[change]
    output, status = project.upgrade(upgrade)
    assert status == 0, output
    assert (project.protection(), notes(project)) == (before, rows)
    project.as_owner(undo)
    assert project.protection() == before


def test_a_foreign_key_is_checked_against_the_rows_of_everybody(project):
    """N8, D11: 42501 outside the door, and the dangling row is found inside of it."""
    before = project.protection()
    project.as_owner("ALTER TABLE tags DROP CONSTRAINT tags_note_id_fkey")
    project.as_owner(f"INSERT INTO tags (user_id, note_id, word) VALUES ('{ALICE}', 0, 'dangling')", "a dangling row")
    upgrade = "op.create_foreign_key('tags_note_id_fkey', 'tags', 'notes', ['note_id'], ['id'])"
    output, status = project.upgrade(upgrade)
    assert status != 0 and "InsufficientPrivilege" in output, output
    output, status = project.upgrade(upgrade, "check")
    assert status != 0 and "ForeignKeyViolation" in output, output
    project.as_owner("DELETE FROM tags", "the dangling row goes")
    output, status = project.upgrade(upgrade, "check")
    assert status == 0, output
    assert project.protection() == before


WEAKENING = [
    "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY warden_select ON notes",
    "CREATE POLICY everybody ON notes USING (true)",
    "DROP TRIGGER _warden_keep ON notes",
    "ALTER TABLE notes DROP COLUMN user_id CASCADE",
]


@pytest.mark.parametrize("statement", WEAKENING)
def test_what_weakens_protection_is_refused(project, statement):
    """D10: with a hint, and what came before it in the migration is rolled back; also where the door is open."""
    before = project.protection()
    upgrade = f"op.add_column('notes', sa.Column('more', sa.Integer())); op.execute({statement!r})"
    for reason in (None, "try"):
        output, status = project.upgrade(upgrade, reason)
        assert status != 0 and "ObjectNotInPrerequisiteState" in output and "unprotect" in output, output
    assert project.protection() == before
    assert project.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'more'") == [(0,)]


def test_the_type_of_the_owner_column_does_not_change(project):
    before = project.protection()
    output, status = project.upgrade("op.alter_column('notes', 'user_id', type_=sa.Text())")
    assert status != 0 and "FeatureNotSupported" in output
    assert project.protection() == before


def test_renames_are_followed(project):
    before = project.protection()
    output, status = project.upgrade("op.alter_column('tags', 'user_id', new_column_name='author')")
    assert status == 0, output
    assert project.protection()["public.tags"]["protected_tables"]["owner_column"] == "author"
    output, status = project.upgrade("op.rename_table('tags', 'words')")
    assert status == 0, output
    assert set(project.protection()) == {"public.notes", "public.words"}
    for back in ("op.rename_table('words', 'tags')", "op.alter_column('tags', 'author', new_column_name='user_id')"):
        output, status = project.upgrade(back)
        assert status == 0, output
    assert project.protection() == before


def test_downgrade_and_upgrade_again(project):
    """To before the first table and back: what is made anew is protected anew, and nothing else is left."""
    before = project.protection()
    rows = project.sql("SELECT user_id, body, title FROM notes ORDER BY id")
    project.type("alembic downgrade base")
    assert project.protection() == {} and project.sql("SELECT count(*) FROM warden.protections") == [(0,)]
    project.type("alembic upgrade head")
    assert project.protection() == before
    with project.connect("notes_owner") as owner:
        owner.execute("SELECT warden.begin_admin('the rows again')")
        owner.cursor().executemany("INSERT INTO notes (user_id, body, title) VALUES (%s, %s, %s)", rows)
    assert project.type("alembic check").endswith("No new upgrade operations detected.\n")


RECREATE = "with op.batch_alter_table('notes', recreate='always') as batch: batch.add_column(sa.Column('more', sa.Integer()))"


def test_a_batch_that_copies_the_table(project):
    """The copy is a new table: refused where it would lose the rows, protected in a watched schema, its grants gone."""
    before, rows = project.protection(), notes(project)
    project.as_owner("ALTER TABLE tags DROP CONSTRAINT tags_note_id_fkey")
    output, status = project.upgrade(RECREATE)
    assert status != 0 and "InsufficientPrivilege" in output and notes(project) == rows, output
    output, status = project.upgrade(RECREATE, "copy")
    assert status == 0, output
    assert notes(project) == rows
    after = project.protection()["public.notes"]
    assert after["policies"] == before["public.notes"]["policies"] and after["grants"] is None
    with project.connect("notes_app") as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT * FROM notes")


def test_what_protect_adds_by_default_is_declared_or_dropped(project):
    """Autogenerate would drop the index and the default of protect(); never what protects; and nothing once declared."""
    project.as_owner("DROP TABLE tags, notes")
    project.as_owner("CREATE TABLE invoices (id serial PRIMARY KEY, user_id uuid)")
    project.as_owner("SELECT warden.protect('invoices')")
    before = project.protection()["public.invoices"]
    (project.directory / "models.py").write_text(MODELS_WITH_INVOICES)
    output, status = project.run("alembic check")
    assert status != 0 and output.count("'remove_index'") == 1 and "invoices_user_id_idx" in output, output
    assert "modify_default" in output and not re.search("policy|trigger|row", output), output

    generated, status = project.run("alembic revision --autogenerate --rev-id 0004 -m drop")
    assert status == 0, generated
    project.type("alembic upgrade head")
    after = project.protection()["public.invoices"]
    assert after["indexes of the owner column"] is None and after["owner column"] == [True, None]
    assert [after[part] for part in ("policies", "triggers", "flags")] == [before[part] for part in ("policies", "triggers", "flags")]

    project.as_owner("SELECT warden.protect('invoices')")
    assert project.protection()["public.invoices"] == before
    models = MODELS_WITH_INVOICES.partition("class Invoice")[0] + DECLARED.partition("\n\n\n")[2]
    (project.directory / "models.py").write_text("from sqlalchemy import Index\n" + models)
    assert project.type("alembic check").endswith("No new upgrade operations detected.\n")


MODELS_WITH_INVOICES = """\
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CURRENT_USER = text("warden.current_user_id()")


class Base(DeclarativeBase):
    pass


class Invoice(Base):
    __tablename__ = "invoices"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
"""
