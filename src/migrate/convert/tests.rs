use std::fmt::Write as _;

use serde_json::json;

use super::*;

/// Cells of code, as they come out, and what is said of them.
fn converted(cells: &[&str], exports: &Exports) -> String {
    let cells: Vec<Value> = cells
        .iter()
        .map(|source| json!({"cell_type": "code", "source": source, "metadata": {}, "outputs": []}))
        .collect();
    let notebook = json!({"nbformat": 4, "metadata": {}, "cells": cells}).to_string();
    let draft = draft(notebook.as_bytes(), Options::default())
        .unwrap()
        .finish(exports);
    let mut out = String::new();
    for piece in draft.pieces.iter().filter(|piece| piece.role == Role::Code) {
        let _ = writeln!(out, "--- {:?}\n{}", piece.origins, piece.text());
    }
    for issue in &draft.issues {
        let _ = writeln!(
            out,
            "{} {} {:?}: {}; {}",
            issue.severity.as_str(),
            issue.code,
            issue.cell,
            issue.reason,
            issue.done
        );
    }
    out
}

fn of(cells: &[&str]) -> String {
    converted(cells, &Exports::new())
}

#[test]
fn each_definition_gets_a_name_and_readers_follow() {
    insta::assert_snapshot!(of(&[
        "df = load()  # first\ndf_1 = 0",
        "print(df)\ndf = df.dropna()\nprint(df, df_1)",
        "if x:\n    df = None",
        "def show(): return df\nx = [df for df in df]",
        "for i in df: pass",
        "for i in df: total = i",
        "print(f\"{df.shape} {df:>{i}}\")",
    ]));
}

#[test]
fn imports_are_there_once() {
    insta::assert_snapshot!(of(&[
        "import os\nfrom a import (b,\n    c as d)",
        "import os, sys  # again\nfrom a import b, e\nif os:\n    import os",
        "import os.path\nimport os as system\nx = os.path",
        "from time import time",
        "import time\ntime.sleep(0)",
        "os = 3",
        "import os",
    ]));
}

#[test]
fn functions_and_deletions() {
    insta::assert_snapshot!(of(&[
        "def f():\n    global n\n    n += k\nn = 1",
        "n = f()",
        "del n, k\nif k:\n    del n",
        "k = 2; m = 1\ndel m",
        "def a(): return b()",
        "def b(): return a()",
        "_x = 1",
        "print(_x)",
        "class K:\n    n = n\n    def m(self): return n",
    ]));
}

#[test]
fn types_of_functions_and_classes_are_their_own() {
    let cells = [
        "T = 1",
        "def f[T](x: T) -> T:\n    return x\nclass A[U](list[U]):\n    def g(self, x: U) -> U: return x\ntype P[V] = list[V] | W",
        "T = 5; U = 6; V = 7\nprint(T, U, V)",
        "W = f(A)",
    ];
    let text = of(&cells);
    assert!(text.contains("def f[T](x: T) -> T:"), "{text}");
    assert!(!text.contains("no cell defines"), "{text}");
}

#[test]
fn figures_are_shown_before_the_last_value() {
    insta::assert_snapshot!(of(&[
        "import matplotlib.pyplot as plt",
        "plt.plot([1])\ndf.head()",
        "plt.plot([1])\ndf",
        "plt.plot([1])\nplt.title('t');",
        "fig, ax = plt.subplots()\nax.plot([1])\nfig",
        "_, axes = plt.subplots()\naxes.plot([1])",
        "ax = df.plot()\nplt.title('t')\nax.set_xlabel('x')",
        "plt.show()\ndf",
    ]));
}

#[test]
fn names_that_others_may_go_by_are_told() {
    insta::assert_snapshot!(of(&[
        "@asset\ndef orders(): pass",
        "@asset\ndef orders(): return 1",
        "class K: pass",
        "class K:\n    def m(self): return K()\nK().m()",
        "def f(): pass",
        "def f(): return f()\nf()",
        "print(orders, K, f)",
    ]));
}

#[test]
fn queries_read_the_newest() {
    insta::assert_snapshot!(of(&[
        "df = load()",
        "%%sql\nSELECT * FROM df",
        "df = df.dropna()",
        "%%sql r <<\nSELECT df.a FROM df",
        "limit = 1\ndf.query('a > @limit')",
        "limit = 2\ndf.query('a > @limit')",
        "limit = 3\nexec(text)",
    ]));
}

#[test]
fn functions_that_cells_below_may_call_are_told() {
    let told = |cells: &[&str]| of(cells).contains("late-binding");
    let again = "k = 2\nprint(k)";
    for cell in [
        "k = 1\ndef f(): return k",
        "k = 1\ndef g(): return k\ndef f(): return g()",
        "k = 1\nf = lambda: k",
        "k = 1\nf = {'a': [lambda: k]}",
        "k = 1\nclass C:\n    def m(self): return k\nf = C()",
        "k = 1\ndef f():\n    global k\n    k += 1",
        "k = 1\ndef g(): return k\nhooks.append(g)",
        "k = 1\n@route\ndef g(): return k",
    ] {
        assert!(told(&[cell, again, "f()"]), "{cell}");
    }
    for cell in [
        "k = 1\nf = sorted([], key=lambda v: k)",
        "k = 1\ndef g(): return k\nf = g()",
        "k = 1\nf['x'] = f.y.apply(lambda v: k)",
    ] {
        assert!(!told(&[cell, again, "f()"]), "{cell}");
    }
}

#[test]
fn stars_become_names() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let exports: Exports = [
        ("math".to_owned(), names(&["sqrt", "pow"])),
        ("numpy".to_owned(), names(&["array", "sum"])),
        ("gone".to_owned(), None),
    ]
    .into();
    let cells = [
        "from math import *\nif 1:\n    from numpy import *",
        "from gone import *",
        "array([sqrt(2), mystery, sum, len])",
    ];
    insta::assert_snapshot!(converted(&cells, &exports));
    let two: Exports = [("gone".to_owned(), None), ("lost".to_owned(), None)].into();
    let cells = ["from gone import *\nfrom lost import *\nx = mystery"];
    insta::assert_snapshot!(converted(&cells, &two));
}

#[test]
fn what_only_jupyter_has_is_marked() {
    insta::assert_snapshot!(of(&[
        "a = Out[3]; b = 1\nprint(b)",
        "x = %unheard of",
        "if b:\n    %unheard of\n    %matplotlib inline",
        "%matplotlib inline",
        "# a comment\n%matplotlib inline",
        "print 'a'",
        "x = = 1",
        "%%capture\nprint('''a\nb''')",
        "%%capture\nif b:\n    print(b)",
        "%%time\n%%bash\nls",
        "from __future__ import division\nfrom IPython.display import display, HTML\ndisplay(1)",
        "import ipywidgets as w",
    ]));
}
