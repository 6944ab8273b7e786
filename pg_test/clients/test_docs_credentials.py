"""What docs/credentials.md shows is executed as typed, by one psql, in a server where nothing was prepared (U2, U7, S5, S6, S8, G9)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/credentials.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_the_first_user_is_the_owner(sections):
    assert section(sections, "rotate_signing_key") == ["SET", "{user,owner}"]


def test_a_user_signs_in(sections):
    assert section(sections, "'laptop'")[1:4] == ["Bearer|900|agents:read tools:execute user", "BEGIN", "t"]


def test_an_unknown_user_is_answered_like_a_wrong_password(sections):
    assert section(sections, "login('nobody'") == ["invalid_grant|authentication failed"] * 2


def test_five_guesses_are_looked_at(sections):
    looked_at, too_early = map(int, section(sections, "too_early")[0].split("|"))
    # Ten guesses are over within the first delay, of a second; a slow machine goes through two, or three, of 1, 2 and 4.
    assert looked_at + too_early == 10 and 5 <= looked_at <= 7


def test_a_refresh_token_is_good_once(sections):
    assert section(sections, "next_refresh_token") == ["invalid_grant", "invalid_grant"]


def test_logout_ends_a_session_once(sections):
    assert section(sections, "warden.logout(") == ["f|t|f"]


def test_an_exchanged_token_is_narrower(sections):
    output = section(sections, "'8 hours'")
    assert output[0] == "urn:ietf:params:oauth:token-type:access_token|28800|user"
    assert output[1].startswith("invalid_scope|")


def test_it_is_on_the_record(sections):
    assert section(sections, "GROUP BY 1, 2")[1:] == [
        "login|t|3", "logout|t|1", "refresh_token_reused|t|1", "set_password|f|1", "set_password|t|2"]
