#!/usr/bin/env bash
# Makes what the tests run in, and prints the interpreter's path on stdout.
#
# A virtual environment with the packages of scripts/test-requirements.txt, in
# ${XDG_CACHE_HOME:-~/.cache}/daglab-test, named after what it is made from: a second call finds it
# and returns at once. Settings of pip and uv (PIP_*, UV_*, SSL_CERT_FILE) are the caller's.
#
# On Debian and Ubuntu, packages that are missing are installed with apt-get when this runs as root;
# elsewhere their names are printed. Of nginx, only the program is wanted: it is not started, neither
# now nor with the machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/python-environment.sh

browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        has "$name" && return 0
    done
    return 1
}

system_packages() {
    local missing=()
    has git || missing+=(git)
    has cc || missing+=(gcc libc6-dev)
    has readelf || missing+=(binutils)
    browser || missing+=(chromium)
    has nginx || [[ -x /usr/sbin/nginx ]] || missing+=(nginx-light)
    # Debian leaves ensurepip out of python3.
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        missing+=(python3 python3-venv)
    fi
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if has apt-get && [[ $EUID -eq 0 ]]; then
        say "Installing ${missing[*]}"
        install_packages "${missing[@]}"
    else
        fail "missing: ${missing[*]}" "install them, or run this as root on Debian"
    fi
}

if ! has cargo; then
    fail "no cargo" "install Rust with rustup"
fi
system_packages

python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$(python3 --version) is too old" "put a Python 3.10 or newer first on PATH as python3"

unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV
lock=scripts/test-requirements.txt
cache="${XDG_CACHE_HOME:-$HOME/.cache}/daglab-test"
base=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable), sys.version)')
name=$(cat "$lock" - <<<"$base" | sha256sum | cut -c1-12)
venv="$cache/venv-$name"

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [[ ! -e $venv/.complete ]]; then
    say "Making the Python environment of the tests in $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    uv=$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' "$lock")
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv" >&2
    install_locked "$venv/bin" "$venv/bin/python" "$lock"
    # Found by tests that want uv, without the environment's python on PATH.
    mkdir "$venv/tools"
    ln -s ../bin/uv "$venv/tools/uv"
    touch "$venv/.complete"
fi
printf '%s\n' "$venv/bin/python"
