"""P6, as far as bans go: one call of is_banned() among a thousand bans and among a million."""

from pathlib import Path
from statistics import median

FEW, MANY = 1_000, 1_000_000
RUNS = 11
CALLS = 20_000
SEEN = 100

# Hosts, with a network among each hundred and an IPv6 network among each thousand: spread like random ones, the same in
# every run. Made one by one, as bans are, and not by the building of an index over all of them.
BANS = """
INSERT INTO warden.bans (network, reason, source, ban_count, banned_at, expires_at, last_offense_at)
SELECT warden.normalise_network(address), 'flood', 'bench', 1, now(),
       now() + interval '1 day', now()
FROM generate_series(1, %(bans)s) AS n, LATERAL (SELECT CASE
    WHEN n %% 1000 = 0 THEN concat('2001:db8:', to_hex(n >> 16), ':', to_hex(n & 65535), '::/64')::inet
    WHEN n %% 100 = 0 THEN set_masklen(bench.address(n), 24)
    ELSE bench.address(n) END) AS a (address)
ON CONFLICT DO NOTHING
"""

PREPARE = f"""
CREATE EXTENSION pg_warden;
SELECT warden.add_trusted_role('gateway');
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO gateway;
CREATE FUNCTION bench.address(n int) RETURNS inet
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN '0.0.0.0'::inet + ('x' || left(md5(n::text), 8))::bit(32)::bigint;
-- Every other one is banned: the first of those that are, and as many that are not.
CREATE TABLE bench.addresses AS
SELECT bench.address(CASE WHEN n % 2 = 0 THEN n % {FEW} ELSE -n END) AS address FROM generate_series(1, {CALLS}) AS n;
GRANT SELECT ON bench.addresses TO gateway;
"""

def measure(database):
    with database.connect("postgres") as admin:
        admin.execute("CREATE ROLE gateway LOGIN")
    few, many = (database_with(database, bans) for bans in (FEW, MANY))
    with database.connect("gateway", few) as of_few, database.connect("gateway", many) as of_many:
        return [
            growth("SELECT is_banned($1) at 1M bans, against 1k", "≤ 1.2 ×", SEEN, of_few, of_many),
            growth("  the same, each time of another address", "", CALLS, of_few, of_many),
        ], []


def growth(what, goal, different, of_few, of_many):
    pairs = []
    for run in range(RUNS + 1):
        sides = [of_few, of_many] if run % 2 else [of_many, of_few]
        took = {client: microseconds(client, different) for client in sides}
        pairs.append((took[of_few], took[of_many]))
    # The first reads what later ones have in memory.
    few, many = (median(column) for column in zip(*pairs[1:]))
    ratios = sorted(of_many / of_few for of_few, of_many in pairs[1:])
    return (what, goal, f"{many / few:.2f} ×", f"{ratios[0]:.2f}–{ratios[-1]:.2f}", f"{many:.1f} / {few:.1f} µs")


def database_with(database, bans):
    """The name of a new database with so many bans."""
    name = f"bans_{bans}"
    with database.connect("postgres") as admin:
        admin.execute(f"CREATE DATABASE {name}")
    with database.connect("postgres", name) as admin:
        admin.execute(PREPARE)
        admin.execute(BANS, {"bans": bans})
        admin.execute("VACUUM (ANALYZE)")
    return name


def microseconds(client, different):
    """That the server computes for one prepared statement, of so many different addresses, however long it waits for a CPU."""
    addresses = client.execute("SELECT host(address) FROM bench.addresses LIMIT %s", (different,)).fetchall()
    client.prepare_threshold = 0

    def so_far():
        return int(Path(f"/proc/{client.info.backend_pid}/schedstat").read_text().split()[0])

    before = so_far()
    # All of them are sent before the first is answered.
    client.cursor().executemany("SELECT warden.is_banned(%s)", addresses * (CALLS // different))
    return (so_far() - before) / 1000 / CALLS
