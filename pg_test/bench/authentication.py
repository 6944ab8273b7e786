"""P5: one call of authenticate inside the server, without the way to it."""

from statistics import median

RUNS = 7
NEW_TOKENS = 2500
SEEN_TOKENS = 100
ROUNDS = 100

# Not length(), which counts the characters of a token: a microsecond that would count as if it were none of ours.
EMPTY = "octet_length(token)"
AUTHENTICATE = "warden.authenticate(token)"
VERIFY = "warden.verify_token(token)"

NEW = "SELECT count({call}) FROM bench.tokens WHERE NOT seen"
SEEN = f"SELECT count({{call}}) FROM (SELECT token FROM bench.tokens WHERE seen) AS t, generate_series(1, {ROUNDS})"


def measure(database):
    [user] = database.users(1)
    with database.connect("postgres") as admin, admin.cursor() as cursor:
        with cursor.copy("COPY bench.tokens (token, seen) FROM STDIN") as copy:
            for number in range(NEW_TOKENS + SEEN_TOKENS):
                copy.write_row((database.token(user), number < SEEN_TOKENS))
        admin.execute("VACUUM (ANALYZE) bench.tokens")

    seen, new, verify = [], [], []
    for _ in range(RUNS):
        # A backend that has seen no token but the hundred.
        with database.connect("app") as client, client.transaction():
            milliseconds(client, SEEN, AUTHENTICATE)
            seen.append(per_call(client, SEEN, AUTHENTICATE, SEEN_TOKENS * ROUNDS))
            verify.append(per_call(client, NEW, VERIFY, NEW_TOKENS))
            new.append(per_call(client, NEW, AUTHENTICATE, NEW_TOKENS))
    return [
        figure("authenticate, token seen before", "≤ 30 µs", seen),
        figure("authenticate, new EdDSA token", "≤ 120 µs", new),
        figure("  for comparison: verify_token, new EdDSA token", "", verify),
    ], []


def figure(what, goal, microseconds):
    return (what, goal, f"{median(microseconds):.1f} µs", f"{min(microseconds):.1f}–{max(microseconds):.1f}", "")


def per_call(client, sql, call, calls):
    """In microseconds: the statement, less the same statement with a function that does next to nothing."""
    loop = milliseconds(client, sql, EMPTY)
    return (milliseconds(client, sql, call) - loop) * 1000 / calls


def milliseconds(client, sql, call):
    plan = client.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql.format(call=call)}").fetchone()[0][0]
    return plan["Execution Time"]
