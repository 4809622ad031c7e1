"""Training and evaluation, with hyperparameters."""

import dagster as dg

from assets.model import Hyperparameters

train = dg.define_asset_job(
    "train",
    selection=dg.AssetSelection.groups("training"),
    config=dg.RunConfig(ops={"model": Hyperparameters()}),
)

train_schedule = dg.ScheduleDefinition(name="train_weekly", job=train, cron_schedule="0 4 * * 1")
