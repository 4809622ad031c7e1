import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="</title><script>window.owned=1</script><style>body{display:none}</style>")


@app.cell
def scripts():
    import marimo as mo

    mo.Html(
        "visible-1<script>window.owned = 2</script><img src=x onerror='window.owned=3'>"
        "<svg onload='window.owned=4'><script>window.owned=5</script><circle r=5 /></svg>"
        "<body onload=window.owned=6><details open ontoggle=window.owned=7>visible-2</details>"
    )
    return (mo,)


@app.cell
def links(mo):
    mo.Html(
        "<a href='javascript:window.owned=8'>link-1</a><a href='&#106;avascript:window.owned=8'>link-2</a>"
        "<a href='data:text/html,<script>parent.owned=9</script>'>link-3</a>"
        "<a href='vbscript:x'>link-4</a><a href='&#x01;javascript:window.owned=1'>link-5</a>"
        "<a href='https://example.org/ok' target='_top' ping='https://example.org/ping'>link-6</a>"
        "<a href='//example.org/relative'>link-7</a><area href='javascript:1'>"
    )
    return


@app.cell
def styles(mo):
    mo.Html(
        "</style></pre></div></main></body><style>* { display: none !important } "
        "body { background: url(https://example.org/css) }</style>"
        "<div style='position:fixed; inset:0; background:url(https://example.org/inline); z-index:9'>over-all</div>"
        "<link rel=stylesheet href='https://example.org/x.css'><link rel=preload href='https://example.org/y'>"
        "<p class='skip cell bad seal' id='cell-1' data-n='1'>classes</p>"
    )
    return


@app.cell
def elsewhere(mo):
    mo.Html(
        "<meta http-equiv=refresh content='0;url=https://example.org/meta'><base href='https://example.org/'>"
        "<iframe src='https://example.org/frame'></iframe><iframe srcdoc='<script>parent.owned=10</script>'></iframe>"
        "<object data='https://example.org/object'></object><embed src='https://example.org/embed'>"
        "<img src='https://example.org/pixel.gif'><img srcset='https://example.org/set.gif 2x'>"
        "<video poster='https://example.org/poster' src='https://example.org/film'></video>"
        "<audio src='//example.org/sound'></audio><input type=image src='https://example.org/input'>"
        "<form action='https://example.org/form'><input name=a value=in-form><button>go</button></form>"
        "<svg><image href='https://example.org/svg.png' /><use href='https://example.org/use#x' />"
        "<style>@import 'https://example.org/import';</style></svg>"
    )
    return


@app.cell
def pictures(mo):
    import base64 as _b

    _svg = "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='20'><script>parent.owned=11</script><image href='https://example.org/in.png'/></svg>"
    mo.Html(
        "<img src='data:image/svg+xml;base64," + _b.b64encode(_svg.encode()).decode() + "'>"
        "<img src='data:text/html,<script>parent.owned=12</script>'>"
        "<img src='data:image/png;base64,\" onerror=\"window.owned=13'>after-pictures"
    )
    return


@app.cell
def nested(mo):
    mo.Html("<div>" * 3000 + "deep-text" + "</div>" * 3000)
    return


@app.cell
def formatting(mo):
    mo.Html("<b x=1><i x=2><u x=3><a href='https://example.org/a'>" + "<p>x<div>y" * 100 + "formatted-end")
    return


@app.cell
def unclosed(mo):
    mo.Html("before-open <table><tr><td>cell-text<!-- never closed <b> </table> <style>body{display:none}")
    return


@app.cell
def mutation(mo):
    mo.Html(
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.owned=14&gt;'>"
        "<noscript><p title='</noscript><img src=x onerror=window.owned=15>'>"
        "<svg></p><style><a id='</style><img src=1 onerror=window.owned=16>'>mutation-end"
    )
    return


@app.cell
def elements(mo):
    mo.Html(
        "<marimo-table data-data='\"[{&#92;\"&lt;img src=x onerror=window.owned=17&gt;&#92;\":&#92;\"&lt;script&gt;window.owned=18&lt;/script&gt;&#92;\"}]\"'></marimo-table>"
        "<marimo-callout-output data-html='\"&lt;script&gt;window.owned=19&lt;/script&gt;callout-text\"'></marimo-callout-output>"
        "<marimo-slider data-label='\"&lt;img src=x onerror=window.owned=20&gt;slider-label\"' data-initial-value='\"&lt;b&gt;\"'></marimo-slider>"
        "<marimo-mermaid data-diagram='\"&lt;/pre&gt;&lt;script&gt;window.owned=21&lt;/script&gt;\"'></marimo-mermaid>"
        "<marimo-nav-menu data-items='[{\"label\":\"menu-label\",\"href\":\"javascript:window.owned=22\"}]'></marimo-nav-menu>"
        "<marimo-json-output data-json-data='[\"text/html:&lt;script&gt;window.owned=23&lt;/script&gt;json-text\"]'></marimo-json-output>"
        "<marimo-unheard-of data-label='\"unheard-label\"' data-initial-value='7'></marimo-unheard-of>"
    )
    return


@app.cell
def printed():
    print("</pre><script>window.owned=24</script>printed \x1b]8;;javascript:1\x07link\x1b]8;;\x07 \x1b[31;1m</span>red\x1b[0m \u202etrojan")
    return


@app.cell
def failing():
    # </span></pre><script>window.owned=25</script>
    raise ValueError("</code></p><script>window.owned=26</script>\n<img src=x onerror=window.owned=27>")
    return


if __name__ == "__main__":
    app.run()
