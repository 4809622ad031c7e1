"""A code location with a bit of everything."""

import dagster as dg

daily = dg.DailyPartitionsDefinition("2026-01-01")
regions = dg.StaticPartitionsDefinition(["eu", "us"])

prices = dg.AssetSpec("prices", group_name="outside", kinds={"s3"}, owners=["team:data"])


@dg.observable_source_asset(group_name="outside")
def rates():
    return dg.DataVersion("1")


def asset(key, deps=(), **options):
    @dg.asset(key=key.split("/"), deps=[d.split("/") for d in deps], **options)
    def made():
        return None

    return made


assets = [
    prices,
    rates,
    asset("raw/orders", group_name="raw", kinds={"python"}, partitions_def=daily),
    asset("raw/items", ["prices"], group_name="raw", tags={"domain": "sales"}),
    asset(
        "core/orders",
        ["raw/orders", "raw/items"],
        group_name="core",
        tags={"domain": "sales", "tier": "1"},
        owners=["team:sales", "ann@example.com"],
        kinds={"dbt", "snowflake"},
        description="Orders as they were placed.\nSecond line.",
    ),
    asset("core/items", ["raw/items", "rates"], group_name="core", tags={"tier": "2"}),
    asset(
        "core/by_region",
        ["core/orders"],
        group_name="core",
        partitions_def=dg.MultiPartitionsDefinition({"day": daily, "region": regions}),
    ),
    asset("mart_daily", ["core/orders", "core/items"], group_name="marts", kinds={"dbt"}),
    asset("mart_weekly", ["mart_daily"], group_name="marts", partitions_def=regions),
    asset("lonely", group_name="draft", tags={"domain": ""}),
    asset("odd", ["mart_weekly"], group_name="draft"),
]


@dg.asset_check(asset="mart_daily")
def not_empty():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="mart_daily")
def no_nulls():
    return dg.AssetCheckResult(passed=True)


@dg.op
def nothing():
    return None


@dg.job(tags={"team": "sales"}, description="Does nothing at all.")
def nightly():
    nothing()


marts = dg.define_asset_job(
    "marts", selection=["mart_daily", "core/items"], description="\x1b[31mred\x1b[0m ##[group]"
)
every_night = dg.ScheduleDefinition(
    job=nightly, cron_schedule="0 3 * * *", execution_timezone="Europe/Berlin"
)


@dg.sensor(job=marts, minimum_interval_seconds=60)
def new_files():
    return dg.SkipReason("none")


defs = dg.Definitions(
    assets=assets,
    asset_checks=[not_empty, no_nulls],
    jobs=[nightly, marts],
    schedules=[every_night],
    sensors=[new_files],
)
