import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def read_memory():
    import ctypes

    ctypes.string_at(0)
    return


if __name__ == "__main__":
    app.run()
