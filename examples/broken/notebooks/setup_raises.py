import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    broken = {}["missing"]


@app.cell
def use():
    print("never")
    return


if __name__ == "__main__":
    app.run()
