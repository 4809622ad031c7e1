import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def load():
    values = [1, 2, 3]
    return (values,)


@app.cell
def divide(values):
    ratio = values[0] / (values[1] - 2)
    return (ratio,)


@app.cell
def show(ratio):
    ratio
    return


@app.cell
def unrelated(values):
    print(sum(values))
    return


if __name__ == "__main__":
    app.run()
