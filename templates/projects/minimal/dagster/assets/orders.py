"""Orders of a small shop, and what they come to."""

from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True)
class Order:
    """What somebody ordered."""

    number: int
    day: str
    product: str
    quantity: int
    price: float


@dg.asset(group_name="shop", kinds={"python"})
def orders() -> list[Order]:
    """Orders as the shop took them."""
    return [
        Order(1, "2026-01-05", "coffee", 2, 4.5),
        Order(2, "2026-01-05", "tea", 1, 3.2),
        Order(3, "2026-01-06", "coffee", 1, 4.5),
        Order(4, "2026-01-06", "cake", 3, 3.9),
        Order(5, "2026-01-07", "tea", 4, 3.2),
    ]


@dg.asset(group_name="shop", kinds={"python"})
def daily_revenue(orders: list[Order]) -> dict[str, float]:
    """What the orders of each day come to."""
    revenue: dict[str, float] = {}
    for order in orders:
        total = revenue.get(order.day, 0.0) + order.quantity * order.price
        revenue[order.day] = round(total, 2)
    return revenue


@dg.asset_check(asset=orders)
def quantities_are_positive(orders: list[Order]) -> dg.AssetCheckResult:
    """Nobody orders less than one piece."""
    wrong = [order.number for order in orders if order.quantity <= 0]
    return dg.AssetCheckResult(passed=not wrong, metadata={"wrong_orders": wrong})
