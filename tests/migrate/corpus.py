# ruff: noqa: E501
"""Jupyter notebooks of the shapes that real ones have, and what a migration must say of each.

`python corpus.py FOLDER` writes them, always the same ones, and `truth.json` beside the folder.
"""

from __future__ import annotations

import base64
import copy
import json
import random
import sys
from pathlib import Path
from typing import Any

import nbformat

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(200))).decode()


def code(
    source: str, *, need: str = "", outputs: list[Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    """A code cell, and whether it needs a person: `manual`, `review` or nothing."""
    return {
        "kind": "code",
        "source": source,
        "need": need,
        "outputs": outputs or [],
        "metadata": metadata,
    }


def text(source: str, **attachments: Any) -> dict[str, Any]:
    """A Markdown cell."""
    need = "manual" if "big.png" in attachments else ""
    return {
        "kind": "markdown",
        "source": source,
        "need": need,
        "attachments": attachments,
        "outputs": [],
        "metadata": {},
    }


def raw(source: str, mime: str = "") -> dict[str, Any]:
    """A raw cell."""
    metadata = {"raw_mimetype": mime} if mime else {}
    return {"kind": "raw", "source": source, "need": "", "outputs": [], "metadata": metadata}


def stream(printed: str) -> dict[str, Any]:
    """What a cell printed."""
    return {"output_type": "stream", "name": "stdout", "text": printed}


def result(**data: Any) -> dict[str, Any]:
    """What a cell came to."""
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


def shown(**data: Any) -> dict[str, Any]:
    """What a cell showed."""
    return {"output_type": "display_data", "metadata": {}, "data": data}


ERROR = {
    "output_type": "error",
    "ename": "ValueError",
    "evalue": "no",
    "traceback": ["\x1b[31mValueError\x1b[0m: no"],
}

#: Cells of plain Python, whose output can be compared. Each group stands alone.
PLAIN: dict[str, list[dict[str, Any]]] = {
    "renamed": [
        code("total = 0\nfor i in range(3):\n    total = total + i\nprint(total)"),
        code("for i in range(4):\n    total += i  # again\nprint('again', total, i)"),
        code("total = total * 2\nprint(f'{total=}'.split('=')[1], f'{total:>5}')"),
        code("if total > 5:\n    total = -1\nprint(total)"),
    ],
    "functions": [
        code("def area(x):\n    return x * factor\n\nfactor = 3"),
        code("print(area(2))\ndef helper(v): return v + 1\nprint(helper(1))"),
        code("def helper(v):\n    '''doc'''\n    return v + 10\nprint(helper(1))"),
    ],
    "circle": [
        code("def even(n):\n    return n == 0 or odd(n - 1)"),
        text("between"),
        code("def odd(n):\n    return n != 0 and even(n - 1)"),
        code("print(even(10), odd(7))"),
    ],
    "private": [
        code("_cache = {'a': 1}\n__version__ = '1'\n_ = 5"),
        code("_cache['b'] = 2\nprint(sorted(_cache), __version__)"),
        code("_cache = {**_cache, 'c': 3}\nprint(len(_cache))"),
    ],
    "imports": [
        code("import os\nimport json, math\nfrom collections import Counter, OrderedDict as OD"),
        code(
            "import json\nimport os.path\nfrom collections import Counter\nprint(os.path.join('a', 'b'), json.dumps([1]))"
        ),
        code(
            "import os, sys\nfrom math import *\nprint(floor(pi), Counter('aab')['a'], list(OD(a=1)))"
        ),
        code("try:\n    import json\nexcept ImportError:\n    json = None\nprint(json is None)"),
        code("from time import time\nprint(callable(time))"),
        code("import time\nprint(callable(time.sleep))"),
    ],
    "scopes": [
        code(
            "x = 1\nys = [x for x in range(3)]\nprint(x, ys)\nclass Box:\n    x = 5\n    def get(self, x=x):\n        return x + self.x\nprint(Box().get())"
        ),
        code(
            "x = [x + y for y in (1, 2)]\nprint(x, (lambda x: x + 1)(2), {k: v for k, v in [(1, x)]})"
        ),
        code(
            "with open('scratch.txt', 'w') as f:\n    f.write('one')\nwith open('scratch.txt') as f:\n    x = f.read()\nprint(x)"
        ),
        code(
            "def outer():\n    x = 'inner'\n    def inner():\n        nonlocal x\n        x += '!'\n        return x\n    return inner()\nprint(outer(), x)"
        ),
        code(
            "if (x := 3) > 2:\n    print(x)\nmatch [1, 2]:\n    case [x, *rest]:\n        print(x, rest)"
        ),
        code(
            "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(e)\na, (b, *c) = 1, (2, 3)\nprint(a, b, c)"
        ),
        code(
            "try:\n    {}['k']\nexcept KeyError as e:\n    print('key', e)\na, b = b, a\nprint(a, b)"
        ),
    ],
    "counter": [
        code(
            "count = 0\ndef more():\n    global count\n    count += 1\n    return count\nprint(more())"
        ),
        code("print(more(), count)"),
        code("del x0" if False else "values = [1]\nvalues.append(2)"),
        code("values.append(3)\nprint(values)"),
        code("del values\ncount2 = 1"),
        code("values = 'new'\nprint(values)"),
    ],
    "texts": [
        code("s = '''a\n   \n\tb\\\\'''\nprint(repr(s))"),
        code('s = f"""{1 + 1}\n  {{x}} "q" \n"""\nprint(repr(s), r"\\d")'),
        code("# only a comment"),
        code("print('é ☃ \\U0001f600 \\x41', 'a\\\n b')"),
        code("\n\n# lead\n\nprint('late')  # trail\n\n\n"),
    ],
    "typed": [
        code("n: int = 3\nvalues: 'list[int]' = [n]\nprint(n, values)"),
        code(
            "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    n: int = n\n    tags: list = field(default_factory=list)\nprint(P())"
        ),
        code("@staticmethod\ndef deco(f): return f\nprint(callable(deco))\nn = 'other'\nprint(n)"),
        code("async def later():\n    return 7\nprint(await later())"),
        code("import asyncio\nprint(await asyncio.sleep(0, 'slept'))"),
    ],
    "names": [
        code("app = 1\nmo = 2\nmarimo = 3\nprint(app, mo, marimo)"),
        text("# With Markdown"),
        code("mo = mo + 1\nprint(mo, app)"),
        code("if False:\n    print()\nelse:\n    lst = list(range(2)); print(lst);"),
        code("list_ = [1]\nid = 4\nprint(id, list_)"),
        code("id = 5\nprint(id)"),
    ],
}

#: The same, of names that mean something else where they stand. They are not mixed with others.
ALONE: dict[str, list[dict[str, Any]]] = {
    "maybe": [
        code("if False:\n    x = 1"),
        code("if True:\n    x = 2"),
        code("print(x)"),
    ],
    "empty_loop": [
        code("i = 5"),
        code("for i in []:\n    print(i)"),
        code("print(i)\nfor i in []:\n    pass\nprint(i)"),
        code("for i, (a, *b) in enumerate([(1, 2, 3)]):\n    print(i, a, b)"),
        code("while i < 3:\n    i += 1\nelse:\n    k = 'done'\nprint(i, k)"),
    ],
    "builtins": [
        code("print(sum([1, 2]), list('ab'), max(1, 2))"),
        code("print(list((1, 2)))\nlist = [1]\nprint(list)"),
        code("list = [2]\nprint(list)"),
        code("sum = 0\nfor id in range(3):\n    sum += id\nprint(sum, id)"),
        code("max = lambda *values: 'mine'\nprint(max(1, 2), sum)"),
    ],
    "labels": [
        code("x = 3; width = 10"),
        code("x = 4\nprint(f'{x=} {x = :>{width}} {x=!s} {(x)=} {{}} { {x: 1}[x]=}')"),
        code("x = 'a'\nprint(f'{x=}', f'{x + x = }', f'{x=:>4}')"),
    ],
    "stars_in_turn": [
        code("from cmath import *\nfrom math import *\nprint(sqrt(4), pow(2, 3))"),
        code("pow = 3\nprint(pow)"),
        code("from math import *\nprint(pow(2, 2), e > 2)"),
        code("e = 1\nprint(e)"),
        code("from cmath import *\nprint(sqrt(-4))"),
    ],
    "star_below": [
        code("print(pow(2, 3))"),
        code("def up(x):\n    return ceil(x)"),
        code("if True:\n    from math import *\nprint(floor(2.5))"),
        code("print(up(1.5), pow(2, 3))"),
    ],
    "program_names": [
        code("mo = 5\napp = 'flask'\nmarimo = 'm'\nprint(mo, app, marimo)"),
        code("mo = 6\napp = mo + 1\nprint(app, mo, marimo)"),
        code("if __name__ == '__main__':\n    print('main')"),
    ],
    "patterns": [
        code("match {'a': 1, 'b': 2}:\n    case {'a': a, **rest}:\n        print(a, rest)"),
        code("match [1, 2, 3]:\n    case [a, *rest] if a == 1:\n        print(a, rest)"),
        code("a = 9; rest = 0\nprint(a, rest)"),
        code("print([last := i for i in range(4)], last)"),
        code("last = 1\nprint(last, [(n := y) for y in [1, 2]], n)"),
    ],
    "awaited": [
        code("async def numbers():\n    for i in range(3):\n        yield i"),
        code("print([i async for i in numbers()])"),
        code("async for i in numbers():\n    print(i)"),
        code("i = 4\nprint(i)"),
    ],
    "called_later": [
        code("scale = 2\ndef area(r):\n    return scale * r", need="review"),
        code("print(area(2))"),
        code("scale = 3\nprint(scale)"),
    ],
    "called_at_once": [
        code("xs = [3, 1, 2]"),
        code("xs = sorted(xs, key=lambda v: v - max(xs))\nprint(xs)"),
        code("xs = list(filter(lambda v: v < max(xs), xs))\nprint(xs)"),
        code("def top(): return max(xs)\nprint(top())\nxs = [9]\nprint(top(), xs)"),
        code("def top(): return max(xs) + 1\nxs = [7]\nprint(top())"),
        code("print(top(), xs)"),
    ],
    "lazy": [
        code("x = 1; y = 2"),
        code("g = (i + x for i in range(2))\nx = 5\nprint(list(g), sum(i + y for i in range(2)))"),
        code("y = 3\nprint(x, y)"),
    ],
    "branches": [
        code("x = 10; y = 1"),
        code("if x < 5:\n    x = 1\nelse:\n    x = x + 1\nprint(x)"),
        code("try:\n    y = int('no')\nexcept ValueError:\n    y = y + 1\nprint(y)"),
        code("with open('scratch.txt', 'w') as y:\n    y.write('a')\nprint(y.closed, x)"),
        code(
            "if x > 5:\n    if y.closed:\n        x = [x]\n    else:\n        x = 2\nelse:\n    x = 3"
        ),
        code("print(x)"),
    ],
    "imported_perhaps": [
        code("if False:\n    import os\n    import json as j"),
        code("import os\nprint(os.sep)"),
        code("if True:\n    import json as j\nprint(j.dumps(1))"),
        code("print(os.curdir, j.dumps(2))"),
    ],
    "one_line": [
        code("from __future__ import division; x = 1\nprint(x)"),
        code("import gc; y = 2; w = 1"),
        code("del x; print(gc.isenabled())"),
        code("print('a'); del y; print('b')"),
        code("if w:\n    del w; print('c')"),
        code("from math import *; print('d')"),
        code("tmp = 1\nprint(tmp)"),
        code("tmp = 2; z = 3\ndel z, gc, tmp\nprint('e')"),
    ],
    "import_lists": [
        code("import os, sys\nfrom importlib import import_module"),
        code(
            "from importlib import reload, import_module\nprint(callable(reload), callable(import_module))"
        ),
        code("def sys(): return 'mine'\nprint(sys())"),
        code("import sys, os\nprint(os.sep, sys.maxsize > 1)"),
        code("print(sys.maxsize > 2)"),
        code("sys = 4; xml = 3\nprint(sys, xml)"),
        code("import xml.dom, json\nprint(xml.dom.__name__, json.dumps(1))"),
        code("print(xml.__name__)"),
        code("try:\n    import email\nfinally:\n    pass"),
        code("import email.message\nprint(email.message.Message().is_multipart())"),
    ],
    "in_texts": [
        code("limit = 1\nprint(limit)"),
        code("limit = 5"),
        code("print(eval('limit + 1'))"),
        code("limit = 6\nprint(limit)"),
    ],
    "counted_elsewhere": [
        code("n = 0\ndef bump():\n    global n\n    n += 1", need="review"),
        code("bump()\nprint(n)"),
        code("def _in(r): return scale * r\nscale = 2\ndef area(r): return _in(r)", need="review"),
        code("print(area(1))"),
        code("scale = 3\nprint(scale)"),
        code("n = 5\nprint(n)"),
    ],
    "lists_of_lines": [
        code("results = []\nseen = set()\nstack = [1, 2]"),
        code("for x in range(3):\n    results.append(x)"),
        code("if stack.pop() == 2:\n    seen.add(1)"),
        code("print(results, seen, stack)"),
    ],
}

#: Cells that need more than Python.
OTHER: dict[str, list[dict[str, Any]]] = {
    "setup": [
        code("%matplotlib inline\n%load_ext autoreload\n%autoreload 2"),
        code(
            "%config InlineBackend.figure_format = 'retina'\nimport numpy as np\nimport matplotlib.pyplot as plt"
        ),
        code(
            "plt.plot(np.arange(3))\nplt.title('t');",
            outputs=[
                result(**{"text/plain": "[<Line2D>]"}),
                shown(**{"image/png": PNG, "text/plain": "<Figure>"}),
            ],
        ),
        code("fig, ax = plt.subplots()\nax.plot([1])\nfig"),
        code("%matplotlib widget", need="review"),
    ],
    "timing": [
        code(
            "%%time\nx = sum(range(10))\nx",
            outputs=[stream("CPU times\n"), result(**{"text/plain": "45"})],
        ),
        code("%time y = 3\n%timeit -n 2 -r 2 sum(range(3))", need="review"),
        code("%%timeit\nsum(range(10))", need="review"),
        code("%%prun -l 3\nsorted([1])", need="review"),
        code("%%capture\nprint('hidden')\nz = 1"),
        code("%%capture out\nprint('hidden')", need="manual"),
        code("out.show()", need=""),
    ],
    "shell": [
        code("!ls -la\nfiles = !ls\nname = 'a b'\n!echo $name {name.upper()} | cat"),
        code("!!pwd\n%pwd\nhere = %pwd"),
        code(
            "if files:\n    !echo some\nelse:\n    %pwd\nfor f in files[:1]:\n    !echo {f}  # each"
        ),
        code("!pip install -q pandas 'x>=1'", need="review"),
        code("%pip install numpy", need="review"),
        code("%cd ..\n%env A=1\n%env B={name}\n%env A\n%set_env C 3", need="review"),
        code(
            "%%bash\necho \"$HOME\" 'single'\nfor i in 1 2; do echo $i; done",
            outputs=[stream("x\n")],
        ),
        code("%%writefile out/a.txt\nline {brace}\n\\tail"),
        code("%%script perl\nprint 1;"),
        code("%%bash --bg\nsleep 1", need="manual"),
        code("def f():\n    !echo inside\n    return 1\nx = f()"),
        code("!git log \\\n  --oneline \\\n  -3"),
    ],
    "unknown": [
        code("%%R -i df\nsummary(df)", need="manual"),
        code("%%javascript\nalert('x')", need="manual"),
        code("%%unheard of\nbody", need="manual"),
        code("%unheard of", need="manual"),
        code("v = %unheard of\nw = 1", need="manual"),
        code("%store -r data\n%run other.ipynb", need="manual"),
        code("%env", need="manual"),
        code("%%cython\ndef f(int x): return x", need="manual"),
        code("if True:\n    %unheard inside", need="manual"),
    ],
    "skipped": [
        code("%%script false --no-raise-error\nraise ValueError('no')"),
        code("%%script echo skipping\nraise ValueError('no')"),
        code("%%bash --no-raise-error\nexit 3"),
        code("x = 1"),
        code("x = 2", tags=["skip-execution"]),
        code("print(x)"),
    ],
    "of_ipython": [
        code("from IPython import get_ipython", need="review"),
        code("shell = get_ipython()", need="manual"),
        code("import IPython.display as ipd", need="review"),
        code(
            "from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.ast_node_interactivity = 'all'",
            need="review",
        ),
        code("%config InteractiveShell.ast_node_interactivity = 'all'", need="review"),
        code(
            "def in_notebook():\n    try:\n        return get_ipython() is not None\n    except NameError:\n        return False"
        ),
    ],
    "expanded": [
        code("path = '.'\ndef show(p):\n    !ls {p} $p\nshow(path)"),
        code("!ls {somewhere.else_}", need="review"),
        code("!ls $somewhere", need="review"),
        code("!echo $HOME; for f in *; do echo $f; done"),
        code("lines = !ls"),
        code("lines.grep('x')", need="review"),
    ],
    "timed": [
        code("%%timeit -n 3 y = 1\nleaks = y + 1", need="review"),
        code("leaks = 5\nprint(leaks)"),
        code("try:\n    import ipywidgets as w\nexcept ImportError:\n    w = None", need="manual"),
    ],
    "help": [
        code("print?\n?len\nlen??\n%who\n%whos"),
        code("get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().system('ls')"),
        code("get_ipython().run_cell_magic('time', '', 'q = 1\\n')"),
        code("ip = get_ipython()\nip.magic('x')", need="manual"),
        code("r = get_ipython().getoutput('ls')\n,print a b\n/print 1 2"),
    ],
    "history": [
        code("1 + 1", outputs=[result(**{"text/plain": "2"})]),
        code("_ + 1", need="manual"),
        code("a = Out[1]; b = 2\nb", need="manual"),
        code("print(In[1], _1, _i2)", need="manual"),
    ],
    "shown": [
        code("from IPython.display import display, HTML, Markdown", need="review"),
        code("display(HTML('<b>x</b>'), 1)\ndisplay('two')"),
        code('%%html\n<b class="x">""bold""</b>'),
        code("%%markdown\n# T \\alpha"),
        code("%%latex\n$\\frac{1}{2}$"),
        code("from IPython.display import display as show\nshow(1)", need="review"),
    ],
    "widgets": [
        code("import ipywidgets as widgets\nfrom ipywidgets import interact", need="manual"),
        code("@interact(x=(0, 10))\ndef show(x):\n    print(x)"),
        code(
            "slider = widgets.IntSlider()\nslider",
            outputs=[
                shown(
                    **{
                        "application/vnd.jupyter.widget-view+json": {"model_id": "a"},
                        "text/plain": "IntSlider()",
                    }
                )
            ],
        ),
    ],
    "sql": [
        code("%load_ext sql\nimport pandas as pd\ndf = pd.DataFrame({'a': [1]})"),
        code("%%sql\nSELECT * FROM df WHERE a = 1", need="review"),
        code("%%sql out <<\nSELECT a FROM df", need="review"),
        code("%%sql postgresql://u@h/d\nSELECT 1", need="manual"),
        code("rows = %sql SELECT a FROM df", need="review"),
        code("df = df.dropna()"),
        code("%%sql kept << SELECT a\nFROM df", need="review"),
        code("%%sql sqlite:// r <<\nSELECT 1", need="manual"),
    ],
    "stars": [
        code("from math import *\nfrom os.path import *"),
        code("print(sqrt(4), join('a', 'b'), pi)"),
        code("from not_installed_anywhere import *\nthing()", need="review"),
        code("from string import *"),
    ],
    "broken": [
        code("x = = 1", need="manual"),
        code("print 'two'\nprint \"a\" % b,\nb = 1", need="review"),
        code("def f(:\n  pass", need="manual"),
        code("return 5", need="manual"),
        code("for i in range(3):\nprint(i)", need="manual"),
        code("print('''never closed", need="manual"),
        code("break", need="manual"),
        code("x = 1\n\tpass", need="manual"),
        code(
            "exec 'x = 1'\ntry:\n    pass\nexcept ValueError, e:\n    raise KeyError, 'x'",
            need="review",
        ),
        code("pip install pandas", need="review"),
        code("ls -la\ncd /tmp", need="review"),
        code("\x00", need="manual"),
        code("from __future__ import annotations, division\nx = 1", need="review"),
        code("from __future__ import print_function"),
    ],
    "empty": [
        code(""),
        code("   \n\n"),
        text(""),
        code("# comment\n# more"),
        raw(""),
        code("pass"),
        code("..."),
    ],
    "markdown": [
        text(
            "# Title\n\nText with {braces} and {{double}}, `code`, $\\frac{a}{b}$, \\(x\\), \\\\ and \\n"
        ),
        text('Triple """ quotes and \'\'\' too, ""pairs"" and <a href="" title=""> </a>'),
        text('Both \\alpha and "" pairs'),
        text("    indented\n    code\n\ntext"),
        text("   \n\n  lead\n\ttab\n   \nend\\"),
        text('ends with "'),
        text("f'{x}' %s {0} \x1b[0m \u2028 é ☃ 😀\u00a0nb"),
        text(
            "$$\n\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}\n$$\n\n| a | b |\n|---|---|\n| 1 | 2 |"
        ),
        text(
            "![i](attachment:a.png) and ![j](attachment:b%20c.png)",
            **{"a.png": {"image/png": PNG}, "b c.png": {"image/png": PNG}},
        ),
        text("![big](attachment:big.png)", **{"big.png": {"image/png": "A" * 400_000}}),
        text("no picture", **{"unused.png": {"image/png": PNG}}),
        text(
            "<p>para</p>\n<div style=\"color: red\">{x}</div>\n\n```python\nprint('''a''')\n\n\tx\n```"
        ),
        raw("raw *text* ````"),
        raw("\\section{x}", "text/latex"),
        raw("<b>x</b>", "text/html"),
        raw("# md", "text/markdown"),
    ],
    "tags": [
        code("alpha = 1", need="review", tags=["parameters"]),
        code("raise ValueError('no')", need="review", tags=["raises-exception"], outputs=[ERROR]),
        code("hidden = 1", tags=["hide-input", "other"]),
        code("collapsed = 1", jupyter={"source_hidden": True}, collapsed=True, scrolled=False),
        code("skipped = 1", tags=["skip-execution"], slideshow={"slide_type": "slide"}),
    ],
    "outputs": [
        code(
            "print('x')", outputs=[stream("x\n" * 3000), stream("\x1b[1mbold\x1b[0m\r50%\r100%\n")]
        ),
        code(
            "1",
            outputs=[
                result(
                    **{
                        "text/plain": "1",
                        "text/html": "<table>" + "<tr>" * 5000,
                        "application/vnd.plotly.v1+json": {"data": []},
                    }
                )
            ],
        ),
        code("2", outputs=[shown(**{"image/png": "A" * 3_000_000}), ERROR]),
        code(
            "3",
            outputs=[
                shown(
                    **{
                        "image/svg+xml": "<svg/>",
                        "text/latex": "$x$",
                        "application/javascript": "alert(1)",
                    }
                )
            ],
        ),
    ],
}


def cell_of(cell: dict[str, Any], count: int, version: int) -> dict[str, Any]:
    """A cell in the words of a format."""
    source: Any = cell["source"]
    if count % 3:
        source = source.splitlines(keepends=True)
    metadata = copy.deepcopy(cell["metadata"])
    made: dict[str, Any] = {"cell_type": cell["kind"], "metadata": metadata}
    if version == 3:
        made["input" if cell["kind"] == "code" else "source"] = source
        if cell["kind"] == "code":
            made |= {"language": "python", "prompt_number": count, "collapsed": False}
            made["outputs"] = [
                {"output_type": "stream", "stream": "stdout", "text": "x"} for _ in cell["outputs"]
            ]
        return made
    made["source"] = source
    if cell["kind"] == "code":
        made |= {"execution_count": count, "outputs": copy.deepcopy(cell["outputs"])}
    elif cell.get("attachments"):
        made["attachments"] = copy.deepcopy(cell["attachments"])
    return made


def metadata_of(number: int) -> dict[str, Any]:
    """Metadata as different tools leave it."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    info = {
        "name": "python",
        "version": "3.11.4",
        "codemirror_mode": {"name": "ipython", "version": 3},
    }
    shapes: list[dict[str, Any]] = [
        {"kernelspec": kernel, "language_info": info},
        {"kernelspec": kernel},
        {"language_info": info},
        {},
    ]
    return shapes[number % 4]


def notebook(
    cells: list[dict[str, Any]], number: int, *, plain: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A notebook, and the truth about it."""
    version, minor = [(4, 5), (4, 4), (4, 0), (4, 2), (3, 0)][number % 5]
    made = [cell_of(cell, index + 1, version) for index, cell in enumerate(cells)]
    if (version, minor) == (4, 5):
        for index, one in enumerate(made):
            one["id"] = f"cell-{index}" if number % 10 else "same"
    whole: dict[str, Any] = {
        "nbformat": version,
        "nbformat_minor": minor,
        "metadata": metadata_of(number),
    }
    whole |= {"worksheets": [{"cells": made, "metadata": {}}]} if version == 3 else {"cells": made}
    attachments = (
        [] if version == 3 else [a for cell in cells for a in cell.get("attachments", {}).items()]
    )
    lost = sum(1 for name, data in attachments if name.startswith(("big", "unused")))
    kinds = [cell["kind"] for cell in cells]
    truth = {
        "status": "converted",
        "format": f"{version}.{minor}",
        "cells": len(cells),
        "code_cells": kinds.count("code"),
        "markdown_cells": kinds.count("markdown"),
        "raw_cells": kinds.count("raw"),
        "outputs": sum(len(cell["outputs"]) for cell in cells),
        "attachments_inlined": len(attachments) - lost,
        "attachments_lost": lost,
        # Formats before 4 have no attachments.
        "needs": {
            str(index + 1): cell["need"]
            for index, cell in enumerate(cells)
            if cell["need"] and not (version == 3 and cell["kind"] == "markdown")
        },
        "free": [index + 1 for index, cell in enumerate(cells) if not cell["need"]],
        "plain": [cell["source"] for cell in cells if cell["kind"] == "code"] if plain else None,
    }
    return whole, truth


def written(whole: dict[str, Any], number: int) -> bytes:
    """Its bytes, which differ as editors do."""
    styles: list[dict[str, Any]] = [
        {"indent": 1},
        {"ensure_ascii": False},
        {"indent": 2, "sort_keys": True},
    ]
    data = json.dumps(whole, **styles[number % 3]).encode()
    if number % 7 == 0:
        data = b"\xef\xbb\xbf" + data
    return data.replace(b"\n", b"\r\n") if number % 11 == 0 else data


def invalid() -> dict[str, tuple[bytes, str]]:
    """Files that can't be migrated, and a word of what must be said."""
    kernel = {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
    julia = {"kernelspec": {"name": "julia-1.9"}, "language_info": {"name": "julia"}}
    return {
        "empty_file": (b"", "empty"),
        "not_json": (b"{'a': 1}", "line 1"),
        "cut": (b'{"nbformat": 4, "cells": [{"cell_type": "code"', "JSON"),
        "conflict": (b'{\n<<<<<<< HEAD\n "cells": [],\n=======\n>>>>>>> b\n}', "conflict"),
        "a_list": (b"[]", "object"),
        "no_cells": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "$.cells"),
        "cells_text": (b'{"nbformat": 4, "cells": "x"}', "$.cells"),
        "cell_number": (b'{"nbformat": 4, "cells": [3]}', "$.cells[0]"),
        "source_number": (
            b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}',
            "$.cells[0].source",
        ),
        "cell_type": (b'{"nbformat": 4, "cells": [{"cell_type": "odd", "source": ""}]}', "odd"),
        "future": (b'{"nbformat": 5, "cells": []}', "nbformat"),
        "latin1": (b'{"nbformat": 4, "cells": [], "x": "\xe9"}', "UTF-8"),
        "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "lfs"),
        "r": (
            json.dumps({"nbformat": 4, "cells": [], "metadata": kernel}).encode(),
            "language is r",
        ),
        "julia": (json.dumps({"nbformat": 4, "cells": [], "metadata": julia}).encode(), "julia"),
    }


def odd() -> dict[str, bytes]:
    """Files with missing fields that Jupyter opens all the same."""
    return {
        "no_metadata": b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1"}]}',
        "no_format": b'{"cells": [{"cell_type": "markdown", "source": ["a", "b"]}]}',
        "no_source": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
        "nothing": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}',
        "nulls": b'{"nbformat": 4, "metadata": null, "cells": [{"cell_type": "code", "source": null, "metadata": null, "outputs": null, "execution_count": null}]}',
        "v1": b'{"nbformat": 1, "cells": [{"cell_type": "code", "code": "print(1)", "prompt_number": 2}, {"cell_type": "text", "text": "t"}]}',
        "v2": b'{"nbformat": 2, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1", "outputs": []}, {"cell_type": "html", "source": "<b>x</b>"}]}]}',
    }


