//! One notebook, from its bytes to the cells that marimo writes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::cells::{Cell, Context, DROPPED, Piece, Role};
use super::ipython::as_comment;
use super::magics::Need;
use super::read::{self, Invalid, Kind, Notebook};
use super::stars::{self, Exports};
use super::{
    Issue, Severity, Statistics, cycles, definitions, helpers, markdown, outputs, remarks,
};

/// What was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Outputs are kept as comments.
    pub preserve_outputs: bool,
    /// daglab's helpers are imported.
    pub helpers: bool,
}

/// A notebook on its way.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its cells.
    pub pieces: Vec<Piece>,
    /// What there is to say.
    pub issues: Vec<Issue>,
    /// What is counted.
    pub statistics: Statistics,
    /// Options of the marimo notebook that it once was.
    pub app: Map<String, Value>,
    /// What stands at the top of the file.
    pub header: String,
    /// The format it was written in.
    pub format: String,
}

/// Reads a notebook and translates its cells one by one.
pub fn draft(bytes: &[u8], options: Options) -> Result<Draft, Invalid> {
    let notebook = read::read(bytes)?;
    let context = Context::of(&notebook.cells);
    let mut draft = Draft {
        issues: notebook.issues.clone(),
        app: notebook.app.clone(),
        format: notebook.format.clone(),
        ..Draft::default()
    };
    order(&notebook, &mut draft.issues);
    let mut needs = BTreeSet::new();
    for cell in &notebook.cells {
        draft.cell(cell, &context, options, &mut needs);
    }
    helpers::add(&mut draft.pieces, &needs, &context.written, options.helpers);
    Ok(draft)
}

/// Says if cells last ran in another order than they stand in.
fn order(notebook: &Notebook, issues: &mut Vec<Issue>) {
    let counts: Vec<(u64, usize)> = notebook
        .cells
        .iter()
        .filter_map(|cell| Some((cell.execution_count?, cell.number)))
        .collect();
    let Some(pair) = counts.windows(2).find(|pair| pair[0].0 > pair[1].0) else {
        return;
    };
    let reason = format!(
        "cells last ran in another order than they stand in: cell {} after cell {}",
        pair[0].1, pair[1].1
    );
    issues.push(
        Issue::new(Severity::Review, "order", reason)
            .done("they were taken to run from top to bottom")
            .action("run the original from top to bottom once, and see whether it still works"),
    );
}

impl Draft {
    fn cell(
        &mut self,
        cell: &read::Cell,
        context: &Context,
        options: Options,
        needs: &mut BTreeSet<Need>,
    ) {
        self.statistics.cells += 1;
        match &cell.kind {
            Kind::Code => self.statistics.code_cells += 1,
            Kind::Markdown => self.statistics.markdown_cells += 1,
            Kind::Raw(_) => self.statistics.raw_cells += 1,
        }
        self.tags(cell);
        let mut piece = match &cell.kind {
            _ if cell.source.trim().is_empty() => None,
            Kind::Markdown => {
                let text = markdown::with_attachments(cell, &mut self.issues, &mut self.statistics);
                needs.insert(Need::Import("import marimo as mo"));
                Some(Piece::of(cell, Role::Markdown, markdown::call(&text)))
            }
            Kind::Raw(mime) => {
                needs.insert(Need::Import("import marimo as mo"));
                let piece = Piece::of(cell, Role::Markdown, markdown::raw(&cell.source, mime));
                let issue = Issue::new(Severity::Info, "raw", "marimo has no raw cells");
                self.issues
                    .push(piece.about(issue.done("its text is shown by `mo.md`")));
                Some(piece)
            }
            Kind::Code => self.code(cell, context, needs),
        };
        let (comments, kept) = match (options.preserve_outputs, &piece) {
            (true, Some(_)) => outputs::comments(cell),
            _ => (String::new(), 0),
        };
        self.statistics.outputs_kept += kept;
        self.statistics.outputs_dropped += cell.outputs.len() - kept;
        match &mut piece {
            Some(piece) => piece.trailer = comments,
            None => self.statistics.empty_cells += 1,
        }
        self.pieces.extend(piece);
    }

    fn code(
        &mut self,
        cell: &read::Cell,
        context: &Context,
        needs: &mut BTreeSet<Need>,
    ) -> Option<Piece> {
        let (header, source) = script_metadata(&cell.source);
        if let Some(header) = header
            && self.header.is_empty()
        {
            self.header = header;
        }
        let cell = &read::Cell {
            source,
            ..cell.clone()
        };
        let mut translation = Cell {
            cell,
            statistics: &mut self.statistics,
            issues: &mut self.issues,
            needs,
            dropped: Vec::new(),
            above: 0,
        };
        let Some(code) = translation.code(context) else {
            // A cell of nothing but what marimo does not need is left out as a whole.
            let of_cell = self
                .issues
                .iter_mut()
                .filter(|i| i.cell == Some(cell.number));
            for issue in of_cell.filter(|issue| issue.done == DROPPED) {
                "it was left out".clone_into(&mut issue.done);
            }
            return None;
        };
        Some(Piece::of(cell, Role::Code, code))
    }

    fn tags(&mut self, cell: &read::Cell) {
        for tag in &cell.tags {
            let issue = match &**tag {
                "parameters" => Issue::new(
                    Severity::Review,
                    "tag",
                    "papermill puts parameters below this cell",
                )
                .action(
                    "read them with `mo.cli_args()`, and run the notebook with `-- --name value`",
                ),
                "raises-exception" => Issue::new(
                    Severity::Review,
                    "tag",
                    "the cell was expected to fail",
                )
                .action(
                    "catch the exception: marimo does not run cells that depend on a failed one",
                ),
                "skip-execution" => Issue::new(Severity::Info, "tag", "the cell was not to be run")
                    .done("it is disabled"),
                _ => continue,
            };
            let mut issue = issue.source(tag);
            issue.cell = Some(cell.number);
            issue.execution_count = cell.execution_count;
            self.issues.push(issue);
        }
    }

