#!/usr/bin/env bash
# Writes scripts/test-requirements.txt anew: the newest releases, for every supported Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock=scripts/test-requirements.txt
{
    echo "# Written by scripts/lock-test-requirements.sh from scripts/test-requirements.in."
    uv pip compile --universal --python-version 3.10 --upgrade --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --quiet scripts/test-requirements.in
} >"$lock.new"
mv "$lock.new" "$lock"
