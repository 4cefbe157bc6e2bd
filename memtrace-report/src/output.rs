//! Items to text: lines for people, objects for programs. One renderer for what is traced now and for what a trace holds.

use std::sync::Arc;

use crate::{
    document::{self, Document, TextForm},
    json::{self, Object},
    text::{self, HEADER_EVERY, Style, SummaryView},
};
use memtrace_core::{
    clock::Clock,
    gfp::GfpNames,
    names::Names,
    session::{
        filter::CgroupNames,
        item::{Item, kill_paths},
    },
};

/// How items are shown.
#[derive(Debug)]
pub enum Format {
    /// Lines of text.
    Lines {
        /// Columns of the terminal; `None` for a pipe.
        width: Option<usize>,
        /// Colours.
        style: Style,
        /// Rows in each table of the summary.
        top: usize,
        /// The filter in words, empty without one.
        filter: String,
        /// Length of an interval in ns: a moment at the end in which nothing happened has no row.
        interval_ns: u64,
        /// Rows since the head of the columns was shown.
        since_head: usize,
    },
    /// JSON objects, the first of which is this one, until it is out.
    Json(Option<Box<json::Meta>>),
    /// Nothing: somebody else says how it goes.
    Nothing,
}

/// Everything needed to put items into words.
#[derive(Debug)]
pub struct Renderer {
    /// Times.
    pub clock: Clock,
    /// Allocation flags.
    pub gfp: GfpNames,
    /// Lines or objects.
    pub format: Format,
}

/// The paths that came with an item.
struct Paths<'a>(&'a [(u64, Arc<[u8]>)]);

impl CgroupNames for Paths<'_> {
    fn path(&self, id: u64) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, path)| &**path)
    }
}

impl Renderer {
    /// What comes before the first item.
    #[must_use]
    pub fn head(&mut self) -> String {
        match &mut self.format {
            Format::Json(meta) => meta.take().map_or_else(String::new, |meta| line(&Object::Meta(*meta))),
            Format::Lines { .. } | Format::Nothing => String::new(),
        }
    }

    /// One item, with its newline; empty when this format does not show it.
    #[must_use]
    pub fn render(&mut self, item: Item) -> String {
        let path =
            |id: Option<u64>, path: Option<Arc<[u8]>>| -> Vec<(u64, Arc<[u8]>)> { id.zip(path).into_iter().collect() };
        let paths = match &item {
            Item::Stall(stall, p) => path(stall.cgroup_id, p.clone()),
            Item::Oom(oom, p) => kill_paths(oom, p),
            Item::Summary(_, all) => all.clone(),
            Item::AtStart(_) | Item::Kswapd(_) | Item::Freed(_) | Item::Tick(..) | Item::Said(_) => Vec::new(),
        };
        let paths = Paths(&paths);
        let names = Names { clock: &self.clock, cgroups: &paths, gfp: &self.gfp };
        match &mut self.format {
            Format::Nothing => String::new(),
            Format::Json(_) => object(&item, &names).map_or_else(String::new, |object| line(&object)),
            Format::Lines { width, style, top, filter, interval_ns, since_head } => {
                let (width, style) = (*width, *style);
                match item {
                    Item::AtStart(before) => text::at_start(&before, style),
                    Item::Stall(stall, _) => text::stall_line(&stall, &names, width, style) + "\n",
                    Item::Oom(oom, _) => text::oom_line(&oom, &names, style) + "\n",
                    Item::Freed(freed) => text::freed_line(&freed, &names, style) + "\n",
                    Item::Kswapd(kswapd) => text::kswapd_line(&kswapd, &names) + "\n",
                    Item::Said(_) => String::new(),
                    Item::Tick(tick, _) if tick.is_empty_rest(*interval_ns) => String::new(),
                    Item::Tick(tick, _) => {
                        let head = if *since_head == 0 { text::header(width) + "\n" } else { String::new() };
                        *since_head = if width.is_some() { (*since_head + 1) % HEADER_EVERY } else { 1 };
                        head + &text::row(&tick, names.clock, width, style) + "\n"
                    }
                    Item::Summary(summary, _) => {
                        let view = SummaryView {
                            refaults_read: summary.refaults.is_some(),
                            names,
                            top: *top,
                            filter: filter.as_str(),
                            width,
                        };
                        let mut document = Document::default();
                        text::summary(&mut document, &summary, &view);
                        document::text(&document, TextForm { style, width })
                    }
                }
            }
        }
    }
}

fn object(item: &Item, names: &Names<'_>) -> Option<Object> {
    Some(match item {
        Item::AtStart(_) | Item::Said(_) => return None,
        Item::Stall(stall, _) => Object::Stall(json::Stall::new(stall, names)),
        Item::Oom(oom, _) => Object::Oom(json::Oom::new(oom, names)),
        Item::Freed(freed) => Object::OomFreed(json::OomFreed::new(freed, names)),
        Item::Kswapd(kswapd) => Object::Kswapd(json::Kswapd::new(kswapd, names)),
        Item::Tick(tick, _) => Object::Tick(json::Tick::new(tick, names.clock)),
        Item::Summary(summary, _) => Object::Summary(json::Summary::new(summary, names)),
    })
}

/// An object as a line. Serializing these types cannot fail; if it did, the object would be missing, not half there.
fn line(object: &Object) -> String {
    object.to_line().unwrap_or_default()
}
