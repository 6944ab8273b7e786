"""What docs/sessions.md shows is executed as typed, by one psql, in a server where nothing was prepared but alice's two sign-ins
(S1 to S4, U17)."""

import pytest
from manual import blocks, own_server, typed

CHAPTER = blocks("docs/sessions.md")
SQL = [block for block in CHAPTER if block.language == "sql"]
[LISTED] = [block.text for block in CHAPTER if block.language == "text"]
# As login() would, past the roles of the chapter.
SIGN_INS = """
SET SESSION AUTHORIZATION DEFAULT;
SELECT warden.rotate_signing_key('https://db.example.com');
SELECT warden.create_user(email => 'alice@example.com') AS alice \\gset
INSERT INTO warden.sessions (id, user_id, kind, scopes, started_at, expires_at, client_ip, device) VALUES
    ('5e551017-0000-4000-8000-000000000001', :'alice', 'login', '{user,agents:read}', '2026-03-01 20:03:10', 'infinity', '192.0.2.7', 'phone'),
    ('5e551017-0000-4000-8000-000000000002', :'alice', 'login', '{user,agents:read}', '2026-03-02 09:11:45', 'infinity', '192.0.2.80', 'laptop');
SELECT warden.issue_access_token(user_id, id::text, scopes, 900) AS phone_token FROM warden.sessions WHERE device = 'phone' \\gset
SELECT warden.issue_access_token(user_id, id::text, scopes, 900) AS laptop_token FROM warden.sessions WHERE device = 'laptop' \\gset
"""


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    with own_server("sessions") as directory:
        texts = [block.text for block in SQL]
        return [output for n, output in enumerate(typed(directory, [texts[0], SIGN_INS, *texts[1:]])) if n != 1]


def section(sections, words):
    """The lines of the one block that contains the words, without the signs of a table."""
    [found] = [output for block, output in zip(SQL, sections, strict=True) if words in block.text]
    return [line.strip() for line in found.splitlines() if not line.startswith(("(", "-", "BEGIN", "COMMIT", "ROLLBACK"))]


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_what_is_printed_is_as_shown_and_fits_a_terminal(sections):
    [output] = [output for block, output in zip(SQL, sections, strict=True) if "FROM warden.list_sessions();" in block.text]
    shown = [line.split("|") for line in LISTED.splitlines() if "|" in line]
    printed = [line.split("|") for line in output.splitlines() if "|" in line]
    assert [[cell.strip() for cell in line] for line in printed] == [[cell.strip() for cell in line] for line in shown]
    assert max(map(len, output.splitlines() + LISTED.splitlines())) <= 100


def test_a_session_is_ended_once_and_a_rollback_does_not_bring_it_back(sections):
    answers = [line for line in section(sections, "SELECT warden.revoke_session") if line in ("t", "f")]
    assert answers == ["t", "f"]
    refused = [output for block, output in zip(SQL, sections, strict=True) if block.options == "refused"]
    assert len(refused) == 2 and all("authentication failed" in output for output in refused)


def test_keep_current_kept_the_phone(sections):
    assert section(sections, "keep_current => true")[-2] == "0"
    assert [line for line in section(sections, "list_sessions(:'alice')") if "|" in line] == [
        "device | is_active | total", "laptop | f         |     2", "phone  | t         |     2"]


def test_keys(sections):
    [line] = [line for line in section(sections, "list_api_keys()") if line.startswith("CI")]
    assert line.endswith("| {agents:read} | t")
