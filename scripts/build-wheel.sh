#!/usr/bin/env bash
# Builds the wheel: `scripts/build-wheel.sh [--sdist] [OUT]`, into target/wheels unless given. Prints
# the paths of what it has built on stdout.
#
# The wheel holds the binary of scripts/build-static.sh, of the same flags and the same folder, so
# that nothing compiles twice, and python/daglab. `--sdist` builds the source distribution, too.
# maturin is `$MATURIN`, the one on PATH, or that of the tests' environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/python-environment.sh

sdist=
if [[ ${1:-} == --sdist ]]; then
    sdist=1
    shift
fi
maturin=${MATURIN:-}
if [[ -z $maturin ]]; then
    if has maturin; then
        maturin=maturin
    elif [[ -n ${DAGLAB_TEST_PYTHON:-} ]]; then
        maturin="$(dirname "$DAGLAB_TEST_PYTHON")/maturin"
    fi
fi
has "$maturin" || fail "no maturin" "install it (\`uv tool install maturin\`), or let \`MATURIN\` name it"

binary=$(scripts/build-static.sh | tail -n 1)
target="$(uname -m)-unknown-linux-gnu"
out=${1:-$(dirname "$binary")/../../wheels}
mkdir -p "$out"
out=$(realpath "$out")
made=$(mktemp -d "$out/.making-XXXXXX")
trap 'rm -rf "$made"' EXIT

# maturin looks at the libraries that the binary asks for, and finds none.
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
    "$maturin" build --locked --profile dist --target "$target" --out "$made" >&2
[[ -z $sdist ]] || "$maturin" sdist --out "$made" >&2

python3 scripts/label-wheel.py "$binary" "$made"/*.whl >&2
for file in "$made"/*; do
    mv -f "$file" "$out/"
    printf '%s\n' "$out/${file##*/}"
done
