#!/usr/bin/env bash
# Writes tests/schemas/dagster/VERSION.graphql for the Dagster of an environment:
# `scripts/write-dagster-schema.sh PYTHON`, with a Python that has dagster-graphql.
#
# tests/dagster_operations.rs checks every operation against each of these files. A release that
# has only patches over one that is there replaces its file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ $# -ne 1 ]]; then
    echo "usage: scripts/write-dagster-schema.sh PYTHON" >&2
    exit 2
fi
"$1" -W ignore - tests/schemas/dagster <<'PYTHON'
import os
import sys
from pathlib import Path

try:
    import dagster
    from dagster_graphql.schema import create_schema
    from graphql import print_schema
except ImportError as error:
    sys.exit(f"error: {error}\nhint: name a Python that has dagster-graphql")

path = Path(sys.argv[1], f"{dagster.__version__}.graphql")
unfinished = path.with_suffix(".new")
unfinished.write_text(print_schema(create_schema().graphql_schema).rstrip("\n") + "\n")
os.replace(unfinished, path)
print(path)
PYTHON
