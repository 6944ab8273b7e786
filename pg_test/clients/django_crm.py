"""The project of docs/django.md: 1,000 users and 125,000 rows of its own, adopted by what the chapter says."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import psycopg
from database import Database
from manual import REPOSITORY, blocks
from protection import protection

PROJECT = Path(__file__).parent / "django_project"
CHAPTER = blocks("docs/django.md")
ROLES = ("crm_owner", "crm_app", "crm_worker", "crm_admin", "crm_nightly")
USERS = 1000
# Few, because dumpdata asks for the labels of each order by a query of its own.
ORDERS_EACH = 10
OTHERS_EACH = 6

# Before pg_warden: users, and rows of theirs in every table; 125,000 in all. User 1 is the superuser of the admin site.
ROWS = """
INSERT INTO auth_user (id, username, password, first_name, last_name, email, is_superuser, is_staff, is_active, date_joined)
    SELECT n, 'user' || n, '', '', '', 'user' || n || '@example.com', n = 1, n = 1, n <> 9, now() FROM generate_series(1, {users}) n;
SELECT setval(pg_get_serial_sequence('auth_user', 'id'), {users});
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT table_name FROM information_schema.columns
                WHERE column_name = 'user_id' AND table_name LIKE 'crm\\_%' AND table_name NOT IN ('crm_order', 'crm_line', 'crm_task')
    LOOP
        EXECUTE format('INSERT INTO %I (user_id, title, created_at) SELECT u, ''of '' || u, now()
                        FROM generate_series(1, {users}) u, generate_series(1, {others})', name);
    END LOOP;
END
$$;
INSERT INTO crm_task (user_id, title, created_at, done) SELECT u, 'of ' || u, now(), n = 1 FROM generate_series(1, {users}) u, generate_series(1, {others}) n;
INSERT INTO crm_order (user_id, title, created_at, amount) SELECT u, 'of ' || u, now(), n FROM generate_series(1, {users}) u, generate_series(1, {orders}) n;
INSERT INTO crm_line (user_id, title, created_at, order_id) SELECT user_id, title, now(), id FROM crm_order WHERE amount <= {others};
INSERT INTO crm_order_labels (order_id, label_id) SELECT DISTINCT ON (o.user_id) o.id, l.id FROM crm_order o JOIN crm_label l USING (user_id);
ANALYZE;
""".format(users=USERS, orders=ORDERS_EACH, others=OTHERS_EACH)

TABLES = {
    "columns": """
SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 ORDER BY 1, 2""",
    "constraints": """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
}


class Project:
    """A copy of the project, and its database."""

    def __init__(self, directory):
        self.directory = directory
        self.database = Database(name="crm")
        shutil.copytree(PROJECT, directory, dirs_exist_ok=True)
        (directory / "pg_test").symlink_to(REPOSITORY / "pg_test")
        programs = [str(REPOSITORY / ".build/venv/bin"), os.environ["WARDEN_BIN_DIR"], os.environ["PATH"]]
        self.environment = os.environ | {
            "PATH": ":".join(programs),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PGHOST": self.database.socket,
            "PGPORT": str(self.database.port),
            "PGUSER": "postgres",
        }

    def run(self, command, *, pooled=False, **environment):
        """What a command printed, and its exit status; Django connects through PgBouncer, or to the server."""
        pooler = {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": os.environ["WARDEN_POOLER_PORT"]} if pooled else {}
        options = {"cwd": self.directory, "env": self.environment | pooler | environment, "timeout": 600, "text": True}
        result = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
        return result.stdout, result.returncode

    def type(self, command, **options):
        output, status = self.run(command, **options)
        assert status == 0 and "ERROR:" not in output, f"{command}\n{output}"
        return output

    def follow(self, chapter):
        """Writes its files and types its commands, in order. Those of batches go through the pooler."""
        printed = {}
        for language, options, text in chapter:
            option, _, name = options.partition("=")
            if option in ("file", "append"):
                path = self.directory / name
                path.write_text(path.read_text() + text if option == "append" else text)
                if name == "crm/migrations/0002_order_note.py":
                    self.protection_before = self.protection()
                    models = self.directory / "crm/models.py"
                    field = "    note = models.CharField(max_length=200, default=\"\")\n"
                    models.write_text(models.read_text().replace("class Order(Owned):\n", f"class Order(Owned):\n{field}"))
            elif language == "sh":
                for line in text.splitlines():
                    printed[line] = self.type(line, pooled="nightly" in line or "with_door" in line)
                    if "logins.sql" in line:
                        self.populate()
                    if "protect.sql" in line:
                        self.tables_adopted = self.tables()
            elif not text.startswith("migrations."):  # those are run by test_django.py
                assert text in (self.directory / "crm/settings.py").read_text(), f"nobody runs {text}"
        return printed

    def populate(self):
        """What there was before: the project's own migrations as owner, and rows."""
        self.type("DATABASE_USER=crm_owner python manage.py migrate")
        with self.database.connect("crm_owner") as owner:
            owner.execute(ROWS)
        self.tables_before = self.tables()

    def tables(self):
        """What Django's migrations make of the project's tables, in the catalogue's own words."""
        return {part: self.sql(query) for part, query in TABLES.items()}

    def protection(self):
        with self.database.connect("postgres") as connection:
            return protection(connection)

    def sql(self, statement, *parameters):
        with self.database.connect("postgres", autocommit=True) as connection:
            return connection.execute(statement, parameters).fetchall()

    def python(self, code, **environment):
        """What Python code answers within the project, through PgBouncer: the value of its variable `answer`."""
        script = f"import django\ndjango.setup()\n{code}\nimport json\nprint('answer:' + json.dumps(answer, default=str))"
        (self.directory / "script.py").write_text(script)
        output, status = self.run("python script.py", pooled=True, **{"DJANGO_SETTINGS_MODULE": "crm.settings"} | environment)
        assert status == 0, output
        return json.loads(output.partition("answer:")[2])


@contextlib.contextmanager
def adopted(directory, chapter=CHAPTER):
    """The project in this directory and its database, after everything that the chapter says, or that part of it."""
    project = Project(directory)
    with psycopg.connect(os.environ["WARDEN_ADMIN_DSN"], autocommit=True) as admin:
        admin.execute("CREATE DATABASE crm")
        try:
            project.printed = project.follow(chapter)
            yield project
        finally:
            for database in ("crm", "crm_template", "test_crm"):
                for name, in admin.execute("SELECT datname FROM pg_database WHERE datname = %s", (database,)).fetchall():
                    admin.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
                    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            for role in ROLES:
                admin.execute(f"DROP ROLE IF EXISTS {role}")


def token(user):
    return subprocess.check_output([REPOSITORY / "pg_test/demo/token", str(user)], text=True)


def ask(project, requests, middleware=None, **environment):
    """Status and orders that Django answers to requests: each a method, a token (or none) and the form it posts."""
    chosen = f"settings.MIDDLEWARE[-1] = {middleware!r}" if middleware else ""
    return project.python(f"""
from django.conf import settings
from django.test import Client
{chosen}
answer = []
for method, token, form in {requests!r}:
    headers = {{"authorization": f"Bearer {{token}}"}} if token else {{}}
    response = getattr(Client(raise_request_exception=False), method)("/orders/", form, headers=headers)
    answer.append([response.status_code, response.json() if response.status_code in (200, 201) else None])
""", **environment)
