"""Prints the figures the project set itself, goal beside figure. Nothing is asserted: a timed test is a coin."""

import os
import sys

import authentication
import bans
import doctor
import growth
import policies
import scopes
import sharing
import throughput
from database import Database

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
FIGURES = {
    "P1": lambda database: throughput.measure(database, SECONDS),
    "P2": policies.sequential_scan,
    "P3": sharing.lists,
    "P4": sharing.point_reads,
    "P5": authentication.measure,
    "P6": lambda database: combine(growth.measure(database, SECONDS), bans.measure(database)),
    "P7": policies.plan_of_a_small_user,
    "P8": policies.partitions_removed,
    "P9": sharing.joins,
    "G1": sharing.nothing_shared,
    "N2": doctor.measure,
    # Last: it changes a role.
    "R4": scopes.measure,
}


def main():
    names = os.environ.get("BENCH_FIGURES", "").split() or list(FIGURES)
    unknown = set(names) - set(FIGURES)
    if unknown:
        sys.exit(f"no such figure: {', '.join(sorted(unknown))}; there are {' '.join(FIGURES)}")
    database = Database.create()
    rows, details = [], []
    for name in names:
        note(f"measuring {name}")
        figures, detail = FIGURES[name](database)
        figures = [(name, *figure) for figure in figures]
        # At once as well: the next one may fail.
        print_table(figures, sys.stderr)
        rows += figures
        details += detail
    print("\n".join(details))
    print_table([("", "what", "goal", "figure", "spread", "measured"), *rows])
    command = f"BENCH_SECONDS={SECONDS:g} make bench PG={os.environ.get('WARDEN_PG_MAJOR', '15')}"
    print(f"\nprinted by: {command}   ({database.description()})")


def combine(*measured):
    """Several measurements of one figure as one."""
    figures, details = zip(*measured)
    return sum(figures, []), sum(details, [])


def print_table(rows, file=sys.stdout):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), file=file, flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


main()
