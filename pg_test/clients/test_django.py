"""N6, N8, N9: the Django project as docs/django.md adopts it, in what the chapter does not type: many requests at once, the
ends of transactions, writes of the admin site, users that are deleted, fixtures, and what adoption has left alone."""

import contextlib

import pytest
from django_crm import CHAPTER, ORDERS_EACH, adopted, token
from manual import blocks

# Up to the migrations, without the commands that work on every row: the project as it was, adopted.
[END] = [number for number, block in enumerate(CHAPTER) if block.options.startswith("file=crm/migrations/")]
ADOPTION = [block for block in CHAPTER[:END] if "manage.py nightly" not in block.text]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with adopted(tmp_path_factory.mktemp("crm"), ADOPTION) as project:
        yield project


def test_adoption_changes_no_column_constraint_or_index(project):
    """N6: and so Django has no migration to make."""
    assert len(project.tables_before["columns"]) > 100
    assert project.tables_adopted == project.tables_before
    checked = project.type("DATABASE_USER=crm_owner python manage.py makemigrations --check --dry-run")
    assert "No changes detected" in checked


def test_many_requests_at_once_share_connections_and_no_rows(project):
    """A5: 20 threads with connections that stay open, behind a pooler that has five; every third request has no token."""
    tokens = {user: token(user) for user in range(20, 30)}
    answer = project.python(f"""
from concurrent.futures import ThreadPoolExecutor
from django.db import connections
from django.test import Client
connections.settings["default"]["CONN_MAX_AGE"] = None
tokens = {tokens!r}

def visit(number):
    user = 20 + number % 10
    if number % 3 == 0:
        return [None, Client().get("/orders/").status_code]
    response = Client().get("/orders/", headers={{"authorization": f"Bearer {{tokens[user]}}"}})
    return [user, sorted({{order["user_id"] for order in response.json()["orders"]}}), len(response.json()["orders"])]

with ThreadPoolExecutor(20) as threads:
    answer = list(threads.map(visit, range(300)))
""")
    assert len(answer) == 300
    for user, *seen in answer:
        assert seen == ([401] if user is None else [[user], ORDERS_EACH])


def test_what_runs_after_the_transaction_acts_for_nobody(project):
    """A streamed body and on_commit see no rows, until they present the token again; then the bearer's alone."""
    answer = project.python(f"""
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from crm.identity import act_for_the_bearer, call
from crm.models import Order

def owners():
    return sorted(set(Order.objects.values_list("user_id", flat=True)))

def again():
    with transaction.atomic():
        call("authenticate", {token(31)!r})
        return owners()

seen = []

def streaming(request):
    return StreamingHttpResponse(str(step()) for step in (owners, again, owners))

def later(request):
    seen.append(owners())
    transaction.on_commit(lambda: seen.append(owners()))
    transaction.on_commit(lambda: seen.append(again()))
    return HttpResponse()

request = RequestFactory().get("/", headers={{"authorization": "Bearer " + {token(31)!r}}})
act_for_the_bearer(later)(request)
answer = [seen, [part.decode() for part in act_for_the_bearer(streaming)(request)]]
""")
    assert answer == [[[31], [], [31]], ["[]", "[31]", "[]"]]


def test_a_view_that_fails_keeps_nothing_and_the_next_request_is_nobodys(project):
    answer = project.python(f"""
from django.test import Client
from django.urls import path
import crm.urls
from crm.models import Order

def fail(request):
    Order.objects.create(title="half done")
    raise RuntimeError

crm.urls.urlpatterns.append(path("fail/", fail))
client = Client(raise_request_exception=False)
failed = client.get("/fail/", headers={{"authorization": "Bearer " + {token(32)!r}}})
answer = [failed.status_code, Order.objects.count(), client.get("/orders/").status_code]
""")
    assert answer == [500, 0, 401]
    assert project.sql("SELECT count(*) FROM crm_order WHERE title = 'half done'") == [(0,)]


ADMIN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client(raise_request_exception=False)
client.force_login(User.objects.get(pk=1))
"""


def test_the_admin_site_changes_and_deletes_rows_of_others(project):
    [(changed, deleted)] = project.sql("SELECT min(id), max(id) FROM crm_order WHERE user_id = 33")
    [(label,)] = project.sql("SELECT min(id) FROM crm_label WHERE user_id = 33")
    answer = project.python(ADMIN + f"""
form = {{"title": "mended", "amount": "5.00", "labels": [{label}]}}
answer = [client.post("/admin/crm/order/{changed}/change/", form).status_code,
          client.post("/admin/crm/order/{deleted}/delete/", {{"post": "yes"}}).status_code]
