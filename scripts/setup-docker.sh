#!/usr/bin/env bash
# Sets up what the tests of the image need of Docker, and prints it as lines for `eval`:
#
#   export DOCKER_HOST=…        the engine
#   export DAGLAB_TEST_BASE=…   a base image with Python and git, made without a registry
#
# An engine that answers is taken as it is. Otherwise one is started whose data, socket and process
# id are in ${XDG_CACHE_HOME:-~/.cache}/daglab-test/docker; `scripts/setup-docker.sh --stop` ends it,
# and no other. The base image is Debian by debootstrap, kept as an archive beside it. It trusts what
# this machine trusts, so it is for tests alone and is pushed nowhere.
#
# On Debian and Ubuntu, docker.io and debootstrap are installed with apt-get if they are missing and
# this runs as root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/python-environment.sh

readonly SUITE=bookworm
readonly PACKAGES=ca-certificates,git,python3,python3-venv
cache="${XDG_CACHE_HOME:-$HOME/.cache}/daglab-test"
own="$cache/docker"

# The process id of the engine that this script started, if it still runs.
own_engine() {
    local pid
    pid=$(cat "$own/pid" 2>/dev/null) || return 1
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || return 1
    printf '%s\n' "$pid"
}

if [[ ${1:-} == --stop ]]; then
    if pid=$(own_engine); then
        kill "$pid"
        for _ in {1..300}; do
            [[ -e /proc/$pid ]] || exit 0
            sleep 0.1
        done
        fail "the Docker engine $pid does not end" "what it says is in \`$own/log\`"
    fi
    exit 0
fi

missing=()
has docker || missing+=(docker.io)
has dockerd || docker version >/dev/null 2>&1 || missing+=(docker.io)
has debootstrap || missing+=(debootstrap)
if [[ ${#missing[@]} -gt 0 ]]; then
    if has apt-get && [[ $EUID -eq 0 ]]; then
        say "Installing ${missing[*]}"
        install_packages "${missing[@]}"
    else
        fail "missing: ${missing[*]}" "install them, or run this as root on Debian"
    fi
fi

mkdir -p "$own"
exec 9>"$cache/lock-docker"
flock 9

answers() { docker version >/dev/null 2>&1; }

# The first storage driver that works: overlay2 needs a file system that can be its lower layer.
start_engine() {
    local driver
    [[ $EUID -eq 0 ]] || fail "no Docker engine answers" "start it, or run this as root"
    for driver in overlay2 vfs; do
        say "Starting a Docker engine with $driver in $own"
        rm -f "$own/pid"
        # Without descriptor 9, which holds the lock.
        setsid dockerd --host "$DOCKER_HOST" --data-root "$own/data" --exec-root "$own/run" \
            --pidfile "$own/pid" --storage-driver "$driver" >"$own/log" 2>&1 9>&- </dev/null &
        for _ in {1..300}; do
            if answers; then return 0; fi
            kill -0 $! 2>/dev/null || break
            sleep 0.1
        done
        kill $! 2>/dev/null || true
        wait $! 2>/dev/null || true
    done
    tail -n 20 "$own/log" >&2
    fail "the Docker engine does not start" "all it said is in \`$own/log\`"
}

if ! answers; then
    export DOCKER_HOST="unix://$own/socket"
    answers || start_engine
fi
host=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}

# Every change of what the base is made from makes another one.
authorities=$(cat /etc/ssl/certs/ca-certificates.crt 2>/dev/null | sha256sum | cut -c1-12)
name=$(printf '%s ' "$SUITE" "$PACKAGES" "$authorities" | sha256sum | cut -c1-12)
base="daglab-test-base:$name"
archive="$cache/base-$name.tar"
if [[ ! -e $archive ]]; then
    [[ $EUID -eq 0 ]] || fail "debootstrap needs root" "run this as root"
    say "Making a base image of Debian $SUITE"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$work" >&2
    rm -rf "$work"/var/cache/apt/archives/*.deb "$work"/var/lib/apt/lists/* \
        "$work"/usr/share/{doc,man,locale}/*
    cp -L /etc/ssl/certs/ca-certificates.crt "$work/etc/ssl/certs/ca-certificates.crt"
    tar -C "$work" --one-file-system -cf "$archive.part" .
    mv "$archive.part" "$archive"
fi
if ! DOCKER_HOST=$host docker image inspect "$base" >/dev/null 2>&1; then
    DOCKER_HOST=$host docker import --change 'CMD ["bash"]' "$archive" "$base" >&2
fi
printf 'export DOCKER_HOST=%q\nexport DAGLAB_TEST_BASE=%q\n' "$host" "$base"
