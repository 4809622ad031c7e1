import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def noise():
    line = "x" * 999 + "\n"
    for _ in range(100_000):
        print(line, end="")
    return


if __name__ == "__main__":
    app.run()
