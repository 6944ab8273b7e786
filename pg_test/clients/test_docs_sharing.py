"""What docs/sharing.md shows is executed as typed, by one psql, in a server where nothing was prepared (G1 to G4, F2)."""

import psycopg
import pytest
from manual import Chapter, own_server

CHAPTER = Chapter("docs/sharing.md")
SQL, section = CHAPTER.sql, CHAPTER.section


@pytest.fixture(scope="module")
def server():
    with own_server("sharing") as directory:
        yield directory


@pytest.fixture(scope="module")
def sections(server):
    """What psql printed for each block."""
    return CHAPTER.in_server(server)


@pytest.mark.parametrize("number", range(len(SQL)))
def test_block(sections, number):
    output = sections[number]
    assert output.count("ERROR:") == (SQL[number].options == "refused"), f"{SQL[number].text}\n--- printed ---\n{output}"


def test_a_level_opens_what_it_is_for(sections):
    assert section(sections, "'view') AS share_id")[-3:] == ["researcher|view", "0", "COMMIT"]
    assert section(sections, "interval '7 days'") == ["BEGIN", "t", "COMMIT", "BEGIN", "scholar|t", "UPDATE 1", "COMMIT"]


def test_what_was_shared_on_falls(sections):
    assert section(sections, "shares_ended")[-7:] == ["alice|owner", "bob|share", "carol|edit", "3", "2", "1", "COMMIT"]


def test_an_offer_opens_nothing_until_it_is_accepted(sections):
    assert section(sections, "offer => true")[-4:] == ["t", "t", "use", "COMMIT"]


def test_everyone_sees_what_everyone_is_given(sections):
    assert section(sections, "'everyone', 'view'")[-2:] == ["guide", "COMMIT"]
    assert "many at once get no more than manage" in "\n".join(section(sections, "'everyone', 'share'"))


def test_questions(sections):
    bobs, alices = "\n".join(section(sections, "may_edit")).split("COMMIT\n", 1)
    assert bobs.splitlines()[1:] == ["guide|view", "scholar|use", "t|f", "t", "agents|use|accepted|t|f", "agents|view|accepted|t|t", "share|use|t"]
    assert alices.splitlines() == ["BEGIN", "t|use|accepted|t", "share|use|t", "0", "COMMIT"]
    assert "this row takes level edit" in "\n".join(section(sections, "'researcher', 'edit');\nROLLBACK"))


def test_a_prompt_is_called_and_not_read(sections):
    assert section(sections, "prompts_seen")[-4:] == ["BEGIN", "INSERT 0 1", "0", "COMMIT"]
    assert section(sections, "AS owner_id FROM agents")[-2:] == ["be brief", "COMMIT"]
    assert 'policy for table "conversations"' in "\n".join(section(sections, ":'guide');\nROLLBACK"))


def test_a_row_is_given_away(sections):
    assert section(sections, "keep_level =>") == ["BEGIN", "t", "guide|t|edit", "COMMIT"]
    refused = "\n".join(section(sections, "warden.transfer('agents', :'researcher', :'carol')"))
    assert "the row cannot be given to this user" in refused and "scholar" not in refused


def test_an_administrator_assigns(sections):
    assert section(sections, "by_an_administrator")[1:4] == ["t", "view|t", "1"]


def test_a_person_behind_an_admin_role_gives_himself_nothing(sections):
    refused = section(sections, "begin_admin('ticket 7'")
    assert "t" in refused[refused.index("BEGIN"):] and "ERROR:  who acts for another gives himself nothing" in refused


def test_what_is_not_shared_is_not_told_from_what_does_not_exist(sections):
    known, unknown = section(sections, ":'researcher', :'mallory', 'view');\nROLLBACK"), section(sections, "gen_random_uuid(), :'mallory'")
    assert known[-len(unknown) :] == unknown
    assert "ERROR:  row not found" in known


@pytest.fixture
def sessions(server, sections):
    """Two connections as the gateway, one acting for alice and one for bob, and alice's agent that bob may use."""
    with (
        psycopg.connect(f"host={server} port=5432 user=postgres dbname=postgres", autocommit=True) as superuser,
        psycopg.connect(f"host={server} port=5432 user=gateway dbname=postgres") as alice,
        psycopg.connect(f"host={server} port=5432 user=gateway dbname=postgres") as bob,
    ):
        users = dict(superuser.execute("SELECT split_part(email, '@', 1), id FROM warden.users").fetchall())
        for connection, name in ((alice, "alice"), (bob, "bob")):
            connection.execute("SELECT warden.set_current_user(%s)", (users[name],))
        [(agent,)] = bob.execute("SELECT id FROM agents WHERE user_id = %s", (users["alice"],)).fetchall()
        yield alice, bob, agent, users
        alice.rollback()
        bob.rollback()


def test_a_row_is_not_deleted_while_a_share_of_it_is_open(sessions, server):
    alice, bob, agent, users = sessions
    alice.execute("SELECT warden.share('agents', %s, %s, 'view')", (agent, users["carol"]))
    with psycopg.connect(f"host={server} port=5432 user=gateway dbname=postgres") as elsewhere:
        elsewhere.execute("SET lock_timeout = '200ms'")
        elsewhere.commit()
        elsewhere.execute("SELECT warden.set_current_user(%s)", (users["alice"],))
        assert elsewhere.execute("UPDATE agents SET description = 'while it is shared' WHERE id = %s", (agent,)).rowcount == 1
        elsewhere.commit()
        for waiting in ("DELETE FROM agents WHERE id = %s", "UPDATE agents SET name = 'renamed' WHERE id = %s"):
            elsewhere.execute("SELECT warden.set_current_user(%s)", (users["alice"],))
            with pytest.raises(psycopg.errors.LockNotAvailable):
                elsewhere.execute(waiting, (agent,))
            elsewhere.rollback()
        alice.rollback()
        elsewhere.execute("SELECT warden.set_current_user(%s)", (users["alice"],))
        assert elsewhere.execute("DELETE FROM agents WHERE id = %s", (agent,)).rowcount == 1
        elsewhere.rollback()


def test_what_was_made_by_a_share_stays(sessions):
    alice, bob, agent, users = sessions
    assert bob.execute("SELECT count(*) FROM conversations").fetchone() == (1,)
    alice.execute("SELECT warden.unshare('agents', %s, %s)", (agent, users["bob"]))
    alice.commit()
    assert bob.execute("SELECT count(*) FROM agents WHERE id = %s", (agent,)).fetchone() == (0,)
    assert bob.execute("SELECT count(*) FROM conversations").fetchone() == (1,)
    assert bob.execute("UPDATE conversations SET title = 'on my own'").rowcount == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege), bob.transaction():
        bob.execute("INSERT INTO conversations (id, agent_id) VALUES (3, %s)", (agent,))
    assert bob.execute("DELETE FROM conversations").rowcount == 1
