# shellcheck shell=bash disable=SC2154
# Packages of releases that are not this machine's, without touching its apt configuration: mirror, private_apt.
# Sourced after lib.sh, by what has a directory $work that it removes at its end.

# The machine's own mirror of a distribution, if its apt sources name one.
mirror() {
    local name=$1 fallback=$2 found
    found=$(grep -rhoE "^[^#]*https?://[^ ]+/$name/?( |\$)" /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
        grep -oE "https?://[^ ]+" | head -n 1) || true
    echo "${found:-$fallback}"
}

# private_apt TYPE KEYRING URI SUITE COMMAND…: apt-get with one source and with directories of its own.
private_apt() {
    local type=$1 keyring=$2 uri=$3 suite=$4
    shift 4
    local apt=$work/apt-$suite-$type
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    # As if nothing were installed: what this machine has is of another release.
    : >"$apt/status"
    echo "$type [signed-by=$keyring] $uri $suite main" >"$apt/sources.list"
    # A frozen mirror will do: its signature is checked, and a minor version behind harms no test.
    local options=(
        -qq -o Acquire::Check-Valid-Until=false
        -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
        -o Acquire::Retries=5 -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)"
    )
    apt-get "${options[@]}" update >>"$work/apt.log" 2>&1 && apt-get "${options[@]}" "$@" >>"$work/apt.log" 2>&1
}
