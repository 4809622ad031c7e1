"""All that Dagster loads."""

import sys
from pathlib import Path

# This folder is no package. Its modules are found wherever Dagster was started.
sys.path.insert(0, str(Path(__file__).parent))

import dagster as dg

from assets import orders
from jobs.refresh import refresh

defs = dg.Definitions(
    assets=dg.load_assets_from_modules([orders]),
    asset_checks=dg.load_asset_checks_from_modules([orders]),
    jobs=[refresh],
)