def main() -> None:
    """Writes all notebooks."""
    folder = Path(sys.argv[1])
    dice = random.Random(20_261_122)
    truths: dict[str, Any] = {}

    def put(name: str, data: bytes, truth: dict[str, Any]) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        truths[name] = truth

    number = 0
    for group in (PLAIN, OTHER):
        for name, cells in group.items():
            # Every group in the newest format by itself, so that a failure has a name.
            whole, truth = notebook(cells, 5 * number, plain=group is PLAIN)
            put(f"alone/{name}.ipynb", written(whole, number + 1), truth)
            number += 1
    groups = [(name, cells, True) for name, cells in PLAIN.items()]
    groups += [(name, cells, False) for name, cells in OTHER.items()]
    while number < 215:
        chosen = dice.sample(groups, dice.randint(2, 5))
        cells = [cell for _, group, _ in chosen for cell in group]
        if number % 4 == 0:
            cells = [cell for cell in cells if dice.random() < 0.7] or cells
        whole, truth = notebook(cells, number, plain=False)
        # What a mixture needs beyond its parts is not known here.
        truth["free"] = []
        truth["needs"] = {
            n: need for n, need in truth["needs"].items() if cells[int(n) - 1]["source"] != "_ + 1"
        }
        put(f"mixed/{number % 6}/{number:03}.ipynb", written(whole, number), truth)
        number += 1
    for name, cells in ALONE.items():
        whole, truth = notebook(cells, 5 * number, plain=True)
        put(f"alone/{name}.ipynb", written(whole, number + 1), truth)
        number += 1
    for name, (data, word) in invalid().items():
        put(f"invalid/{name}.ipynb", data, {"status": "invalid", "word": word})
    for name, data in odd().items():
        put(f"odd/{name}.ipynb", data, {"status": "converted"})
    order: Any = nbformat.v4  # it is not typed
    cells = [order.new_code_cell(f"x{n} = {n}", execution_count=9 - n) for n in range(3)]
    data = order.writes(order.new_notebook(cells=cells)).encode()
    put("odd/order.ipynb", data, {"status": "converted", "code": "order"})
    # What installed packages ship.
    for path in sys.path:
        for index, file in enumerate(
            sorted(Path(path).glob("*/**/*.ipynb")) if "site-packages" in path else []
        ):
            if file.stat().st_size < 5_000_000 and index < 60:
                put(f"shipped/{index:02}_{file.stem}.ipynb", file.read_bytes(), {"status": None})
    Path(sys.argv[2]).write_text(json.dumps(truths))


if __name__ == "__main__":
    main()
