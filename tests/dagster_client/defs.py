import datetime
import sys
import time

import dagster as dg


class Warehouse(dg.ConfigurableResource):
    url: str
    password: str


class Source(dg.ConfigurableResource):
    warehouse: Warehouse


class Greeting(dg.Config):
    name: str
    times: int = 1


@dg.op
def greet(context: dg.OpExecutionContext, config: Greeting) -> None:
    print("printed to stdout")
    print("printed to stderr", file=sys.stderr)
    for _ in range(config.times):
        context.log.info(f"hello {config.name}")


@dg.job
def good_job():
    greet()


@dg.job(executor_def=dg.in_process_executor)
def own_executor_job():
    greet()


@dg.executor(name="anything")
def anything(init_context):
    return dg.in_process_executor.executor_creation_fn(init_context)


@dg.job(executor_def=anything)
def any_executor_job():
    greet()


@dg.op
def explode():
    try:
        return 1 / 0
    except ZeroDivisionError as error:
        raise ValueError("the ratio is not defined") from error


@dg.op(ins={"start": dg.In(dg.Nothing)})
def after():
    pass


@dg.job
def failing_job():
    after(explode())


@dg.op
def sleep_long():
    time.sleep(600)


@dg.job
def hanging_job():
    sleep_long()


@dg.op(config_schema={"n": int})
def count(context):
    assert context.op_config["n"] == 2


@dg.static_partitioned_config(partition_keys=["first", "second"])
def by_place(key):
    return {"ops": {"count": {"config": {"n": 1 if key == "first" else 2}}}}


@dg.job(config=by_place)
def partitioned_job():
    count()


daily = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-10")
two_ways = dg.MultiPartitionsDefinition(
    {
        "color": dg.StaticPartitionsDefinition(["red", "blue"]),
        "abc": dg.StaticPartitionsDefinition(["a", "b"]),
    }
)


def moment():
    # Metadata of this type is there from 1.6 on.
    if dg.__version__.startswith("1.5."):
        return {}
    when = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    return {"when": dg.MetadataValue.timestamp(when)}


@dg.asset(partitions_def=daily, group_name="sales")
def orders() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={
            **moment(),
            "rows": 42,
            "big": 2**40,
            "ratio": 0.5,
            "nan": float("nan"),
            "page": dg.MetadataValue.url("https://example.com/a"),
            "flag": True,
            "table": dg.MetadataValue.table(
                records=[dg.TableRecord({"x": 1, "y": "a"}), dg.TableRecord({"x": 2, "y": "b"})]
            ),
        }
    )


@dg.asset(partitions_def=two_ways)
def shades(context: dg.AssetExecutionContext) -> None:
    keys = context.partition_key.keys_by_dimension
    assert keys == {"abc": "a", "color": "red"}, keys


@dg.asset(deps=[orders])
def summary() -> None:
    pass


@dg.asset_check(asset=summary)
def summary_is_fine():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


outside = dg.AssetSpec("outside")
if dg.__version__.startswith("1.5."):
    # Definitions take specs from 1.6 on.
    outside = dg.external_asset_from_spec(outside)


defs = dg.Definitions(
    assets=[orders, shades, summary, outside],
    asset_checks=[summary_is_fine],
    jobs=[
        good_job,
        own_executor_job,
        any_executor_job,
        failing_job,
        hanging_job,
        partitioned_job,
    ],
    resources={
        "source": Source(
            warehouse=Warehouse(url="postgres://x", password=dg.EnvVar("NESTED_PASSWORD"))
        ),
        "warehouse": Warehouse(url=dg.EnvVar("WAREHOUSE_URL"), password="x"),
    },
)
