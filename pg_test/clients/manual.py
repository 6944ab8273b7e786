"""The manual (README.md and docs/*.md) as something to be executed: its blocks of code, and a server where nothing was
prepared."""

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]


class Block(NamedTuple):
    language: str
    # What stands after the language: `refused` where the statement has to fail.
    options: str
    text: str


def blocks(document):
    """The fenced blocks of a document, by its path in the repository, in their order."""
    found = re.findall(r"^```(\S+)([^\n]*)\n(.*?)^```$", (REPOSITORY / document).read_text(), re.M | re.S)
    return [Block(language, options.strip(), text) for language, options, text in found]


class Chapter:
    """The SQL of a document, as one psql prints it that types block after block."""

    def __init__(self, document):
        self.name = Path(document).stem
        self.sql = [block for block in blocks(document) if block.language == "sql"]

    def in_own_server(self):
        """What was printed for each block, in a server where nothing was prepared."""
        with own_server(self.name) as directory:
            return self.in_server(directory)

    def in_server(self, directory):
        return typed(directory, [block.text for block in self.sql], "-A", "-t")

    def section(self, sections, words):
        """The lines of the one block that contains the words."""
        [found] = [output for block, output in zip(self.sql, sections, strict=True) if words in block.text]
        return found.splitlines()


@contextlib.contextmanager
def own_server(name):
    """A server of one's own with one superuser, postgres, for a manual that makes roles by names that other tests use.
    Yields the directory of its socket; the port is 5432."""
    run_directory = Path(os.environ["WARDEN_RUN_DIR"]) / name
    binaries = os.environ["WARDEN_BIN_DIR"]
    as_user = os.environ["WARDEN_AS_SERVER_USER"]

    def server(*command):
        subprocess.run([as_user, *command], check=True, capture_output=True, text=True)

    server("mkdir", str(run_directory))
    server(f"{binaries}/initdb", "-D", f"{run_directory}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={run_directory} -c fsync=off -c autovacuum=off"
    server(f"{binaries}/pg_ctl", "-D", f"{run_directory}/data", "-l", f"{run_directory}/log", "-o", options, "-w", "start")
    try:
        yield str(run_directory)
    finally:
        server(f"{binaries}/pg_ctl", "-D", f"{run_directory}/data", "-m", "immediate", "stop")


def typed(directory, texts, *options, cwd=REPOSITORY, environment=os.environ):
    """What one psql prints for each of these texts of SQL, typed by the superuser of `own_server` one after the other."""
    script = "".join(f"\\echo @@ {number}\n{text}\n" for number, text in enumerate(texts))
    result = subprocess.run(
        [os.environ["WARDEN_BIN_DIR"] + "/psql", "-X", *options, "-h", directory, "-p", "5432", "-U", "postgres"],
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**environment, "PGDATABASE": "postgres"},
        timeout=600,
    )
    return re.split(r"^@@ \d+\n", result.stdout, flags=re.M)[1:]
