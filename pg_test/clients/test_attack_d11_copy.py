"""D11: COPY as the table's owner, which an export or an import is made of. It cannot be tried inside of a function, as
the rest of D11 is in pg_test/sql/attack_d11_*.sql."""

import psycopg
import pytest

ROWS = "INSERT INTO notes (id, user_id) SELECT i, gen_random_uuid() FROM generate_series(1, 100) AS i"


@pytest.fixture(scope="module")
def notes(database):
    with database.connect("owner", autocommit=True) as owner:
        owner.execute("CREATE TABLE notes (id int, user_id uuid)")
        owner.execute(ROWS)
        owner.execute("SELECT warden.protect('notes')")
    return database


def export(connection):
    with connection.cursor() as cursor, cursor.copy("COPY notes TO STDOUT") as copy:
        return len(list(copy.rows()))


def test_an_export_is_whole_or_refused(notes):
    with notes.connect("owner") as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            export(owner)
        owner.rollback()
        owner.execute("SELECT warden.begin_admin('export')")
        assert export(owner) == 100


def test_a_cursor_read_piece_by_piece_passes_too(notes):
    with notes.connect("owner") as owner:
        owner.execute("SELECT warden.begin_admin('dump')")
        with owner.cursor(name="rows") as cursor:
            cursor.itersize = 7
            cursor.execute("SELECT id FROM notes")
            assert len(cursor.fetchall()) == 100


def test_an_import_by_copy_is_refused_by_postgres_itself(notes):
    """Row security and COPY FROM exclude each other in Postgres, door or not; it says so, and INSERT works."""
    with notes.connect("owner") as owner:
        owner.execute("SELECT warden.begin_admin('import')")
        with pytest.raises(psycopg.errors.FeatureNotSupported), owner.cursor().copy("COPY notes FROM STDIN") as copy:
            copy.write("101\t00000000-0000-4000-8000-000000000001\n")
        owner.rollback()
        owner.execute("SELECT warden.begin_admin('import')")
        assert owner.execute(ROWS).rowcount == 100
        owner.rollback()
