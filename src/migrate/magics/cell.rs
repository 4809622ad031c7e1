//! `%%magic`: the whole cell.

use super::shell::run_script;
use super::{Known, Need, Translated, sql, without_options};
use crate::migrate::literal::{interpolate, quote};
use crate::migrate::markdown;

/// What becomes of a cell that begins with `%%name rest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellMagic {
    /// The body is the code, below this code of the magic's own line; of the magic there is this to
    /// say.
    Body(String, Translated),
    /// The cell is replaced.
    Replaced(Translated),
    /// The body goes into a block.
    Within(Within),
}

/// A block around a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// The line above it.
    pub head: &'static str,
    /// Code of the magic's own line, the block's first.
    pub setup: String,
    /// What stands below it.
    pub tail: &'static str,
    /// What was done, in a few words.
    pub done: &'static str,
    /// What there is to say.
    pub what: Translated,
    /// The same where the body can't be indented, and stays as it is.
    pub otherwise: Translated,
}

impl Within {
    /// The block, if the body can go into it.
    pub fn around(&self, body: &str) -> Option<String> {
        let is_function = self.head.starts_with("def ");
        if is_function && body.contains("await ") {
            return None;
        }
        let body = crate::migrate::ipython::indented(body)?;
        Some(format!("{}\n{body}{}", self.head, self.tail))
    }
}

/// `%%name rest` above a body.
pub fn cell(name: &str, rest: &str, body: &str, known: Known<'_>) -> CellMagic {
    use CellMagic::{Body, Replaced};
    let import_mo = Need::Import("import marimo as mo");
    let as_it_is = |what| Body(String::new(), what);
    match name {
        "time" => as_it_is(Translated::dropped("marimo shows how long each cell takes")),
        "timeit" => timed(rest),
        "prun" | "memit" => Body(code_of(rest), unmeasured()),
        "snakeviz" | "pyinstrument" | "scalene" | "heat" | "lprun" | "mprun" => {
            as_it_is(unmeasured())
        }
        "capture" if rest.split_whitespace().all(|word| word.starts_with('-')) => captured(),
        "capture" => {
            let variable = rest
                .split_whitespace()
                .find(|word| !word.starts_with('-'))
                .unwrap_or_default();
            as_it_is(Translated::manual(
                format!("`{variable}` held what the cell printed and showed"),
                "use `mo.capture_stdout()` where cells below read it",
            ))
        }
        "html" | "HTML" | "svg" | "SVG" => {
            Replaced(Translated::code(format!("mo.Html({})", quote(body))).needs(import_mo))
        }
        "markdown" | "latex" => Replaced(Translated::code(markdown::call(body)).needs(import_mo)),
        "bash" | "sh" | "script" | "perl" | "ruby" | "python" | "python3" | "system" | "sx"
        | "!" | "cmd" | "zsh" => Replaced(run_script(name, rest, body)),
        "writefile" | "file" => Replaced(writefile(rest, body, known)),
        "sql" => Replaced(sql::cell(rest, body)),
        "javascript" | "js" | "Javascript" => Replaced(Translated::manual(
            "it runs JavaScript in Jupyter's page",
            "marimo's pages have no such access: use `mo.Html`, `mo.iframe` or an anywidget",
        )),
        "R" | "julia" | "cython" | "cython_inline" | "fortran" | "octave" | "matlab"
        | "bigquery" | "spark" | "local" | "configure" | "scala" | "cpp" | "cu" | "nvcc"
        | "pypy" | "python2" => Replaced(Translated::manual(
            format!("the cell is not Python: `%%{name}`"),
            "write it in Python, or call the language's own tools",
        )),
        "black" | "flake8" | "pycodestyle" | "pep8" | "lint" | "autoreload" | "matplotlib"
        | "wandb" | "skip" | "tb" | "debug" => as_it_is(Translated::dropped("it is for Jupyter")),
        _ => Replaced(Translated::manual(
            format!("`%%{name}` is not known: it comes from an extension of IPython"),
            "call the library behind it as a function",
        )),
    }
}

/// The code on a magic's own line.
fn code_of(rest: &str) -> String {
    let code = without_options(rest);
    match ruff_python_parser::parse_module(code) {
        Ok(_) => code.to_owned(),
        Err(_) => String::new(),
    }
}

fn unmeasured() -> Translated {
    Translated::dropped("").review(
        "it runs once, without being measured",
        "measure with the module `timeit` or the profiler itself",
    )
}

/// What `%%timeit` runs defines nothing for others.
fn timed(rest: &str) -> CellMagic {
    let what = Translated::code("").review(
        "it runs once, without being measured",
        "measure with the module `timeit`",
    );
    CellMagic::Within(Within {
        head: "def _timed():",
        setup: code_of(rest),
        tail: "\n\n_timed()",
        done: "it is a function, which is called once",
        what,
        otherwise: unmeasured(),
    })
}

fn captured() -> CellMagic {
    let what = Translated::code("")
        .needs(Need::Import("import contextlib"))
        .needs(Need::Import("import io"));
    CellMagic::Within(Within {
        head: "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):",
        setup: String::new(),
        tail: "",
        done: "what the cell prints is caught by `contextlib`",
        what,
        otherwise: Translated::dropped("").review(
            "the cell's output was not to be seen",
            "hide the cell's output in marimo",
        ),
    })
}

fn writefile(rest: &str, body: &str, known: Known<'_>) -> Translated {
    let (append, name) = match rest.trim().strip_prefix("-a") {
        Some(file) => (true, file.trim()),
        None => (false, rest.trim()),
    };
    let file = interpolate(name.trim_matches(['"', '\'']), known);
    let text = quote(&format!("{}\n", body.trim_end_matches('\n')));
    let import = Need::Import("import pathlib");
    match append {
        false => Translated::code(format!(
            "pathlib.Path({file}).write_text({text}, encoding=\"utf-8\")"
        ))
        .needs(import)
        .expanded(name, known),
        true => Translated::code(format!(
            "with open({file}, \"a\", encoding=\"utf-8\") as _file:\n    _file.write({text})"
        ))
        .review(
            "marimo may run the cell again, which appends again",
            "write the whole file at once",
        ),
    }
}
