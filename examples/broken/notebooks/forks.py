import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def fork():
    import os

    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    print("the child has left")
    return


if __name__ == "__main__":
    app.run()
