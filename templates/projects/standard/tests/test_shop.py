import pandas as pd

from assets.shop import missing_values, revenue_by_product
from resources.order_source import OrderSource


def test_the_source_makes_the_same_orders_again() -> None:
    source = OrderSource(orders_per_day=5)
    orders = source.fetch("2026-01-05")

    assert len(orders) == 5
    pd.testing.assert_frame_equal(orders, source.fetch("2026-01-05"))
    assert not orders.equals(source.fetch("2026-01-06"))


def test_revenue_is_by_product() -> None:
    orders = pd.DataFrame(
        {"product": ["tea", "cake", "tea"], "quantity": [1, 2, 3], "price": [2.0, 5.0, 2.0]}
    )
    revenue = revenue_by_product(orders)

    assert revenue.to_dict("records") == [
        {"product": "cake", "quantity": 2, "revenue": 10.0},
        {"product": "tea", "quantity": 4, "revenue": 8.0},
    ]


def test_missing_values_are_counted() -> None:
    assert missing_values(pd.DataFrame({"product": ["tea", None], "price": [None, None]})) == 3
