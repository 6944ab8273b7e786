"""P6: what a hundred times as many users and sessions cost."""

import time
from contextlib import ExitStack
from statistics import median

import authentication
import throughput
from database import NAME

LARGE = "bench_large"
USERS = {NAME: 10_000, LARGE: 1_000_000}
RUNS = 7
# As many as P5 has, and what else is measured for information.
SEEN_TOKENS = authentication.SEEN_TOKENS
MORE_TOKENS = 400
NEW_TOKENS = 2500
OLD = 100_000
GOAL = "≤ 1.2 ×"

# What is called, for how many users from all over the directory, how often for each, and what a call is given.
CALLS = [
    (what, goal, number, times, call)
    for what, call in (
        ("find_user, by id", "(SELECT f.id FROM warden.find_user(user_id::text) AS f)"),
        ("find_user, by email", "(SELECT f.id FROM warden.find_user(email) AS f)"),
    )
    for what, goal, number, times in ((what, GOAL, 100, 20), ("  the same, each time another user", "", 2000, 1))
] + [
    ("list_users, first page", GOAL, 50, 1, "(SELECT count(*) FROM warden.list_users(with_total => length(email) < 0))"),
    # As it is called by default: counting the directory takes as long as that is large.
    ("  the same, with the total", "", 3, 1, "(SELECT count(*) FROM warden.list_users(with_total => length(email) > 0))"),
]


# Every page of both tables and of their indexes.
READ_DIRECTORY = """
CREATE FUNCTION bench.read_directory() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER
BEGIN ATOMIC
    SELECT sum(length(get_raw_page(c.oid::regclass::text, 'main', n)))
    FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid,
         generate_series(0, pg_relation_size(c.oid) / current_setting('block_size')::int - 1) AS n
    WHERE coalesce(i.indrelid, c.oid) IN ('warden.users'::regclass, 'warden.sessions'::regclass);
END;
GRANT EXECUTE ON FUNCTION bench.read_directory() TO app;
"""


def measure(database, seconds):
    with database.connect("postgres") as admin:
        admin.execute("SELECT warden.rotate_signing_key()")
        admin.execute("CREATE TABLE bench.known (n int PRIMARY KEY, user_id uuid, email text, token text)")
        admin.execute("CREATE EXTENSION pageinspect")
        # For a client: the pages are mapped into the process that reads them.
        admin.execute(READ_DIRECTORY)
    database.copy(LARGE)
    for name, users in USERS.items():
        fill(database, name, users)
    figures = [grown(*measured) for measured in (*authentications(database), *calls(database))]
    figures.append(transactions(database, seconds))
    return figures + cleanups(database), []


def fill(database, name, users):
    """Users, two sessions each, and tokens of some of them."""
    with database.connect("postgres", name) as admin:
        admin.execute(
            "INSERT INTO warden.users (id, email) SELECT bench.user_id(n), n || '@example.com'"
            " FROM generate_series(1, %s) AS n ON CONFLICT (id) DO UPDATE SET email = excluded.email",
            (users,),
        )
        admin.execute(
            "INSERT INTO warden.sessions (user_id, kind, scopes, expires_at)"
            " SELECT bench.user_id(n %% %(users)s + 1), 'login', '{user}', now() + interval '30 days'"
            " FROM generate_series(1, 2 * %(users)s) AS n",
            {"users": users},
        )
        admin.execute("VACUUM (ANALYZE)")
        admin.execute(
            "INSERT INTO bench.known SELECT k.n, u.id, u.email, warden.issue_access_token(u.id, s.id::text, '{user}', 3600)"
            " FROM generate_series(1, %s) AS k (n)"
            " JOIN warden.users u ON u.id = bench.user_id((k.n::bigint * 7919 %% %s)::int + 1)"
            " CROSS JOIN LATERAL (SELECT i.id FROM warden.sessions i WHERE i.user_id = u.id LIMIT 1) AS s",
            (MORE_TOKENS + 2 * NEW_TOKENS, users),
        )
        # The last of them have tokens of the issuer, as those of P5.
        others = admin.execute("SELECT n, user_id::text FROM bench.known WHERE n > %s", (MORE_TOKENS + NEW_TOKENS,)).fetchall()
        with admin.cursor() as cursor:
            cursor.executemany("UPDATE bench.known SET token = %s WHERE n = %s", [(database.token(user), n) for n, user in others])
        admin.execute("GRANT SELECT ON bench.known TO app")
        # To authenticate many users in one statement, with nothing else in it.
        admin.execute(f"ALTER DATABASE {name} SET warden.allow_identity_switch = on")
        admin.execute("VACUUM (ANALYZE) bench.known")
        admin.execute("SELECT bench.read_directory()")


