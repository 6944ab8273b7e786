"""R4: what it costs the owner of rows that the table asks for a scope."""

import time
from statistics import median

from policies import indented, plan, shape

RUNS = 25
EXECUTIONS = 500

# The twin of documents, which asks nobody for a scope.
TABLE = """
SELECT warden.define_role('user', '{user,agents:read,tools:execute,documents:read}');
CREATE TABLE scoped_documents (LIKE documents INCLUDING ALL);
INSERT INTO scoped_documents SELECT * FROM documents ORDER BY id;
GRANT SELECT ON scoped_documents TO app;
SELECT warden.protect('scoped_documents', read_scope => 'documents:read');
"""

QUERIES = {
    "the 20 newest of mine": "SELECT * FROM {table} ORDER BY created_at DESC LIMIT 20",
    "one of mine by key": "SELECT * FROM {table} WHERE id = {id}",
    "sum of all of mine": "SELECT count(*), sum(amount) FROM {table}",
}


def measure(database):
    """The same queries under the policy with and without a read_scope, in turn, in one transaction."""
    [user] = database.users(1)
    with database.connect("postgres") as admin:
        admin.execute(TABLE)
        admin.execute("VACUUM (ANALYZE) scoped_documents")
    figures, details = [], []
    with database.on_one_cpu(), database.connect("app") as client, client.transaction():
        client.execute("SELECT warden.authenticate(%s)", (database.token(user),))
        [(key,)] = client.execute("SELECT id FROM documents LIMIT 1").fetchall()
        for number, (what, query) in enumerate(QUERIES.items()):
            plans = []
            for table in ("scoped_documents", "documents"):
                text = query.format(table=table, id=key)
                client.execute(f"PREPARE {table}_{number} AS {text}")
                plans.append(plan(client, text))
            pairs = [
                (seconds(client, f"scoped_documents_{number}"), seconds(client, f"documents_{number}")) for _ in range(RUNS + 1)
            ][1:]
            ours, theirs = (median(column) for column in zip(*pairs))
            ratios = sorted(ours / theirs for ours, theirs in pairs)
            same = [line.replace("scoped_", "") for line in shape(plans[0])] == shape(plans[1])
            figures.append((f"{what}, with a read_scope against without", "no cost", f"{ours / theirs:.2f} ×",
                            f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
                            f"{ours * 1e6:.0f} / {theirs * 1e6:.0f} µs, {'same plan' if same else 'plans differ'}"))
            details += [f"R4 {what}, with a read_scope:", *indented(plans[0]), f"R4 {what}, without:", *indented(plans[1]), ""]
    return figures, details


def seconds(client, prepared):
    """For one execution."""
    started = time.perf_counter()
    for _ in range(EXECUTIONS):
        client.execute(f"EXECUTE {prepared}")
    return (time.perf_counter() - started) / EXECUTIONS
