//! Tables on standard output: aligned columns, and the first one shortened where a terminal is too narrow.

use super::report::visible;

/// Between columns.
const GAP: &str = "  ";

/// The narrowest that the first column gets.
const NARROWEST: usize = 12;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Rows under a header.
pub(super) struct Table<const COLUMNS: usize> {
    header: [(&'static str, Align); COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table without rows.
    pub(super) const fn new(header: [(&'static str, Align); COLUMNS]) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row.map(|cell| visible(&cell)));
    }

    /// The lines, each with its newline; at most `width` wide if there is one.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let header = self.header.map(|(name, _)| name.to_owned());
        std::iter::once(&header).chain(&self.rows).map(|row| self.line(row, &widths)).collect()
    }

    fn widths(&self, width: Option<usize>) -> [usize; COLUMNS] {
        let mut widths = self.header.map(|(name, _)| name.chars().count());
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = cell.chars().count().max(*widest);
            }
        }
        let whole = widths.iter().sum::<usize>() + GAP.len() * COLUMNS.saturating_sub(1);
        if let (Some(first), Some(width)) = (widths.first_mut(), width) {
            *first = first.saturating_sub(whole.saturating_sub(width)).max(NARROWEST.min(*first));
        }
        widths
    }

    fn line(&self, row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
        let cells = row.iter().zip(widths).zip(&self.header);
        let cells = cells.map(|((cell, width), (_, align))| aligned(&shortened(cell, *width), *width, *align));
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
    }
}

fn aligned(cell: &str, width: usize, align: Align) -> String {
    match align {
        Align::Left => format!("{cell:<width$}"),
        Align::Right => format!("{cell:>width$}"),
    }
}

fn shortened(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    let mut short: String = cell.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new([("layer", Align::Left), ("made", Align::Left), ("bytes", Align::Right)]);
        table.row(["numpy, scipy and 12 more".into(), "built".into(), "1.0 MB".into()]);
        table.row(["base".into(), "base".into(), "17.1 MB".into()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_cells() {
        let expect = "layer                     made     bytes\n\
                      numpy, scipy and 12 more  built   1.0 MB\n\
                      base                      base   17.1 MB\n";
        assert_eq!(table().render(None), expect);
        assert_eq!(table().render(Some(80)), expect);
    }

    #[test]
    fn narrow_terminals_shorten_the_first_column() {
        let expect = "layer            made     bytes\n\
                      numpy, scipy a…  built   1.0 MB\n\
                      base             base   17.1 MB\n";
        assert_eq!(table().render(Some(31)), expect);
        assert!(table().render(Some(3)).lines().all(|line| line.chars().count() <= 28));
    }
}