""", DJANGO_SETTINGS_MODULE="crm.admin_settings")
    assert answer == [302, 302]
    assert project.sql("SELECT user_id, title FROM crm_order WHERE id IN (%s, %s)", changed, deleted) == [(33, "mended")]
    [(reasons,)] = project.sql("SELECT array_agg(detail ->> 'reason') FROM warden.audit_log WHERE action = 'begin_admin'")
    assert {f"user1 POST /admin/crm/order/{changed}/change/", f"user1 POST /admin/crm/order/{deleted}/delete/"} <= set(reasons)


def rows_of(project, user):
    """How many rows a user has in all the tables together."""
    return sum(
        project.sql(f"SELECT count(*) FROM {table} WHERE user_id = %s", user)[0][0]
        for table, in project.sql("SELECT relation::text FROM warden.protected_tables WHERE owner_column = 'user_id'")
    )


def test_a_user_deleted_in_the_admin_site_leaves_nothing(project):
    """Django's cascade over every table, and the directory with it."""
    assert rows_of(project, 34) > ORDERS_EACH
    answer = project.python(ADMIN + """
answer = client.post("/admin/auth/user/34/delete/", {"post": "yes"}).status_code
""", DJANGO_SETTINGS_MODULE="crm.admin_settings")
    assert answer == 302 and rows_of(project, 34) == 0
    assert project.sql("SELECT status FROM warden.users WHERE external_id = '34'") == [("inactive",)]


def test_a_user_deletes_their_own_account_and_no_other(project):
    """Another one's rows hold it: the cascade does not see them, the foreign keys do."""
    code = """
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from crm.identity import call
try:
    with transaction.atomic():
        call("authenticate", {token!r})
        User.objects.get(pk={user}).delete()
    answer = "deleted"
except DatabaseError as error:
    answer = error.__cause__.sqlstate
"""
    before = rows_of(project, 36)
    assert project.python(code.format(token=token(35), user=36)) == "23503"
    assert rows_of(project, 36) == before
    assert project.python(code.format(token=token(35), user=35)) == "deleted"
    assert rows_of(project, 35) == 0


def test_a_fixture_is_loaded_through_the_door(project):
    """dumpdata, and back; without the door nothing is loaded."""
    project.type("DATABASE_USER=crm_owner python manage.py with_door 'labels' dumpdata crm.Label --output labels.json")
    [before] = project.sql("SELECT count(*), sum(id), sum(user_id) FROM crm_label")
    assert before[0] > 0
    refused, status = project.run("DATABASE_USER=crm_owner python manage.py loaddata labels.json")
    assert status != 0 and "begin_admin" in refused
    with project.database.connect("crm_owner") as owner:
        owner.execute("SELECT warden.begin_admin('labels are to be restored')")
        owner.execute("DELETE FROM crm_order_labels")
        owner.execute("DELETE FROM crm_label")
    loaded = project.type("DATABASE_USER=crm_owner python manage.py with_door 'restore' loaddata labels.json")
    assert f"Installed {before[0]} object(s)" in loaded
    assert project.sql("SELECT count(*), sum(id), sum(user_id) FROM crm_label") == [before]


MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("crm", "0001_initial")]
    operations = [{operations}]
"""
RENAMED, RETYPED = (block.text for block in blocks("docs/django.md") if block.text.startswith("migrations."))


@contextlib.contextmanager
def migration(project, operations):
    """What `migrate` prints of a migration with these operations, and its exit status; afterwards Django knows nothing of it."""
    path = project.directory / "crm/migrations/0002_try.py"
    path.write_text(MIGRATION.format(operations=operations))
    try:
        yield project.run("DATABASE_USER=crm_owner python manage.py migrate crm")
    finally:
        path.unlink()
        project.sql("DELETE FROM django_migrations WHERE app = 'crm' AND name = '0002_try' RETURNING 1")


def seen_in(project, query, user):
    """What a query returns in a transaction of the user's."""
    return project.python(f"""
from django.db import connection, transaction
from crm.identity import call
with transaction.atomic(), connection.cursor() as cursor:
    call("authenticate", {token(user)!r})
    cursor.execute({query!r})
    answer = cursor.fetchall()
""")


def test_an_owner_column_gets_another_type_between_unprotect_and_protect(project):
    """N8, N9: refused as it stands; in one migration with both, nobody sees the table open."""
    before = project.protection()["public.crm_invoice"]
    with migration(project, RETYPED.splitlines()[1]) as (refused, status):
        assert status != 0 and "used in a policy definition" in refused, refused
    assert project.protection()["public.crm_invoice"] == before
    with migration(project, RETYPED) as (printed, status):
        assert status == 0, printed
    after = project.protection()["public.crm_invoice"]
    assert (after["flags"], after["triggers"], after["grants"]) == (before["flags"], before["triggers"], before["grants"])
    assert [policy["policyname"] for policy in after["policies"]] == [policy["policyname"] for policy in before["policies"]]
    columns = {(table, column): kind for table, _, column, kind, *_ in project.tables()["columns"]}
    assert columns["crm_invoice", "user_id"] == "bigint"
    assert seen_in(project, "SELECT DISTINCT user_id FROM crm_invoice", 37) == [[37]]


def test_an_owner_column_is_renamed_through_the_door(project):
    """N8, N9: Django adds the foreign key anew, which is checked against the rows of everybody."""
    before = project.protection()["public.crm_order"]
    with migration(project, RENAMED.splitlines()[1]) as (refused, status):
        assert status != 0 and "begin_admin" in refused, refused
    assert project.protection()["public.crm_order"] == before
    with migration(project, RENAMED) as (printed, status):
        assert status == 0, printed
    assert project.protection()["public.crm_order"]["protected_tables"]["owner_column"] == "customer_id"
    assert seen_in(project, "SELECT DISTINCT customer_id FROM crm_order", 38) == [[38]]
    with project.database.connect("crm_owner") as owner:
        owner.execute("ALTER TABLE crm_order RENAME customer_id TO user_id")
    assert project.protection()["public.crm_order"] == before
