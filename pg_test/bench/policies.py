"""P2, P7, P8: what the policy costs for each row, and what the planner makes of it."""

import time
from statistics import median

RUNS = 25
SUM = "SELECT count(*), sum(amount) FROM {table} {where}"


def sequential_scan(database):
    """The same rows by the policy and by filters written by hand, in turn, in one transaction."""
    [user] = database.users(1)
    protected = SUM.format(table="documents", where="")
    filters = {
        "user_id = '…' (a constant)": (f"user_id = '{user}'", "≤ 1.1 ×"),
        "user_id = current_setting(…)::uuid": ("user_id = current_setting('app.current_user_id')::uuid", ""),
    }
    figures = []
    with database.on_one_cpu(), database.connect("app") as client, client.transaction():
        client.execute("SELECT warden.authenticate(%s)", (database.token(user),))
        client.execute("SET LOCAL enable_indexscan = off")
        client.execute("SET LOCAL enable_bitmapscan = off")
        client.execute("SET LOCAL enable_indexonlyscan = off")
        client.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        for what, (condition, goal) in filters.items():
            plain = SUM.format(table="plain_documents", where=f"WHERE {condition}")
            pairs = [(seconds(client, protected), seconds(client, plain)) for _ in range(RUNS + 1)][1:]
            ours, theirs = (median(column) for column in zip(*pairs))
            ratios = sorted(ours / theirs for ours, theirs in pairs)
            figures.append((f"sequential scan against {what}", goal, f"{ours / theirs:.2f} ×",
                            f"{ratios[0]:.2f}–{ratios[-1]:.2f}", f"{ours * 1000:.0f} / {theirs * 1000:.0f} ms"))
    return figures, []


def seconds(client, sql):
    started = time.perf_counter()
    [(count, _)] = client.execute(sql).fetchall()
    took = time.perf_counter() - started
    if count != 100:
        raise SystemExit(f"{count} rows instead of 100: {sql}")
    return took


def plan_of_a_small_user(database):
    """Beside a user with 300,000 rows: do both get the plan that the query written by hand gets?"""
    newest = "SELECT * FROM {table} {where} ORDER BY created_at DESC LIMIT 20"
    with database.connect("postgres") as admin:
        heavy, small = (admin.execute("SELECT bench.user_id(%s)::text", (n,)).fetchone()[0] for n in (0, 1))
    figures, details = [], []
    for what, user in (("small user", small), ("user with 300k rows", heavy)):
        with database.connect("app") as client, client.transaction():
            client.execute("SELECT warden.authenticate(%s)", (database.token(user),))
            ours = plan(client, newest.format(table="notes", where=""))
            theirs = plan(client, newest.format(table="plain_notes", where=f"WHERE user_id = '{user}'"))
        details += [f"P7 {what}, by policy:", *indented(ours), f"P7 {what}, by hand:", *indented(theirs), ""]
        same = shape(ours) == [line.replace("plain_", "") for line in shape(theirs)]
        figures.append((f"newest 20 of a {what}", "same plan", "same" if same else "differs", "", ""))
    return figures, details


def partitions_removed(database):
    """64 partitions: how many are gone when execution starts."""
    [user] = database.users(1)
    figures, details = [], []
    for mode in ("force_generic_plan", "force_custom_plan"):
        with database.connect("app") as client, client.transaction():
            client.execute("SELECT warden.authenticate(%s)", (database.token(user),))
            client.execute(f"SET LOCAL plan_cache_mode = {mode}")
            client.execute("PREPARE mine (int) AS SELECT count(*) FROM events WHERE id > $1")
            lines = plan(client, "EXECUTE mine (0)")
        left = sum(" on events_" in line for line in lines)
        details += [f"P8 {mode}:", *indented(lines), ""]
        figures.append((f"64 partitions, {mode}", "63 removed", f"{64 - left} removed", "", ""))
    return figures, details


def plan(client, sql):
    return [line for (line,) in client.execute(f"EXPLAIN (COSTS OFF) {sql}")]


def shape(lines):
    """The nodes of a plan, without their conditions."""
    return [line for line in lines if not line.lstrip().startswith(("Filter:", "Index Cond:", "Recheck Cond:"))]


def indented(lines):
    return [f"    {line}" for line in lines]
