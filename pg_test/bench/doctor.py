"""N2: how long doctor() takes, on as many tables as an application has, half of them protected by a parent."""

import time
from pathlib import Path
from statistics import median

NAME = "bench_doctor"
GOALS = {500: "≤ 1 s", 1000: ""}
RUNS = 5

# Two tables each time: one with an owner, and one whose rows belong to rows of it.
PREPARE = """
CREATE EXTENSION pg_warden;
CREATE ROLE bench_doctor_client LOGIN;
SELECT warden.add_client_role('bench_doctor_client');
CREATE FUNCTION tables_up_to(number int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    n int;
BEGIN
    FOR n IN SELECT s FROM generate_series((SELECT count(*) FROM warden.protections)::int / 2 + 1, number / 2) AS s LOOP
        EXECUTE format('CREATE TABLE conversations_%1$s (id uuid PRIMARY KEY, user_id uuid NOT NULL, title text, UNIQUE (user_id, title));
            CREATE TABLE messages_%1$s (id uuid PRIMARY KEY, conversation_id uuid NOT NULL REFERENCES conversations_%1$s, body text);
            GRANT SELECT, INSERT, UPDATE, DELETE ON conversations_%1$s, messages_%1$s TO bench_doctor_client', n);
        PERFORM warden.protect(format('conversations_%s', n));
        PERFORM warden.protect(format('messages_%s', n), owner_column => NULL, parent_column => 'conversation_id');
    END LOOP;
    RETURN n;
END $$;
"""


def measure(database):
    """By the clock, for the person who waits; where its computing time is much less, the machine was busy with something else."""
    with database.connect("postgres") as admin:
        admin.execute(f"CREATE DATABASE {NAME}")
    with database.connect("postgres", NAME) as admin:
        admin.execute(PREPARE)
    return [figure(database, tables, goal) for tables, goal in GOALS.items()], []


def figure(database, tables, goal):
    with database.connect("postgres", NAME) as admin:
        admin.execute("SELECT tables_up_to(%s)", (tables,))
        admin.execute("VACUUM (ANALYZE)")
    took, computed = [], []
    # A session of its own, as whoever calls it has.
    with database.connect("postgres", NAME) as admin:
        for _ in range(RUNS):
            began, computed_before = time.monotonic(), seconds_computed(admin)
            [findings] = admin.execute("SELECT count(*) FROM warden.doctor()").fetchone()
            took.append(time.monotonic() - began)
            computed.append(seconds_computed(admin) - computed_before)
    return (f"doctor() on {tables} protected tables", goal, f"{median(took):.2f} s", f"{min(took):.2f}–{max(took):.2f}",
            f"{median(computed):.2f} s computed, {findings} findings")


def seconds_computed(client):
    """By the backend so far."""
    return int(Path(f"/proc/{client.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9
