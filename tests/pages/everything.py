import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Everything")

with app.setup:
    import marimo as mo
    import sys

@app.cell
def intro():
    mo.md(r"""
    # Heading *one*

    Some **bold** text with `code` and a [link](https://example.org/), $x^2 + \frac{1}{2}$ inline.

    $$\int_0^1 x\,dx = \frac12$$

    - a
    - b
        1. c

    > quote

    | a | b |
    |---|---|
    | 1 | 2 |

    ```python
    def f(x):
        return x
    ```

    /// details | Summary of details

    inside details
    ///

    /// admonition | Note
    An admonition
    ///

    term[^1]

    [^1]: foot note

    - [x] done
    - [ ] open

    ::lucide:rocket::
    """)
    return

@app.cell
def text():
    "plain 'text' <b>&"
    return

@app.cell
def number():
    42.5
    return

@app.cell
def struct():
    {"a": [1, 2, {"b": None}], "t": (1, "x"), "s": {1, 2}, "c": 1+2j, "html": mo.md("**in json**"), "sl": mo.ui.slider(1, 3)}
    return

@app.cell
def lst():
    [1, "two", 3.0, None, True]
    return

@app.cell
def console():
    print("to stdout")
    print("to stderr", file=sys.stderr)
    print("\x1b[31mred\x1b[0m and \x1b[1;4;38;5;33mblue bold\x1b[0m \x1b[48;2;10;200;10mgreen bg\x1b[0m")
    import warnings
    warnings.warn("careful")
    for i in range(3):
        print(f"progress {i}", end="\r")
    return

@app.cell
def frame():
    import pandas as pd
    df = pd.DataFrame({"name": [f"n{i}" for i in range(500)], "v": range(500), "f": [i / 7 for i in range(500)], "when": pd.date_range("2026-01-01", periods=500), "none": [None] * 500})
    df
    return (df, pd)

@app.cell
def uitable(df):
    mo.ui.table(df, page_size=5, label="A table")
    return

@app.cell
def plaintable(df):
    mo.plain(df.head(3))
    return

@app.cell
def series(df):
    df["v"]
    return

@app.cell
def dictable():
    mo.ui.table([{"x": 1, "y": "a"}, {"x": 2, "y": "<b>"}])
    return

@app.cell
def mpl():
    import matplotlib.pyplot as plt
    fig, ax = plt.subplots(figsize=(4, 2))
    ax.plot([1, 3, 2])
    ax
    return (plt,)

@app.cell
def mplfig(plt):
    plt.figure(figsize=(3, 2))
    plt.plot([1, 2])
    plt.gcf()
    return

@app.cell
def mplshow(plt):
    plt.plot([3, 2])
    plt.show()
    return

@app.cell
def mplinter(plt):
    _f, _a = plt.subplots()
    mo.mpl.interactive(_f)
    return

@app.cell
def chart(df):
    import altair as alt
    ch = alt.Chart(df.head(20)).mark_bar().encode(x="name", y="v")
    ch
    return (alt, ch)

@app.cell
def uichart(ch):
    mo.ui.altair_chart(ch)
    return

