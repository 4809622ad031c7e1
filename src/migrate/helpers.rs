//! Cells that hold what translations need: imports, and functions in the place of IPython's.

use std::collections::BTreeSet;

use super::cells::Piece;
use super::magics::Need;
use super::scope::Access;

/// daglab's helpers that are imported, as far as their names are free.
const HELPERS: &[&str] = &["attach_metadata", "discover", "run_job"];

/// Adds the cells that others need. `written` are the names that the notebook has.
pub fn add(
    pieces: &mut Vec<Piece>,
    needs: &BTreeSet<Need>,
    written: &BTreeSet<String>,
    helpers: bool,
) {
    let imported = imports(pieces);
    let mut imports = Vec::new();
    let mut functions = Vec::new();
    for need in needs {
        match need {
            Need::Import(import) if !imported.contains(*import) => imports.push(*import),
            Need::Import(_) => {}
            Need::RunShell => functions.push(RUN_SHELL),
            Need::ShellLines => functions.push(SHELL_LINES),
            Need::RunScript => functions.push(RUN_SCRIPT),
            Need::Display => functions.push(DISPLAY),
        }
    }
    let imports = (!imports.is_empty()).then(|| Piece::helper(imports.join("\n")));
    let functions = functions.into_iter().map(Piece::helper);
    let first: Vec<Piece> = imports.into_iter().chain(functions).collect();
    pieces.splice(0..0, first);
    let free: Vec<&str> = HELPERS
        .iter()
        .copied()
        .filter(|name| !written.contains(*name))
        .collect();
    if helpers && !free.is_empty() {
        let (names, nothing) = (free.join(", "), free.join(" = "));
        pieces.push(Piece::helper(format!(
            "# Launch a job, list what a Dagster has, attach this notebook to an asset.\n\
             try:\n    from daglab.helpers import {names}\n\
             except ImportError:  # daglab's package is not installed here\n    {nothing} = None"
        )));
    }
}

/// Imports that stand at the top of cells, as statements of one name.
fn imports(pieces: &[Piece]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for piece in pieces.iter().filter(|piece| !piece.disabled) {
        for used in piece.names().uses {
            if let Access::Import(import) = used.access
                && used.direct
                && !import.dotted
                && !import.what.contains(':')
            {
                found.insert(match import.what == used.name {
                    true => format!("import {}", used.name),
                    false => format!("import {} as {}", import.what, used.name),
                });
            }
        }
    }
    found
}

const RUN_SHELL: &str = r#"def run_shell(command):
    """Run a command line and print what it says, as `!command` did in Jupyter."""
    import os
    import subprocess

    done = subprocess.run(
        command,
        shell=True,
        executable=os.environ.get("SHELL"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    print(done.stdout, end="")"#;

const SHELL_LINES: &str = r#"def shell_lines(command):
    """Run a command line and return the lines it prints, as `name = !command` did."""
    import os
    import subprocess

    done = subprocess.run(
        command,
        shell=True,
        executable=os.environ.get("SHELL"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return done.stdout.splitlines()"#;

const RUN_SCRIPT: &str = r#"def run_script(program, text, check=True):
    """Give a text to a program and print what it says, as `%%bash` did in Jupyter."""
    import subprocess

    done = subprocess.run(
        [program],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    print(done.stdout, end="")
    if check:
        done.check_returncode()"#;

const DISPLAY: &str = r#"def display(*values, **options):
    """Show values in the cell's output, as Jupyter's `display` did."""
    import marimo

    for value in values:
        marimo.output.append(value)"#;
