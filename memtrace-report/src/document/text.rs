//! A document as lines of text.

use std::fmt::Write as _;

use super::{Block, Document, Shape, Table, Tone, Words};
use crate::style::{Cell, Colour, Style};

/// Columns of a line of a list.
const LIST: usize = 100;

/// Least width of the last column.
const LEAST_REST: usize = 16;

/// Form of the lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextForm {
    /// Colours.
    pub style: Style,
    /// Columns of the terminal; `None` for names in full.
    pub width: Option<usize>,
}

/// The document as lines, each with its newline.
#[must_use]
pub fn text(document: &Document, form: TextForm) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for block in &document.blocks {
        let _ = match block {
            Block::Conclusion(words, tone) => writeln!(out, "{}", emphasis(words, *tone, form.style)),
            Block::Heading(words) => writeln!(out, "\n{words}"),
            Block::Fact(label, words) => {
                writeln!(out, "{label:<width$} {words}", width = document.label.saturating_sub(1))
            }
            Block::List(label, values) => list(&mut out, document.label, label, values),
            Block::Sentence(words) | Block::Line(words) => writeln!(out, "{words}"),
            Block::Detail(words) => writeln!(out, "  {words}"),
            Block::Alert(words) => writeln!(out, "  {}", form.style.paint(words, Colour::Red)),
            Block::Warning(words) => {
                let label = format!("{:<width$}", "WARNING", width = document.label);
                writeln!(out, "{}", form.style.paint(format!("{label}{words}"), Colour::Yellow))
            }
            Block::Figure(lines) => lines.iter().try_for_each(|line| writeln!(out, "{line}")),
            Block::Gap => writeln!(out),
            Block::Table(table) => {
                of_table(&mut out, table, form.width);
                Ok(())
            }
        };
    }
    out
}

fn emphasis(words: &Words, tone: Tone, style: Style) -> String {
    let code = match tone {
        Tone::Good => "1;32",
        Tone::Bad => "1;31",
        Tone::Neutral => "1",
    };
    if style.colour { format!("\x1b[{code}m{words}\x1b[0m") } else { words.to_string() }
}

/// As many values in each line as fit.
fn list(out: &mut String, indent: usize, label: &Words, values: &[Words]) -> std::fmt::Result {
    let mut line = format!("{label:<indent$}");
    for (at, value) in values.iter().enumerate() {
        if at > 0 && line.chars().count() + 2 + value.plain().chars().count() > LIST {
            writeln!(out, "{line},")?;
            line = " ".repeat(indent);
        } else if at > 0 {
            line.push_str(", ");
        }
        line.push_str(value.plain());
    }
    writeln!(out, "{line}")
}

fn of_table(out: &mut String, table: &Table, width: Option<usize>) {
    let cells: Vec<Cell> = (0..table.columns.len()).map(|at| cell(table, at)).collect();
    if table.has_heads {
        let heads = table.columns.iter().map(|column| &column.head);
        line(out, &table.title, table, &cells, heads, width);
    }
    let blank = Words::from(" ".repeat(table.title.plain().chars().count()));
    for row in &table.rows {
        line(out, &blank, table, &cells, row.cells.iter(), width);
        for note in &row.notes {
            let _ = writeln!(out, "    {note}");
        }
    }
}

fn cell(table: &Table, at: usize) -> Cell {
    let column = &table.columns[at];
    let longest = || {
        let words = table.rows.iter().filter_map(|row| row.cells.get(at)).chain([&column.head]);
        words.map(|words| words.plain().chars().count()).max().unwrap_or(0)
    };
    match column.shape {
        Shape::Right(width) => Cell::Right(width),
        Shape::Left(width) => Cell::Left(width),
        Shape::Fit => Cell::Left(longest()),
        Shape::Free | Shape::Rest => Cell::Free,
    }
}

fn line<'a>(
    out: &mut String,
    begin: &Words,
    table: &Table,
    cells: &[Cell],
    words: impl Iterator<Item = &'a Words>,
    width: Option<usize>,
) {
    let mut line = begin.plain().to_owned();
    for ((column, cell), words) in table.columns.iter().zip(cells).zip(words) {
        line.push_str(column.gap);
        let cell = match (column.shape, width) {
            // The end of a path is more specific than its beginning.
            (Shape::Rest, Some(width)) => Cell::Path(width.saturating_sub(line.chars().count()).max(LEAST_REST)),
            _ => *cell,
        };
        let _ = cell.write(&mut line, words.plain());
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
