"""What the notebooks of the tests are about."""

import time

import dagster as dg


@dg.op
def say(context: dg.OpExecutionContext) -> None:
    context.log.info("quick as that")


@dg.job(description="Says something, and is done.")
def quick() -> None:
    say()


@dg.op(config_schema={"table": str, "limit": dg.Field(int, default_value=10)})
def load(context: dg.OpExecutionContext) -> None:
    context.log.info(f"loading {context.op_config['table']}")


@dg.job(description="Needs to be told what to load.")
def configured() -> None:
    load()


@dg.op
def flaky(context: dg.OpExecutionContext) -> None:
    if context.run.parent_run_id is None:
        raise ValueError("the first time never works")


@dg.job(description="Fails, and succeeds when it is run again.")
def failing() -> None:
    flaky()


@dg.op
def wait(context: dg.OpExecutionContext) -> None:
    for second in range(60):
        context.log.info(f"waited for {second} s")
        time.sleep(1)


@dg.job(description="Takes a minute.")
def slow() -> None:
    wait()


@dg.asset(group_name="sales", description="What was ordered.")
def orders() -> dg.MaterializeResult:
    columns = [dg.TableColumn("id", "int"), dg.TableColumn("amount", "float")]
    return dg.MaterializeResult(
        metadata={"rows": 3, "dagster/column_schema": dg.TableSchema(columns)}
    )


@dg.asset(group_name="sales", deps=[orders], key_prefix="report")
def revenue() -> list[dict[str, float]]:
    return [{"month": 1.0, "revenue": 10.5}, {"month": 2.0, "revenue": 12.25}]


class Training(dg.Config):
    learning_rate: float = 0.1
    epochs: int = 3
    shuffle: bool = True


@dg.asset(group_name="models")
def model(config: Training) -> dg.MaterializeResult:
    accuracy = 1 - config.learning_rate / config.epochs
    return dg.MaterializeResult(metadata={"accuracy": accuracy, "loss": 1 - accuracy})


training = dg.define_asset_job("training", [model], description="Trains the model.")

defs = dg.Definitions(
    assets=[orders, revenue, model],
    jobs=[quick, configured, failing, slow, training],
    # A process for each step would be half of the time that the tests take.
    executor=dg.in_process_executor,
)
