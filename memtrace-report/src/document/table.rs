//! Tables of a document.

use super::Words;

/// A column: its head, shape, and the text between it and the column before.
#[derive(Clone, Debug)]
pub struct Column {
    pub(crate) head: Words,
    pub(crate) shape: Shape,
    pub(crate) gap: &'static str,
}

/// Alignment and width of a column in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Numbers: to the right, of this width.
    Right(usize),
    /// Words: to the left, of this width.
    Left(usize),
    /// Words: to the left, as wide as the longest of the column.
    Fit,
    /// Words: as long as they are.
    Free,
    /// Words at the end of a row: as wide as the rest of the terminal, clipped at their beginning.
    Rest,
}

/// Rows of cells below heads.
#[derive(Clone, Debug)]
pub struct Table {
    /// Title; in text it stands before the heads.
    pub(crate) title: Words,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    /// Text shows the heads.
    pub(crate) has_heads: bool,
}

/// A row, with notes about it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cells: Vec<Words>,
    pub(crate) notes: Vec<Words>,
}

impl Column {
    /// A column, a space after the one before.
    #[must_use]
    pub fn new(head: impl Into<Words>, shape: Shape) -> Self {
        Self { head: head.into(), shape, gap: " " }
    }

    /// The column with another text between it and the one before, in text.
    #[must_use]
    pub const fn after(mut self, gap: &'static str) -> Self {
        self.gap = gap;
        self
    }
}

impl Table {
    /// A table without rows. The text before the first column indents it.
    #[must_use]
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { title: Words::default(), columns: columns.into(), rows: Vec::new(), has_heads: true }
    }

    /// The table with a title, which takes this many columns of text before all rows.
    #[must_use]
    pub fn titled(mut self, title: &str, width: usize) -> Self {
        self.title = format!("{title:<width$}").into();
        self
    }

    /// The table without heads in text, where a line above explains the cells.
    #[must_use]
    pub const fn without_heads(mut self) -> Self {
        self.has_heads = false;
        self
    }

    /// Adds a row, a cell for each column.
    pub fn row<const N: usize>(&mut self, cells: [Words; N]) {
        debug_assert_eq!(N, self.columns.len(), "a cell for each column");
        self.rows.push(Row { cells: cells.into(), notes: Vec::new() });
    }

    /// Adds a note about the last row.
    pub fn note(&mut self, words: impl Into<Words>) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(words.into());
        }
    }
}
