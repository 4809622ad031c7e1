import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Orders of a day")


@app.cell
def imports():
    import marimo as mo

    from orders import shop

    return mo, shop


@app.cell
def parameters(mo):
    day = str(mo.cli_args().get("day") or "2026-01-05")
    return (day,)


@app.cell
def load(day, shop):
    orders = shop.orders_of_day(shop.clean_orders(shop.read_orders()), day)
    assert len(orders) > 0, f"no orders on {day}"
    return (orders,)


@app.cell
def summary(day, mo, orders):
    mo.md(f"""
    # Orders of {day}

    {len(orders)} orders, {orders["total"].sum():,.2f} EUR
    """)
    return


@app.cell
def by_product(mo, orders):
    mo.ui.table(orders.groupby("product", as_index=False)["total"].sum(), selection=None)
    return


if __name__ == "__main__":
    app.run()
