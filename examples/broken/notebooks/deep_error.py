import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def imports():
    from broken_helpers import average

    return (average,)


@app.cell
def use(average):
    average([])
    return


if __name__ == "__main__":
    app.run()
