"""Print which assets Dagster itself selects, for each selection on stdin."""

import json
import sys
import warnings

warnings.simplefilter("ignore")

import dagster as dg  # noqa: E402
from defs import defs  # noqa: E402

graph = defs.resolve_asset_graph()
answers = {}
for line in json.load(sys.stdin):
    try:
        selection = dg.AssetSelection.from_string(line, include_sources=True)
        keys = selection.resolve(graph)
        answers[line] = sorted(key.to_user_string() for key in keys)
    except Exception as error:
        answers[line] = [f"{type(error).__name__}: {error}"]
print(json.dumps(answers))
