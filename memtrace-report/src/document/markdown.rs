//! A document as Markdown (the tables are those of GitHub and GitLab), for a ticket or a pull request.

use std::fmt::Write as _;

use super::{Block, Document, Shape, Table, Words, table::Row};

/// The document as Markdown.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    let (mut before, mut has_parent, mut in_item) = (None, false, false);
    for block in &document.blocks {
        // Lines below a detail are a part of its item.
        if let (Block::Figure(lines), true) = (block, in_item) {
            let _ = figure(&mut out, if has_parent { "    " } else { "  " }, lines);
            continue;
        }
        in_item = matches!(block, Block::Detail(_) | Block::Alert(_));
        let group = Group::of(block);
        if before.is_some_and(|before| before != group || group == Group::Alone) && !out.ends_with("\n\n") {
            out.push('\n');
        }
        // A detail whose line is further above, before a table, is an item itself.
        has_parent &= group == Group::List;
        let nested = if has_parent { "  " } else { "" };
        has_parent |= group == Group::List && !matches!(block, Block::Detail(_) | Block::Alert(_));
        before = Some(group);
        // Writing to a String cannot fail.
        let _ = match block {
            Block::Conclusion(words, _) => writeln!(out, "**{}**", escaped(words)),
            Block::Heading(words) => writeln!(out, "### {}", escaped(words)),
            Block::Fact(label, words) if label.is_empty() => writeln!(out, "- {}", escaped(words)),
            Block::Fact(label, words) => writeln!(out, "- {}: {}", escaped(label), escaped(words)),
            Block::List(label, values) => {
                let values: Vec<String> = values.iter().map(escaped).collect();
                writeln!(out, "- {}: {}", escaped(label), values.join(", "))
            }
            Block::Sentence(words) => writeln!(out, "{}", escaped(words)),
            Block::Line(words) => writeln!(out, "- {}", escaped(words)),
            Block::Detail(words) => writeln!(out, "{nested}- {}", escaped(words)),
            Block::Alert(words) => writeln!(out, "{nested}- **{}**", escaped(words)),
            Block::Warning(words) => writeln!(out, "- **WARNING**: {}", escaped(words)),
            Block::Figure(lines) => figure(&mut out, "", lines),
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
            Block::Fact(..)
            | Block::List(..)
            | Block::Line(_)
            | Block::Detail(_)
            | Block::Alert(_)
            | Block::Warning(_) => Self::List,
            Block::Gap => Self::Gap,
            Block::Conclusion(..) | Block::Heading(_) | Block::Sentence(_) | Block::Figure(_) | Block::Table(_) => {
                Self::Alone
            }
        }
    }
}

/// Lines as a block of code: their content is no markup, and no line can end the block.
fn figure(out: &mut String, indent: &str, lines: &[Words]) -> std::fmt::Result {
    let ticks = lines.iter().map(|line| line.plain().chars().filter(|c| *c == '`').count()).max().unwrap_or(0);
    let fence = "`".repeat(ticks.max(2) + 1);
    writeln!(out, "{indent}{fence}text")?;
    lines.iter().try_for_each(|line| writeln!(out, "{indent}{line}"))?;
    writeln!(out, "{indent}{fence}")
}

fn of_table(out: &mut String, table: &Table) {
    if !table.title.plain().trim().is_empty() {
        let _ = writeln!(out, "{}:\n", escaped(&table.title).trim_end());
    }
    row(out, table.columns.iter().map(|column| &column.head));
    let rules = table.columns.iter().map(|column| match column.shape {
        Shape::Right(_) => "---:",
        Shape::Left(_) | Shape::Fit | Shape::Free | Shape::Rest => "---",
    });
    let _ = writeln!(out, "|{}|", rules.collect::<Vec<_>>().join("|"));
    for Row { cells, notes } in &table.rows {
        // A note has no row of its own here: it goes into the last cell.
        let (last, first) =
            cells.split_last().map_or((&[][..], &[][..]), |(last, first)| (std::slice::from_ref(last), first));
        let said: Vec<&str> = last.iter().chain(notes).map(Words::plain).filter(|words| !words.is_empty()).collect();
        let said = Words::from(said.join("; "));
        row(out, first.iter().chain([&said]));
    }
}

fn row<'a>(out: &mut String, cells: impl Iterator<Item = &'a Words>) {
    let cells: Vec<String> = cells.map(|cell| escaped(cell).trim().to_owned()).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Text with all markup escaped.
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
