//! Documents: what a report says, without its form. Each output renders the same document.
//!
//! A writer pushes blocks; [`text`] and [`markdown`] give them their form. All strings are [`Words`]: whatever they hold,
//! a renderer puts out no control character and no markup that is not its own.

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
#[derive(Clone, Debug, Default)]
pub struct Document {
    blocks: Vec<Block>,
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
    /// A sentence.
    Line(Words),
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

    /// Adds a sentence.
    pub fn line(&mut self, words: impl Into<Words>) {
        self.blocks.push(Block::Line(words.into()));
    }

    /// Adds a table; one without rows is left out.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// Adds space.
    pub fn gap(&mut self) {
        self.blocks.push(Block::Gap);
    }
}
