//! `%magic`: one line.

use super::shell::{cd, env, install, installed, run, shell};
use super::{Known, Need, Translated, is_expression, split, sql, without_options};
use crate::migrate::literal::interpolate;

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
        "config" if rest.contains("ast_node_interactivity") => Translated::dropped("").review(
            "Jupyter was told which values of a cell to show, and marimo shows the last",
            "put several values into `mo.vstack([…])`, or print them",
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
        "sql" if !rest.is_empty() => sql::line(rest, false),
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
        "sql" if !rest.is_empty() => sql::line(rest, true),
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
        _ => Translated::dropped("").review(
            "the figures were interactive",
            "show a figure with `mo.mpl.interactive(plt.gcf())`",
        ),
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
