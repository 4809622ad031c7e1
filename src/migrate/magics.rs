//! What IPython adds to Python, as Python.

use std::collections::BTreeSet;

use super::Severity;
use super::literal::{identifier, interpolate, quote};

/// Code that a translation needs beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A module, by its `import` statement.
    Import(&'static str),
    /// The function `run_shell`.
    RunShell,
    /// The function `shell_lines`.
    ShellLines,
    /// The function `run_script`.
    RunScript,
    /// The function `display`.
    Display,
}

/// What becomes of one magic or shell line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// The Python in its place; `None` where it becomes a comment.
    pub code: Option<String>,
    /// How much there is to do.
    pub severity: Severity,
    /// Why, where it was not simply translated.
    pub reason: String,
    /// What to do.
    pub action: String,
    /// What the code needs.
    pub needs: BTreeSet<Need>,
}

impl Translated {
    fn code(code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            severity: Severity::Info,
            reason: String::new(),
            action: String::new(),
            needs: BTreeSet::new(),
        }
    }

    fn dropped(reason: &str) -> Self {
        Self {
            code: None,
            reason: reason.to_owned(),
            ..Self::code("")
        }
    }

    fn manual(reason: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Manual,
            reason: reason.into(),
            action: action.into(),
            needs: BTreeSet::new(),
        }
    }

    fn review(mut self, reason: impl Into<String>, action: impl Into<String>) -> Self {
        self.severity = Severity::Review;
        self.reason = reason.into();
        self.action = action.into();
        self
    }

    fn needs(mut self, need: Need) -> Self {
        self.needs.insert(need);
        self
    }
}

/// Whether the notebook has a name.
pub type Known<'a> = &'a dyn Fn(&str) -> bool;

/// `!command`, and `!!command` or `name = !command`, whose value is used.
pub fn shell(command: &str, value: bool, known: Known<'_>) -> Translated {
    let command = command.trim();
    let words: Vec<&str> = command.split_whitespace().collect();
    if let Some(packages) = installed(&words) {
        return install(&packages);
    }
    if command.is_empty() {
        return Translated::dropped("there is no command");
    }
    if words.first() == Some(&"cd") && !value && words.len() <= 2 {
        return Translated::dropped("in Jupyter it had no effect on what follows");
    }
    let text = interpolate(command, known);
    match value {
        true => Translated::code(format!("shell_lines({text})")).needs(Need::ShellLines),
        false => Translated::code(format!("run_shell({text})")).needs(Need::RunShell),
    }
}

/// The packages of `pip install …` and its like.
fn installed<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    let words = match words {
        ["python" | "python3" | "{sys.executable}", "-m", rest @ ..] => rest,
        ["sudo" | "uv" | "yes", rest @ ..] => rest,
        other => other,
    };
    let rest = match words {
        ["pip" | "pip3" | "conda" | "mamba", "install", rest @ ..] => rest,
        ["uv", "pip", "install", rest @ ..] => rest,
        ["pip", rest @ ..] if rest.first() == Some(&"install") => &rest[1..],
        _ => return None,
    };
    Some(
        rest.iter()
            .copied()
            .filter(|word| !word.starts_with('-'))
            .collect(),
    )
}

fn install(packages: &[&str]) -> Translated {
    let packages = packages.join(" ");
    let mut dropped = Translated::dropped("");
    dropped = dropped.review(
        "a notebook does not install packages: the project does",
        format!("add them to the project: `uv add {packages}`"),
    );
    dropped.code = None;
    dropped
}

/// Whether code may be wrapped as an expression.
fn is_expression(code: &str) -> bool {
    ruff_python_parser::parse_expression(code).is_ok()
}

fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    match line.split_once(char::is_whitespace) {
        Some((name, rest)) => (name, rest.trim()),
        None => (line, ""),
    }
}

/// Without options, `-n 10` and `-r3` as `%timeit` has them.
fn without_options(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some(option) = rest.strip_prefix('-') {
        let (word, after) = split(option);
        let takes_value = matches!(
            word,
            "n" | "r" | "p" | "t" | "s" | "l" | "T" | "D" | "f" | "m"
        );
        rest = if takes_value { split(after).1 } else { after };
    }
    rest
}

