import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def fine():
    one = 1
    return (one,)


@app.cell
def leave(one):
    import os

    os._exit(2 + one)
    return


if __name__ == "__main__":
    app.run()
