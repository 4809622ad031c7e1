#!/usr/bin/env bash
# Builds the binary that runs on any Linux of this architecture, and makes sure that it does.
#
# `--target` keeps the flags away from build scripts and procedural macros, which are libraries that
# the compiler loads and so can't be static. Prints the binary's path on the last line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="$(uname -m)-unknown-linux-gnu"
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
    cargo build --locked --profile dist --target "$target" "$@"

target_dir=$(cargo metadata --locked --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
binary="$target_dir/$target/dist/daglab"

# A static program asks for no loader (INTERP) and no library (NEEDED).
if readelf --program-headers --wide "$binary" | grep -q INTERP ||
    readelf --dynamic --wide "$binary" | grep -q NEEDED; then
    echo "error: \`$binary\` is not static" >&2
    exit 1
fi
"$binary" --version
printf '%s\n' "$binary"
