use super::*;

const NOTEBOOK: &str = r#"# daglab: asset=core/orders partition=2026-01-05
import marimo as mm

__generated_with = "0.25.2"
app = mm.App(app_title="Orders", width="full")

with app.setup:
    import pandas as pd


@app.cell
def load():
    # read it
    text = """
@app.cell
def fake(): pass
"""
    orders = pd.DataFrame()
    return orders, text


@app.cell(
    disabled=True,
    hide_code=True,
)
def _(orders):
    from altair.vegalite import Chart
    return


@app.function
def double(x):
    return 2 * x


if __name__ == "__main__":
    app.run()
"#;

#[test]
fn cells_are_found_where_they_stand() {
    let source = parse(NOTEBOOK).unwrap();
    assert_eq!(source.title.as_deref(), Some("Orders"));
    let shape: Vec<_> = source
        .cells
        .iter()
        .map(|c| {
            (
                c.name.as_str(),
                c.kind,
                c.line,
                c.end_line,
                c.body_line,
                c.disabled,
            )
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("setup", CellKind::Setup, 7, 8, 8, false),
            ("load", CellKind::Cell, 11, 19, 13, false),
            ("_", CellKind::Cell, 22, 28, 27, true),
            ("double", CellKind::Definition, 31, 33, 32, false),
        ]
    );
    assert_eq!(source.cells[1].gives, ["orders", "text"]);
    assert_eq!(source.cells[2].reads, ["orders"]);
    assert_eq!(
        source.imports,
        ["altair", "marimo", "pandas"].map(str::to_owned).into()
    );
    let target = Target::Asset {
        key: "core/orders".into(),
        partition: Some("2026-01-05".into()),
    };
    assert_eq!(source.target, Some(target));
}

#[test]
fn a_header_that_is_not_understood_says_where() {
    let text = "\n# daglab: aset=x job=build\nimport marimo\napp = marimo.App()\n";
    let source = parse(text).unwrap();
    assert_eq!(source.unknown_in_header, Some(("aset=x".into(), 2)));
    let job = Target::Job {
        name: "build".into(),
    };
    assert_eq!(source.target, Some(job));
    assert_eq!(parse(NOTEBOOK).unwrap().unknown_in_header, None);
}

#[test]
fn other_files_are_not_notebooks() {
    for text in [
        "",
        "import marimo\n",
        "x = 'marimo.App('\n",
        "def broken(:\n  marimo App(",
    ] {
        assert_eq!(parse(text), Err(Unreadable::NotANotebook), "{text}");
    }
}

#[test]
fn a_notebook_that_is_not_python_says_where() {
    let text = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    x = = 1\n    return\n";
    let Err(Unreadable::Syntax { line, column, .. }) = parse(text) else {
        panic!()
    };
    assert_eq!((line, column), (5, 9));
}

#[test]
fn line_ends_and_a_mark_at_the_beginning_do_not_matter() {
    let text = format!("\u{feff}{}", NOTEBOOK.replace('\n', "\r\n"));
    assert_eq!(parse(&text).unwrap().cells.len(), 4);
}
