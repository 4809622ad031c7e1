#!/usr/bin/env bash
# Installs what the tests use of Node.js, and prints the directory that holds `node_modules`.
#
# The packages of tests/node/package-lock.json, in ${XDG_CACHE_HOME:-~/.cache}/daglab-test, named
# after what it is made from: a second call finds it and returns at once. Settings of npm
# (npm_config_*, NODE_EXTRA_CA_CERTS) are the caller's.
#
# On Debian and Ubuntu, Node.js and npm are installed with apt-get if they are missing and this runs
# as root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/python-environment.sh

missing=()
has node || missing+=(nodejs)
has npm || missing+=(npm)
if [[ ${#missing[@]} -gt 0 ]]; then
    if has apt-get && [[ $EUID -eq 0 ]]; then
        say "Installing ${missing[*]}"
        {
            apt-get update -qq &&
                DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
        } >&2
    else
        fail "missing: ${missing[*]}" "install them, or run this as root on Debian"
    fi
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/daglab-test"
name=$(cat tests/node/package-lock.json - <<<"$(node --version)" | sha256sum | cut -c1-12)
dir="$cache/node-$name"

mkdir -p "$cache"
exec 9>"$cache/lock-node"
flock 9
if [[ ! -e $dir/.complete ]]; then
    say "Installing the Node.js packages of the tests in $dir"
    rm -rf "$dir"
    mkdir -p "$dir"
    cp tests/node/package.json tests/node/package-lock.json tests/node/.npmrc "$dir"
    (cd "$dir" && npm ci --ignore-scripts --no-progress --loglevel error) >&2
    touch "$dir/.complete"
fi
printf '%s\n' "$dir"
