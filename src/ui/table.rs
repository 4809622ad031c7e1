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

/// A column of a [`Table`]: how it lies, and how it gives way where the terminal is narrow.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    align: Align,
    least: Option<usize>,
    leaves: u8,
}

impl Column {
    /// A column that stays as wide as its widest cell.
    pub const fn new(align: Align) -> Self {
        Self {
            align,
            least: None,
            leaves: 0,
        }
    }

    /// May be cut, down to so many columns of the terminal.
    pub const fn shrinks(self, least: usize) -> Self {
        Self {
            least: Some(least),
            ..self
        }
    }

    /// Is left out where all is empty, and where there is no room: the highest number first.
    pub const fn leaves(self, order: u8) -> Self {
        Self {
            leaves: order,
            ..self
        }
    }
}

impl From<Align> for Column {
    fn from(align: Align) -> Self {
        Self::new(align)
    }
}

/// The blanks between two columns.
const GAP: usize = 2;

/// Rows of cells, laid out so that each column begins at the same place.
///
/// Unless its columns say otherwise, only the last is ever cut to fit: the others hold what
/// identifies a row.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    heading: Option<Vec<TableCell>>,
    rows: Vec<Vec<TableCell>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new<C: Into<Column>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            heading: None,
            rows: Vec::new(),
        }
    }

    /// Names the columns.
    pub fn heading(&mut self, names: impl IntoIterator<Item = &'static str>) -> &mut Self {
        let names = names.into_iter();
        self.heading = Some(
            names
                .map(|name| TableCell::painted(Role::Muted, name))
                .collect(),
        );
        self
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
        let widths = self.fitted(indent, width);
        let mut out = String::new();
        for row in self.heading.iter().chain(&self.rows) {
            out.push_str(self.line(row, &widths, paint, indent, width).trim_end());
            out.push('\n');
        }
        out
    }

    /// The width of each column, none for those that are left out.
    fn fitted(&self, indent: usize, width: Option<usize>) -> Vec<Option<usize>> {
        let mut widths: Vec<Option<usize>> = vec![Some(0); self.columns.len()];
        for row in &self.rows {
            for (slot, cell) in widths.iter_mut().zip(row) {
                *slot = slot.map(|wide| wide.max(text::width(&cell.text)));
            }
        }
        for (slot, column) in widths.iter_mut().zip(&self.columns) {
            if column.leaves > 0 && *slot == Some(0) {
                *slot = None;
            }
        }
        for (slot, cell) in widths.iter_mut().zip(self.heading.iter().flatten()) {
            *slot = slot.map(|wide| wide.max(text::width(&cell.text)));
        }
        if let Some(width) = width {
            self.leave_out(&mut widths, width.saturating_sub(indent));
            self.shrink(&mut widths, width.saturating_sub(indent));
        }
        widths
    }

    /// Leaves columns out until the others fit, each as narrow as it can be.
    fn leave_out(&self, widths: &mut [Option<usize>], room: usize) {
        loop {
            let least = widths.iter().zip(&self.columns).map(|(wide, column)| {
                wide.map(|wide| column.least.map_or(wide, |least| wide.min(least)))
            });
            if total(least) <= room {
                return;
            }
            let there = (0..widths.len()).filter(|&index| widths[index].is_some());
            let first = there
                .filter(|&index| self.columns[index].leaves > 0)
                .max_by_key(|&index| self.columns[index].leaves);
            match first {
                Some(index) => widths[index] = None,
                None => return,
            }
        }
    }

    /// Takes from the widest of the columns that may be cut until all fit.
    fn shrink(&self, widths: &mut [Option<usize>], room: usize) {
        let mut over = total(widths.iter().copied()).saturating_sub(room);
        while over > 0 {
            let spare = |index: usize| match (widths[index], self.columns[index].least) {
                (Some(wide), Some(least)) if wide > least => Some(wide),
                _ => None,
            };
            let widest = (0..widths.len())
                .filter_map(|index| Some((spare(index)?, index)))
                .max();
            let Some((wide, index)) = widest else { return };
            widths[index] = Some(wide - 1);
            over -= 1;
        }
    }

    fn line(
        &self,
        row: &[TableCell],
        widths: &[Option<usize>],
        paint: Paint,
        indent: usize,
        width: Option<usize>,
    ) -> String {
        let mut out = " ".repeat(indent);
        let mut used = indent;
        let last = widths.iter().rposition(Option::is_some).unwrap_or_default();
        for (index, cell) in row.iter().enumerate() {
            let Some(wide) = widths[index] else { continue };
            let room = width.map(|width| width.saturating_sub(used));
            let text = match room {
                Some(room) if index == last => text::truncate(&cell.text, room),
                Some(_) if self.columns[index].least.is_some() => text::truncate(&cell.text, wide),
                _ => cell.text.as_str().into(),
            };
            let padding = wide.saturating_sub(text::width(&text));
            let painted = match cell.role {
                Some(role) => paint.paint(role, &text),
                None => text.into_owned(),
            };
            let (before, after) = match self.columns[index].align {
                Align::Left => (0, padding),
                Align::Right => (padding, 0),
            };
            out.extend(std::iter::repeat_n(' ', before));
            out.push_str(&painted);
            if index < last {
                out.extend(std::iter::repeat_n(' ', after + GAP));
            }
            used += wide + GAP;
        }
        out
    }
}

/// The width of columns with the gaps between them.
fn total(widths: impl Iterator<Item = Option<usize>>) -> usize {
    let (sum, count) = widths
        .flatten()
        .fold((0, 0), |(sum, count), wide| (sum + wide, count + 1));
    sum + GAP * usize::saturating_sub(count, 1)
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
    fn columns_give_way_as_they_say() {
        let mut table = Table::new([
            Column::new(Align::Left).shrinks(6),
            Column::new(Align::Right).leaves(1),
            Column::new(Align::Left).leaves(2),
            Column::new(Align::Left).leaves(3),
        ]);
        table.heading(["asset", "checks", "tags", "nothing"]);
        for (key, checks) in [("warehouse/orders", "2"), ("raw", "")] {
            table.row([key, checks, "domain=sales tier=1"].map(TableCell::plain));
        }
        let shown = [None, Some(40), Some(30), Some(20), Some(8)].map(|width| {
            let lines = table.render(Paint::new(false), 0, width);
            for line in lines.lines() {
                assert!(
                    width.is_none_or(|width| text::width(line) <= width),
                    "{line}"
                );
            }
            lines
        });
        insta::assert_snapshot!(shown.join("\n"));
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