/// `%name rest` as a statement, or where its value is used.
pub fn line(text: &str, value: bool, known: Known<'_>) -> Translated {
    let (name, rest) = split(text);
    if value {
        return line_value(name, rest, text, known);
    }
    match name {
        "matplotlib" => matplotlib(rest),
        "autoreload" | "aimport" => {
            Translated::dropped("marimo reloads modules if its settings say so")
        }
        "load_ext" | "reload_ext" | "unload_ext" => Translated::dropped(
            "marimo has no such extensions; where their magics are used, that is said there",
        ),
        "config"
        | "precision"
        | "xmode"
        | "colors"
        | "autosave"
        | "automagic"
        | "autocall"
        | "gui"
        | "doctest_mode"
        | "pdb"
        | "pprint"
        | "logstart"
        | "logstop"
        | "logoff"
        | "logon"
        | "killbgscripts"
        | "rehashx"
        | "alias_magic"
        | "page"
        | "notebook"
        | "nbagg"
        | "watermark"
        | "version_information"
        | "load_lab_black"
        | "nb_black"
        | "lprun_setup"
        | "tensorboard_reload" => Translated::dropped("it sets up Jupyter itself"),
        "who" | "whos" | "who_ls" | "history" | "hist" | "lsmagic" | "magic" | "quickref"
        | "pinfo" | "pinfo2" | "pdoc" | "pdef" | "psource" | "pfile" | "psearch" | "tb"
        | "debug" | "notify" => Translated::dropped(
            "it asks Jupyter about the session; marimo has panels for variables and documentation",
        ),
        "time" => time(rest),
        "timeit" => timeit(rest),
        "prun" | "memit" | "lprun" | "mprun" | "snakeviz" | "pyinstrument" => profiled(name, rest),
        "pip" | "conda" | "mamba" | "uv" => {
            let words: Vec<&str> = text.split_whitespace().collect();
            match installed(&words) {
                Some(packages) => install(&packages),
                None => shell(text, false, known),
            }
        }
        "env" | "set_env" => env(rest, known),
        "cd" => cd(rest, known),
        "pwd" => Translated::code("os.getcwd()").needs(Need::Import("import os")),
        "mkdir" | "ls" | "ll" | "la" | "cat" | "cp" | "mv" | "rm" | "rmdir" | "less" | "more"
        | "man" | "ldir" | "lf" | "lk" | "lx" | "clear" => {
            let command = if name == "ll" {
                format!("ls -l {rest}")
            } else {
                text.trim().to_owned()
            };
            shell(&command, false, known)
        }
        "sx" | "system" | "sc" => shell(rest, true, known),
        "run" => run(rest, known),
        "sql" if !rest.is_empty() => sql(None, rest),
        "pylab" => Translated::code(
            "import numpy as np\nimport matplotlib.pyplot as plt\nfrom pylab import *",
        ),
        "store" | "reset" | "reset_selective" | "xdel" | "load" | "loadpy" | "loadrc"
        | "recall" | "rep" | "rerun" | "macro" | "edit" | "ed" | "save" | "pastebin" | "paste"
        | "cpaste" | "bookmark" | "dhist" | "pushd" | "popd" | "dirs" | "alias" | "unalias"
        | "run_cell" => Translated::manual(
            format!("`%{name}` works on Jupyter's session"),
            "write out what it did, or leave it away",
        ),
        "R" | "Rpush" | "Rpull" | "Rget" => Translated::manual(
            "it runs R code",
            "call R with `rpy2` or as a program, or write it in Python",
        ),
        _ => Translated::manual(
            format!("`%{name}` is not known: it comes from an extension of IPython"),
            "call the library behind it as a function",
        ),
    }
}

/// `name = %magic`.
fn line_value(name: &str, rest: &str, text: &str, known: Known<'_>) -> Translated {
    match name {
        "pwd" => Translated::code("os.getcwd()").needs(Need::Import("import os")),
        "env" if !rest.is_empty() && !rest.contains(['=', ' ']) => {
            Translated::code(format!("os.environ.get({})", interpolate(rest, known)))
                .needs(Need::Import("import os"))
        }
        "env" if rest.is_empty() => {
            Translated::code("dict(os.environ)").needs(Need::Import("import os"))
        }
        "sx" | "system" => shell(rest, true, known),
        "ls" | "cat" => shell(text, true, known),
        "sql" if !rest.is_empty() => {
            let mut sql = sql(None, rest);
            sql.code = sql
                .code
                .map(|code| code.trim_start_matches("_df = ").to_owned());
            sql
        }
        "time" if is_expression(rest) => Translated::code(rest.to_owned()),
        _ => Translated::manual(
            format!("the value of `%{name}` is Jupyter's"),
            "give the name a value in another way: cells below may read it",
        ),
    }
}

