"""Makes orders.csv. The seed is fixed, so that the file is always the same."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

COUNTRIES = {"DE": 0.3, "FR": 0.2, "NL": 0.15, "PL": 0.1, "ES": 0.15, "AT": 0.1}
PRODUCTS = {"notebook": 4.5, "fountain pen": 39.0, "ink": 9.9, "desk lamp": 59.0, "paper": 6.2}
FIRST = datetime(2026, 1, 1)
DAYS = 14


def main() -> None:
    """Write the file beside this script."""
    rng = random.Random(20260101)
    rows = []
    for number in range(3000):
        product = rng.choices(list(PRODUCTS), weights=[5, 1, 3, 1, 6])[0]
        moment = FIRST + timedelta(minutes=rng.randrange(DAYS * 24 * 60))
        country = rng.choices(list(COUNTRIES), weights=list(COUNTRIES.values()))[0]
        rows.append(
            {
                "order_id": f"O{number:05}",
                "customer": f"C{int(rng.paretovariate(1.1) * 7) % 400:03}",
                # A few come without a country, as they do.
                "country": "" if rng.random() < 0.01 else country,
                "product": product,
                "quantity": rng.choice([1, 1, 1, 2, 2, 3, 5, 10]),
                "unit_price": f"{PRODUCTS[product] * rng.choice([1, 1, 1, 0.9]):.2f}",
                "ordered_at": moment.isoformat(sep=" "),
                "status": rng.choices(["paid", "refunded", "open"], weights=[90, 4, 6])[0],
            }
        )
    # The shop's export repeats a row now and then.
    rows += rng.sample(rows, 12)
    rows.sort(key=lambda row: (row["ordered_at"], row["order_id"]))
    with (Path(__file__).parent / "orders.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
