"""What docs/users.md shows is executed as typed, by one psql, in a server where nothing was prepared (U3, U4, U6 to U11, U15)."""

import pytest
from manual import blocks, own_server, typed

SQL = [block for block in blocks("docs/users.md") if block.language == "sql"]


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    with own_server("users") as directory:
        return typed(directory, [block.text for block in SQL], "-A", "-t")


def section(sections, words):
    [found] = [output for block, output in zip(SQL, sections, strict=True) if words in block.text]
    return found.splitlines()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_a_user_is_found_by_any_of_its_names(sections):
    found = section(sections, "find_user('ALICE@example.com')")
    assert found == ["alice@example.com|Alice Liddell|Alice Liddell|human|active|{user}", "bob|4711|bob@example.com"]


def test_another_address_is_unverified(sections):
    assert section(sections, "update_user") == ["alice@example.org|f|Al"]


def test_who_is_deleted_is_found_no_more_and_comes_back_as_before(sections):
    assert section(sections, "restore_user") == ["t", "t", "0", "t", "suspended", "promoted|already_admin|user_not_found"]


def test_the_last_admin_stays(sections):
    [refused] = [output for block, output in zip(SQL, sections, strict=True) if block.options == "refused"]
    assert "the last" in refused


def test_totals_are_of_all_pages(sections):
    output = section(sections, "list_users(page_size => 2)")
    assert [line.rpartition("|")[2] for line in output[:2]] == ["3", "3"]


def test_a_change_of_many_is_counted_before_it_is_done(sections):
    assert section(sections, "bulk_delete_users") == ["1", "1", "2|2"]
