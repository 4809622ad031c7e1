"""Where orders come from."""

import random

import dagster as dg
import pandas as pd

PRICES = {"cake": 3.9, "coffee": 4.5, "sandwich": 6.8, "tea": 3.2}


class OrderSource(dg.ConfigurableResource):
    """Stands in for the shop's database: makes up the orders of a day, always the same ones."""

    orders_per_day: int = 20

    def fetch(self, day: str) -> pd.DataFrame:
        """The orders of a day, `YYYY-MM-DD`."""
        chance = random.Random(day)
        products = [chance.choice(list(PRICES)) for _ in range(self.orders_per_day)]
        return pd.DataFrame(
            {
                "order_id": [f"{day}-{number:03}" for number in range(1, len(products) + 1)],
                "day": day,
                "product": products,
                "quantity": [chance.randint(1, 5) for _ in products],
                "price": [PRICES[product] for product in products],
            }
        )
