import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Weekly report")


@app.cell
def imports():
    import altair as alt
    import marimo as mo

    from assets.report import ReportConfig, report_of
    from resources.order_source import OrderSource

    return OrderSource, ReportConfig, alt, mo, report_of


@app.cell
def controls(mo):
    days = mo.ui.slider(1, 31, value=7, label="Days", show_value=True)
    days
    return (days,)


@app.cell
def load(OrderSource, ReportConfig, days, report_of):
    report = report_of(ReportConfig(days=days.value), OrderSource())
    return (report,)


@app.cell
def title(days, mo, report):
    mo.md(f"""
    # Weekly report

    {report["quantity"].sum()} pieces in {days.value} days, {report["revenue"].sum():,.2f} in all.
    """)
    return


@app.cell
def chart(alt, report):
    alt.Chart(report).mark_bar().encode(
        x="revenue:Q", y=alt.Y("product:N", sort="-x"), tooltip=["quantity", "revenue"]
    )
    return


if __name__ == "__main__":
    app.run()
