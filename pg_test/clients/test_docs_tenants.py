"""What docs/tenants.md shows is executed as typed, by one psql, in a server where nothing was prepared (D1, D2, D4)."""

import pytest
from manual import blocks, own_server, typed

SQL = [block for block in blocks("docs/tenants.md") if block.language == "sql"]


@pytest.fixture(scope="module")
def directory():
    with own_server("tenants") as directory:
        yield directory


@pytest.fixture(scope="module")
def printed(directory):
    """What psql printed for each block, as a reader sees it."""
    return typed(directory, [block.text for block in SQL])


def of(printed, words):
    [found] = [output for block, output in zip(SQL, printed, strict=True) if words in block.text]
    return [[cell.strip() for cell in line.split("|")] for line in found.splitlines()]


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(printed, number):
    output = printed[number]
    assert ("ERROR:" in output) == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_what_is_printed_is_no_wider_than_a_terminal(printed):
    tables = [line for output in printed for line in output.splitlines() if not line.startswith(("ERROR:", "HINT:", "DETAIL:"))]
    assert max(map(len, tables)) <= 100


def test_tenants_and_members_are_listed(printed):
    lines = of(printed, "SELECT * FROM warden.list_tenants()")
    assert [line[1:4] for line in lines if len(line) == 5] == [
        ["name", "plan", "status"], ["Bolt", "default", "active"], ["Acme", "pro", "active"]]
    assert [line[1:] for line in lines if len(line) == 4][1:] == [["Alice", "{admin}", "active"], ["Bob", "{user}", "active"]]


def test_roles_are_those_of_the_tenant(printed):
    assert ["t", "{user,admin}"] in of(printed, "AS in_acme")


def test_bob_chooses_among_his_tenants(printed):
    lines = of(printed, "to choose one by")
    assert ["Bolt", "active", "{owner}"] in lines and ["Acme", "active", "{user}"] in lines


def test_rows_are_of_the_tenant(printed):
    lines = of(printed, "by bob, in Acme")
    for word in ("Rocket", "by bob, in Acme", "Nuts"):
        assert lines.count([word]) == 1
    assert ["by alice, in Acme"] not in lines
    assert ["0"] in lines


def test_a_tenant_s_admin_manages_its_members(printed):
    assert ["Bob", "{viewer}"] in of(printed, "add_member(:'acme', :'bob', '{viewer}')")


REFUSALS = {
    "set_current_user(:'alice', :'bolt')": "authentication failed",
    "UPDATE notes SET tenant_id": "row-level security policy",
    "'{owner}');\n": "do not hold",
    "list_members(:'bolt')": "tenant not found",
    "set_tenant_setting(:'acme', 'max_user',": "unknown setting",
}


@pytest.mark.parametrize("words, message", REFUSALS.items())
def test_what_is_refused_says_why(printed, words, message):
    [output] = [o for block, o in zip(SQL, printed, strict=True) if block.options == "refused" and words in block.text]
    assert message in output


def test_features_and_the_deployment(printed):
    assert ["t", "f"] in of(printed, "no_such_thing")
    assert ["Our service", "default", '{"max_users": 500}', "{advanced_analytics}"] in of(printed, "FROM warden.deployment()")
