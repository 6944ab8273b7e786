"""What docs/invites.md shows is executed as typed, by one psql, in a server where nothing was prepared (G8)."""

import pytest
from manual import Chapter

CHAPTER = Chapter("docs/invites.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    return CHAPTER.in_own_server()


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_an_admin_invites(sections):
    assert section(sections, "email => 'bob@example.com'") == ["SET", "BEGIN", "t", "COMMIT", "t"]


def test_nobody_invites_above_himself(sections):
    assert 'role "owner" is more than the acting user holds' in section(sections, "role => 'owner'")[2]


def test_an_invited_user_signs_in(sections):
    assert section(sections, "AS bob, is_new") == ["ROLLBACK", "t|t"]


def test_an_invite_is_good_once(sections):
    assert section(sections, "error_description FROM warden.redeem") == ["invalid_grant|this invite cannot be redeemed"]


def test_somebody_who_is_signed_in_redeems_for_himself(sections):
    assert section(sections, "role => 'admin'") == ["SET", "SET", "BEGIN", "t", "t|f|", "COMMIT"]


def test_guesses_count_though_they_are_rolled_back(sections):
    assert section(sections, "AS wrong") == [
        "SET", "SET", "BEGIN", "invalid_grant", "invalid_grant", "ROLLBACK", "SET", "pending|2", "SET", "t|"]


def test_an_admin_of_a_tenant_invites_into_it(sections):
    assert section(sections, "'{viewer}'")[1:] == ["t", "SET", "BEGIN", "t", "pending|user|{viewer}", "COMMIT", "t|t"]


def test_a_reset_user_comes_back(sections):
    assert section(sections, "'a better password'") == ["SET", "pending", "SET", "invalid_grant", "t|f|", "t"]


def test_invites_are_revoked_once(sections):
    assert section(sections, "revoke_invite(:'id'), ") == ["SET", "t|f", "redeemed|5", "revoked|1"]


def test_it_is_on_the_record(sections):
    assert section(sections, "'%invite%'")[1:] == ["create_invite|6", "redeem_invite|5", "redeem_invite_failed|2", "revoke_invite|1"]
