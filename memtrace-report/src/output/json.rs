//! JSON objects for programs, one per line.

use super::{
    Command, Output,
    sink::{End, ItemPaths, OwnedNames, Sink, paths_of},
};
use crate::json::{self, Object};
use memtrace_core::session::item::Item;

pub(super) const OUTPUT: Output = Output {
    name: "json",
    offers: &[
        (Command::Live, "Write JSON, one object per line"),
        (Command::Replay, "Write JSON, one object per line, as `memtrace --json` did"),
        (
            Command::Report,
            "Write JSON: the object `meta`, a `group` for each row of --by, and the `summary` that `memtrace --json` ended \
             with",
        ),
        (Command::Compare, "Write one JSON object per comparison"),
    ],
    value: None,
    is_complete: true,
    has_local_times: false,
    render: None,
    sink: |start, _, _| {
        Box::new(Objects {
            names: OwnedNames::of(start),
            meta: Some(Box::new(json::Meta::new(&start.meta, start.clock))),
        })
    },
};

/// JSON objects.
#[derive(Debug)]
struct Objects {
    names: OwnedNames,
    /// The first object, until it is written.
    meta: Option<Box<json::Meta>>,
}

impl Sink for Objects {
    fn start(&mut self) -> Vec<u8> {
        self.meta.take().map_or_else(Vec::new, |meta| line(&Object::Meta(*meta)))
    }

    fn item(&mut self, item: Item) -> Vec<u8> {
        let paths = paths_of(&item);
        let paths = ItemPaths(&paths);
        let names = self.names.with(&paths);
        let object = match &item {
            Item::AtStart(_) | Item::Said(_) | Item::Summary(..) => return Vec::new(),
            Item::Stall(stall, _) => Object::Stall(json::Stall::new(stall, &names)),
            Item::Oom(oom, _) => Object::Oom(json::Oom::new(oom, &names)),
            Item::Freed(freed) => Object::OomFreed(json::OomFreed::new(freed, &names)),
            Item::Kswapd(kswapd) => Object::Kswapd(json::Kswapd::new(kswapd, &names)),
            Item::Tick(tick, _) => Object::Tick(json::Tick::new(tick, names.clock)),
        };
        line(&object)
    }

    fn end(&mut self, end: &End<'_>) -> Result<Vec<u8>, String> {
        let names = self.names.with(end.paths);
        let tables = end.recording.map(|recorded| recorded.collector.groups.tables(end.summary, &names));
        let groups = tables.iter().flatten().flat_map(|table| table.objects()).map(Object::Group);
        let summary = Object::Summary(json::Summary::new(end.summary, &names));
        Ok(groups.chain([summary]).flat_map(|object| line(&object)).collect())
    }
}

/// An object as a line. Serializing these types cannot fail; if it did, the object would be missing, not half there.
fn line(object: &Object<'_>) -> Vec<u8> {
    object.to_line().unwrap_or_default()
}
