"""What docs/entities.md shows is executed as typed, by one psql, in a server where nothing was prepared (R8)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/entities.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert output.count("ERROR:") == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_who_has_what(sections):
    assert section(sections, "'nonesuch'")[2:] == ["t|t|f", "COMMIT", "BEGIN", "parent_user_deny", "COMMIT"]


def test_the_rule_that_decided(sections):
    output = section(sections, "FROM warden.explain_entity('agent', 'forecast', :'bob')")
    assert output[1:] == [
        "f|parent_user_deny|workspace|sales|left the team",
        "forecast|f|{workspace:sales}|0",
        "help|t|{}|0",
        "t|allow|the whole company",
        "f|deny|left the team",
        "t",
    ]


def test_rows_of_what_is_assigned(sections):
    assert section(sections, "SELECT name FROM agents")[-2:] == ["Forecast", "COMMIT"]
