"""Invites with real connections: G8 and attack F5 where twenty meet, F11 where one idles, through PgBouncer, and that no two wait in a circle."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from documents import trust
from issuer import Issuer

REDEEMERS = 20
REDEEM = "SELECT * FROM warden.redeem_invite(%s, name => %s)"
REDEEM_SHORT = "SELECT * FROM warden.redeem_invite(%s, name => %s, invite_id => %s)"


class Office:
    """A database whose admins invite."""

    def __init__(self, database):
        self.database = database
        self.issuer = Issuer("https://id.example.com")
        self.superuser = database.connect("postgres", autocommit=True, row_factory=dict_row)
        self.superuser.execute("SELECT warden.add_client_role('app'), warden.add_trusted_role('gateway'), warden.add_admin_role('boss')")
        trust(self.superuser, self.issuer)
        self.names = 0

    def call(self, function, *parameters):
        [value] = self.superuser.execute(f"SELECT warden.{function} AS value", parameters).fetchone().values()
        return value

    def user(self, role="user"):
        user = self.call("create_user()")
        if role != "user":
            self.call("assign_role(%s, %s)", user, role)
        return user

    def name(self):
        self.names += 1
        return f"user {self.names}"

    def invite(self, arguments=""):
        return self.superuser.execute(f"SELECT * FROM warden.create_invite({arguments})").fetchone()

    def state(self, invite):
        row = self.superuser.execute(
            "SELECT warden.invite_status(i) AS status, failed_attempts, redeemed_by FROM warden.invites i WHERE id = %s", [invite["id"]])
        return row.fetchone()

    def users(self):
        return self.superuser.execute("SELECT count(*) AS users FROM warden.users").fetchone()["users"]

    def together(self, calls, role="app"):
        """Each (user or None, statement, parameters) by a connection of its own, all at once; rows, or the errors."""
        barrier = Barrier(len(calls))

        def one(call):
            user, *statement = call
            with self.database.connect(role, row_factory=dict_row) as connection:
                connection.execute("SELECT warden.version()")
                if user:
                    connection.execute("SELECT warden.authenticate(%s)", [self.issuer.token(user)])
                barrier.wait(300)
                try:
                    return connection.execute(*statement).fetchone()
                except psycopg.Error as error:
                    return error
                finally:
                    # Nothing of it is undone.
                    connection.rollback()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(one, calls))


@pytest.fixture(scope="module")
def office(database):
    office = Office(database)
    yield office
    office.superuser.close()


@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
def test_g8_of_twenty_that_redeem_one_succeeds(office, short, turn):
    invite, users = office.invite("short => true" if short else ""), office.users()
    answers = office.together([(None, REDEEM_SHORT, [invite["code"], office.name(), invite["id"]]) for _ in range(REDEEMERS)])
    [winner] = [answer for answer in answers if answer["error"] is None]
    assert {answer["error"] for answer in answers if answer is not winner} == {"invalid_grant"}
    assert office.state(invite) == {"status": "redeemed", "failed_attempts": 0, "redeemed_by": winner["user_id"]}
    assert office.users() == users + 1


def test_g8_of_twenty_that_are_signed_in_one_succeeds(office):
    invite, users = office.invite("role => 'admin'"), [office.user() for _ in range(REDEEMERS)]
    answers = office.together([(user, "SELECT * FROM warden.redeem_invite(%s)", [invite["code"]]) for user in users])
    [winner] = [answer["user_id"] for answer in answers if answer["error"] is None]
    admins = office.superuser.execute("SELECT id FROM warden.users WHERE 'admin' = ANY (roles) AND id = ANY (%s)", [users]).fetchall()
    assert admins == [{"id": winner}]


def test_g8_of_twenty_that_come_back_one_succeeds(office):
    user = office.user()
    invite = office.invite(f"user_id => '{user}'")
    redeem = "SELECT * FROM warden.redeem_invite(%s, password => %s)"
    answers = office.together([(None, redeem, [invite["code"], f"password {n}"]) for n in range(REDEEMERS)])
    assert [answer["user_id"] for answer in answers if answer["error"] is None] == [user]


def test_f5_of_twenty_guesses_at_once_five_are_looked_at(office):
    invite = office.invite("short => true")
    wrong = f"{(int(invite['code']) + 1) % 10**8:08}"
    answers = office.together([(None, REDEEM_SHORT, [wrong, None, invite["id"]])] * REDEEMERS)
    assert {answer["error"] for answer in answers} == {"invalid_grant"}
    assert office.state(invite) == {"status": "dead", "failed_attempts": 5, "redeemed_by": None}


def test_f5_the_right_code_among_guesses_comes_in_before_the_fifth_or_not_at_all(office):
    for _ in range(3):
        invite = office.invite("short => true")
        codes = [f"{(int(invite['code']) + n) % 10**8:08}" for n in range(REDEEMERS)]
        answers = office.together([(None, REDEEM_SHORT, [code, None, invite["id"]]) for code in codes])
        state = office.state(invite)
        redeemed = [answer for answer in answers if answer["error"] is None]
        if redeemed:
            assert state["status"] == "redeemed" and state["failed_attempts"] < 5
            assert answers.index(redeemed[0]) == 0 and len(redeemed) == 1
        else:
            assert state == {"status": "dead", "failed_attempts": 5, "redeemed_by": None}


def test_g8_of_twenty_short_invites_of_a_user_at_once_ten_are_made(office):
    admin = office.user("admin")
    answers = office.together([(admin, "SELECT * FROM warden.create_invite(short => true)")] * REDEEMERS)
    made = [answer for answer in answers if isinstance(answer, dict)]
    assert len(made) == 10
    assert {type(answer) for answer in answers if answer not in made} == {errors.ConfigurationLimitExceeded}
    listed = office.superuser.execute("SELECT count(*) AS n FROM warden.invites WHERE invited_by = %s", [admin]).fetchone()
    assert listed == {"n": 10}


def test_two_that_choose_one_name_at_once_are_not_both_made(office):
    name, invites = office.name(), [office.invite() for _ in range(4)]
    answers = office.together([(None, REDEEM, [invite["code"], name]) for invite in invites])
    assert sorted(answer["error"] or "" for answer in answers) == ["", "user_exists", "user_exists", "user_exists"]
    # The others have their invites still.
    left = [invite for invite in invites if office.state(invite)["status"] == "pending"]
    assert len(left) == 3
    answers = office.together([(None, REDEEM, [invite["code"], office.name()]) for invite in left])
    assert [answer["error"] for answer in answers] == [None] * 3


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "pooled"])
def test_an_application_redeems_and_signs_in(office, pooled):
    office.call("rotate_signing_key()")
    invite, name = office.invite(), office.name()
    with office.database.connect("app", pooled=pooled, autocommit=True, row_factory=dict_row) as app:
        # As gateways begin what they take for reading.
        app.execute("BEGIN READ ONLY")
        redeemed = app.execute(
            "SELECT * FROM warden.redeem_invite(%s, name => %s, password => %s)", [invite["code"], name, "correct horse"]).fetchone()
        granted = app.execute("SELECT * FROM warden.login(%s, %s)", [name, "correct horse"]).fetchone()
        app.execute("COMMIT")
        with app.transaction():
            signed_in = app.execute("SELECT warden.authenticate(%s) AS id", [granted["access_token"]]).fetchone()
        assert signed_in["id"] == redeemed["user_id"]


def test_f11_nobody_waits_for_who_idles_after_each_call(office):
    admin, invites = office.user("admin"), [office.invite("short => true") for _ in range(2)]
    with office.database.connect("app") as idle, office.database.connect("app", autocommit=True, row_factory=dict_row) as other:
        for connection in (idle, other):
            connection.execute("SET lock_timeout = '30s'")
            connection.execute("SET statement_timeout = '60s'")
        idle.commit()
        idle.execute(REDEEM_SHORT, ["00000000" if invites[0]["code"] != "00000000" else "1" * 8, None, invites[0]["id"]])
        assert other.execute(REDEEM_SHORT, [invites[0]["code"], None, invites[0]["id"]]).fetchone()["error"] is None
        idle.rollback()
        idle.execute("SELECT warden.authenticate(%s)", [office.issuer.token(admin)])
        idle.execute("SELECT warden.create_invite(), warden.revoke_invite(%s), count(*) FROM warden.list_invites()", [invites[1]["id"]])
        idle.execute(REDEEM.replace(", name => %s", ""), [office.invite()["code"]])
        with other.transaction():
            other.execute("SELECT warden.authenticate(%s)", [office.issuer.token(admin)])
            assert other.execute("SELECT warden.create_invite() AS made").fetchone()["made"]
        with office.database.connect("boss", autocommit=True) as boss:
            boss.execute("SET lock_timeout = '30s'")
            boss.execute("SELECT warden.create_invite(user_id => %s)", [admin])


def test_nobody_waits_in_a_circle(office):
    """Redeeming as a user, or to bring it back, while an administrator resets, merges or erases the user."""
    for n in range(12):
        user, other = office.user(), office.user()
        tenant = office.call("create_tenant(%s)", office.name())
        invite = office.invite(f"tenant_id => '{tenant}'")
        administer = [
            ("SELECT * FROM warden.create_invite(user_id => %s)", [user]),
            ("SELECT * FROM warden.merge_users(%s, %s)", [user, other]),
            ("SELECT * FROM warden.erase_user(%s)", [user]),
            ("SELECT warden.add_member(%s, %s, '{viewer}')", [tenant, user]),
        ][n % 4]
        barrier = Barrier(2)

        def redeem(user=user, invite=invite, barrier=barrier):
            with office.database.connect("app", row_factory=dict_row) as app:
                app.execute("SELECT warden.authenticate(%s)", [office.issuer.token(user)])
                barrier.wait(300)
                return app.execute("SELECT * FROM warden.redeem_invite(%s)", [invite["code"]]).fetchone()

        def change(statement=administer, barrier=barrier):
            with office.database.connect("boss", row_factory=dict_row) as boss:
                barrier.wait(300)
                answer = boss.execute(*statement).fetchone()
                boss.commit()
                return answer

        with ThreadPoolExecutor(2) as threads:
            redeemed, changed = threads.submit(redeem), threads.submit(change)
            assert changed.result()
            assert redeemed.result()["error"] in (None, "invalid_grant")
