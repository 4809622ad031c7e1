use super::*;
use crate::marimo::{page, source};

const SOURCE: &str = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    x = 1\n    return (x,)\n\n\n@app.cell\ndef boom(x):\n    z = 2\n    y = x / 0\n    return (y,)\n\n\n@app.cell\ndef _(y):\n    y\n    return\n";

fn page() -> Page {
    let traceback = "<span>Traceback (most recent call last):</span>\n  File &quot;/tmp/marimo_1/__marimo__cell_B_.py&quot;, line 2, in &lt;module&gt;\n    y = x / 0\nZeroDivisionError: division by zero\n";
    let notebook = serde_json::json!({"cells": [
        {"id": "A", "name": "_", "code": "x = 1"}, {"id": "B", "name": "boom", "code": "…"},
        {"id": "C", "name": "_", "code": "y"}]});
    let png = format!("<img src='data:image/png;base64,{}'>", "QUJD".repeat(100));
    let session = serde_json::json!({"cells": [
        {"id": "A", "outputs": [{"type": "data", "data": {"text/html": png}}],
         "console": [{"mimetype": "text/plain", "name": "stdout", "text": "hi \u{1b}[31mred\n"}]},
        {"id": "B", "outputs": [{"type": "error", "ename": "exception", "evalue": "division by zero"}],
         "console": [{"mimetype": TRACEBACK, "name": "stderr", "text": traceback}]},
        {"id": "C", "outputs": [{"type": "error", "ename": "exception",
         "evalue": "An ancestor raised an exception (ZeroDivisionError): "}]}]});
    let html = format!(
        "__MARIMO_MOUNT_CONFIG__ Object.freeze({{\"notebook\": {notebook},\n\"session\": {session} }})"
    );
    page::parse(&html).unwrap()
}

#[test]
fn the_root_cause_is_told_from_what_it_took_down() {
    let source = source::parse(SOURCE).unwrap();
    let results = of_page(&page(), &source, &Events::default(), "nb/a.py");
    let [first, boom, last] = results.cells.as_slice() else {
        panic!()
    };
    assert_eq!(
        (first.status, first.console.as_str()),
        (CellStatus::Ok, "hi red\n")
    );
    assert_eq!(first.output_kinds, ["text/html"]);
    let error = boom.error.as_ref().unwrap();
    assert_eq!(
        (error.kind.as_str(), error.message.as_str()),
        ("ZeroDivisionError", "division by zero")
    );
    let traceback = error.traceback.as_deref().unwrap();
    assert!(
        traceback.contains("File \"nb/a.py\", line 15, in <module>\n    y = x / 0"),
        "{traceback}"
    );
    assert_eq!(
        (boom.line, boom.end_line, error.line),
        (Some(12), Some(16), Some(15))
    );
    assert_eq!(
        (last.status, last.blamed_on.as_deref()),
        (CellStatus::NotRun, Some("boom"))
    );
    assert_eq!(results.pictures.len(), 1);
    assert_eq!(results.pictures[0].bytes.len(), 300);
}

#[test]
fn without_a_page_the_running_cell_is_to_blame() {
    let source = source::parse(SOURCE).unwrap();
    let events = Events::parse(
        "{\"event\":\"cells\",\"time\":1,\"ids\":[\"A\",\"B\",\"C\"]}\n\
         {\"event\":\"cell\",\"time\":1,\"id\":\"A\",\"status\":\"running\"}\n\
         {\"event\":\"cell\",\"time\":3,\"id\":\"A\",\"status\":\"idle\"}\n\
         {\"event\":\"cell\",\"time\":4,\"id\":\"B\",\"status\":\"running\"}\n{\"event\":\"ce",
    );
    let why = CellError {
        kind: "Crashed".into(),
        message: "its kernel exited with code 3".into(),
        traceback: None,
        line: None,
    };
    let cells = without_page(&source, &events, "a.py", &why);
    let statuses: Vec<_> = cells.iter().map(|cell| cell.status).collect();
    assert_eq!(
        statuses,
        [CellStatus::Ok, CellStatus::Failed, CellStatus::NotRun]
    );
    assert_eq!(cells[0].duration_s, Some(2.0));
    assert_eq!(cells[2].blamed_on.as_deref(), Some("boom"));
}

#[test]
fn the_exception_is_told_from_its_message() {
    const FRAME: &str = "Traceback (most recent call last):\n  File \"a\", line 1, in <module>\n    f(x)\n    ~^^^\n";
    let cases = [
        ("pkg.mod.Odd: first\n  second", "Odd", "first\n  second"),
        (
            "ValueError: bad rows\nrow 3: x\nid: 7",
            "ValueError",
            "bad rows\nrow 3: x\nid: 7",
        ),
        (
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for Row\namount\n  Input should be",
            "ValidationError",
            "1 validation error for Row\namount\n  Input should be",
        ),
        ("f.<locals>.Odd: x\nnote: y", "Odd", "x\nnote: y"),
        ("KeyError", "KeyError", ""),
        (
            "OSError: [Errno 2] No such file: 'a:b'",
            "OSError",
            "[Errno 2] No such file: 'a:b'",
        ),
    ];
    for (end, class, message) in cases {
        let expected = Some((class.to_owned(), message.to_owned()));
        assert_eq!(exception_of(&format!("{FRAME}{end}\n")), expected, "{end}");
        let chained = format!("{FRAME}TypeError: no\n\n{}\n\n{FRAME}{end}\n", CHAINED[0]);
        assert_eq!(exception_of(&chained), expected, "{end}");
    }
    let group = format!(
        "{GROUP}\n  |   File \"a\", line 1, in <module>\n  |     raise g\n\
         \x20 | ExceptionGroup: many: all (2 sub-exceptions)\n\
         \x20 +-+---------------- 1 ----------------\n    | ValueError: a\n"
    );
    assert_eq!(
        exception_of(&group),
        Some((
            "ExceptionGroup".into(),
            "many: all (2 sub-exceptions)".into()
        ))
    );
    assert_eq!(
        exception_of("KeyboardInterrupt"),
        Some(("KeyboardInterrupt".into(), String::new()))
    );
    assert_eq!(exception_of(&format!("{FRAME}not a class: x")), None);
    assert_eq!(exception_of(""), None);
}
