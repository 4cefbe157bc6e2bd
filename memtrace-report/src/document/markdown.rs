//! A document as Markdown (the tables are those of GitHub and GitLab), for a ticket or a pull request.

use std::fmt::Write as _;

use super::{Block, Document, Shape, Table, Words};

/// The document as Markdown.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    let mut before = None;
    for block in &document.blocks {
        let group = Group::of(block);
        if before.is_some_and(|before| before != group || group == Group::Alone) && !out.ends_with("\n\n") {
            out.push('\n');
        }
        before = Some(group);
        // Writing to a String cannot fail.
        let _ = match block {
            Block::Conclusion(words, _) => writeln!(out, "**{}**", escaped(words)),
            Block::Heading(words) => writeln!(out, "### {}", escaped(words)),
            Block::Fact(label, words) if label.is_empty() => writeln!(out, "- {}", escaped(words)),
            Block::Fact(label, words) => writeln!(out, "- {}: {}", escaped(label), escaped(words)),
            Block::Line(words) => writeln!(out, "{}", escaped(words)),
            Block::Gap => Ok(()),
            Block::Table(table) => {
                of_table(&mut out, table);
                Ok(())
            }
        };
    }
    out
}

/// Blocks of a kind that stand together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    List,
    Gap,
    Alone,
}

impl Group {
    const fn of(block: &Block) -> Self {
        match block {
            Block::Fact(..) => Self::List,
            Block::Gap => Self::Gap,
            Block::Conclusion(..) | Block::Heading(_) | Block::Line(_) | Block::Table(_) => Self::Alone,
        }
    }
}

fn of_table(out: &mut String, table: &Table) {
    row(out, table.columns.iter().map(|column| &column.head));
    let rules = table.columns.iter().map(|column| match column.shape {
        Shape::Right(_) => "---:",
        Shape::Left(_) | Shape::Fit | Shape::Free => "---",
    });
    let _ = writeln!(out, "|{}|", rules.collect::<Vec<_>>().join("|"));
    table.rows.iter().for_each(|cells| row(out, cells.iter()));
}

fn row<'a>(out: &mut String, cells: impl Iterator<Item = &'a Words>) {
    let cells: Vec<String> = cells.map(escaped).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Text that stays text.
fn escaped(words: &Words) -> String {
    let mut out = String::with_capacity(words.plain().len());
    for c in words.plain().chars() {
        if matches!(c, '\\' | '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '&' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
