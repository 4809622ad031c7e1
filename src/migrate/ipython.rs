//! Finding what is not Python in a cell, and putting Python in its place.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, IpyEscapeKind, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse, parse_module};
use ruff_text_size::{Ranged, TextRange};

use super::cells::Cell;
use super::edits::{Edit, apply, before_on_line, hashed, indent_at, line_at};
use super::literal::quote;
use super::magics::{self, CellMagic, Known, Translated};
use super::{Issue, Severity, python2, scope};

/// What begins every comment that asks a person for something.
pub const TODO: &str = "# TODO(migrate):";

/// Code as comments below a line that says why.
pub fn as_comment(code: &str, why: &str) -> String {
    let mut out = format!("{TODO} {}", crate::ui::text::one_line(why));
    for line in crate::ui::text::sanitize(code).lines() {
        out.push_str("\n#");
        if !line.trim().is_empty() {
            out.push(' ');
            out.push_str(line.trim_end());
        }
    }
    out
}

/// Parses a cell as IPython would.
pub fn parse_cell(code: &str) -> Result<Vec<Stmt>, (String, usize)> {
    match parse(code, ParseOptions::from(Mode::Ipython)) {
        Ok(parsed) => match parsed.into_syntax() {
            ruff_python_ast::Mod::Module(module) => Ok(module.body.into_iter().collect()),
            ruff_python_ast::Mod::Expression(_) => Ok(Vec::new()),
        },
        Err(error) => {
            let at = error.location.start().to_usize().min(code.len());
            let line = code
                .get(..at)
                .map_or(1, |before| before.matches('\n').count() + 1);
            Err((error.error.to_string(), line))
        }
    }
}

/// Makes Python of a cell's code. What can't be translated becomes comments.
pub fn translate(cell: &mut Cell<'_>, code: &str, known: Known<'_>) -> String {
    let Some((head, body)) = cell_magic(code) else {
        return lines(cell, code, known);
    };
    let lead = code.len() - code.trim_start().len();
    let line = code[..lead].matches('\n').count() + 1;
    let text = head.trim_start_matches('%');
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match magics::cell(name, rest, body, known) {
        CellMagic::Body(setup, what) => {
            cell.note(&what, head, line, "its body is the cell's code");
            let body = below(cell, line, &setup, body, known);
            let comment = match what.severity {
                Severity::Manual => as_comment(head, &format!("{}; {}", what.reason, what.action)),
                _ => format!("# {head}"),
            };
            if what.severity == Severity::Info {
                cell.dropped.push(comment.clone());
            }
            format!("{comment}\n{body}")
        }
        CellMagic::Replaced(what) => {
            cell.note(&what, head, line, "the cell became a call");
            match what.code {
                Some(code) if what.severity == Severity::Manual => {
                    format!("{TODO} {}\n{code}", what.action)
                }
                Some(code) => code,
                None if what.severity == Severity::Info => {
                    hashed(&crate::ui::text::sanitize(code.trim_end()))
                }
                None => as_comment(
                    code.trim_end(),
                    &format!("{}; {}", what.reason, what.action),
                ),
            }
        }
        CellMagic::Within(within) => {
            let body = below(cell, line, &within.setup, body, known);
            match within.around(&body) {
                Some(block) => {
                    cell.note(&within.what, head, line, within.done);
                    block
                }
                None => {
                    cell.note(&within.otherwise, head, line, "");
                    format!("# {head}\n{body}")
                }
            }
        }
    }
}

/// The code of a magic's own line, and the body below it.
fn below(cell: &mut Cell<'_>, line: usize, setup: &str, body: &str, known: Known<'_>) -> String {
    let (above, code) = match setup.is_empty() {
        true => (line, body.to_owned()),
        false => (line - 1, format!("{setup}\n{body}")),
    };
    cell.above += above;
    let translated = translate(cell, &code, known);
    cell.above -= above;
    translated
}

/// The `%%` line of a cell, and what is below.
fn cell_magic(code: &str) -> Option<(&str, &str)> {
    let trimmed = code.trim_start();
    if !trimmed.starts_with("%%") || trimmed.starts_with("%%%") {
        return None;
    }
    let (head, body) = trimmed.split_once('\n').unwrap_or((trimmed, ""));
    Some((head.trim_end(), body))
}

