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
    assert len(named) > 60
    assert named <= called


# What its verbs are called in the command tables of other systems of users, and the call of ours for each (C1).
VERBS = {
    "list": "list_users", "show": "find_user", "search": "search_users", "create": "create_user", "update": "update_user",
    "delete": "delete_user", "count": "count_users", "count --breakdown": "by_status, by_role FROM warden.user_stats",
    "export": "export_users", "stats": "user_stats", "merge": "merge_users", "bulk delete": "bulk_delete_users",
    "bulk update": "bulk_update_users", "role assign": "assign_role", "role promote": "promote_user", "role demote": "demote_user",
    "session list": "list_sessions", "session list --active": "active_only => true", "session end": "revoke_session",
    "session end --all": "revoke_all_sessions", "session cleanup": "cleanup_anonymous_users", "ban list": "list_bans",
    "ban list --source": "list_bans(source =>", "ban add": "ban_ip", "ban remove": "unban_ip", "ban check": "is_banned",
    "ban check: its info": "get_ban", "ban cleanup": "cleanup_bans", "api-key issue": "create_api_key",
    "api-key list": "list_api_keys", "api-key revoke": "revoke_api_key",
    "webauthn generate-setup-token": "create_invite(user_id =>", "session show": "identity", "session login": "login",
    "session logout": "logout",
}


@pytest.mark.parametrize("verb", VERBS)
def test_c1_each_verb_is_in_the_table_and_its_output_is_shown(verb):
    [section] = re.findall(r"^## Administration from psql\n(.*?)^## ", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    assert VERBS[verb] in section
    assert any(VERBS[verb] in SQL[number] for number in SHOWN)
