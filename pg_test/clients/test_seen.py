"""A backend looks for the user of a token where it found the row last (src/lookup/seen.rs), and takes it for what it was
only while that is what lies there."""

import uuid

import psycopg
import pytest

from documents import trust
from issuer import Issuer

ALICE, BOB, CAROL = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
REFUSED = psycopg.errors.InvalidAuthorizationSpecification


@pytest.fixture(scope="module")
def tokens(database):
    """A token each that backends get to know, and the users they are of."""
    issuer = Issuer("https://id.example.com")
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app')")
        # With so little room Postgres tidies up a page whenever it can.
        superuser.execute("ALTER TABLE warden.users SET (autovacuum_enabled = off, fillfactor = 10)")
        trust(superuser, issuer)
    return {user: issuer.token(user) for user in (ALICE, BOB, CAROL)}


@pytest.fixture
def app(database, superuser, tokens):
    """A connection that knows where alice's row is; carol's keeps the page in the table, bob has none."""
    superuser.execute("TRUNCATE warden.users CASCADE")
    for user in (ALICE, CAROL):
        superuser.execute("SELECT warden.create_user(id => %s)", (user,))
    with database.connect("app", autocommit=True) as connection:
        for _ in range(2):
            assert signed_in(connection, tokens[ALICE]) == (ALICE, ["user"])
        yield connection


def signed_in(connection, token):
    """User and roles of a transaction that begins with a token."""
    with connection.transaction():
        connection.execute("SELECT warden.authenticate(%s)", (token,))
        return connection.execute("SELECT warden.current_user_id(), warden.current_roles()").fetchone()


def index_scans(superuser, connection):
    # What either has counted so far, now: else it would come when its time has come, perhaps between two calls of this.
    connection.execute("SELECT pg_stat_force_next_flush()")
    superuser.execute("SELECT pg_stat_force_next_flush()")
    superuser.execute("SELECT pg_stat_clear_snapshot()")
    by_index = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE relid = 'warden.users'::regclass"
    return superuser.execute(by_index).fetchone()[0]


def test_the_index_is_asked_once(app, superuser, tokens):
    before = index_scans(superuser, app)
    for _ in range(10):
        signed_in(app, tokens[ALICE])
    assert index_scans(superuser, app) == before


@pytest.mark.parametrize("move", [
    "UPDATE warden.users SET roles = '{viewer}'",
    "UPDATE warden.users SET roles = '{viewer}', external_id = left(id::text, 8)",
    "UPDATE warden.users SET roles = '{viewer}'; VACUUM warden.users",
    "UPDATE warden.users SET roles = '{viewer}'; VACUUM FULL warden.users",
    "UPDATE warden.users SET roles = '{viewer}'; CLUSTER warden.users USING users_pkey",
    "UPDATE warden.users SET roles = '{viewer}'; ALTER TABLE warden.users ADD COLUMN note_%s int DEFAULT 1",
])
def test_a_row_that_has_moved_is_found(app, superuser, tokens, move):
    before = index_scans(superuser, app)
    # Statements of one message are one transaction, in which there is no VACUUM.
    for statement in move.replace("%s", uuid.uuid4().hex).split("; "):
        superuser.execute(statement)
    for _ in range(2):
        assert signed_in(app, tokens[ALICE]) == (ALICE, ["viewer"])
    assert index_scans(superuser, app) == before + 1


@pytest.mark.parametrize("end", [
    "UPDATE warden.users SET status = 'suspended'",
    "DELETE FROM warden.users",
    "DELETE FROM warden.users; VACUUM (INDEX_CLEANUP on) warden.users",
    "TRUNCATE warden.users CASCADE",
])
def test_a_user_who_is_gone_is_refused(app, superuser, tokens, end):
    for statement in end.split("; "):
        superuser.execute(statement)
    with pytest.raises(REFUSED):
        signed_in(app, tokens[ALICE])