fn matplotlib(rest: &str) -> Translated {
    match rest {
        "" | "inline" | "agg" => Translated::dropped("marimo shows figures by itself"),
        _ => {
            let mut dropped = Translated::dropped("").review(
                "the figures were interactive",
                "show a figure with `mo.mpl.interactive(plt.gcf())`",
            );
            dropped.code = None;
            dropped
        }
    }
}

fn time(rest: &str) -> Translated {
    let rest = rest.trim_start_matches("--no-raise-error").trim();
    match rest {
        "" => Translated::dropped("marimo shows how long each cell takes"),
        code => Translated {
            reason: "marimo shows how long each cell takes".to_owned(),
            ..Translated::code(code)
        },
    }
}

fn timeit(rest: &str) -> Translated {
    let code = without_options(rest);
    if !is_expression(code) {
        return Translated::manual("it times a statement", "time it with the module `timeit`");
    }
    Translated::code(format!(
        "print(min(timeit.repeat(lambda: ({code}), number=1, repeat=7)), \"s, best of 7\")"
    ))
    .needs(Need::Import("import timeit"))
    .review(
        "`%timeit` chose itself how often to run it",
        "see whether seven times are enough, or too much",
    )
}

fn profiled(name: &str, rest: &str) -> Translated {
    let code = without_options(rest);
    if ruff_python_parser::parse_module(code).is_err() || code.is_empty() {
        return Translated::manual(
            format!("`%{name}` is a profiler"),
            "run the profiler's own function",
        );
    }
    Translated::code(code).review(
        "it runs without the profiler",
        "run the profiler's own function where you need it",
    )
}

fn env(rest: &str, known: Known<'_>) -> Translated {
    let import = Need::Import("import os");
    let (name, value) = match rest.split_once('=') {
        Some((name, value)) => (name.trim(), value.trim()),
        None => split(rest),
    };
    if name.is_empty() {
        return Translated::manual(
            "it lists all variables, and notebooks are shared",
            "read the variables that you need: `os.environ[\"NAME\"]`",
        );
    }
    if value.is_empty() && !rest.contains('=') {
        return Translated::code(format!("os.environ.get({})", interpolate(name, known)))
            .needs(import);
    }
    let bare = ['"', '\'']
        .iter()
        .find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    let value = interpolate(bare.unwrap_or(value), known);
    Translated::code(format!(
        "os.environ[{}] = {value}",
        interpolate(name, known)
    ))
    .needs(import)
}

fn cd(rest: &str, known: Known<'_>) -> Translated {
    let rest = rest
        .trim_start_matches("-q")
        .trim()
        .trim_matches(['"', '\'']);
    if rest.starts_with('-') {
        return Translated::manual(
            "it goes back to an earlier directory",
            "name the directory: `os.chdir(…)`",
        );
    }
    let to = if rest.is_empty() { "~" } else { rest };
    let to = interpolate(to, known);
    let code = match to.contains('~') {
        true => format!("os.chdir(os.path.expanduser({to}))"),
        false => format!("os.chdir({to})"),
    };
    Translated::code(code)
        .needs(Need::Import("import os"))
        .review(
            "marimo may run this cell again, or after others that use relative paths",
            "use absolute paths, or paths relative to `mo.notebook_dir()`",
        )
}

fn run(rest: &str, known: Known<'_>) -> Translated {
    let file = without_options(rest);
    let (file, arguments) = split(file);
    let file = file.trim_matches(['"', '\'']);
    if file.ends_with(".ipynb") || file.is_empty() {
        return Translated::manual(
            "it runs another notebook in this one's namespace",
            "move what both need to a module, and import it",
        );
    }
    if !arguments.is_empty() {
        return shell(&format!("python {file} {arguments}"), false, known).review(
            "the script runs in a process of its own, so its names are not here",
            "import the script as a module if cells below use its names",
        );
    }
    let file = match file.ends_with(".py") {
        true => interpolate(file, known),
        false => interpolate(&format!("{file}.py"), known),
    };
    Translated::code(format!("_names = runpy.run_path({file}, run_name=\"__main__\")"))
        .needs(Need::Import("import runpy"))
        .review(
            "`%run` put the script's names into the notebook",
            "take what cells below use from the dictionary that `run_path` returns, or import the script as a module",
        )
}

