//! Shell lines, and magics that work on the process.

use super::{Known, Need, Translated, split, without_options};
use crate::migrate::literal::{interpolate, quote};

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
    let translated = match value {
        true => Translated::code(format!("shell_lines({text})")).needs(Need::ShellLines),
        false => Translated::code(format!("run_shell({text})")).needs(Need::RunShell),
    };
    translated.expanded(command, known)
}

/// The packages of `pip install …` and its like.
pub(super) fn installed<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    let words = match words {
        ["python" | "python3" | "{sys.executable}", "-m", rest @ ..] => rest,
        ["sudo" | "uv" | "yes", rest @ ..] => rest,
        other => other,
    };
    let rest = match words {
        ["pip" | "pip3" | "conda" | "mamba", "install", rest @ ..] => rest,
        _ => return None,
    };
    Some(
        rest.iter()
            .copied()
            .filter(|word| !word.starts_with('-'))
            .collect(),
    )
}

pub(super) fn install(packages: &[&str]) -> Translated {
    let packages = packages.join(" ");
    Translated::dropped("").review(
        "a notebook does not install packages: the project does",
        format!("add them to the project: `uv add {packages}`"),
    )
}

pub(super) fn env(rest: &str, known: Known<'_>) -> Translated {
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
    .expanded(rest, known)
}

pub(super) fn cd(rest: &str, known: Known<'_>) -> Translated {
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

pub(super) fn run(rest: &str, known: Known<'_>) -> Translated {
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

/// `%%bash` and its like.
pub(super) fn run_script(name: &str, rest: &str, body: &str) -> Translated {
    let (program, options) = match name {
        "script" => split(rest),
        "system" | "sx" | "!" => ("sh", rest),
        other => (other, rest),
    };
    if matches!(program, "false" | "true" | ":" | "echo") {
        return Translated::dropped("the program takes no input: the cell was not to be run");
    }
    let check = match options.trim() {
        "" => "",
        "--no-raise-error" => ", check=False",
        _ => {
            return Translated::manual(
                format!("the options of `%%{name}`, `{options}`, are IPython's"),
                "start the program with `subprocess`",
            );
        }
    };
    let (program, body) = (quote(program), quote(body));
    Translated::code(format!("run_script({program}, {body}{check})")).needs(Need::RunScript)
}
