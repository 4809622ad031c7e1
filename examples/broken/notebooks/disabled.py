import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell(disabled=True)
def off():
    answer = 42
    return (answer,)


@app.cell
def below(answer):
    print(answer)
    return


@app.cell
def apart():
    print("apart")
    return


if __name__ == "__main__":
    app.run()