/// A query, on DuckDB unless told otherwise.
fn sql(result: Option<&str>, query: &str) -> Translated {
    let query = query.trim();
    let connects = query.contains("://") || query.starts_with('@') || query.starts_with("--");
    if connects {
        return Translated::manual(
            "it speaks to a database by an address",
            "make an engine in Python, and query it with `mo.sql(\"…\", engine=engine)`",
        );
    }
    let parameters = query.contains("{{") || query.contains(" :") || query.contains("=:");
    let query = query.replace('{', "{{").replace('}', "}}");
    let literal = match quote(&query) {
        raw if raw.starts_with('r') => format!("f{raw}"),
        plain => format!("f{plain}"),
    };
    let name = result.unwrap_or("_df");
    let mut translated = Translated::code(format!("{name} = mo.sql({literal})"))
        .needs(Need::Import("import marimo as mo"))
        .review(
            "`mo.sql` asks DuckDB, which sees this notebook's data frames; the connection of the SQL magic is another",
            "give it the database: `mo.sql(\"…\", engine=engine)`",
        );
    if parameters {
        translated.severity = Severity::Manual;
        translated.action = "put the parameters in: `{name}` in the query".to_owned();
    }
    translated
}

/// What becomes of a cell that begins with `%%name rest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellMagic {
    /// The body is the code; of the magic there is this to say.
    Body(Translated),
    /// The cell is replaced.
    Replaced(Translated),
    /// The cell's output is swallowed: the body goes into this `with`.
    Within(String, Translated),
}

/// `%%name rest` above a body.
pub fn cell(name: &str, rest: &str, body: &str, known: Known<'_>) -> CellMagic {
    use CellMagic::{Body, Replaced, Within};
    let import_mo = Need::Import("import marimo as mo");
    match name {
        "time" => Body(Translated::dropped("marimo shows how long each cell takes")),
        "timeit" | "prun" | "memit" | "snakeviz" | "pyinstrument" | "scalene" | "heat"
        | "lprun" | "mprun" => {
            let mut what = Translated::dropped("").review(
                "it runs once, without being measured",
                "measure with the module `timeit` or the profiler itself",
            );
            what.code = None;
            Body(what)
        }
        "capture" if rest.split_whitespace().all(|word| word.starts_with('-')) => {
            let within = "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):";
            let what = Translated::code("")
                .needs(Need::Import("import contextlib"))
                .needs(Need::Import("import io"));
            Within(within.to_owned(), what)
        }
        "capture" => {
            let variable = rest
                .split_whitespace()
                .find(|word| !word.starts_with('-'))
                .unwrap_or_default();
            Body(Translated::manual(
                format!("`{variable}` held what the cell printed and showed"),
                "use `mo.capture_stdout()` where cells below read it",
            ))
        }
        "html" | "HTML" | "svg" | "SVG" => {
            Replaced(Translated::code(format!("mo.Html({})", quote(body))).needs(import_mo))
        }
        "markdown" | "latex" => {
            Replaced(Translated::code(super::markdown::call(body)).needs(import_mo))
        }
        "bash" | "sh" | "script" | "perl" | "ruby" | "python" | "python3" | "system" | "sx"
        | "!" | "cmd" | "zsh" => Replaced(script(name, rest, body)),
        "writefile" | "file" => Replaced(writefile(rest, body, known)),
        "sql" => Replaced(cell_sql(rest, body)),
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
        | "wandb" | "skip" | "tb" | "debug" => Body(Translated::dropped("it is for Jupyter")),
        _ => Replaced(Translated::manual(
            format!("`%%{name}` is not known: it comes from an extension of IPython"),
            "call the library behind it as a function",
        )),
    }
}

fn script(name: &str, rest: &str, body: &str) -> Translated {
    let (program, options) = match name {
        "script" => split(rest),
        "system" | "sx" | "!" => ("sh", rest),
        other => (other, rest),
    };
    if !options.is_empty() && options != "--no-raise-error" {
        return Translated::manual(
            format!("the options of `%%{name}`, `{options}`, are IPython's"),
            "start the program with `subprocess`",
        );
    }
    let program = quote(program);
    Translated::code(format!("run_script({program}, {})", quote(body))).needs(Need::RunScript)
}