@app.cell
def image():
    mo.image(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xfc\xcf\xc0P\x0f\x00\x04\x85\x01\x80\x84\xa9\x8c!\x00\x00\x00\x00IEND\xaeB`\x82", alt="dot", width=50, caption="a caption")
    return

@app.cell
def pil():
    from PIL import Image
    Image.new("RGB", (30, 20), "orange")
    return

@app.cell
def remote_image():
    mo.image("https://example.org/x.png")
    return

@app.cell
def svg():
    mo.Html("<svg width='40' height='40'><circle cx='20' cy='20' r='15' fill='teal'/></svg>")
    return

@app.cell
def audio():
    import io, wave
    b = io.BytesIO()
    w = wave.open(b, "wb"); w.setnchannels(1); w.setsampwidth(1); w.setframerate(8000); w.writeframes(b"\x80" * 800); w.close()
    mo.audio(b.getvalue())
    return (b,)

@app.cell
def video():
    mo.video(b"\x00\x00\x00\x18ftypmp42", controls=True)
    return

@app.cell
def pdf():
    import io as _io
    mo.pdf(_io.BytesIO(b"%PDF-1.4 x"))
    return

@app.cell
def download():
    mo.download(b"some,data\n1,2", filename="d.csv", label="Get it")
    return

@app.cell
def ui():
    mo.vstack([
        mo.ui.slider(1, 10, value=4, label="Slide *me*"),
        mo.ui.range_slider(1, 10, value=[2, 5]),
        mo.ui.number(1, 10, value=3, label="Number"),
        mo.ui.dropdown(["a", "b"], value="b", label="Drop"),
        mo.ui.multiselect(["a", "b", "c"], value=["a", "c"], label="Multi"),
        mo.ui.radio(["x", "y"], value="x", label="Radio"),
        mo.ui.checkbox(True, label="Check"),
        mo.ui.switch(False, label="Switch"),
        mo.ui.text("hello", label="Text"),
        mo.ui.text_area("area", label="Area"),
        mo.ui.code_editor("x = 1", language="python", label="Code"),
        mo.ui.date(value="2026-01-01", label="Date"),
        mo.ui.datetime(value="2026-01-01T00:00:00", label="Datetime"),
        mo.ui.date_range(start="2026-01-01", stop="2026-02-01", label="Range"),
        mo.ui.button(label="Press"),
        mo.ui.run_button(label="Run"),
        mo.ui.file(label="File"),
        mo.ui.refresh(default_interval="1m"),
        mo.ui.text("pw", kind="password", label="Secret"),
    ])
    return

@app.cell
def forms():
    mo.ui.text(label="Inner").form(bordered=True)
    return

@app.cell
def batch():
    mo.md("A {x} and {y}").batch(x=mo.ui.slider(1, 5), y=mo.ui.text("why"))
    return

@app.cell
def arr():
    mo.ui.array([mo.ui.slider(1, 3), mo.ui.checkbox()], label="Arr")
    return

@app.cell
def dct():
    mo.ui.dictionary({"k": mo.ui.slider(1, 3)}, label="Dic")
    return

@app.cell
def tabs():
    mo.ui.tabs({"First": mo.md("one"), "Second": mo.ui.slider(1, 9)})
    return

@app.cell
def accordion():
    mo.accordion({"Door": mo.md("behind *door*"), "Other": "x"})
    return

@app.cell
def callout():
    mo.callout(mo.md("Careful **now**"), kind="warn")
    return

@app.cell
def stat():
    mo.hstack([mo.stat("1.2k", label="Orders", caption="up", direction="increase", bordered=True), mo.stat(42)])
    return

@app.cell
def mermaid():
    mo.mermaid("graph LR\n  A --> B")
    return

@app.cell
def tree():
    mo.tree({"a": [1, 2], "b": {"c": 3}})
    return

@app.cell
def jsonv():
    mo.json({"a": 1})
    return

@app.cell
def lazy():
    mo.lazy(mo.md("lazy content"))
    return

@app.cell
def sidebar():
    mo.sidebar([mo.md("# side"), mo.nav_menu({"#/home": "Home", "https://example.org": "Ext"})])
    return

@app.cell
def iframe():
    mo.iframe("<h1>framed</h1><script>alert(1)</script>")
    return

@app.cell
def carousel():
    mo.carousel(["one", mo.md("two")])
    return

@app.cell
def outline():
    mo.outline()
    return

@app.cell
def explorer(df):
    mo.ui.data_explorer(df.head(3))
    return

@app.cell
def dataframe_ui(df):
    mo.ui.dataframe(df.head(30))
    return

@app.cell
def editor():
    mo.ui.data_editor([{"A": 1, "B": "x"}])
    return

@app.cell
def chat():
    mo.ui.chat(lambda m: "hi")
    return

@app.cell
def matrix():
    mo.ui.matrix([[1, 2], [3, 4]], label="Mat")
    return

@app.cell
def icon_():
    mo.icon("lucide:rocket", size=20)
    return

@app.cell
def progress():
    for _ in mo.status.progress_bar(range(3), title="Going"):
        pass
    return

@app.cell
def spinner():
    mo.status.spinner(title="Wait")
    return

@app.cell
def multi():
    mo.output.append(mo.md("first"))
    mo.output.append("second")
    return

@app.cell
def latex():
    mo.latex(filename=None) if False else mo.md(r"\[ a^2 \]")
    return

@app.cell
def routes():
    mo.center(mo.Html("<div style='color:red; position:fixed; width:100px'>styled</div>"))
    return

@app.cell
def bundle():
    class B:
        def _repr_mimebundle_(self, include=None, exclude=None):
            return {"text/plain": "plain", "image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><rect width='10' height='10'/></svg>"}
    B()
    return

@app.cell
def plotlylike():
    class P:
        def _repr_mimebundle_(self, include=None, exclude=None):
            return {"application/vnd.plotly.v1+json": {"data": [{"x": [1, 2], "y": [3, 4], "type": "scatter"}], "layout": {}}, "text/html": "<div id='pl'></div><script>Plotly.newPlot('pl')</script>"}
    P()
    return

@app.cell
def reprhtml():
    class Html:
        def _repr_html_(self):
            return "<table><thead><tr><th>q</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
    Html()
    return

@app.cell
def reprpng():
    class Png:
        def _repr_png_(self):
            from PIL import Image
            import io
            b = io.BytesIO(); Image.new("RGB", (8, 8), "red").save(b, "PNG")
            return b.getvalue()
    Png()
    return

@app.cell
def thing():
    class X: pass
    X()
    return

@app.cell
def cerr(df):
    print("before")
    d = {}
    bad = d["missing"]
    return (bad,)

@app.cell
def below(bad):
    bad
    return

@app.cell
def stopped():
    mo.stop(True, mo.md("stopped here"))
    st = 1
    return (st,)

@app.cell
def afterstop(st):
    st
    return

@app.cell(disabled=True)
def disabled_():
    1 / 0
    return

@app.function
def helper(x: int) -> int:
    """A function."""
    return x + 1

@app.cell
def inp():
    mo.inspect({"x": 1})
    return

@app.cell
def diffs():
    mo.ui.anywidget if False else mo.show_code(1 + 1)
    return

@app.cell
def cyc():
    import logging
    logging.getLogger("x").error("logged")
    raise ValueError("multi\nline <b>error</b>")
    return

@app.cell
def gen():
    (i for i in range(3))
    return

@app.cell
def dt():
    import datetime
    datetime.date(2026, 1, 1)
    return

if __name__ == "__main__":
    app.run()
