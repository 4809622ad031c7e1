import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Customer segments")


@app.cell
def imports():
    import altair as alt
    import marimo as mo

    from orders import shop

    return alt, mo, shop


@app.cell
def title(mo):
    mo.md("""
    # Customer segments

    Who orders once, and who comes back.
    """)
    return


@app.cell
def load(shop):
    customers = shop.customer_segments(shop.clean_orders(shop.read_orders()))
    return (customers,)


@app.cell
def chart(alt, customers):
    alt.Chart(customers).mark_circle().encode(x="orders", y="revenue", color="segment")
    return


@app.cell
def table(customers, mo):
    mo.ui.table(customers.sort_values("revenue", ascending=False).head(20), selection=None)
    return


if __name__ == "__main__":
    app.run()
