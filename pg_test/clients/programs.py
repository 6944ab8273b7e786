"""The server's client programs: pg_dump, pg_restore, psql."""

import os
import subprocess


def run(program, *arguments, check=True, **options):
    """Runs one of them; unless `check` is false it has to succeed, and to say nothing on the way."""
    command = [f"{os.environ['WARDEN_BIN_DIR']}/{program}", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, **options)
    assert not check or (result.returncode, result.stderr) == (0, ""), result.stderr
    return result
