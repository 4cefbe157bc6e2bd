//! Extreme values in each numeric field of each message of the schema, through report, replay and compare: nothing panics,
//! and what is not damage comes to numbers that can be. Overflow checks are on in a test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value,
};

use super::{
    reading::{Frame, frames, joined, read_all},
    round_trip::encode,
    sample::{sample, sample_after},
};
use memtrace_core::{gfp::GfpNames, names::Names, session::filter::Filter};
use memtrace_report::{
    by::By,
    compare::{self, Side},
    document::{self, TextForm},
    json::{self, Object},
    output::{Format, Renderer},
    replay::{Finished, Items, Replay, ReplayOptions, Watch},
    report::{self, ReportView},
    text::Style,
};
use memtrace_trace::{BlockKind, Encoder, Reader, TraceItem, model::Meta};

/// The last is -1 in a signed field.
const EXTREMES: [u64; 5] = [0, 1, 1 << 31, 1 << 63, u64::MAX];

/// Keys of numbers that name something: they count nothing, and any is right.
const NAMES: [&str; 12] = [
    "cgroup_id",
    "limit_cgroup_id",
    "id",
    "ino",
    "pid",
    "tid",
    "address",
    "offset",
    "function",
    "points",
    "start_ns",
    "process_start_ns",
];

fn pool() -> DescriptorPool {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let files = protox::compile(["memtrace_trace_v1.proto"], [dir]).unwrap();
    DescriptorPool::decode(files.encode_to_vec().as_slice()).unwrap()
}

/// The message of a block.
fn descriptor(pool: &DescriptorPool, frame: &Frame) -> MessageDescriptor {
    let kind = BlockKind::of(frame.header.kind).unwrap();
    let name = match kind {
        BlockKind::Meta => "Meta",
        BlockKind::Clock => "Clock",
        BlockKind::Dict => "Dict",
        BlockKind::Events => "Events",
        BlockKind::Tick | BlockKind::Rows => "Tick",
        BlockKind::Remark => "Remark",
        BlockKind::End => "End",
        BlockKind::Stacks => "Stacks",
    };
    pool.get_message_by_name(&format!("memtrace.trace.v1.{name}")).unwrap()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "extremes of each type")]
