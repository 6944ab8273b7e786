"""What docs/agents.md shows is executed as typed, by one psql, in a server where nothing was prepared (G5, G7, D10)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/agents.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert output.count("ERROR:") == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_an_agent_is_registered_and_acts(sections):
    assert "scout|active|{agents:read}|t" in section(sections, "'scout', scopes =>")
    output = section(sections, "look around")
    assert "t|f" in output and "look around|t" in output


def test_one_that_waits_is_approved_with_less(sections):
    output = section(sections, "pending => true")
    assert "visitor|active|{agents:read}|{agents:read,tools:execute}" in output


def test_what_is_refused(sections):
    assert 'scope "billing" is more than the owner holds' in "\n".join(section(sections, "greedy"))
    assert "an agent that is revoked does not become active" in "\n".join(section(sections, "'visitor', 'revoked'"))


def test_it_is_refused_with_its_owner(sections):
    assert section(sections, "'alice', 'suspended'")[-2:] == ["scout|active|f", "visitor|revoked|f"]


def test_a_capability_opens_for_reading(sections):
    output = section(sections, "prefers coffee")
    assert output[-3:] == ["prefers tea", "0", "COMMIT"]
    assert "warden.lending_user_id('can_read_user_memory'::text)" in "\n".join(section(sections, "pg_get_expr"))


def test_what_is_shared_with_an_agent_is_its_own(sections):
    shared, scouts, alices = "\n".join(section(sections, "with_everyone")).rsplit("BEGIN\n", 2)
    assert shared.splitlines()[-2:] == ["t|t", "COMMIT"]
    assert scouts.splitlines() == ["for the scout", "COMMIT"]
    assert alices.splitlines() == ["for everyone", "COMMIT"]
