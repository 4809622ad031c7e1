"""A code location that does not load."""

from broken_helpers import read_settings
from dagster import Definitions

SETTINGS = read_settings()

defs = Definitions()
