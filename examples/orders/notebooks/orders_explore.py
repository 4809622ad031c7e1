# daglab: asset=orders
import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Orders, explored")


@app.cell
def imports():
    import altair as alt
    import marimo as mo

    from orders import shop

    return alt, mo, shop


@app.cell
def title(mo):
    mo.md("""
    # Orders, explored

    What was ordered in the first two weeks of January 2026.
    """)
    return


@app.cell
def load(shop):
    orders = shop.clean_orders(shop.read_orders())
    print(f"{len(orders)} orders")
    return (orders,)


@app.cell
def table(mo, orders):
    mo.ui.table(orders.head(200), selection=None)
    return


@app.cell
def by_day(alt, orders):
    daily = orders.assign(day=orders["ordered_at"].dt.strftime("%Y-%m-%d"))
    daily = daily.groupby(["day", "product"], as_index=False)["total"].sum()
    alt.Chart(daily).mark_bar().encode(x="day", y="total", color="product")
    return


if __name__ == "__main__":
    app.run()
