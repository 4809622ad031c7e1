import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def say():
    print("a")
    return


if __name__ == "__main__":
    app.run()