/// Indented code, unless a text over several lines would change by that.
pub(super) fn indented(code: &str) -> Option<String> {
    let parsed = parse_module(code).ok()?;
    let body = &parsed.syntax().body;
    if body.is_empty() {
        return None;
    }
    let spans = |token: &ruff_python_ast::token::Token| {
        token.kind() != ruff_python_ast::token::TokenKind::NonLogicalNewline
            && code[token.range()].contains('\n')
            && code[token.range()].len() > 1
    };
    if parsed.tokens().iter().any(spans) {
        return None;
    }
    let lines = code.lines().map(|line| match line.is_empty() {
        true => String::new(),
        false => format!("    {line}"),
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Translates magics and shell lines inside Python.
fn lines(cell: &mut Cell<'_>, code: &str, known: Known<'_>) -> String {
    let (code, body) = match parse_cell(code) {
        Ok(body) => (code.to_owned(), body),
        Err(error) => match python2::repaired(cell, code) {
            Some(repaired) => repaired,
            None => return unparsable(cell, code, &error),
        },
    };
    let mut escapes = Escapes {
        known,
        code: &code,
        top: true,
        locals: Vec::new(),
        found: Vec::new(),
    };
    escapes.visit_body(&body);
    let mut edits = Vec::new();
    for escape in escapes.found {
        edits.push(escape.edit(cell, &code, known));
    }
    let translated = apply(&code, edits);
    match parse_module(&translated) {
        Ok(_) => translated,
        Err(error) => {
            let at = error.location.start().to_usize().min(translated.len());
            let line = translated
                .get(..at)
                .map_or(1, |t| t.matches('\n').count() + 1);
            unparsable(cell, &code, &(error.error.to_string(), line))
        }
    }
}

/// A cell that is not Python is kept as a comment.
pub fn unparsable(cell: &mut Cell<'_>, code: &str, (message, line): &(String, usize)) -> String {
    let python2 = code
        .lines()
        .any(|line| line.trim_start().starts_with("print ") || line.contains("raw_input("));
    let reason = match python2 {
        true => format!("line {line} is not Python 3: {message}"),
        false => format!("line {line} is not Python: {message}"),
    };
    let action = "correct it, and take away the comment signs";
    cell.statistics.kept_as_comment += 1;
    let issue = Issue::new(Severity::Manual, "syntax", &reason)
        .line(*line)
        .source(code.lines().nth(line - 1).unwrap_or_default())
        .done("the cell was kept as a comment")
        .action(action);
    cell.issue(issue);
    as_comment(code.trim_end(), &format!("{reason}; {action}"))
}

/// A piece of IPython inside Python.
struct Escape {
    range: TextRange,
    kind: IpyEscapeKind,
    value: String,
    /// Its value is used.
    is_value: bool,
    /// It is a statement of the cell itself.
    top: bool,
    /// The statement around it.
    statement: TextRange,
    /// The body of a cell magic that is called as a function.
    body: Option<String>,
    /// The names that the functions around it have.
    locals: BTreeSet<String>,
}

struct Escapes<'a> {
    known: Known<'a>,
    code: &'a str,
    top: bool,
    locals: Vec<BTreeSet<String>>,
    found: Vec<Escape>,
}

impl<'a> Visitor<'a> for Escapes<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let top = std::mem::replace(&mut self.top, false);
        let range = statement.range();
        match statement {
            Stmt::IpyEscapeCommand(node) => {
                self.push(node.range, node.kind, &node.value, false, top, range);
            }
            Stmt::Expr(node) => match get_ipython_call(&node.value) {
                Some((kind, value, body)) => {
                    self.push(range, kind, &value, false, top, range);
                    if let Some(last) = self.found.last_mut() {
                        last.body = body;
                    }
                }
                None => match self.automagic(range).filter(|_| top) {
                    Some(text) => self.push(range, IpyEscapeKind::Magic, &text, false, top, range),
                    None => visitor::walk_stmt(self, statement),
                },
            },
            Stmt::Assign(node) => match (&*node.value, get_ipython_call(&node.value)) {
                (Expr::IpyEscapeCommand(escape), _) => {
                    self.push(escape.range, escape.kind, &escape.value, true, top, range);
                }
                (value, Some((kind, text, None))) => {
                    self.push(value.range(), kind, &text, true, top, range);
                }
                _ => visitor::walk_stmt(self, statement),
            },
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                self.locals.push(scope::locals(statement));
                visitor::walk_stmt(self, statement);
                self.locals.pop();
            }
            other => visitor::walk_stmt(self, other),
        }
        self.top = top;
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::IpyEscapeCommand(node) = expression {
            self.push(node.range, node.kind, &node.value, true, false, node.range);
        }
        visitor::walk_expr(self, expression);
    }
}

impl Escapes<'_> {
    /// `ls -la` is Python, a difference, but IPython takes it for a magic if there is no `ls`.
    fn automagic(&self, range: TextRange) -> Option<String> {
        let text = &self.code[range];
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let is_magic = magics::AUTOMAGIC.contains(&word)
            && !text.contains('\n')
            && !rest.trim_start().starts_with(['=', '(', '[', '.', ','])
            && !(self.known)(word);
        is_magic.then(|| text.to_owned())
    }

    fn push(
        &mut self,
        range: TextRange,
        kind: IpyEscapeKind,
        value: &str,
        is_value: bool,
        top: bool,
        statement: TextRange,
    ) {
        // A line that goes on is written on one.
        let value = value.replace("\\\n", " ");
        debug_assert!(range.end().to_usize() <= self.code.len());
        self.found.push(Escape {
            range,
            kind,
            value,
            is_value,
            top,
            statement,
            body: None,
            locals: self.locals.iter().flatten().cloned().collect(),
        });
    }
}

