"""`dagster-webserver …`, on the instance that daglab has chosen."""

from __future__ import annotations

from daglab._host.dotenv import ignore_instance
from daglab._host.storage import hurry


def main() -> None:
    """Run the web server's command line."""
    ignore_instance()
    hurry()
    from dagster_webserver.cli import main as webserver

    webserver()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
