//! A document as lines of text.

use std::fmt::Write as _;

use super::{Block, Document, Shape, Table, Tone, Words};
use crate::text::{Cell, Style};

/// Width of the labels of facts.
const LABEL: usize = 10;

/// Form of the lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextForm {
    /// Colours.
    pub style: Style,
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
            Block::Fact(label, words) => writeln!(out, "{label:<LABEL$} {words}"),
            Block::Line(words) => writeln!(out, "{words}"),
            Block::Gap => writeln!(out),
            Block::Table(table) => {
                of_table(&mut out, table);
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

fn of_table(out: &mut String, table: &Table) {
    let cells: Vec<Cell> = (0..table.columns.len()).map(|at| cell(table, at)).collect();
    let heads = table.has_heads.then(|| table.columns.iter().map(|column| &column.head).collect());
    let rows = table.rows.iter().map(|row| row.iter().collect::<Vec<_>>());
    for words in heads.into_iter().chain(rows) {
        line(out, table, &cells, &words);
    }
}

fn cell(table: &Table, at: usize) -> Cell {
    let column = &table.columns[at];
    let longest = || {
        let words = table.rows.iter().filter_map(|row| row.get(at)).chain([&column.head]);
        words.map(|words| words.plain().chars().count()).max().unwrap_or(0)
    };
    match column.shape {
        Shape::Right(width) => Cell::Right(width),
        Shape::Left(width) => Cell::Left(width),
        Shape::Fit => Cell::Left(longest()),
        Shape::Free => Cell::Free,
    }
}

fn line(out: &mut String, table: &Table, cells: &[Cell], words: &[&Words]) {
    let begin = out.len();
    for ((column, cell), words) in table.columns.iter().zip(cells).zip(words) {
        out.push_str(column.gap);
        let _ = cell.write(out, words.plain());
    }
    out.truncate(begin + out[begin..].trim_end().len());
    out.push('\n');
}
