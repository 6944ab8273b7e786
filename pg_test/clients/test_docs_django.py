"""N6, N8, N9: what docs/django.md shows is executed as typed, in its order, on a project with users and rows of its own; then
its requests, admin site, workers, batches and migrations do what it says, through PgBouncer wherever they would."""

import json
import os
import re

import psycopg
import pytest
from django_crm import ORDERS_EACH, OTHERS_EACH, USERS, adopted, ask, token


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with adopted(tmp_path_factory.mktemp("crm")) as project:
        yield project


def test_there_are_enough_tables_and_rows(project):
    [(tables,)] = project.sql("SELECT count(*) FROM warden.protected_tables WHERE owner_column = 'user_id'")
    [(rows,)] = project.sql("SELECT sum(n_live_tup) FROM pg_stat_user_tables WHERE relname LIKE 'crm%%'")
    assert tables >= 20 and rows >= 100_000


def test_every_user_is_one_of_the_directory(project):
    assert re.search(rf"^ +{USERS} \| +{USERS} \| +0$", project.printed["psql -d crm -f setup.sql"], re.M)
    assert project.sql("SELECT status, count(*) FROM warden.users GROUP BY 1 ORDER BY 1") == [("active", USERS - 1), ("inactive", 1)]


def test_a_request_sees_its_bearers_rows_and_no_others(project):
    two, seven = ask(project, [("get", token(2), {}), ("get", token(7), {})])
    for user, (status, body) in ((2, two), (7, seven)):
        assert status == 200
        assert {order["user_id"] for order in body["orders"]} == {user}
        assert len(body["orders"]) >= ORDERS_EACH


def test_no_token_a_bad_one_and_a_deactivated_user(project):
    answers = ask(project, [("get", None, {}), ("get", token(2) + "x", {}), ("get", token(9), {}), ("get", token(10**6), {})])
    assert [status for status, _ in answers] == [401] * 4


def test_a_row_is_its_makers(project):
    (status, made), (_, seen) = ask(project, [("post", token(3), {"title": "new"}), ("get", token(3), {})])
    assert status == 201
    assert project.sql("SELECT user_id FROM crm_order WHERE id = %s", made["id"]) == [(3,)]
    assert {"id": made["id"], "user_id": 3, "title": "new"} in seen["orders"]


def test_another_users_row_does_not_exist(project):
    """By id, by relation, by bulk, also where the code names the other user."""
    [(foreign,)] = project.sql("SELECT min(id) FROM crm_order WHERE user_id = 5")
    answer = project.python(f"""
from django.db import DatabaseError, transaction
from crm.identity import call
from crm.models import Order, Line
answer = []
with transaction.atomic():
    call("authenticate", {token(4)!r})
    answer.append(Order.objects.filter(pk={foreign}).count())
    answer.append(Order.objects.filter(user_id=5).update(title="mine"))
    answer.append(Order.objects.filter(user_id=5).delete()[0])
    answer.append(Line.objects.filter(order__user_id=5).count())
    answer.append(Order.labels.through.objects.exclude(order__user_id=4).count())
    answer.append(Order.labels.through.objects.filter(order__user_id=4).count())
    for create in (lambda: Order.objects.create(user_id=5, title="for five"),
                   lambda: Line.objects.create(order_id={foreign}, title="to five's"),
                   lambda: Order.objects.filter(user_id=4).update(user_id=5)):
        try:
            with transaction.atomic():
                create()
            answer.append("done")
        except DatabaseError as error:
            answer.append(error.__cause__.sqlstate)
""")
    assert answer == [0, 0, 0, 0, 0, 1, "42501", "42501", "42501"]


def test_a_session_of_django_acts_for_who_has_signed_in(project):
    """By a login that the database trusts; the one of requests is refused."""
    code = """
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
settings.MIDDLEWARE[-1] = "crm.identity.act_for_the_signed_in"
client = Client(raise_request_exception=False)
client.force_login(User.objects.get(pk=6))
response = client.get("/orders/")
answer = [response.status_code, {order["user_id"] for order in response.json()["orders"]} == {6} if response.status_code == 200 else None,
          Client().get("/orders/").json()]
"""
    assert project.python(code, DATABASE_USER="crm_worker") == [200, True, {"orders": []}]
    assert project.python(code.replace(", Client().get(\"/orders/\").json()]", "]"), DATABASE_USER="crm_app")[0] == 500


def test_whoever_signs_up_or_is_deactivated_counts_at_once(project):
    answer = project.python(f"""
from django.contrib.auth.models import User
from crm.tasks import remind
from django.db import OperationalError
dave = User.objects.create(username="dave")
answer = [remind(dave.pk), remind(8)]
User.objects.filter(pk=8).update(is_active=False)
try:
    answer.append(remind(8))
except OperationalError as error:
    answer.append(error.__cause__.sqlstate)
""", DATABASE_USER="crm_worker")
    assert answer == [0, OTHERS_EACH - 1, "28000"]


def test_the_admin_site_shows_all_on_the_record(project):
    answer = project.python("""
from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
client = Client()
client.force_login(User.objects.get(pk=1))
listed = client.get("/admin/crm/order/")
stranger = Client().get("/admin/crm/order/")
answer = [listed.status_code, listed.context["cl"].result_count, stranger.status_code]
""", DJANGO_SETTINGS_MODULE="crm.admin_settings")
    [(orders,)] = project.sql("SELECT count(*) FROM crm_order")
    assert answer == [200, orders, 302]
    reasons = project.sql("SELECT DISTINCT detail ->> 'reason', database_role::text FROM warden.audit_log WHERE action = 'begin_admin'")
    assert ("user1 GET /admin/crm/order/", "crm_admin") in reasons


