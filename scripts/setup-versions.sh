#!/usr/bin/env bash
# Makes a Python environment for each old Dagster that is tested beside the newest, and prints them
# on stdout: `1.5=PYTHON:1.8=PYTHON`.
#
# A release is a lock, scripts/dagster/RELEASE.txt. Its environment is made beside that of
# scripts/setup-test.sh, with the tools from there, and found again like that one. Old releases do
# not install on every new Python: the `.in` file of each says on which. Where `python3` is newer,
# another one of the machine is taken; a release for which there is none is named on stderr and left
# out, for interpreters are in no package registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/python-environment.sh

tools=$(dirname "$(scripts/setup-test.sh)")
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Its C parts need Python's headers, which are in a package of their own; it works without them.
export PENDULUM_EXTENSIONS=0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/daglab-test"

# An interpreter of daglab's range that is older than 3.$1.
interpreter_before() { # MINOR
    local name
    for name in python3 python3.{13,12,11,10}; do
        if "$name" -c "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, $1))" 2>/dev/null; then
            "$name" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return 0
        fi
    done
    return 1
}

make_environment() { # VENV BASE LOCK
    [[ ! -e $1/.complete ]] || return 0
    say "Making the Python environment of Dagster $(basename "$3" .txt) in $1"
    rm -rf "$1"
    "$tools/uv" venv --quiet --python "$2" --no-python-downloads "$1" >&2
    install_locked "$tools" "$1/bin/python" "$3"
    touch "$1/.complete"
}

exec 9>"$cache/lock"
flock 9
entries=()
makers=()
while read -r lock; do
    release=$(basename "$lock" .txt)
    below=$(sed -n 's/^# Python <3\.\([0-9]*\):.*/\1/p' "${lock%.txt}.in")
    if ! base=$(interpreter_before "$below"); then
        say "Dagster $release is left out: it needs a Python from 3.10 to before 3.$below on PATH"
        continue
    fi
    name=$("$base" -c 'import sys; print(sys.executable, sys.version)' | cat "$lock" - | sha256sum | cut -c1-12)
    venv="$cache/venv-$name"
    make_environment "$venv" "$base" "$lock" &
    makers+=("$!")
    entries+=("$release=$venv/bin/python")
done < <(printf '%s\n' scripts/dagster/*.txt | sort -V)
for maker in ${makers[@]+"${makers[@]}"}; do
    wait "$maker" || fail "an environment could not be made" "what uv and pip said stands above"
done
(
    IFS=:
    printf '%s\n' "${entries[*]}"
)
