//! Pages: the report of a recording or the summary of a session, as a document in one of its forms.

use super::{
    Command, Output,
    sink::{End, Layout, OwnedNames, Sink, Start},
};
use crate::{
    document::{self, Document, TextForm},
    report::{self, ReportView},
    text::{self, SummaryView},
};
use memtrace_core::session::{filter::Filter, item::Item};

/// A form of documents.
#[derive(Clone, Copy, Debug)]
pub struct Render {
    /// The document in this form.
    pub document: fn(&Document, TextForm) -> String,
    /// True when the text is made for the width of the terminal.
    pub is_for_terminal: bool,
}

pub(super) const TEXT: Render = Render { document: document::text, is_for_terminal: true };
const MARKDOWN: Render = Render { document: |document, _| document::markdown(document), is_for_terminal: false };

/// Text, the default of `report` and `compare`.
pub(super) const TEXT_OUTPUT: Output =
    page("text", &[], TEXT, |start, layout, _| Box::new(Page::new(start, layout, TEXT)));

pub(super) const MARKDOWN_OUTPUT: Output = page(
    "markdown",
    &[
        (Command::Report, "Write the report as Markdown, for a ticket or a pull request"),
        (Command::Compare, "Write the comparison as Markdown, for a ticket or a pull request"),
    ],
    MARKDOWN,
    |start, layout, _| Box::new(Page::new(start, layout, MARKDOWN)),
);

const fn page(
    name: &'static str,
    offers: &'static [(Command, &'static str)],
    render: Render,
    sink: fn(&Start<'_>, &Layout, &str) -> Box<dyn Sink>,
) -> Output {
    Output { name, offers, value: None, is_complete: false, has_local_times: true, render: Some(render), sink }
}

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    names: OwnedNames,
    filter: Filter,
    layout: Layout,
    render: Render,
}

impl Page {
    pub(super) fn new(start: &Start<'_>, layout: &Layout, render: Render) -> Self {
        let width = layout.width.filter(|_| render.is_for_terminal);
        Self {
            names: OwnedNames::of(start),
            filter: start.meta.filter.clone(),
            layout: Layout { width, ..*layout },
            render,
        }
    }

    fn document(&self, end: &End<'_>) -> Document {
        let names = self.names.with(end.paths);
        let Layout { top, width, utf8, .. } = self.layout;
        if let Some(recorded) = end.recording {
            let view = ReportView { clock: names.clock, filter: &self.filter, top, width, utf8 };
            return report::document(recorded.finished, recorded.collector, &view);
        }
        let filter = text::describe_filter(&self.filter);
        let mut document = Document::default();
        text::summary(&mut document, end.summary, &SummaryView { names, top, filter: &filter, width });
        document
    }
}

impl Sink for Page {
    fn item(&mut self, _: Item) -> Vec<u8> {
        Vec::new()
    }

    fn end(&mut self, end: &End<'_>) -> Result<Vec<u8>, String> {
        let gap = if self.layout.follows && end.recording.is_some() { "\n" } else { "" };
        let form = TextForm { style: self.layout.style, width: self.layout.width };
        Ok(format!("{gap}{}", (self.render.document)(&self.document(end), form)).into_bytes())
    }
}