    /// The modules that everything is imported from.
    pub fn stars(&self) -> BTreeSet<String> {
        stars::modules(&self.pieces)
    }

    /// What concerns the notebook as a whole, once it is known what modules export.
    pub fn finish(mut self, exports: &Exports) -> Self {
        let Self {
            pieces,
            issues,
            statistics,
            ..
        } = &mut self;
        stars::resolve(pieces, exports, issues, statistics);
        definitions::resolve(pieces, issues, statistics);
        pieces.retain(|piece| !piece.text().trim().is_empty());
        cycles::merge(pieces, issues, statistics);
        names_of_cells(pieces);
        remarks::undefined(pieces, issues);
        remarks::mutations(pieces, issues);
        remarks::lines_of_shell(pieces, issues);
        if pieces.is_empty() {
            pieces.push(Piece::helper("import marimo as mo"));
        }
        statistics.cells_written = pieces.len();
        issues.sort_by_key(|issue| {
            (
                issue.cell.unwrap_or(0),
                std::cmp::Reverse(issue.severity),
                issue.line,
            )
        });
        self
    }

    /// Keeps a cell that marimo can't take as a comment. `finished` is what became of this draft, and
    /// the cell one of its pieces; what follows for other cells comes of finishing this draft again.
    pub fn refuse(&mut self, finished: &Self, cell: usize, message: &str, line: Option<usize>) {
        let Some(refused) = finished.pieces.get(cell) else {
            return;
        };
        let source = refused
            .code
            .lines()
            .nth(line.unwrap_or(1).saturating_sub(1))
            .unwrap_or_default();
        // Helpers have no cell of the original; they keep their order.
        let nth = |pieces: &[Piece]| pieces.iter().filter(|p| p.origins.is_empty()).count();
        let number = nth(&finished.pieces[..cell]);
        let mut helpers = 0;
        for piece in &mut self.pieces {
            let is_it = match piece.origins.first() {
                Some(origin) => refused.origins.contains(origin),
                None => {
                    helpers += 1;
                    refused.origins.is_empty() && helpers == number + 1
                }
            };
            if !is_it {
                continue;
            }
            let action = "correct it, and take away the comment signs";
            let reason = format!("marimo can't take the cell: {message}");
            let issue = Issue::new(Severity::Manual, "refused", reason)
                .source(source)
                .done("the cell was kept as a comment")
                .action(action);
            self.issues.push(piece.about(Issue { line, ..issue }));
            piece.code = as_comment(piece.code.trim_end(), &format!("{message}; {action}"));
            piece.role = Role::Code;
            piece.hidden = false;
            self.statistics.kept_as_comment += 1;
        }
    }

    /// Says what the command `marimo convert` does not write, and switches off cells in another way.
    pub fn without_options(&mut self) {
        let issue = |severity, what: &str| {
            let reason = format!("{what}, which this marimo can't be told from outside");
            Issue::new(severity, "command", reason)
        };
        for piece in &mut self.pieces {
            if piece.disabled {
                let action = "take away the comment signs, and disable it in marimo's editor";
                let off = issue(Severity::Review, "the cell is switched off");
                let off = off.done("it was kept as a comment").action(action);
                self.issues.push(piece.about(off));
                piece.code = as_comment(piece.code.trim_end(), action);
                self.statistics.kept_as_comment += 1;
            }
            if let Some(name) = &piece.name {
                let named = issue(Severity::Info, "the cell has a name").source(name);
                self.issues.push(piece.about(named.done("it was left out")));
            }
        }
        let action = "set them in marimo's editor";
        if !self.app.is_empty() {
            let options = issue(Severity::Review, "the notebook has options");
            self.issues
                .push(options.done("they were left out").action(action));
        }
        if !self.header.is_empty() {
            let header = issue(Severity::Review, "the notebook names what it needs");
            let header = header.done("it was left out");
            self.issues.push(
                header
                    .source(&self.header)
                    .action("put it at the file's top"),
            );
        }
    }
}

/// The `# /// script` block of a cell, which belongs to the top of a file.
fn script_metadata(source: &str) -> (Option<String>, String) {
    let mut header: Option<Vec<&str>> = None;
    let mut rest = Vec::new();
    let mut open = false;
    for line in source.split('\n') {
        match (open, line.trim_end()) {
            (false, "# /// script") if header.is_none() => {
                open = true;
                header = Some(vec!["# /// script"]);
            }
            (true, line) if line == "#" || line.starts_with("# ") => {
                header.get_or_insert_default().push(line);
                open = line != "# ///";
            }
            _ => rest.push(line),
        }
    }
    match header {
        Some(header) if !open => (Some(header.join("\n")), rest.join("\n")),
        _ => (None, source.to_owned()),
    }
}

/// Names of cells that can't be names, or are there twice, are left out.
fn names_of_cells(pieces: &mut [Piece]) {
    let mut seen = BTreeSet::new();
    for piece in pieces {
        let usable = piece.name.as_ref().is_some_and(|name| {
            !matches!(&**name, "setup" | "app" | "marimo")
                && super::literal::identifier(name) == name
                && seen.insert(name.clone())
        });
        if !usable {
            piece.name = None;
        }
    }
}

#[cfg(test)]
mod tests;
