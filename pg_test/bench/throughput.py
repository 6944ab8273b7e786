"""P1: whole transactions per second, as a pooled application sends them, by pgbench."""

import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from database import NAME

# Many short runs instead of a few long ones: for seconds at a time a shared machine is a tenth faster or slower.
# Altogether they take as long as five of BENCH_SECONDS, and no run is shorter than a second.
PAIRS = 25
# Tokens in use at a time. pgbench reads no files and computes no texts, so each token has a script of its own, and
# so has each user on the other side: both sides choose among equally many scripts.
TOKENS = 50

PROTECTED = """\
BEGIN;
SELECT warden.authenticate(:token_{n});
SELECT id, title, body, created_at FROM documents ORDER BY created_at DESC LIMIT 20;
COMMIT;
"""
PLAIN = """\
BEGIN;
SELECT set_config('app.current_user_id', :user_{n}, true);
SELECT id, title, body, created_at FROM plain_documents WHERE user_id = :user_{n} ORDER BY created_at DESC LIMIT 20;
COMMIT;
"""


def measure(database, seconds):
    users = database.users(TOKENS)
    variables = {f"user_{n}": user for n, user in enumerate(users)}
    variables |= {f"token_{n}": database.token(user) for n, user in enumerate(users)}
    figures = []
    with directory() as scripts, database.on_one_cpu():
        for trips, wrap in (("four round trips", str), ("one round trip", pipelined)):
            sides = [Side(scripts, name, wrap(sql), variables)
                     for name, sql in (("protected", PROTECTED), ("plain", PLAIN))]
            figures.append(compare(f"transaction in {trips}", sides, max(1, round(5 * seconds / PAIRS))))
    return figures, []


@contextmanager
def directory():
    """For pgbench's scripts."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def pipelined(sql):
    return f"\\startpipeline\n{sql}\\endpipeline\n"


def compare(what, sides, seconds):
    for side in sides:
        side.run(1)
    pairs = []
    for number in range(PAIRS):
        # Which side begins alternates, so that a machine that slows down favours neither.
        order = sides if number % 2 == 0 else sides[::-1]
        tps = {side.name: side.run(seconds) for side in order}
        pairs.append((tps["protected"], tps["plain"]))
    protected, plain = (median(column) for column in zip(*pairs))
    lower, _, upper = quantiles((protected / plain for protected, plain in pairs), n=4)
    return (what, "≥ 0.95 ×", f"{protected / plain:.2f} ×", f"{lower:.2f}–{upper:.2f}",
            f"{protected:,.0f} / {plain:,.0f} tps, {1e6 / protected - 1e6 / plain:+.1f} µs")


class Side:
    """One of the two ways to do the same, as pgbench runs it."""

    def __init__(self, directory, name, sql, variables, database=NAME):
        self.name = name
        self.database = database
        self.command = ["pgbench", "--no-vacuum", "--protocol=prepared"]
        for n in range(TOKENS):
            script = directory / f"{name}_{n}.sql"
            script.write_text(sql.format(n=n))
            self.command += [f"--file={script}"]
        for variable, value in variables.items():
            self.command += ["--define", f"{variable}={value}"]

    def run(self, seconds):
        command = [*self.command, f"--time={seconds}", self.database]
        result = subprocess.run(command, env=os.environ | {"PGUSER": "app"}, capture_output=True, text=True)
        tps = re.search(r"^tps = ([0-9.]+)", result.stdout, re.MULTILINE)
        if result.returncode != 0 or not tps or "number of failed transactions: 0 " not in result.stdout:
            raise SystemExit(f"pgbench failed ({self.name}):\n{result.stderr}\n{result.stdout[-2000:]}")
        return float(tps[1])
