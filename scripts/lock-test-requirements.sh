#!/usr/bin/env bash
# Writes the locks of the tests' Python environments anew, each for every Python that daglab
# supports: scripts/test-requirements.txt with the newest releases of everything, and
# scripts/dagster/*.txt with the newest patch of each old Dagster.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for requirements in scripts/test-requirements.in scripts/dagster/*.in; do
    lock="${requirements%.in}.txt"
    {
        echo "# Written by scripts/lock-test-requirements.sh from $requirements."
        uv pip compile --universal --python-version 3.10 --upgrade --no-header --no-annotate \
            --no-emit-index-url --no-emit-find-links --quiet "$requirements"
    } >"$lock.new"
    mv "$lock.new" "$lock"
done