def authentications(database):
    """In microseconds, both sizes in turn."""
    seen, more, new, first, issuers = ({name: [] for name in USERS} for _ in range(5))
    seen_sql = "SELECT count({{call}}) FROM generate_series(1, 20), bench.known WHERE n <= {}"
    new_sql = f"SELECT count({{call}}) FROM bench.known WHERE n > {MORE_TOKENS} AND n <= {MORE_TOKENS + NEW_TOKENS}"
    issuers_sql = f"SELECT count({{call}}) FROM bench.known WHERE n > {MORE_TOKENS + NEW_TOKENS}"

    def per_call(client, sql, number):
        return authentication.per_call(client, sql, authentication.AUTHENTICATE, number)

    for name in in_turn():
        with database.connect("app", name) as client, client.transaction():
            # A backend that has read nothing of the directory before, and one that has, as those of a pool.
            first[name].append(per_call(client, new_sql, NEW_TOKENS))
        with database.connect("app", name) as client, client.transaction():
            client.execute("SELECT bench.read_directory()")
            for times, tokens in ((seen, SEEN_TOKENS), (more, MORE_TOKENS)):
                sql = seen_sql.format(tokens)
                authentication.milliseconds(client, sql, authentication.AUTHENTICATE)
                times[name].append(per_call(client, sql, tokens * 20))
            new[name].append(per_call(client, new_sql, NEW_TOKENS))
            issuers[name].append(per_call(client, issuers_sql, NEW_TOKENS))
    yield "authenticate, own token seen before", GOAL, seen
    yield f"  the same, {MORE_TOKENS} in turn", "", more
    yield "authenticate, new token of an issuer", GOAL, issuers
    yield "authenticate, new own token", GOAL, new
    yield "  the same, in a backend that has read nothing yet", "", first


def calls(database):
    for what, goal, number, repeated, call in CALLS:
        times = {name: [] for name in USERS}
        sql = (f"SELECT count({{call}}) FROM (SELECT * FROM bench.known WHERE n <= {number}) AS known (n, user_id, email, token),"
               f" generate_series(1, {repeated})")
        with ExitStack() as stack:
            admins = {name: stack.enter_context(database.connect("postgres", name)) for name in USERS}
            for name in in_turn():
                times[name].append(authentication.per_call(admins[name], sql, call, number * repeated))
        yield what, goal, times


def transactions(database, seconds):
    """P1's transaction, in one round trip, for users that have documents in both databases."""
    sides = {}
    with ExitStack() as stack:
        directory = stack.enter_context(throughput.directory())
        stack.enter_context(database.on_one_cpu())
        for name in USERS:
            with database.connect("postgres", name) as admin:
                tokens = admin.execute(
                    "SELECT warden.issue_access_token(s.user_id, s.id::text, '{user}', 3600)"
                    " FROM (SELECT DISTINCT ON (s.user_id) s.* FROM warden.sessions s"
                    "       WHERE s.user_id IN (SELECT bench.user_id(n * 100) FROM generate_series(1, %s) AS n)) AS s",
                    (throughput.TOKENS,),
                ).fetchall()
            variables = {f"token_{n}": token for n, (token,) in enumerate(tokens)}
            sides[name] = throughput.Side(directory, name, throughput.pipelined(throughput.PROTECTED), variables, name)
            sides[name].run(1)
        times = {name: [] for name in USERS}
        for name in in_turn():
            times[name].append(1e6 / sides[name].run(max(1, round(seconds))))
    return grown("transaction in one round trip", GOAL, times)


def cleanups(database):
    """In a directory of a million: how long 100,000 rows take that are old enough to go."""
    figures = []
    with database.connect("postgres", LARGE) as admin:
        # Their rows go with the rights of a table's owner, who must not be a superuser.
        admin.execute("CREATE ROLE bench_owner")
        admin.execute("SELECT warden.unprotect('events')")
        for (table,) in admin.execute("SELECT table_name::regclass::text FROM warden.protected_tables").fetchall():
            admin.execute(f"ALTER TABLE {table} OWNER TO bench_owner")
        admin.execute(
            "INSERT INTO warden.users (kind, roles, created_at)"
            " SELECT 'anonymous', '{anonymous}', now() - interval '60 days' FROM generate_series(1, %s)",
            (OLD,),
        )
        admin.execute(
            "INSERT INTO warden.sessions (user_id, kind, scopes, started_at, expires_at)"
            " SELECT bench.user_id(n), 'login', '{user}', now() - interval '90 days', now() - interval '60 days'"
            " FROM generate_series(1, %s) AS n",
            (OLD,),
        )
        admin.execute("VACUUM (ANALYZE)")
        for call in ("cleanup_sessions", "cleanup_anonymous_users"):
            sql = f"SELECT warden.{call}('30 days', {OLD}, dry_run => false)"
            start = time.monotonic()
            [removed] = admin.execute(sql).fetchone()
            seconds = time.monotonic() - start
            if removed != OLD:
                raise SystemExit(f"{call} removed {removed} rows, not {OLD}")
            figures.append((f"{call} of {OLD:,} rows beside 1M users, 2M sessions", "", f"{seconds:.1f} s", "", ""))
    return figures


def in_turn():
    """Which size begins alternates."""
    names = list(USERS)
    for number in range(RUNS):
        yield from names if number % 2 == 0 else names[::-1]


def grown(what, goal, times):
    small, large = (median(times[name]) for name in USERS)
    ratios = sorted(one / other for one, other in zip(times[LARGE], times[NAME]))
    sizes = "" if what.startswith(" ") else ": 1M users, 2M sessions against 10k, 20k"
    return (f"{what}{sizes}", goal, f"{large / small:.2f} ×", f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
            f"{large:,.1f} / {small:,.1f} µs")
