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
SEEN_TOKENS = 400
NEW_TOKENS = 2500
OLD = 100_000

# What is called, how often in a measurement, and what a call is given: one user each, from all over the directory.
CALLS = [
    ("find_user, by id", 2000, "(SELECT f.id FROM warden.find_user(user_id::text) AS f)"),
    ("find_user, by email", 2000, "(SELECT f.id FROM warden.find_user(email) AS f)"),
    ("list_users, first page", 50, "(SELECT count(*) FROM warden.list_users(with_total => length(email) < 0))"),
]


def measure(database, seconds):
    with database.connect("postgres") as admin:
        admin.execute("SELECT warden.rotate_signing_key()")
        admin.execute("CREATE TABLE bench.known (n int, user_id uuid, email text, token text)")
        admin.execute("CREATE EXTENSION pg_prewarm")
    database.copy(LARGE)
    for name, users in USERS.items():
        fill(database, name, users)
    figures = [grown(*times) for times in (*authentications(database), *calls(database))]
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
            (SEEN_TOKENS + NEW_TOKENS, users),
        )
        admin.execute("GRANT SELECT ON bench.known TO app")
        # To authenticate many users in one statement, with nothing else in it.
        admin.execute(f"ALTER DATABASE {name} SET warden.allow_identity_switch = on")
        admin.execute("VACUUM (ANALYZE) bench.known")
        admin.execute(
            "SELECT pg_prewarm(c.oid) FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid"
            " WHERE coalesce(i.indrelid, c.oid) IN ('warden.users'::regclass, 'warden.sessions'::regclass)"
        )


def authentications(database):
    """In microseconds, both sizes in turn."""
    seen, new = ({name: [] for name in USERS} for _ in range(2))
    seen_sql = f"SELECT count({{call}}) FROM generate_series(1, 20), bench.known WHERE n <= {SEEN_TOKENS}"
    new_sql = f"SELECT count({{call}}) FROM bench.known WHERE n > {SEEN_TOKENS}"
    for name in in_turn():
        with database.connect("app", name) as client, client.transaction():
            authentication.milliseconds(client, seen_sql, authentication.AUTHENTICATE)
            seen[name].append(authentication.per_call(client, seen_sql, authentication.AUTHENTICATE, SEEN_TOKENS * 20))
            new[name].append(authentication.per_call(client, new_sql, authentication.AUTHENTICATE, NEW_TOKENS))
    yield "authenticate, own token seen before", seen
    yield "authenticate, new own token", new


def calls(database):
    for what, number, call in CALLS:
        times = {name: [] for name in USERS}
        sql = f"SELECT count({{call}}) FROM (SELECT * FROM bench.known WHERE n <= {number}) AS known (n, user_id, email, token)"
        with ExitStack() as stack:
            admins = {name: stack.enter_context(database.connect("postgres", name)) for name in USERS}
            for name in in_turn():
                times[name].append(authentication.per_call(admins[name], sql, call, number))
        yield what, times


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
    return grown("transaction in one round trip", times)


def cleanups(database):
    """In a directory of a million: how long 100,000 rows take that are old enough to go."""
    figures = []
    with database.connect("postgres", LARGE) as admin:
        # Their rows go with the rights of a table's owner, who must not be a superuser.
        admin.execute("CREATE ROLE bench_owner")
        admin.execute("SELECT warden.unprotect('events')")
        admin.execute("ALTER TABLE documents OWNER TO bench_owner; ALTER TABLE notes OWNER TO bench_owner")
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


def grown(what, times):
    small, large = (median(times[name]) for name in USERS)
    ratios = sorted(one / other for one, other in zip(times[LARGE], times[NAME]))
    return (f"{what}: 1M users, 2M sessions against 10k, 20k", "≤ 1.2 ×", f"{large / small:.2f} ×",
            f"{ratios[0]:.2f}–{ratios[-1]:.2f}", f"{large:,.1f} / {small:,.1f} µs")
