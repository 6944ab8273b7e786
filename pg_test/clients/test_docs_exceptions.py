"""N11: what docs/exceptions.md shows is executed as typed, by one psql, in a server where nothing was prepared."""

import pytest
from manual import blocks, own_server, typed

SQL = [(block.options, block.text) for block in blocks("docs/exceptions.md") if block.language == "sql"]


@pytest.fixture(scope="module")
def sections():
    """What psql printed for each block."""
    with own_server("exceptions") as directory:
        return typed(directory, [text for _, text in SQL], "-A", "-t")


def section(sections, words):
    [found] = [output for (_, text), output in zip(SQL, sections, strict=True) if words in text]
    return found.splitlines()


def test_every_block_was_run(sections):
    assert len(sections) == len(SQL) > 0


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    options, text = SQL[number]
    output = sections[number]
    assert ("ERROR:" in output) == (options == "refused"), f"{text}\n--- printed ---\n{output}"


def test_public_rows_are_read_and_not_written(sections):
    output = section(sections, "UPDATE posts SET title = 'mine'")
    assert output[-3:] == ["read me", "Once upon a time", "UPDATE 0"]


def test_what_is_allowed_is_reached_and_no_more(sections):
    output = section(sections, "UPDATE documents SET status = 'mine'")
    assert output[-5:] == ["1|template", "3|draft", "UPDATE 0", "INSERT 0 1", "COMMIT"]


def test_refusals_are_those_that_are_meant(sections):
    assert "row-level security policy for table \"paragraphs\"" in "".join(section(sections, "written by bob"))
    assert "row-level security policy for table \"documents\"" in "".join(section(sections, "(5, :'alice', 'draft')"))
    assert "syntax error" in "".join(section(sections, "DROP TABLE documents"))
    assert "accountants" in "".join(section(sections, "CREATE POLICY accountants"))


def test_a_schema_says_what_stays_open(sections):
    output = section(sections, "what stays open, and why")
    assert output[-1] == "countries|stays open: exempt, the same for everybody"


def test_policies_come_back(sections):
    assert section(sections, "unprotect('invoices')")[-1] == "accountants|{gateway}|SELECT|(id > 1000)"
