import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def before():
    first = 1
    return (first,)


@app.cell
def sleep(first):
    import time

    while first:
        time.sleep(0.1)
    return


@app.cell
def after():
    print("after")
    return


if __name__ == "__main__":
    app.run()
