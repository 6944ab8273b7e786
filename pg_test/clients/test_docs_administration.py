"""What docs/administration.md shows is executed as typed, by one psql, and prints what is shown there, within 100 columns
(C1); the README's table of administration names no function that the chapter does not call."""

import re

import pytest
from manual import REPOSITORY, blocks, own_server, typed

CHAPTER = blocks("docs/administration.md")
SQL = [block.text for block in CHAPTER if block.language == "sql"]
# What follows a block of SQL is what psql prints for it.
SHOWN = {
    number: CHAPTER[place + 1].text
    for number, place in enumerate(place for place, block in enumerate(CHAPTER) if block.language == "sql")
    if place + 1 < len(CHAPTER) and CHAPTER[place + 1].language == "text"
}
# Each needs what the chapter does not have: a visitor, a client of the application, another program's account.
SHOWN_ELSEWHERE = {
    "promote_anonymous", "register_client", "define_role", "create_service_account",
    "register_agent", "set_agent_status", "set_agent_capability", "list_agents",
    "declare_entity", "set_entity_rule", "explain_entity", "set_user_private",
    "assign", "unshare", "list_shares", "explain_access", "cleanup_shares",
}


@pytest.fixture(scope="module")
def sections():
    with own_server("administration") as directory:
        return typed(directory, SQL, "-q")


def test_there_is_something_to_compare():
    assert len(SHOWN) == len(SQL) - 1 >= 15


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    printed = "\n".join(line.rstrip() for line in sections[number].strip("\n").split("\n"))
    assert "ERROR" not in printed
    if number in SHOWN:
        assert printed + "\n" == SHOWN[number]
        assert max(map(len, printed.split("\n"))) <= 100


def test_every_call_of_the_readme_is_in_the_chapter():
    [section] = re.findall(r"^## Administration from psql\n(.*?)^## ", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    named = set(re.findall(r"`(\w+)\(", section))
    called = set(re.findall(r"warden\.(\w+)\(", "".join(SQL)))
    assert len(named) > 30
    assert named - SHOWN_ELSEWHERE <= called
