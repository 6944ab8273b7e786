"""What docs/users.md shows is executed as typed, by one psql, in a server where nothing was prepared (U3 to U16)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/users.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


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
    refused, _ = [output for block, output in zip(SQL, sections, strict=True) if block.options == "refused"]
    assert "the last" in refused


def test_totals_are_of_all_pages(sections):
    output = section(sections, "list_users(page_size => 2)")
    assert [line.rpartition("|")[2] for line in output[:2]] == ["3", "3"]


def test_a_change_of_many_is_counted_before_it_is_done(sections):
    assert section(sections, "bulk_delete_users") == ["1", "1", "2|2"]


def test_a_visitor_is_one_user_and_becomes_another(sections):
    assert section(sections, "= :'visitor' AS same") == ["t"]
    assert section(sections, "promote_anonymous")[-1] == '1|1|{"public.wishes": 1}'


def test_visitors_are_counted_and_deleted(sections):
    assert section(sections, "cleanup_anonymous_users") == ["0", "0"]


def test_two_users_become_one(sections):
    assert section(sections, "merge_users(:'other'") == ["0|0|0", '0|2|{"public.wishes": 2}']


def test_a_user_is_erased_with_its_rows_and_once(sections):
    assert section(sections, "'carol@example.com'") == ["promoted", '2|{"public.wishes": 2}']
    _, refused = [output for block, output in zip(SQL, sections, strict=True) if block.options == "refused"]
    assert "user not found" in refused
