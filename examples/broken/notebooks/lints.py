import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def one():
    total = 1
    return (total,)


@app.cell
def two():
    total = 2
    return (total,)


if __name__ == "__main__":
    app.run()
