"""A repository that puts what it likes wherever Dagster lets it."""

import sys

import dagster as dg

# Sequences of 7 and of 8 bits, a title for the window, text that reads backwards, and what runners of
# CI take for commands.
EVIL = (
    "evil \x1b[31mred\x1b[0m \x1b]0;owned\x07 \x1b]8;;http://x\x1b\\link \x9b2J \x9d0;owned\x9c"
    " \u202egpj.exe\u202c \u2066x\u2069 \u200f \x7f \x08\x08\x08 back\rover\n"
    "::set-output name=x::evil\n  ::add-mask::evil\n##[add-mask]evil\n##vso[task.setvariable]evil\n"
    "\u2028::set-output name=y::evil\x85::stop-commands::evil"
)
LINE = "evil \x1b[31mred \x9b2J \u202egpj.exe ::set-output ##[add-mask]"

EvilError = type(f"Evil{LINE}", (Exception,), {})

partitions = dg.StaticPartitionsDefinition([LINE, "plain"])


@dg.asset(description=EVIL, metadata={"note": EVIL}, code_version=LINE)
def described(context) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={EVIL: EVIL, "path": dg.MetadataValue.path(EVIL)})


@dg.asset(partitions_def=partitions, description=EVIL)
def parted(context):
    context.log.info(EVIL)


@dg.asset_check(asset=described, description=EVIL)
def checked():
    return dg.AssetCheckResult(passed=False, description=EVIL, metadata={EVIL: EVIL})


@dg.op(description=EVIL)
def talks(context):
    for say in (context.log.debug, context.log.info, context.log.warning, context.log.error):
        say(EVIL)
    print(EVIL)
    print(EVIL, file=sys.stderr)
    key = dg.AssetKey(["evil", LINE, EVIL])
    context.log_event(dg.AssetMaterialization(key, description=EVIL, partition=EVIL))
    context.log_event(dg.AssetObservation(key, description=EVIL, metadata={EVIL: EVIL}))


@dg.op
def breaks():
    print(EVIL)
    print(EVIL, file=sys.stderr)
    raise EvilError(EVIL)


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def gives_up():
    raise dg.Failure(description=EVIL, metadata={EVIL: EVIL})


@dg.op(config_schema={LINE: dg.Field(str, description=EVIL)})
def wants():
    pass


@dg.job(description=EVIL, tags={"note": EVIL}, metadata={"note": EVIL})
def talking():
    talks()


@dg.job(description=EVIL)
def breaking():
    breaks()
    gives_up()


@dg.job
def wanting():
    wants()


@dg.schedule(job=talking, cron_schedule="0 0 * * *", description=EVIL)
def nightly():
    return {}


@dg.sensor(job=talking, description=EVIL)
def watching():
    return dg.SkipReason(EVIL)


defs = dg.Definitions(
    assets=[described, parted],
    asset_checks=[checked],
    jobs=[talking, breaking, wanting],
    schedules=[nightly],
    sensors=[watching],
)
