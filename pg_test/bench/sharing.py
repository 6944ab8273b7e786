"""P3, P4, P9: what it costs that rows are shared, against the query that somebody writes who has the list of ids; G1: that they could be."""

import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import twins

# A database of its own: the other figures are the same with these and alone.
NAME = "bench_sharing"
RUNS = 15
READS = 400
COLUMNS = "id, user_id, name, created_at"
# Users by their number: one with a hundred shares, one with 20,000.
READERS = {"100 shares": 2, "20,000 shares": 1}

_prepared = set()


def prepare(database):
    if id(database) in _prepared:
        return
    _prepared.add(id(database))
    database.copy(NAME)
    with database.connect("postgres", NAME) as admin:
        admin.execute((Path(__file__).parent / "sharing.sql").read_text())
        admin.execute("VACUUM (ANALYZE)")


@contextmanager
def reader(database, number):
    """A session in a transaction of that user, what is its own and what is shared with it."""
    prepare(database)
    with database.connect("postgres", NAME) as admin:
        [user] = admin.execute("SELECT bench.user_id(%s)::text", (number,)).fetchone()
        [shared] = admin.execute(
            "SELECT array_agg(DISTINCT row_id::uuid) FROM warden.shares WHERE grantee = 'user:' || %s", (user,)
        ).fetchone()
    with database.on_one_cpu(), database.connect("app", NAME) as client:
        client.prepare_threshold = 0
        with client.transaction():
            client.execute("SELECT warden.authenticate(%s)", (database.token(user),))
            client.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            yield client, user, shared


def lists(database):
    """All that a user reaches."""
    figures, details = [], []
    for what, number in READERS.items():
        with reader(database, number) as (client, user, shared):
            ours = (f"SELECT {COLUMNS} FROM agents", ())
            plain = (f"SELECT {COLUMNS} FROM plain_agents WHERE user_id = %s::uuid OR id = ANY (%s::uuid[])", (user, shared))
            exists = (f"SELECT {COLUMNS} FROM exists_agents", ())
            details += [f"P3 {what}:", *plan(client, *ours), ""]
            figures.append(compare(client, f"list of 100 own and {what}, against the list of ids", "≤ 1.3 ×", ours, plain))
            if number == 2:
                figures.append(faster(client, "the same, against a policy with EXISTS", "≥ 50 × faster", ours, exists))
            newest = "ORDER BY created_at DESC LIMIT 20"
            figures.append(compare(client, f"  the newest 20 of 100 own and {what}", "",
                                   (f"{ours[0]} {newest}", ()), (f"{plain[0]} {newest}", plain[1])))
    return figures, details


def point_reads(database):
    """One row that is shared, by its key."""
    figures, details = [], []
    for what, number in READERS.items():
        with reader(database, number) as (client, _, shared):
            sql = f"SELECT {COLUMNS} FROM {{table}} WHERE id = %s"
            details += [f"P4 {what}:", *plan(client, sql.format(table="agents"), (shared[0],)), ""]
            sides = [lambda table=table: reads(client, sql.format(table=table), shared) for table in ("agents", "plain_agents")]
            figures.append(in_turn(f"a shared row by its key, {what}", "≤ 1.5 ×", *sides, unit=1e6 / READS, name="µs"))
            # Without the way from the client and back, which is the same for both.
            sides = [lambda table=table: inside(client, table, number) for table in ("agents", "plain_agents")]
            figures.append(in_turn(f"  the same in the server, {what}", "", *sides, unit=1e6 / READS, name="µs"))
    return figures, details


def reads(client, sql, shared):
    started = time.perf_counter()
    for key in shared[:READS] if len(shared) >= READS else shared * (READS // len(shared)):
        if client.execute(sql, (key,)).fetchone() is None:
            raise SystemExit(f"not read: {key}")
    return time.perf_counter() - started


def inside(client, table, number):
    started = time.perf_counter()
    client.execute(
        f"DO $$ DECLARE k uuid; BEGIN FOR k IN SELECT m.agent_id FROM bench.messages m WHERE m.reader = {number} LIMIT {READS} LOOP"
        f" PERFORM {COLUMNS} FROM {table} WHERE id = k; IF NOT FOUND THEN RAISE 'not read'; END IF; END LOOP; END $$", prepare=False)
    return time.perf_counter() - started


def joins(database):
    """10,000 messages, each to an agent that is shared."""
    figures, details = [], []
    for what, number in READERS.items():
        with reader(database, number) as (client, user, shared):
            for how, text in (
                ("join", "SELECT m.id, a.name FROM bench.messages m JOIN {table} a ON a.id = m.agent_id WHERE m.reader = %s {filter}"),
                ("lateral", "SELECT m.id, a.name FROM bench.messages m, LATERAL (SELECT a.name FROM {table} a WHERE a.id = m.agent_id {filter} LIMIT 1) a WHERE m.reader = %s"),
            ):
                filtered = "AND (a.user_id = %s::uuid OR a.id = ANY (%s::uuid[]))"
                arguments = (number, user, shared) if how == "join" else (user, shared, number)
                ours = (text.format(table="agents", filter=""), (number,))
                plain = (text.format(table="plain_agents", filter=filtered), arguments)
                details += [f"P9 {how}, {what}:", *plan(client, *ours), ""]
                figures.append(compare(client, f"10,000 messages, {how}, {what}", "≤ 2 ×", ours, plain, expected=10000))
    return figures, details


# The twin of documents, which cannot be shared.
SHAREABLE = """
CREATE TABLE shareable_documents (LIKE documents INCLUDING ALL);
INSERT INTO shareable_documents SELECT * FROM documents ORDER BY id;
GRANT SELECT ON shareable_documents TO app;
SELECT warden.protect('shareable_documents', shareable => true);
"""


def nothing_shared(database):
    """Rows that could be shared, and none is."""
    with database.connect("postgres") as admin:
        admin.execute(SHAREABLE)
        admin.execute("VACUUM (ANALYZE) shareable_documents")
    return twins.measure(database, "G1", ("shareable", "private"), "shareable_documents")


def compare(client, what, goal, ours, plain, expected=None):
    return in_turn(what, goal, *(lambda side=side: seconds(client, *side, expected) for side in (ours, plain)))


def faster(client, what, goal, ours, other):
    """How many times faster ours is."""
    one = median(seconds(client, *ours) for _ in range(RUNS))
    two = median(seconds(client, *other) for _ in range(3))
    return (what, goal, f"{two / one:.0f} × faster", "", f"{one * 1000:.2f} / {two * 1000:.0f} ms")


def in_turn(what, goal, ours, plain, unit=1000, name="ms"):
    pairs = [(ours(), plain()) for _ in range(RUNS + 1)][1:]
    one, two = (median(column) for column in zip(*pairs))
    ratios = sorted(a / b for a, b in pairs)
    return (what, goal, f"{one / two:.2f} ×", f"{ratios[0]:.2f}–{ratios[-1]:.2f}", f"{one * unit:.2f} / {two * unit:.2f} {name}")


def seconds(client, sql, arguments, expected=None):
    started = time.perf_counter()
    rows = client.execute(sql, arguments).fetchall()
    took = time.perf_counter() - started
    if not rows or expected not in (None, len(rows)):
        raise SystemExit(f"{len(rows)} rows: {sql}")
    return took


def plan(client, sql, arguments):
    return [f"    {line}" for (line,) in client.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}", arguments, prepare=False)]
