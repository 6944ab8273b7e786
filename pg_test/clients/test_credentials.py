"""Signing in with real connections: U2, S5, S6, G9 and the attacks D12, E7 and F5 where two or twenty meet, and through PgBouncer."""

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import jwt
import psycopg
import pytest
from psycopg.errors import ObjectNotInPrerequisiteState
from psycopg.rows import dict_row

from database import eventually

NAME = "https://db.example.com"
EMAIL, PASSWORD = "alice@example.com", "correct horse battery"
GUESSES = 20
LOGIN = "SELECT * FROM warden.login(%s, %s)"
REFRESH = "SELECT * FROM warden.refresh(%s)"
# Writes that outlive a rollback and wait for somebody else's lock.
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'pg_warden autonomous write' AND wait_event_type = 'Lock'
"""


@pytest.fixture
def together(database):
    """together(role, statements): each (statement, parameters) by a connection of its own, all at once; rows, or the error."""

    def run(role, statements):
        barrier = Barrier(len(statements), lambda: setattr(run, "began", time.monotonic()))

        def one(statement):
            with database.connect(role, autocommit=True, row_factory=dict_row) as connection:
                connection.execute("SELECT warden.version()")
                barrier.wait(300)
                try:
                    return connection.execute(*statement).fetchone()
                except psycopg.Error as error:
                    return error

        with ThreadPoolExecutor(len(statements)) as threads:
            return list(threads.map(one, statements))

    run.seconds = lambda: time.monotonic() - run.began
    return run


@pytest.fixture(scope="module")
def roles(database):
    with database.connect("postgres", autocommit=True) as superuser:
        superuser.execute("SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway'), warden.add_admin_role('boss')")
        superuser.execute("SELECT warden.rotate_signing_key(%s)", [NAME])


def test_g9_of_ten_first_setups_one_succeeds(roles, superuser, together):
    for turn in range(5):
        superuser.execute("DELETE FROM warden.users")
        setups = [("SELECT warden.setup_owner(%s, 'the first password') AS id", [f"owner{n}@example.com"]) for n in range(10)]
        answers = together("gateway" if turn % 2 else "boss", setups)
        [winner] = [answer["id"] for answer in answers if isinstance(answer, dict)]
        assert {type(answer) for answer in answers} == {dict, ObjectNotInPrerequisiteState}
        assert superuser.execute("SELECT id FROM warden.users").fetchall() == [(winner,)]
        assert superuser.execute("SELECT user_id FROM warden.passwords").fetchall() == [(winner,)]


def test_g9_a_user_in_the_making_is_a_user(roles, database, superuser):
    superuser.execute("DELETE FROM warden.users")
    with database.connect("boss") as boss, database.connect("gateway") as gateway:
        boss.execute("SELECT warden.create_user(email => 'first@example.com')")
        with pytest.raises(ObjectNotInPrerequisiteState):
            gateway.execute("SELECT warden.setup_owner('owner@example.com', 'the first password')")
        gateway.rollback()
        boss.rollback()
        assert gateway.execute("SELECT warden.setup_owner('owner@example.com', 'the first password')").fetchone()[0]
        gateway.rollback()
    assert superuser.execute("SELECT email FROM warden.users").fetchall() == [("owner@example.com",)]


@pytest.fixture(scope="module")
def alice(roles, database):
    with database.connect("postgres", autocommit=True) as superuser:
        alice = superuser.execute("SELECT warden.create_user(email => %s)", [EMAIL]).fetchone()[0]
        superuser.execute("SELECT warden.set_password(%s, %s)", [alice, PASSWORD])
        return alice


@pytest.fixture(params=[False, True], ids=["direct", "pooled"])
def client(request, database):
    with database.connect("app", pooled=request.param, autocommit=True, row_factory=dict_row) as client:
        yield client


def test_s5_login_refresh_logout_as_an_application_does(alice, client):
    granted = client.execute(LOGIN, [EMAIL, PASSWORD]).fetchone()
    # RFC 6749 section 5.1: what a client library expects, once NULLs are left out.
    assert {name for name, value in granted.items() if value is not None} == {
        "access_token", "token_type", "expires_in", "refresh_token", "scope"}
    for _ in range(3):
        with client.transaction():
            assert client.execute("SELECT warden.authenticate(%s) AS id", [granted["access_token"]]).fetchone()["id"] == alice
        granted = client.execute(REFRESH, [granted["refresh_token"]]).fetchone()
    assert client.execute("SELECT warden.logout(%s) AS ended", [granted["refresh_token"]]).fetchone()["ended"] is True
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification), client.transaction():
        client.execute("SELECT warden.authenticate(%s)", [granted["access_token"]])


def test_s5_pyjwt_verifies_what_login_gives(alice, client):
    granted = client.execute(LOGIN, [EMAIL, PASSWORD]).fetchone()
    keys = jwt.PyJWKSet.from_dict(client.execute("SELECT warden.jwks() AS keys").fetchone()["keys"])
    token = granted["access_token"]
    header = jwt.get_unverified_header(token)
    required = ["iss", "sub", "aud", "iat", "exp", "jti", "session_id", "scope"]
    claims = jwt.decode(token, keys[header["kid"]].key, algorithms=["EdDSA"], issuer=NAME, audience=NAME, options={"require": required})
    assert (claims["sub"], claims["scope"]) == (str(alice), granted["scope"])
    assert claims["exp"] - claims["iat"] == granted["expires_in"] == 900


def test_in_a_read_only_transaction_as_gateways_begin_it(alice, client):
    client.execute("BEGIN READ ONLY")
    granted = client.execute(LOGIN, [EMAIL, PASSWORD]).fetchone()
    assert client.execute("SELECT warden.authenticate(%s) AS id", [granted["access_token"]]).fetchone()["id"] == alice
    client.execute("COMMIT")


@pytest.mark.parametrize("turn", range(5))
def test_e7_of_two_refreshes_at_once_one_wins_and_its_session_lives(alice, database, superuser, together, client, turn):
    granted = client.execute(LOGIN, [EMAIL, PASSWORD]).fetchone()
    with database.connect("postgres") as holder, ThreadPoolExecutor(1) as thread:
        # Neither is done before the other has asked, or they would not be at once.
        holder.execute("SELECT FROM warden.sessions WHERE ended_at IS NULL FOR UPDATE")
        refreshed = thread.submit(together, "app", [(REFRESH, [granted["refresh_token"]])] * 2)
        eventually(lambda: superuser.execute(WAITING).fetchone() == (2,) or refreshed.done())
        holder.rollback()
        answers = refreshed.result()
    [winner] = [answer for answer in answers if answer["error"] is None]
    assert [answer["error"] for answer in answers if answer is not winner] == ["invalid_grant"]
    again = client.execute(REFRESH, [winner["refresh_token"]]).fetchone()
    assert again["error"] is None
    # But whoever comes after that has a token that somebody else has used.
    assert client.execute(REFRESH, [granted["refresh_token"]]).fetchone()["error"] == "invalid_grant"
    assert client.execute(REFRESH, [again["refresh_token"]]).fetchone()["error"] == "invalid_grant"


def test_f5_of_twenty_guesses_at_once_five_are_looked_at(alice, together, superuser):
    for name in ("alice@example.com", "nobody@example.com"):
        answers = together("app", [(LOGIN, [name, f"guess {n}"]) for n in range(GUESSES)])
        errors = [answer["error"] for answer in answers]
        # And one more after each delay that has gone by meanwhile, of 1, 2, 4 … seconds: on a fast machine none.
        delays = int(math.log2(together.seconds() + 1))
        assert errors.count("invalid_grant") + errors.count("slow_down") == GUESSES
        assert 5 <= errors.count("invalid_grant") <= 5 + delays
        assert {answer["retry_after"] for answer in answers} <= {None, *range(1, 2**delays + 1)}
    superuser.execute("TRUNCATE warden.attempts")


def test_f5_two_guesses_after_the_delay_are_one(alice, together, superuser):
    key = "SELECT warden.attempts_of_account(%s)"
    superuser.execute(f"INSERT INTO warden.attempts SELECT ({key}), 8, now() - interval '1 minute'", [EMAIL])
    errors = [answer["error"] for answer in together("app", [(LOGIN, [EMAIL, "a guess"])] * 8)]
    assert (errors.count("invalid_grant"), errors.count("slow_down")) == (1, 7)
    superuser.execute("TRUNCATE warden.attempts")


def test_a_password_that_changes_while_somebody_signs_in(alice, database, client, superuser):
    """What was compared is no longer the password by the time the session begins: no session."""
    with database.connect("boss") as boss, ThreadPoolExecutor() as threads:
        boss.execute("SELECT warden.set_password(%s, 'another password')", [alice])
        attempt = threads.submit(client.execute, LOGIN, [EMAIL, PASSWORD])
        # It has compared, and waits for the administrator.
        eventually(lambda: superuser.execute(WAITING).fetchone() == (1,) or attempt.done())
        boss.commit()
        assert attempt.result().fetchone()["error"] == "invalid_grant"
    superuser.execute("SELECT warden.set_password(%s, %s)", [alice, PASSWORD])
    assert client.execute(LOGIN, [EMAIL, PASSWORD]).fetchone()["error"] is None


def test_d12_an_unknown_user_costs_a_password_hash(alice, superuser, database):
    """By the computing time of the backend, which no other load of the machine changes by much; a hash is made to take long
    enough to drown everything else, and a factor of two is no noise then."""
    superuser.execute("SELECT warden.create_user(name => 'without password')")
    superuser.execute(f"ALTER ROLE app IN DATABASE {database.name} SET warden.password_iterations = 40")
    superuser.execute("SET warden.password_iterations = 40")
    superuser.execute("SELECT warden.set_password(%s, %s)", [alice, PASSWORD])
    suspended = superuser.execute("SELECT warden.create_user(email => 'suspended@example.com')").fetchone()[0]
    superuser.execute("SELECT warden.set_password(%s, %s), warden.set_user_status(%s, 'suspended')", [suspended, PASSWORD, suspended])
    # From before the settings rose.
    superuser.execute("SET warden.password_iterations = 5")
    superuser.execute("SELECT warden.set_password(warden.create_user(name => 'weaker hash'), %s)", [PASSWORD])

    def seconds(client, name, password):
        def computed():
            # After the name of the program, which may hold anything: utime is the 14th field of all.
            fields = Path(f"/proc/{client.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) / os.sysconf("SC_CLK_TCK")

        superuser.execute("TRUNCATE warden.attempts")
        begin = computed()
        assert client.execute(LOGIN, [name, password]).fetchone()[5] == "invalid_grant"
        return computed() - begin

    logins = {
        "known": (EMAIL, "wrong password"),
        "unknown": ("nobody@example.com", "wrong password"),
        "no password": ("without password", "wrong password"),
        "weaker hash": ("weaker hash", "wrong password"),
        "too long": (EMAIL, "x" * 2000),
        "suspended": ("suspended@example.com", PASSWORD),
    }
    # By turns, so that whatever slows the machine down for a while slows down all of them.
    with database.connect("app", autocommit=True) as client:
        turns = [{name: seconds(client, *login) for name, login in logins.items()} for _ in range(3)]
    superuser.execute(f"ALTER ROLE app IN DATABASE {database.name} RESET ALL")
    superuser.execute("RESET warden.password_iterations")
    least = {name: min(turn[name] for turn in turns) for name in logins}
    for name, took in least.items():
        assert least["known"] / 2 < took < least["known"] * 2, f"{name}: {took} s, where a wrong password takes {least['known']} s"
