//! Documents: the content of a report, without its form. Each output renders the same document.
//!
//! A writer pushes blocks; [`text()`] and [`markdown()`] give them their form. All strings are [`Words`]: whatever they
//! hold, a renderer puts out no control character and no markup that is not its own.

mod markdown;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use self::{
    markdown::markdown,
    table::{Column, Shape, Table},
    text::{TextForm, text},
    words::Words,
};

/// A report in blocks, in order.
#[derive(Clone, Debug)]
pub struct Document {
    blocks: Vec<Block>,
    /// Width of the labels of facts in text, with the space after them.
    label: usize,
}

impl Default for Document {
    fn default() -> Self {
        Self { blocks: Vec::new(), label: 10 }
    }
}

/// A piece of a document.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// The sentence that matters most.
    Conclusion(Words, Tone),
    /// Heading of what follows.
    Heading(Words),
    /// A labelled value; several of one label have an empty one from the second on.
    Fact(Words, Words),
    /// A labelled list of short values.
    List(Words, Vec<Words>),
    /// A sentence.
    Sentence(Words),
    /// One of several findings.
    Line(Words),
    /// More about the line before.
    Detail(Words),
    /// A detail that hurts: an OOM kill.
    Alert(Words),
    /// A fact that must be known before any number is read.
    Warning(Words),
    /// Lines whose shape matters: a heat map, a stack.
    Figure(Vec<Words>),
    /// A table.
    Table(Table),
    /// Space between two groups of blocks.
    Gap,
}

/// Meaning of a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// For the better.
    Good,
    /// For the worse.
    Bad,
    /// Neither.
    Neutral,
}

impl Document {
    /// An empty document whose labels of facts take this many columns of text.
    #[must_use]
    pub const fn labelled(columns: usize) -> Self {
        Self { blocks: Vec::new(), label: columns }
    }

    /// Adds the sentence that matters most.
    pub fn conclusion(&mut self, words: impl Into<Words>, tone: Tone) {
        self.blocks.push(Block::Conclusion(words.into(), tone));
    }

    /// Adds a heading.
    pub fn heading(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Heading(words.into()));
    }

    /// Adds a labelled value.
    pub fn fact(&mut self, label: impl Into<Words>, words: impl Into<Words>) {
        self.blocks.push(Block::Fact(label.into(), words.into()));
    }

    /// Adds a labelled list; one without values is left out.
    pub fn list(&mut self, label: impl Into<Words>, values: impl IntoIterator<Item = String>) {
        let values: Vec<Words> = values.into_iter().map(Words::from).collect();
        if !values.is_empty() {
            self.blocks.push(Block::List(label.into(), values));
        }
    }

    /// Adds a sentence.
    pub fn sentence(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Sentence(words.into()));
    }

    /// Adds one of several findings.
    pub fn line(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Line(words.into()));
    }

    /// Adds more about the line before.
    pub fn detail(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Detail(words.into()));
    }

    /// Adds a detail that hurts.
    pub fn alert(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Alert(words.into()));
    }

    /// Adds a fact that must be known before any number is read.
    pub fn warning(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Warning(words.into()));
    }

    /// Adds lines whose shape matters, indented as they are.
    pub fn figure(&mut self, lines: impl IntoIterator<Item = String>) {
        self.blocks.push(Block::Figure(lines.into_iter().map(Words::from).collect()));
    }

    /// Adds a table; one without rows is left out.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// Adds a table, or its heads and a sentence where it has no rows.
    pub fn table_or(&mut self, table: Table, sentence: &str) {
        let is_empty = table.rows.is_empty();
        self.blocks.push(Block::Table(table));
        if is_empty {
            self.detail(sentence);
        }
    }

    /// Adds space.
    pub fn gap(&mut self) {
        self.blocks.push(Block::Gap);
    }
}
