import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Revenue by country")


@app.cell
def imports():
    import marimo as mo
    import matplotlib.pyplot as plt

    from orders import shop

    return mo, plt, shop


@app.cell
def title(mo):
    mo.md("""
    # Revenue by country
    """)
    return


@app.cell
def load(shop):
    revenue = shop.revenue_by_country(shop.clean_orders(shop.read_orders()))
    return (revenue,)


@app.cell
def figure(plt, revenue):
    _figure, axes = plt.subplots(figsize=(7, 3.5))
    axes.bar(revenue["country"], revenue["total"], color="#4c78a8")
    axes.set_ylabel("revenue in EUR")
    axes.spines[["top", "right"]].set_visible(False)
    axes
    return


@app.cell
def best(mo, revenue):
    mo.md(f"The best country is **{revenue['country'].iloc[0]}**.")
    return


if __name__ == "__main__":
    app.run()