fn writefile(rest: &str, body: &str, known: Known<'_>) -> Translated {
    let (append, file) = match rest.trim().strip_prefix("-a") {
        Some(file) => (true, file.trim()),
        None => (false, rest.trim()),
    };
    let file = interpolate(file.trim_matches(['"', '\'']), known);
    let text = quote(&format!("{}\n", body.trim_end_matches('\n')));
    let import = Need::Import("import pathlib");
    match append {
        false => Translated::code(format!(
            "pathlib.Path({file}).write_text({text}, encoding=\"utf-8\")"
        ))
        .needs(import),
        true => Translated::code(format!(
            "with open({file}, \"a\", encoding=\"utf-8\") as _file:\n    _file.write({text})"
        ))
        .review(
            "marimo may run the cell again, which appends again",
            "write the whole file at once",
        ),
    }
}

fn cell_sql(rest: &str, body: &str) -> Translated {
    let words = rest.trim();
    let (name, address) = match words.split_once("<<") {
        Some((name, _)) => (Some(name.trim()), ""),
        None => (None, words),
    };
    let (name, body) = match (name, body.trim_start().split_once("<<")) {
        (None, Some((first, query)))
            if identifier(first.trim()) == first.trim() && !first.trim().is_empty() =>
        {
            (Some(first.trim()), query)
        }
        (name, _) => (name, body),
    };
    match address.is_empty() {
        true => sql(name.filter(|name| identifier(name) == *name), body),
        false => sql(None, &format!("{address}://\n{body}")),
    }
}

/// Words that IPython takes for magics without their `%`.
pub const AUTOMAGIC: &[&str] = &[
    "pip",
    "conda",
    "cd",
    "ls",
    "ll",
    "pwd",
    "cat",
    "cp",
    "mv",
    "mkdir",
    "rm",
    "rmdir",
    "who",
    "whos",
    "matplotlib",
    "load_ext",
    "timeit",
    "time",
    "env",
    "run",
    "history",
    "config",
    "pylab",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> bool {
        matches!(name, "path" | "df")
    }

    #[test]
    fn lines_become_python() {
        let shown: Vec<String> = [
            "matplotlib inline",
            "matplotlib widget",
            "load_ext autoreload",
            "time x = f()",
            "time",
            "timeit -n 10 -r3 f(x)",
            "timeit x = 1",
            "pip install -q pandas==2 polars",
            "env A=b c",
            "env A=$path",
            "env A",
            "env",
            "set_env A {path}",
            "cd ..",
            "cd",
            "cd -",
            "cd ~/x",
            "pwd",
            "ls -la $path",
            "run a.py",
            "run a.py --x",
            "run b.ipynb",
            "store -r x",
            "foo bar",
            "who",
            "sql SELECT 1",
            "sql postgresql://u@h/d",
            "prun f()",
        ]
        .iter()
        .map(|text| {
            let t = line(text, false, &known);
            format!(
                "%{text} → {} [{}]",
                t.code.as_deref().unwrap_or("#"),
                t.severity.as_str()
            )
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn cells_become_python() {
        let shown: Vec<String> = [
            ("time", "", "x = 1"),
            ("bash", "", "echo \"a\"\nls"),
            ("script", "perl", "print 1"),
            ("bash", "--bg", "sleep 1"),
            ("html", "", "<b>\"x\"</b>"),
            ("capture", "", "x = 1"),
            ("capture", "out", "x = 1"),
            ("writefile", "a/b.txt", "one\n  \ntwo"),
            ("writefile", "-a b", "x"),
            ("sql", "", "SELECT *\nFROM df"),
            ("sql", "r <<", "SELECT 1"),
            ("sql", "sqlite://", "SELECT 1"),
            ("R", "", "x <- 1"),
            ("foo", "", "x"),
        ]
        .iter()
        .map(|(name, rest, body)| {
            format!("%%{name} {rest} → {:#?}", cell(name, rest, body, &known))
        })
        .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn shell_lines_become_calls() {
        let of = |text: &str, value| shell(text, value, &known).code;
        assert_eq!(of("ls $path", false).unwrap(), "run_shell(f\"ls {path}\")");
        assert_eq!(
            of("ls | wc -l", true).unwrap(),
            "shell_lines(\"ls | wc -l\")"
        );
        assert_eq!(of("pip install x", false), None);
        assert_eq!(of("python -m pip install x", false), None);
        assert_eq!(of("cd x", false), None);
    }
}