/// `get_ipython().run_line_magic("name", "rest")` and its like, as nbconvert writes them.
fn get_ipython_call(expression: &Expr) -> Option<(IpyEscapeKind, String, Option<String>)> {
    let call = expression.as_call_expr()?;
    let attribute = call.func.as_attribute_expr()?;
    let inner = attribute.value.as_call_expr()?;
    if inner.func.as_name_expr()?.id.as_str() != "get_ipython" {
        return None;
    }
    let texts: Option<Vec<String>> = call
        .arguments
        .args
        .iter()
        .map(|argument| Some(argument.as_string_literal_expr()?.value.to_str().to_owned()))
        .collect();
    let texts = texts?;
    match (attribute.attr.as_str(), &texts[..]) {
        ("run_line_magic", [name, rest]) => {
            Some((IpyEscapeKind::Magic, format!("{name} {rest}"), None))
        }
        ("run_line_magic" | "magic", [line]) => Some((
            IpyEscapeKind::Magic,
            line.trim_start_matches('%').to_owned(),
            None,
        )),
        ("system", [command]) => Some((IpyEscapeKind::Shell, command.clone(), None)),
        ("getoutput", [command]) => Some((IpyEscapeKind::ShCap, command.clone(), None)),
        ("run_cell_magic", [name, rest, body]) => Some((
            IpyEscapeKind::Magic2,
            format!("{name} {rest}"),
            Some(body.clone()),
        )),
        _ => None,
    }
}

impl Escape {
    fn translated(&self, cell: &mut Cell<'_>, known: Known<'_>) -> Translated {
        let value = self.value.trim();
        let known = &|name: &str| self.locals.contains(name) || known(name);
        match self.kind {
            IpyEscapeKind::Shell => magics::shell(value, self.is_value, known),
            IpyEscapeKind::ShCap => magics::shell(value, true, known),
            IpyEscapeKind::Magic => magics::line(value, self.is_value, known),
            IpyEscapeKind::Magic2 => {
                let (name, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
                let body = self.body.as_deref().unwrap_or_default();
                match magics::cell(name, rest, body, known) {
                    CellMagic::Replaced(what) => what,
                    CellMagic::Body(setup, what) => Translated {
                        code: Some(below(cell, 1, &setup, body, known)),
                        ..what
                    },
                    CellMagic::Within(within) => {
                        let body = below(cell, 1, &within.setup, body, known);
                        match within.around(&body) {
                            Some(block) => Translated {
                                code: Some(block),
                                ..within.what
                            },
                            None => Translated {
                                code: Some(body),
                                ..within.otherwise
                            },
                        }
                    }
                }
            }
            IpyEscapeKind::Help | IpyEscapeKind::Help2 => Translated {
                code: None,
                severity: Severity::Info,
                reason: "marimo shows documentation beside the cell".to_owned(),
                action: String::new(),
                needs: BTreeSet::new(),
            },
            kind => called(kind, value),
        }
    }

    fn edit(&self, cell: &mut Cell<'_>, code: &str, known: Known<'_>) -> Edit {
        let source = code[self.range].trim_end();
        let line = line_at(code, self.range.start());
        let what = self.translated(cell, known);
        let assigned = self.is_value && what.code.is_none();
        cell.note(
            &what,
            source,
            line,
            &what
                .code
                .as_deref()
                .map(|code| format!("it is `{}` now", first_line(code)))
                .unwrap_or_default(),
        );
        let indent = indent_at(code, self.range.start());
        if let Some(new) = what.code {
            let new = new.replace('\n', &format!("\n{indent}"));
            return Edit {
                range: self.range,
                text: new,
            };
        }
        let range = if assigned { self.statement } else { self.range };
        let filler = if self.top { "" } else { "pass\n" };
        let text = match what.severity {
            Severity::Manual => as_comment(
                code[range].trim_end(),
                &format!("{}; {}", what.reason, what.action),
            ),
            _ => {
                let comment = crate::ui::text::sanitize(code[range].trim_end())
                    .lines()
                    .map(|line| format!("# {}", line.trim_start()))
                    .collect::<Vec<_>>()
                    .join("\n");
                if what.severity == Severity::Info {
                    cell.dropped.extend(comment.lines().map(str::to_owned));
                }
                comment
            }
        };
        let own_line = before_on_line(code, range.start()).trim().is_empty();
        let newline = if own_line { "" } else { "\n" };
        let text = format!("{newline}{filler}{text}").replace('\n', &format!("\n{indent}"));
        Edit { range, text }
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    crate::ui::text::truncate(line, 80).into_owned()
}

/// `,f a b`, `;f a b` and `/f a b`.
fn called(kind: IpyEscapeKind, value: &str) -> Translated {
    let (function, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    let arguments = match kind {
        IpyEscapeKind::Quote => rest
            .split_whitespace()
            .map(quote)
            .collect::<Vec<_>>()
            .join(", "),
        IpyEscapeKind::Quote2 => quote(rest),
        _ => rest.split_whitespace().collect::<Vec<_>>().join(", "),
    };
    Translated {
        code: Some(format!("{function}({arguments})")),
        severity: Severity::Info,
        reason: String::new(),
        action: String::new(),
        needs: BTreeSet::new(),
    }
}
