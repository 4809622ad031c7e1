//! Cells that are no Python 3, and would be taken by IPython or Python 2.

use ruff_python_ast::Stmt;

use super::cells::Cell;
use super::ipython::parse_cell;
use super::{Issue, Severity, magics};

/// Code that IPython or Python 2 would take.
pub fn repaired(cell: &mut Cell<'_>, code: &str) -> Option<(String, Vec<Stmt>)> {
    let automagic: String = each_line(code, |line| {
        let word = line.split_whitespace().next()?;
        let is_magic = magics::AUTOMAGIC.contains(&word) && !line.contains(['=', '(']);
        (is_magic && line.starts_with(word)).then(|| format!("%{line}"))
    });
    if automagic != code
        && let Ok(body) = parse_cell(&automagic)
    {
        return Some((automagic, body));
    }
    let python3 = each_line(&automagic, python3_line);
    let body = parse_cell(&python3).ok()?;
    let changed = code
        .lines()
        .zip(python3.lines())
        .position(|(a, b)| a != b)
        .unwrap_or(0);
    let issue = Issue::new(Severity::Review, "python2", "it was written for Python 2")
        .line(changed + 1)
        .source(code.lines().nth(changed).unwrap_or_default())
        .done("`print`, `exec`, `raise` and `except` were rewritten")
        .action("look at divisions and texts");
    cell.issue(issue);
    Some((python3, body))
}

fn each_line(code: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let lines = code
        .split('\n')
        .map(|line| change(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of Python 2 that is not Python 3.
fn python3_line(line: &str) -> Option<String> {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    if text == "print" {
        return Some(format!("{indent}print()"));
    }
    if let Some(rest) = text.strip_prefix("print ") {
        let rest = rest.trim_end();
        if let Some(rest) = rest.strip_prefix(">>") {
            let (file, rest) = rest.split_once(',')?;
            return Some(format!(
                "{indent}print({}, file={})",
                rest.trim(),
                file.trim()
            ));
        }
        return Some(match rest.strip_suffix(',') {
            Some(rest) => format!("{indent}print({rest}, end=\" \")"),
            None => format!("{indent}print({rest})"),
        });
    }
    if let Some(rest) = text.strip_prefix("exec ") {
        return Some(format!("{indent}exec({})", rest.trim_end()));
    }
    if let Some(rest) = text.strip_prefix("except ")
        && let Some((kind, name)) = rest.trim_end().strip_suffix(':')?.rsplit_once(',')
    {
        return Some(format!(
            "{indent}except {} as {}:",
            kind.trim(),
            name.trim()
        ));
    }
    if let Some(rest) = text.strip_prefix("raise ")
        && let Some((kind, message)) = rest.split_once(',')
        && !kind.contains('(')
    {
        return Some(format!("{indent}raise {kind}({})", message.trim()));
    }
    None
}
