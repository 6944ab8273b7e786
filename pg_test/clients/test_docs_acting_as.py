"""What docs/acting-as.md shows is executed as typed, by one psql, in a server where nothing was prepared (G6)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/acting-as.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert output.count("ERROR:") == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_the_user_s_rows_and_the_scopes_of_both(sections):
    output = section(sections, "ticket 4711")
    assert output[1:8] == ["t", "bob's", "t|t|t", "agents:read", "tools:execute", "user", output[7]]
    assert output[7].startswith("user:")


def test_a_private_user_is_refused(sections):
    assert "nobody acts as a private user" in "\n".join(section(sections, "curious"))


def test_the_record(sections):
    assert section(sections, "FROM warden.audit_log") == ["t|t|ticket 4711: his note is empty"]
