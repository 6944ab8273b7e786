"""N6: what docs/moving-in.md shows is executed as typed, from a populated schema with policies of its own, in a server
where nothing was prepared. Its SQL runs in psql from top to bottom; its Python runs where it stands."""

import subprocess
from hashlib import md5
from uuid import UUID

import pytest
from manual import REPOSITORY, blocks, own_server, typed

BLOCKS = blocks("docs/moving-in.md")
SQL = [number for number, block in enumerate(BLOCKS) if block.language == "sql"]
[PYTHON] = [number for number, block in enumerate(BLOCKS) if block.language == "python"]
SEVEN = str(UUID(md5(b"7").hexdigest()))


def psql(directory, numbers):
    """What one psql printed for each of these blocks."""
    printed = typed(directory, [BLOCKS[number].text for number in numbers], "-A", "-t")
    return dict(zip(numbers, printed, strict=True))


@pytest.fixture(scope="module")
def printed():
    """What was printed for each block of SQL, and what the two functions in Python returned while both ways worked."""
    before = [number for number in SQL if number < PYTHON]
    functions = {}
    exec(BLOCKS[PYTHON].text, functions)
    with own_server("moving_in") as directory:
        output = psql(directory, before)
        token = subprocess.check_output([f"{REPOSITORY}/pg_test/demo/token", SEVEN], text=True)
        dsn = f"host={directory} port=5432 dbname=postgres user="
        output[PYTHON] = (functions["orders_before"](f"{dsn}app", SEVEN), functions["orders_after"](f"{dsn}web", token))
        return output | psql(directory, [number for number in SQL if number > PYTHON])


def section(printed, words):
    [number] = [number for number in SQL if words in BLOCKS[number].text]
    return printed[number].splitlines()


@pytest.mark.parametrize("number", SQL)
def test_block(printed, number):
    output = printed[number]
    assert ("ERROR:" in output) == (BLOCKS[number].options == "refused"), f"{BLOCKS[number].text}\n--- printed ---\n{output}"


def test_the_old_way_can_be_forged(printed):
    assert section(printed, "whom nobody has signed in")[-2:] == [SEVEN, "20"]


def test_everything_that_reads_the_setting_is_found(printed):
    assert section(printed, "SELECT 'policy' AS kind")[1:] == [
        "default|shop.orders|user_id",
        "function|shop.me()|",
        "policy|shop.orders|own",
    ]


def test_both_ways_work_side_by_side(printed):
    output = section(printed, "the new way: 20")
    assert output.count("20") == 2
    before, after = printed[PYTHON]
    assert before == after == (20, 210)


def test_a_connection_that_has_loaded_the_library_believes_nothing(printed):
    output = section(printed, "any function loads the library")
    assert (output[1], output[-2:]) == (SEVEN, ["", "0"])


def test_forgotten_calls_are_loud(printed):
    refused = [printed[number] for number in SQL if BLOCKS[number].text.startswith("SELECT set_config")]
    assert len(refused) == 2
    assert all("permission denied to set parameter" in output for output in refused)


def test_the_proof(printed):
    output = section(printed, "protect_schema('shop'")
    assert output[1:4] == ["shop.notes|t", "shop.order_lines|t", "shop.orders|t"]
    assert sorted(output[4:]) == [
        "shop.countries|stays open: exempt, the same for everybody",
        "shop.customers|stays open: exempt, a directory that every customer may read",
        "shop.seen_before|stays open: one of except_tables",
    ]
    assert section(printed, "IS DISTINCT FROM")[-1] == "50|0"
    assert section(printed, "nobody: 0")[1:] == ["0", "BEGIN", SEVEN, "UPDATE 0", "COMMIT"]
    assert "row-level security policy" in "".join(section(printed, "VALUES (md5('8')::uuid, 1)"))


def test_doctor_has_nothing_against_the_tables(printed):
    """What it says of the server (its minor release, TEMPORARY) is not this chapter's."""
    findings = [line.split("|") for line in section(printed, "warden.doctor()")]
    assert "temporary_granted" in [code for _, code, _ in findings]
    assert not [finding for finding in findings if finding[2].startswith("shop.")]


def test_the_way_back(printed):
    given_back = " ".join(" ".join(section(printed, "unprotect('shop.order_lines')")).split())
    assert given_back.endswith(
        "COMMIT notes|own|ALL|(user_id = shop.me()) notes|own_or_shared|SELECT|((user_id = shop.me()) OR shared)"
        " order_lines|of_own_orders|ALL|(order_id IN ( SELECT orders.id FROM shop.orders))"
        " orders|own|ALL|((user_id)::text = current_setting('app.current_user_id'::text, true))"
    )
    assert section(printed, "as at the beginning")[-2:] == ["20", "COMMIT"]


def test_integer_ids(printed):
    assert section(printed, "CREATE SCHEMA blog")[-5:] == ["BEGIN", "t", "10", "COMMIT", "0"]
    assert section(printed, "the old way, by another name: 10")[-3:] == ["3", "10", "COMMIT"]
    output = section(printed, "0: nobody is verified")
    assert (output[4:6], output[-3:]) == (["3", "0"], ["t", "10", "COMMIT"])