def test_another_users_row_at_the_place_is_not_hers(app, superuser, tokens):
    place = "SELECT ctid FROM warden.users WHERE id = %s"
    alices = superuser.execute(place, (ALICE,)).fetchone()
    superuser.execute("DELETE FROM warden.users WHERE id = %s", (ALICE,))
    superuser.execute("VACUUM (INDEX_CLEANUP on) warden.users")
    superuser.execute("SELECT warden.create_user(id => %s)", (BOB,))
    assert superuser.execute(place, (BOB,)).fetchone() == alices, "bob's row is not where alice's was: nothing is tested"
    # A backend that hears of a VACUUM asks the index; this one has heard when it comes to alice.
    assert signed_in(app, tokens[CAROL]) == (CAROL, ["user"])
    with pytest.raises(REFUSED):
        signed_in(app, tokens[ALICE])
    assert signed_in(app, tokens[BOB]) == (BOB, ["user"])
    superuser.execute("SELECT warden.create_user(id => %s)", (ALICE,))
    assert signed_in(app, tokens[ALICE]) == (ALICE, ["user"])


@pytest.mark.parametrize("whose", [ALICE, CAROL])
def test_another_version_at_the_place_is_not_the_one_that_was_read(app, superuser, tokens, whose):
    """As Postgres tidies up a page without a VACUUM, of which a backend would hear."""
    def place(user):
        return superuser.execute("SELECT ctid FROM warden.users WHERE id = %s", (user,)).fetchone()

    def write_again(user):
        superuser.execute("UPDATE warden.users SET avatar_url = gen_random_uuid()::text WHERE id = %s", (user,))

    write_again(ALICE)
    assert signed_in(app, tokens[ALICE]) == (ALICE, ["user"])
    alices = place(ALICE)
    superuser.execute("UPDATE warden.users SET roles = '{viewer}' WHERE id = %s", (ALICE,))
    for _ in range(100):
        if place(whose) == alices:
            break
        write_again(whose)
    assert place(whose) == alices, "no row has come to where alice's was: nothing is tested"
    assert signed_in(app, tokens[ALICE]) == (ALICE, ["viewer"])


def test_a_row_with_a_value_that_is_stored_elsewhere_is_read_each_time(app, superuser, tokens):
    # Random, so that it does not get small enough to be stored in the row.
    superuser.execute(
        "UPDATE warden.users SET kept_session = (SELECT string_agg(gen_random_uuid()::text, '') FROM generate_series(1, 500))"
        " WHERE id = %s", (ALICE,))
    before = index_scans(superuser, app)
    for _ in range(3):
        assert signed_in(app, tokens[ALICE]) == (ALICE, ["user"])
    assert index_scans(superuser, app) == before + 3
    superuser.execute("UPDATE warden.users SET roles = '{viewer}' WHERE id = %s", (ALICE,))
    assert signed_in(app, tokens[ALICE]) == (ALICE, ["viewer"])


def test_a_subject_that_is_another_users_now_has_the_row_of_that_user(app, superuser):
    partner = Issuer("https://partner.example.com")
    trust(superuser, partner, subject_is="subject")
    superuser.execute("SELECT warden.link_identity(%s, %s, 's')", (ALICE, partner.name))
    token = partner.token("s")
    for _ in range(2):
        assert signed_in(app, token) == (ALICE, ["user"])
    superuser.execute("UPDATE warden.users SET roles = '{viewer}' WHERE id = %s", (CAROL,))
    superuser.execute("UPDATE warden.identities SET user_id = %s WHERE subject = 's'", (CAROL,))
    for _ in range(2):
        assert signed_in(app, token) == (CAROL, ["viewer"])


def test_a_suspension_that_is_rolled_back_changes_nothing(app, database, superuser, tokens):
    with database.connect("postgres") as admin:
        admin.execute("SELECT warden.set_user_status(%s, 'suspended')", (ALICE,))
        admin.rollback()
    assert signed_in(app, tokens[ALICE]) == (ALICE, ["user"])


def test_a_suspension_in_an_open_transaction_counts_when_it_commits(app, database, superuser, tokens):
    with database.connect("postgres") as admin:
        admin.execute("SELECT warden.set_user_status(%s, 'suspended')", (ALICE,))
        assert signed_in(app, tokens[ALICE]) == (ALICE, ["user"])
        admin.commit()
    with pytest.raises(REFUSED):
        signed_in(app, tokens[ALICE])