def test_the_admin_sites_login_sees_nothing_behind_a_closed_door(project):
    assert project.python("""
from django.db import DatabaseError
from crm.models import Order
try:
    answer = Order.objects.count()
except DatabaseError as error:
    answer = error.__cause__.sqlstate
""", DATABASE_USER="crm_admin") == "42501"


def test_the_batch_reports_of_every_user(project):
    assert f"{USERS} reports" in project.printed["DATABASE_USER=crm_nightly python manage.py nightly"]
    refused, status = project.run("DATABASE_USER=crm_app python manage.py nightly", pooled=True)
    assert status != 0 and "add_migration_role" in refused
    with project.database.connect("crm_nightly") as nightly, pytest.raises(psycopg.errors.InsufficientPrivilege):
        nightly.execute("SELECT count(*) FROM crm_order")


def test_dumpdata_is_complete_or_refused(project):
    dumped = json.loads((project.directory / "orders.json").read_text())
    assert len(dumped) == USERS * ORDERS_EACH
    refused, status = project.run("DATABASE_USER=crm_owner python manage.py dumpdata crm.Order --output incomplete.json")
    assert status != 0 and "begin_admin" in refused
    assert "crm.order" not in (project.directory / "incomplete.json").read_text()


def test_the_migration_reached_every_row_and_left_protection_standing(project):
    assert project.sql("SELECT DISTINCT note FROM crm_order WHERE title <> 'new'") == [("none yet",)]
    assert "No changes detected" in project.printed["DATABASE_USER=crm_owner python manage.py makemigrations --check"]
    # As adopted: migrations, a batch, dumpdata and Django's tests have been at it since.
    assert len(project.protection_before) >= 21
    assert project.protection_before == project.protection()


MIGRATION = """
from django.conf import settings
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("crm", "0002_order_note")]
    operations = [{operations}]
"""
OWNED = '[("id", models.BigAutoField(primary_key=True)), ("user", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE))]'


@pytest.mark.parametrize("operations", [
    'migrations.AddIndex("Order", models.Index(fields=["user", "created_at"], name="order_newest"))',
    'migrations.AlterField("Order", "title", models.TextField())',
    'migrations.AddConstraint("Order", models.CheckConstraint(condition=models.Q(amount__gte=0), name="order_amount"))',
    'migrations.AddField("Order", "parent", models.ForeignKey("crm.Order", models.CASCADE, null=True))',
    f'migrations.CreateModel("Voucher", {OWNED})',
])
def test_a_migration_is_as_it_was(project, operations):
    """Forwards and backwards; what was protected stays so, and what is new is."""
    before = project.protection()
    path = project.directory / "crm/migrations/0003_try.py"
    path.write_text(MIGRATION.format(operations=operations))
    try:
        project.type("DATABASE_USER=crm_owner python manage.py migrate crm 0003")
        during = project.protection()
        new = {name for name in during if name not in before}
        assert {name: during[name] for name in before} == before or "AddIndex" in operations
        assert new == ({"public.crm_voucher"} if "Voucher" in operations else set())
        project.type("DATABASE_USER=crm_owner python manage.py migrate crm 0002")
        assert project.protection() == before
    finally:
        path.unlink()


@pytest.mark.parametrize("operations, why", [
    ('migrations.RunPython(lambda apps, _: apps.get_model("crm", "Order").objects.update(title="all"))', "begin_admin"),
    ('migrations.RunSQL("UPDATE crm_order SET title = \'all\'")', "begin_admin"),
    ('migrations.RunSQL("ALTER TABLE crm_order DISABLE ROW LEVEL SECURITY")', "unprotect"),
    ('migrations.RenameField("Order", "user", "customer")', "begin_admin"),
    ('migrations.RemoveField("Order", "user")', "unprotect"),
])
def test_a_migration_that_would_be_silently_wrong_is_refused(project, operations, why):
    before = project.protection()
    path = project.directory / "crm/migrations/0003_try.py"
    path.write_text(MIGRATION.format(operations=operations))
    try:
        refused, status = project.run("DATABASE_USER=crm_owner python manage.py migrate crm 0003")
        assert status != 0 and why in refused, refused
        assert project.protection() == before
        assert project.sql("SELECT count(*) FROM crm_order WHERE title = 'all'") == [(0,)]
    finally:
        path.unlink()


def test_djangos_own_tests_run_as_the_application(project):
    command = "DJANGO_SETTINGS_MODULE=crm.test_settings python manage.py test"
    assert "Ran 3 tests" in project.printed[command]
    # They fail where orders are not isolated.
    with psycopg.connect(f"{os.environ['WARDEN_ADMIN_DSN']} dbname=crm_template", autocommit=True) as template:
        passed_over = "{auth_user_groups,auth_user_user_permissions,django_admin_log,crm_order}"
        template.execute("SELECT warden.unwatch_schema('public')")
        template.execute("SELECT warden.watch_schema('public', except_tables => %s, manage_columns => false)", (passed_over,))
    failed, status = project.run(command)
    assert status != 0 and "test_each_sees_its_own" in failed
