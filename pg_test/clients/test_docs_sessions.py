"""What docs/sessions.md shows is executed as typed, by one psql, in a server where nothing was prepared (S1 to
S4, U17)."""

import re

import pytest
from manual import blocks, own_server, typed

CHAPTER = blocks("docs/sessions.md")
SQL = [block for block in CHAPTER if block.language == "sql"]
[LISTED] = [block.text for block in CHAPTER if block.language == "text"]
# What is another each time.
VARIES = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    with own_server("sessions") as directory:
        return typed(directory, [block.text for block in SQL])


def section(sections, words):
    """The lines of the one block that contains the words, without the signs of a table."""
    [found] = [output for block, output in zip(SQL, sections, strict=True) if words in block.text]
    return [line.strip() for line in found.splitlines() if not line.startswith(("(", "-", "BEGIN", "COMMIT", "ROLLBACK"))]


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def cells(table):
    return [[cell.strip() for cell in VARIES.sub("…", line).split("|")] for line in table.splitlines() if "|" in line]


def test_what_is_printed_is_as_shown_and_fits_a_terminal(sections):
    [output] = [output for block, output in zip(SQL, sections, strict=True) if "FROM warden.list_sessions();" in block.text]
    assert cells(output) == cells(LISTED)
    assert max(map(len, output.splitlines() + LISTED.splitlines())) <= 100


def test_a_session_is_ended_once_and_a_rollback_does_not_bring_it_back(sections):
    answers = [line for line in section(sections, "SELECT warden.revoke_session") if line in ("t", "f")]
    assert answers == ["t", "f"]
    refused = [output for block, output in zip(SQL, sections, strict=True) if block.options == "refused"]
    assert len(refused) == 3 and all("authentication failed" in output for output in refused)


def test_keep_current_kept_the_phone(sections):
    assert section(sections, "keep_current => true")[-2] == "0"
    assert [line for line in section(sections, "list_sessions(:'alice')") if "|" in line] == [
        "device | is_active | total", "laptop | f         |     2", "phone  | t         |     2"]


def test_keys(sections):
    [line] = [line for line in section(sections, "list_api_keys()") if line.startswith("CI")]
    assert line.endswith("| {agents:read} | t")


def test_device_certificates(sections):
    by_it = section(sections, "set_current_device(:'fingerprint') = ")
    assert "t" in by_it and "laptop | a50c5b9b | t" in by_it
    assert "t" in section(sections, "SELECT warden.revoke_device_certificate(:'certificate_id')")
