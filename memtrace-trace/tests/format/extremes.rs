//! Extreme values in each numeric field of each message of the schema, through report, replay and compare: nothing
//! panics, and a trace without damage yields only possible numbers. Overflow checks are on in a test.

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
use memtrace_core::{clock::Clock, gfp::GfpNames, session::filter::CgroupNames};
use memtrace_report::{
    by::By,
    compare::{self, Side},
    document::TextForm,
    json::MetaInput,
    output::{Command, Layout, Output, Recorded, Sink, Start, bytes_of},
    replay::{Beginning, Finished, Items, Replay, ReplayOptions, Source, Watch},
    report,
    text::Style,
};
use memtrace_trace::{
    BlockKind, Encoder, ReadError, Reader, Scanner, TraceItem,
    model::{ClockReading, Entry, Meta},
};

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

/// Replays a trace into `watch`. Returns its result and the number of damaged parts.
fn replay(bytes: &[u8], skip: bool, watch: &mut impl Watch) -> (Finished, usize) {
    let reader = Reader::new(bytes);
    let mut source = Counting { reader: if skip { reader.without_entries() } else { reader }, damaged: 0 };
    let beginning = Beginning::of(&mut source).unwrap().unwrap();
    let options = ReplayOptions { rows: beginning.meta.is_some(), ..ReplayOptions::default() };
    let mut replay = Replay::new(beginning.meta, options);
    for item in &beginning.read {
        replay.ingest(item, source.entries(), source.paths(), watch);
    }
    replay.play(&mut source, watch, || true).unwrap();
    (replay.finish(), source.damaged)
}

/// A reader that counts damaged parts.
struct Counting<'a> {
    reader: Reader<Scanner<&'a [u8]>>,
    damaged: usize,
}

impl Source for Counting<'_> {
    type Error = ReadError;

    fn next_item(&mut self) -> Result<Option<TraceItem>, ReadError> {
        let item = self.reader.next_item()?;
        self.damaged += usize::from(matches!(item, Some(TraceItem::Damage(_))));
        Ok(item)
    }

    fn entries(&self) -> &[Entry] {
        self.reader.entries()
    }

    fn paths(&self) -> &dyn CgroupNames {
        self.reader.paths()
    }
}

/// Impossible numbers of an object: all times, counts and sizes are below 2^63.
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

/// A page ends with the summary, and JSON has no impossible number.
fn check(output: &Output, written: &[u8], what: &str) {
    let text = std::str::from_utf8(written).unwrap();
    assert!(output.render.is_none() || text.contains("summary of"), "{what}");
    if output.name == "json" {
        check_json(text, what);
    }
}

fn check_json(lines: &str, what: &str) {
    for line in lines.lines() {
        let mut found = Vec::new();
        impossible(&serde_json::from_str(line).unwrap(), "", &mut found);
        assert!(found.is_empty(), "{what}: {found:?} in {line}");
    }
}

fn first_meta(bytes: &[u8]) -> Option<Meta> {
    read_all(bytes).ok()?.metas.into_iter().next()
}

/// Every output of `report`.
fn reported(bytes: &[u8], what: &str) -> usize {
    let meta = first_meta(bytes);
    let by = [By::Process, By::Cgroup, By::Container, By::Node, By::Kind, By::Order, By::Gfp];
    let base = meta.as_ref().and_then(|meta| meta.base.as_ref()).map(|base| &base.input);
    let mut collector = report::Collector::new(&by, base);
    let (finished, damage) = replay(bytes, false, &mut collector);
    let clock = finished.meta.clock.clock(TimeZone::UTC);
    for output in outputs(Command::Report) {
        let mut sink = sink(output, &finished.meta, &clock);
        let mut written = sink.start();
        match sink.end(&Recorded { finished: &finished, collector: &collector }.end()) {
            Ok(end) => written.extend(end),
            Err(why) => assert!(finished.summary.stacks.is_none(), "{what}: {why}"),
        }
        check(output, &written, what);
    }
    finished.notes.iter().for_each(|note| assert!(!note.text(&clock).is_empty()));
    damage
}

/// Every output of `replay`.
fn replayed(bytes: &[u8], what: &str) {
    let meta = first_meta(bytes).unwrap_or_else(|| memtrace_report::replay::without_meta(ClockReading::default()));
    let clock = meta.clock.clock(TimeZone::UTC);
    for output in outputs(Command::Replay) {
        let mut sink = sink(output, &meta, &clock);
        let mut written = sink.start();
        let show = |item| written.extend(bytes_of(&mut *sink, item).unwrap());
        let (finished, _) = replay(bytes, false, &mut Items { show, min_stall_ns: 0, kswapd: true });
        written.extend(bytes_of(&mut *sink, finished.item()).unwrap());
        check(output, &written, what);
    }
}

fn outputs(command: Command) -> impl Iterator<Item = &'static Output> {
    Output::ALL.iter().filter(move |output| output.help(command).is_some() || *output == command.default_output())
}

fn sink(output: &Output, meta: &Meta, clock: &Clock) -> Box<dyn Sink> {
    let gfp = GfpNames::from_list(&meta.setup.gfp_names);
    let of = MetaInput::of_trace(meta, &meta.setup.filter, 0);
    let start = Start { clock, gfp: &gfp, start_ns: meta.start_ns(), meta: of };
    let layout = Layout { style: Style { colour: false }, width: Some(120), utf8: true, top: 10, follows: false };
    (output.sink)(&start, &layout, output.default_value())
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
    // One random trace does not have all messages.
    let traces: Vec<Vec<Frame>> = (0..10)
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
                    check_json(&compare::json(&comparison).unwrap(), &what);
                    let document = compare::document(&comparison, true);
                    for render in Output::ALL.iter().filter_map(|output| output.render) {
                        assert!(!(render.document)(&document, TextForm::default()).is_empty());
                    }
                }
            }
        }
    }
    assert!(tried > 1000 && refused > tried / 5, "{refused} of {tried} refused");
}
