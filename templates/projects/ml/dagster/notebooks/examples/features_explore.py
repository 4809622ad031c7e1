import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Features")


@app.cell
def imports():
    import altair as alt
    import marimo as mo

    from assets.features import LABEL, measurements

    return LABEL, alt, measurements, mo


@app.cell
def load(measurements):
    table = measurements()
    return (table,)


@app.cell
def title(LABEL, mo, table):
    mo.md(f"""
    # Features

    {len(table)} rows of {len(table.columns) - 1} measurements, {table[LABEL].mean():.0%} malignant.
    """)
    return


@app.cell
def controls(LABEL, mo, table):
    names = [name for name in table.columns if name != LABEL]
    column = mo.ui.dropdown(names, names[0], label="Measurement")
    column
    return (column,)


@app.cell
def chart(LABEL, alt, column, table):
    alt.Chart(table[[column.value, LABEL]]).mark_bar(opacity=0.6).encode(
        x=alt.X(column.value, bin=alt.Bin(maxbins=30)),
        y=alt.Y("count()", stack=None),
        color=LABEL,
    )
    return


@app.cell
def separation(LABEL, mo, table):
    distance = table.drop(columns=LABEL).corrwith(table[LABEL]).abs().sort_values(ascending=False)
    top = distance.head(10).rename_axis("measurement").reset_index(name="correlation")
    mo.ui.table(top, selection=None)
    return


if __name__ == "__main__":
    app.run()
