"""What docs/scopes.md shows is executed as typed, by one psql, in a server where nothing was prepared (R1 to R7)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/scopes.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert output.count("ERROR:") == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_what_is_shown_is_what_is_checked(sections):
    output = section(sections, "unnest(warden.current_scopes());")
    assert output[2:5] == ["agents:read", "tools:execute", "user"]
    assert output[5].startswith("user:")
    assert output[6:] == ["t|f|t", "t", "COMMIT"]


def test_a_viewer_reads_and_does_not_write(sections):
    assert "only read: no INSERT on table" in "\n".join(section(sections, "INSERT INTO documents VALUES (1);\nROLLBACK"))


def test_a_granted_scope_comes_with_what_it_implies(sections):
    assert "docs:publish docs:read docs:write" in section(sections, "grant_scope(:'victor'")


def test_a_table_asks(sections):
    assert section(sections, "FROM warden.protected_tables")[2:] == ["docs:read|docs:write", "SET", "BEGIN", "INSERT 0 1", "1", "COMMIT"]
    refused = "\n".join(section(sections, "id = 4711"))
    assert 'scope "docs:write" is required' in refused


def test_only_an_owner_makes_an_owner(sections):
    assert 'role "owner" is more than the acting user holds' in "\n".join(section(sections, "add_admin_role('gateway')"))


def test_a_scope_changes_no_plan(sections):
    """R4: rows are looked for by the index of the owner, and the scope is asked of what it finds."""
    plans = "\n".join(section(sections, "EXPLAIN (COSTS OFF)"))
    assert "Index Cond: (user_id = warden.current_user_id())" in plans and "Seq Scan" not in plans
    assert plans.count("Index Cond:") == 2 and plans.count("warden.scope_admits(") == 3, plans
