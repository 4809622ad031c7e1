//! Columns without boxes: text that is easy to read, to select and to grep.

use super::style::{Paint, Role};
use super::text;

/// The side on which a column is flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Flush left.
    Left,
    /// Flush right, for numbers.
    Right,
}

/// One cell of a [`Table`]: text on one line, and what it means.
#[derive(Debug, Clone)]
pub struct TableCell {
    text: String,
    role: Option<Role>,
}

impl TableCell {
    /// A cell in the terminal's own colour. The text is made safe and put on one line.
    pub fn plain(text: &str) -> Self {
        Self {
            text: text::one_line(text),
            role: None,
        }
    }

    /// A cell that is painted as `role`.
    pub fn painted(role: Role, text: &str) -> Self {
        Self {
            text: text::one_line(text),
            role: Some(role),
        }
    }
}

/// Rows of cells, laid out so that each column begins at the same place.
///
/// Only the last column is ever cut to fit: the others hold what identifies a row.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<TableCell>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new(columns: impl Into<Vec<Align>>) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = TableCell>) -> &mut Self {
        self.rows
            .push(cells.into_iter().take(self.columns.len()).collect());
        self
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows as lines, each indented by `indent` spaces and ended by a newline, cut to `width`
    /// columns where one is given.
    pub fn render(&self, paint: Paint, indent: usize, width: Option<usize>) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for row in &self.rows {
            out.push_str(self.line(row, &widths, paint, indent, width).trim_end());
            out.push('\n');
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.columns.len()];
        for row in &self.rows {
            for (slot, cell) in widths.iter_mut().zip(row) {
                *slot = (*slot).max(text::width(&cell.text));
            }
        }
        widths
    }

    fn line(
        &self,
        row: &[TableCell],
        widths: &[usize],
        paint: Paint,
        indent: usize,
        width: Option<usize>,
    ) -> String {
        const GAP: usize = 2;
        let mut out = " ".repeat(indent);
        let mut used = indent;
        let last = self.columns.len().saturating_sub(1);
        for (index, cell) in row.iter().enumerate() {
            let room = width.map(|width| width.saturating_sub(used));
            let text = match room {
                Some(room) if index == last => text::truncate(&cell.text, room),
                _ => cell.text.as_str().into(),
            };
            let padding = widths[index].saturating_sub(text::width(&text));
            let painted = match cell.role {
                Some(role) => paint.paint(role, &text),
                None => text.into_owned(),
            };
            let (before, after) = match self.columns[index] {
                Align::Left => (0, padding),
                Align::Right => (padding, 0),
            };
            out.extend(std::iter::repeat_n(' ', before));
            out.push_str(&painted);
            if index < last {
                out.extend(std::iter::repeat_n(' ', after + GAP));
            }
            used += widths[index] + GAP;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
        let cells = |a, b, c| [a, b, c].map(TableCell::plain);
        table.row(cells("orders", "1.24 s", "asset orders"));
        table.row(cells("größe 日本", "12.3 s", "a long explanation\nof it"));
        table.row([TableCell::plain("short")]);
        table
    }

    #[test]
    fn columns_line_up() {
        insta::assert_snapshot!(table().render(Paint::new(false), 2, None), @r"
          orders      1.24 s  asset orders
          größe 日本  12.3 s  a long explanation of it
          short
        ");
    }

    #[test]
    fn the_last_column_gives_way() {
        insta::assert_snapshot!(table().render(Paint::new(false), 0, Some(30)), @r"
        orders      1.24 s  asset ord…
        größe 日本  12.3 s  a long ex…
        short
        ");
    }

    #[test]
    fn paint_does_not_change_the_layout() {
        let mut table = Table::new([Align::Left, Align::Left]);
        table.row([TableCell::painted(Role::Good, "ok"), TableCell::plain("x")]);
        table.row([TableCell::plain("failed"), TableCell::plain("y")]);
        let painted = table.render(Paint::new(true), 0, None);
        assert_eq!(
            text::sanitize(&painted),
            table.render(Paint::new(false), 0, None)
        );
    }
}
