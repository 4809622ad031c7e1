"""What Dagster loads."""

from dagster import Definitions, load_asset_checks_from_modules, load_assets_from_modules

from orders import assets, checks, jobs

defs = Definitions(
    assets=load_assets_from_modules([assets]),
    asset_checks=[*load_asset_checks_from_modules([checks]), *checks.notebook_checks()],
    jobs=[jobs.build_orders, jobs.refresh_report],
    schedules=[jobs.every_morning],
)
