# What the scripts that make Python environments share; they source it.

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $1"
    [[ $# -lt 2 ]] || say "hint: $2"
    exit 3
}
has() { command -v "$1" >/dev/null 2>&1; }

# Installs a lock's packages with the uv and the pip that lie beside a Python, into another one or
# the same.
install_locked() { # TOOLS PYTHON LOCK
    if "$1/uv" pip install --quiet --python "$2" --compile-bytecode -r "$3" >&2; then
        return 0
    fi
    # A machine may have an index configured for pip alone.
    say "uv could not install the packages; trying pip"
    "$1/python" -m pip --python "$2" install --quiet --disable-pip-version-check -r "$3" >&2
}

# Installs packages of Debian, and starts none of the services that they bring.
install_packages() {
    local policy=/usr/sbin/policy-rc.d ours=
    if [[ ! -e $policy ]]; then
        ours=$policy
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    local status=0
    {
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >&2 || status=$?
    [[ -z $ours ]] || rm -f "$ours"
    if [[ $status -eq 0 && " $* " == *" nginx-light "* ]]; then
        update-rc.d nginx disable >&2 || true
    fi
    return "$status"
}
