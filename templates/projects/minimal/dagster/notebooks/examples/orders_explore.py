import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Orders")


@app.cell
def imports():
    from dataclasses import asdict

    import marimo as mo

    from assets.orders import daily_revenue, orders

    return asdict, daily_revenue, mo, orders


@app.cell
def load(daily_revenue, orders):
    rows = orders()
    revenue = daily_revenue(rows)
    return revenue, rows


@app.cell
def title(mo, revenue, rows):
    mo.md(f"""
    # Orders

    {len(rows)} orders on {len(revenue)} days come to {sum(revenue.values()):.2f}.
    """)
    return


@app.cell
def table(asdict, mo, rows):
    mo.ui.table([asdict(order) for order in rows], selection=None)
    return


@app.cell
def by_day(mo, revenue):
    mo.ui.table([{"day": day, "revenue": total} for day, total in revenue.items()], selection=None)
    return


if __name__ == "__main__":
    app.run()
