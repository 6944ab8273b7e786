# shellcheck shell=bash
# What every script of this folder shares. Sourced, never run.
# shellcheck disable=SC2034 # its variables are for those who source it

set -euo pipefail

# Both change what we build or what clients see: RUSTFLAGS would override the link flag that keeps pgrx's schema
# section, and a server started with RUST_BACKTRACE sends backtraces to its clients.
unset RUSTFLAGS RUST_BACKTRACE

# A PGHOST or PGOPTIONS of the caller's must not lead a test to another server.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGDATABASE PGOPTIONS PGSERVICE PGSSLMODE

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Everything a checkout builds, apart from cargo's own target directory.
build_dir=$repo/.build
here=$repo/pg_test/server

# Cargo itself tries that often to fetch a crate.
export CARGO_NET_RETRY=10

# What is kept between runs and shared by all checkouts: servers built from source, cargo-pgrx.
# Root's servers run as another user, who may not look into /root: hence not below $HOME then.
if [[ $(id -u) == 0 ]]; then
    cache_dir=/var/cache/pg_warden
else
    cache_dir=${XDG_CACHE_HOME:-$HOME/.cache}/pg_warden
fi

say() { printf '\033[2m%s\033[0m\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
# at_exit FUNCTION: run it however the script ends, undisturbed by a second Ctrl-C.
at_exit() {
    # shellcheck disable=SC2064 # the name is meant to be put in now
    trap "trap '' INT TERM HUP; $1" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# again COMMAND…: three times at most, for what comes by a network.
again() {
    local pause
    for pause in 5 20; do
        if "$@"; then
            return
        fi
        say "once more in $pause seconds: $1"
        sleep "$pause"
    done
    "$@"
}

have() { command -v "$1" >/dev/null 2>&1; }

# Postgres refuses to run as root; everything of a server runs as this user.
server_user=$(id -un)
if [[ $server_user == root ]]; then
    server_user=postgres
fi

# Run a command as the server's user, in an environment of a few known variables.
as_server_user() {
    # A machine that is busy with something else takes its time to start a server; pg_ctl gives it a minute of its own accord.
    local environment=(env -i "PATH=$PATH" LC_ALL=C.UTF-8 TZ=UTC PGCTLTIMEOUT=600)
    if [[ $(id -u) != 0 ]]; then
        "${environment[@]}" "$@"
    elif have setpriv; then
        (cd / && setpriv --reuid="$server_user" --regid="$server_user" --init-groups "${environment[@]}" "$@")
    else
        (cd / && runuser -u "$server_user" -- "${environment[@]}" "$@")
    fi
}
