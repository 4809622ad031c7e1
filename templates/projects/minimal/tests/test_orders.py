from assets.orders import Order, daily_revenue, orders


def test_orders_are_numbered() -> None:
    assert [order.number for order in orders()] == [1, 2, 3, 4, 5]


def test_revenue_is_by_day() -> None:
    rows = [
        Order(1, "2026-01-05", "tea", 2, 1.5),
        Order(2, "2026-01-06", "tea", 1, 2.0),
        Order(3, "2026-01-05", "cake", 1, 1.0),
    ]
    assert daily_revenue(rows) == {"2026-01-05": 4.0, "2026-01-06": 2.0}
