"""What something that is asked for at protect() costs: the same queries of the same rows, in a table with it and one without."""

import time
from statistics import median

from policies import indented, plan, shape

RUNS = 25
EXECUTIONS = 500
QUERIES = {
    "the 20 newest of mine": "SELECT * FROM {table} ORDER BY created_at DESC LIMIT 20",
    "one of mine by key": "SELECT * FROM {table} WHERE id = {id}",
    "sum of all of mine": "SELECT count(*), sum(amount) FROM {table}",
}


def measure(database, figure, words, twin):
    """The documents beside their `twin`, in turn, in one transaction. `words`: what the twin has, and the other has not."""
    [user] = database.users(1)
    figures, details = [], []
    with database.on_one_cpu(), database.connect("app") as client, client.transaction():
        client.execute("SELECT warden.authenticate(%s)", (database.token(user),))
        [(key,)] = client.execute("SELECT id FROM documents LIMIT 1").fetchall()
        for number, (what, query) in enumerate(QUERIES.items()):
            plans = []
            for table in (twin, "documents"):
                text = query.format(table=table, id=key)
                client.execute(f"PREPARE {table}_{number} AS {text}")
                plans.append(plan(client, text))
            pairs = [(seconds(client, f"{twin}_{number}"), seconds(client, f"documents_{number}")) for _ in range(RUNS + 1)][1:]
            ours, theirs = (median(column) for column in zip(*pairs))
            ratios = sorted(ours / theirs for ours, theirs in pairs)
            same = [line.replace(twin, "documents") for line in shape(plans[0])] == shape(plans[1])
            figures.append((f"{what}, {words[0]} against {words[1]}", "no cost", f"{ours / theirs:.2f} ×",
                            f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
                            f"{ours * 1e6:.0f} / {theirs * 1e6:.0f} µs, {'same plan' if same else 'plans differ'}"))
            details += [f"{figure} {what}, {words[0]}:", *indented(plans[0]), f"{figure} {what}, {words[1]}:", *indented(plans[1]), ""]
    return figures, details


def seconds(client, prepared):
    """For one execution."""
    started = time.perf_counter()
    for _ in range(EXECUTIONS):
        client.execute(f"EXECUTE {prepared}")
    return (time.perf_counter() - started) / EXECUTIONS
