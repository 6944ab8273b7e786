"""What docs/bans.md shows is executed as typed, by one psql, in a server where nothing was prepared (B1 to B7)."""

import pytest
from manual import Chapter, own_server, typed

CHAPTER = Chapter("docs/bans.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.fixture(scope="module")
def as_seen():
    """The same as a person sees it, in a terminal."""
    with own_server("bans_seen") as directory:
        return typed(directory, [block.text for block in SQL])


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_b3_a_ban_is_counted(sections):
    assert section(sections, "'2 hours'") == ["1", "2", "1", "1"]


def test_b1_bans_are_listed_found_and_counted(sections):
    listed, found, asked = section(sections, "list_bans();")[:3], *section(sections, "list_bans();")[3:]
    assert [line.split("|")[0] for line in listed] == ["2001:db8:bad::/48", "198.51.100.0/24", "203.0.113.7"]
    assert [line.split("|")[-1] for line in listed] == ["3", "3", "3"]
    assert found == "2001:db8:bad::/48|1|/wp-login.php|{s1}"
    assert asked == "t|f|1"


def test_b3_the_history_has_each_of_them(sections):
    assert section(sections, "list_ban_history") == ["203.0.113.7|login flood|manual|"] * 2


def test_b1_a_ban_is_lifted_once_and_that_of_its_network_is_named(sections):
    lines = section(sections, "-- its network is banned")
    assert lines[0] == "t|f" and lines[2:] == ["f", "f|t"]
    assert lines[1].endswith("198.51.100.9 is still banned, as part of 198.51.100.0/24")


def test_b6_whoever_is_banned_learns_that(sections):
    assert "this address is banned" in "\n".join(section(sections, "'the token', client_ip =>"))
    assert "this address is banned" in "\n".join(section(sections, ":'ann', client_ip =>"))


def test_lists_fit_a_terminal(as_seen):
    lines = section(as_seen, "list_bans();")
    assert any("ban_count" in line for line in lines)
    assert max(map(len, lines)) <= 100, "\n".join(lines)