fn extreme(kind: &Kind, n: u64) -> Option<Value> {
    Some(match kind {
        Kind::Uint32 | Kind::Fixed32 => Value::U32(n as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(n),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(n as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(n as i64),
        _ => return None,
    })
}

/// All messages inside of a message, and itself.
fn visit(message: &mut DynamicMessage, with: &mut impl FnMut(&mut DynamicMessage)) {
    with(message);
    for (_, value) in message.fields_mut() {
        match value {
            Value::Message(inner) => visit(inner, with),
            Value::List(list) => {
                for value in list {
                    if let Value::Message(inner) = value {
                        visit(inner, with);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The trace with a field of all messages of a type set to a value: each element where there are several.
fn with(pool: &DescriptorPool, frames: &[Frame], field: &FieldDescriptor, n: u64) -> Vec<u8> {
    let mut frames = frames.to_vec();
    for frame in &mut frames {
        let mut message = DynamicMessage::decode(descriptor(pool, frame), frame.content.as_slice()).unwrap();
        visit(&mut message, &mut |message| {
            if message.descriptor() != *field.parent_message() {
                return;
            }
            let Some(value) = extreme(&field.kind(), n) else { return };
            let count = message.get_field(field).as_list().map_or(1, |list| list.len().max(1));
            message.set_field(field, if field.is_list() { Value::List(vec![value; count]) } else { value });
        });
        frame.content = message.encode_to_vec();
    }
    joined(&frames)
}

/// What `watch` sees of a trace, and what it came to; damaged parts.
fn replay(bytes: &[u8], skip: bool, watch: &mut impl Watch) -> (Finished, usize) {
    let mut reader = Reader::new(bytes);
    if skip {
        reader = reader.without_entries();
    }
    let (mut replay, mut damage): (Option<Replay>, _) = (None, 0);
    while let Some(item) = reader.next_item().unwrap() {
        damage += usize::from(matches!(item, TraceItem::Damage(_)));
        match (&mut replay, item) {
            (None, TraceItem::Meta(meta)) => {
                replay = Some(Replay::new(Some(*meta), ReplayOptions { rows: true, ..ReplayOptions::default() }));
            }
            (slot, item) => {
                let replay = slot.get_or_insert_with(|| Replay::new(None, ReplayOptions::default()));
                replay.ingest(&item, reader.entries(), reader.paths(), watch);
            }
        }
    }
    (replay.unwrap().finish(), damage)
}

/// Numbers of an object that cannot be: all times, counts and sizes are below 2^63.
fn impossible(value: &serde_json::Value, key: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Number(n) => {
            let is_huge = n.as_u64().is_some_and(|n| n >= 1 << 63) || n.as_f64().is_some_and(|n| n.abs() > 1e19);
            found.extend((is_huge && !NAMES.contains(&key)).then(|| format!("{key}: {n}")));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| impossible(value, key, found)),
        serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| impossible(value, key, found)),
        _ => {}
    }
}

fn check(lines: &str, what: &str) {
    for line in lines.lines() {
        let mut found = Vec::new();
        impossible(&serde_json::from_str(line).unwrap(), "", &mut found);
        assert!(found.is_empty(), "{what}: {found:?} in {line}");
    }
}

fn first_meta(bytes: &[u8]) -> Option<Meta> {
    read_all(bytes).ok()?.metas.into_iter().next()
}

/// As `report` shows it, as text and as objects.
fn reported(bytes: &[u8], what: &str) -> usize {
    let meta = first_meta(bytes);
    let by = [By::Process, By::Cgroup, By::Container, By::Node, By::Kind, By::Order, By::Gfp];
    let base = meta.as_ref().and_then(|meta| meta.base.as_ref()).map(|base| &base.input);
    let mut collector = report::Collector::new(&by, base);
    let (finished, damage) = replay(bytes, false, &mut collector);
    let (clock, filter) = (finished.meta.clock.clock(TimeZone::UTC), Filter::default());
    let view = ReportView { clock: &clock, filter: &filter, top: 10, width: Some(120), utf8: true };
    let form = TextForm { width: view.width, ..TextForm::default() };
    let text = document::text(&report::document(&finished, &collector, &view), form);
    assert!(text.contains("summary of"), "{what}");
    let gfp = GfpNames::from_list(&finished.meta.setup.gfp_names);
    let names = Names { clock: &clock, cgroups: &finished.paths, gfp: &gfp };
    let meta = Object::Meta(json::Meta::new(&json::MetaInput::of_trace(&finished.meta, &filter, 0), &clock));
    let tables = collector.groups.tables(&finished.summary, &names);
    let groups = tables.iter().flat_map(|table| table.objects()).map(Object::Group);
    let summary = Object::Summary(json::Summary::new(&finished.summary, &names));
    let lines: String =
        [meta].into_iter().chain(groups).chain([summary]).map(|object| object.to_line().unwrap()).collect();
    check(&lines, what);
    finished.notes.iter().for_each(|note| assert!(!note.text(&clock).is_empty()));
    damage
}

/// As `replay` shows it, as lines and as objects.
fn replayed(bytes: &[u8], what: &str) {
    let meta = first_meta(bytes);
    let clock = meta.as_ref().map(|meta| meta.clock).unwrap_or_default().clock(TimeZone::UTC);
    let lines = Format::Lines {
        width: None,
        style: Style { colour: false },
        top: 10,
        filter: String::new(),
        interval_ns: meta.as_ref().map_or(1, |meta| meta.setup.interval_ns),
        since_head: 0,
    };
    for format in [lines, Format::Json(None)] {
        let is_json = matches!(format, Format::Json(_));
        let mut view = Renderer { clock: clock.clone(), gfp: GfpNames::default(), format };
        let mut shown = String::new();
        let mut items = Items { show: |item| shown.push_str(&view.render(item)), min_stall_ns: 0, kswapd: true };
        let (finished, _) = replay(bytes, false, &mut items);
        shown.push_str(&view.render(finished.item()));
        if is_json {
            check(&shown, what);
        }
    }
}

fn side(name: &str, bytes: &[u8]) -> Side {
    let meta = first_meta(bytes).unwrap_or_else(|| memtrace_report::replay::without_meta(Default::default()));
    let mut collector = compare::Collector::new(&meta);
    let (finished, _) = replay(bytes, true, &mut collector);
    let clock = finished.meta.clock.clock(TimeZone::UTC);
    Side { name: name.to_owned(), runs: vec![collector.into_run(finished, &clock)] }
}

#[test]
fn no_number_of_the_schema_wraps_or_panics() {
    let pool = pool();
    // By chance one trace has not all messages in it.
    let traces: Vec<Vec<Frame>> = (0..3)
        .map(|seed| {
            let first = sample(seed, 2, 8);
            let mut second = sample_after(first.last_tick(), seed + 10, 2, 8);
            (second.meta.recording, second.meta.run, second.meta.segment) = (first.meta.recording, first.meta.run, 1);
            second.meta.base = first.last_tick().cloned();
            let mut encoder = Encoder::new(0);
            let mut bytes = encode(&first, &mut encoder).bytes();
            bytes.extend(encode(&second, &mut encoder).bytes());
            assert_eq!(read_all(&bytes).unwrap().damage, []);
            frames(&bytes)
        })
        .collect();
    let mut reached: BTreeMap<String, usize> = BTreeMap::new();
    for (at, frames) in traces.iter().enumerate() {
        for frame in frames {
            let mut message = DynamicMessage::decode(descriptor(&pool, frame), frame.content.as_slice()).unwrap();
            visit(&mut message, &mut |message| {
                reached.entry(message.descriptor().full_name().to_owned()).or_insert(at);
            });
        }
    }
    let all: BTreeSet<String> = pool.all_messages().map(|message| message.full_name().to_owned()).collect();
    assert_eq!(all, reached.keys().cloned().collect(), "messages that no trace here has");
    let whole = side("b", &joined(&traces[0]));
    let (mut tried, mut refused) = (0, 0);
    for message in pool.all_messages() {
        let frames = &traces[reached[message.full_name()]];
        for field in message.fields().filter(|field| extreme(&field.kind(), 0).is_some()) {
            for n in EXTREMES {
                let what = format!("{} = {n}", field.full_name());
                let bytes = with(&pool, frames, &field, n);
                let damage = reported(&bytes, &what);
                replayed(&bytes, &what);
                (tried, refused) = (tried + 1, refused + usize::from(damage > 0));
                if n == 1 << 31 || damage == 0 && n > 1 << 31 {
                    let comparison = compare::compare(&side("a", &bytes), &whole, &compare::CompareOptions::default());
                    check(&compare::json(&comparison).unwrap(), &what);
                    let document = compare::document(&comparison, true);
                    assert!(!document::text(&document, TextForm::default()).is_empty());
                }
            }
        }
    }
    assert!(tried > 1000 && refused > tried / 5, "{refused} of {tried} refused");
}
