//! Puts hostile text into each string of a trace. The strings are found in the schema: a new field needs no change
//! here.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::blocks::{Block, message};

/// Fields of type `bytes` that hold numbers, one in each byte, and no text.
const NUMBERS: [&str; 4] = ["Events.entry", "Events.kind", "Events.kswapd_step", "Stacks.kind"];
/// Messages whose repeated fields are columns of the same length.
const COLUMNS: [&str; 5] = ["Dict", "Events", "Rows", "Stacks", "Stack"];
/// Messages that `Events.entry` counts, and the tick that begins a later segment: they are not added where they are
/// absent.
const COUNTED: [&str; 4] = ["Events.oom", "Events.name", "Events.mark", "Meta.base"];
/// Deepest nesting at which messages are added.
const DEEPEST: usize = 5;

/// Characters that act on a terminal or hide. The name of a task holds 15 bytes: the mark and the first of them.
const HOSTILE: &str = "\x1b\u{202e}\n\x07\u{9b}\x7f\t\u{200b}\u{2028}\u{feff}\r\0";

/// True for a field that keeps its text.
pub(crate) type Kept = fn(&str) -> bool;

/// Puts text into messages, with a mark for each field.
pub(crate) struct Planter {
    marks: BTreeMap<String, String>,
    kept: Kept,
    /// Fields that got text.
    pub(crate) placed: BTreeSet<String>,
}

impl Planter {
    pub(crate) fn new(schema: &DescriptorPool, kept: Kept) -> Self {
        let fields: BTreeSet<String> = schema.all_messages().flat_map(|m| text_fields(&m)).collect();
        let marks = fields.into_iter().enumerate().map(|(n, field)| (field, format!("q{n:02x}"))).collect();
        Self { marks, kept, placed: BTreeSet::new() }
    }

    /// All fields that hold text, with the mark of each.
    pub(crate) fn marks(&self) -> &BTreeMap<String, String> {
        &self.marks
    }

    /// Fills all text fields of a message and of those in it, which are added where they can hold text.
    pub(crate) fn fill(&mut self, message: &mut DynamicMessage, depth: usize) {
        let of = message.descriptor();
        for field in of.fields() {
            match field.kind() {
                Kind::String | Kind::Bytes => self.plant(message, &field),
                Kind::Message(inner) if holds_text(&inner, &mut BTreeSet::new()) => {
                    if !message.has_field(&field) && depth < DEEPEST && !COUNTED.contains(&name(&field).as_str()) {
                        let one = Value::Message(of_ones(&inner));
                        message.set_field(&field, if field.is_list() { Value::List(vec![one]) } else { one });
                    }
                    if !message.has_field(&field) {
                        continue;
                    }
                    match message.get_field_mut(&field) {
                        Value::Message(inner) => self.fill(inner, depth + 1),
                        Value::List(list) => list.iter_mut().for_each(|value| match value {
                            Value::Message(inner) => self.fill(inner, depth + 1),
                            other => panic!("{other:?}"),
                        }),
                        other => panic!("{other:?}"),
                    }
                }
                _ => {}
            }
        }
    }

    fn plant(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor) {
        let name = name(field);
        let Some(mark) = self.marks.get(&name).filter(|_| !(self.kept)(&name)) else { return };
        let words = |was: &Value| match field.kind() {
            Kind::String => Value::String(hostile(was.as_str().unwrap_or_default(), mark)),
            // A pattern on names is no longer than a name.
            _ if name == "Filter.comms" => Value::Bytes([mark.as_bytes(), b"\x1b\x07\n\t"].concat().into()),
            _ => {
                let slash = if name.ends_with("path") || name == "PastOom.cgroup" { "/" } else { "" };
                Value::Bytes([slash.as_bytes(), mark.as_bytes(), HOSTILE.as_bytes(), b"\x9b\xff"].concat().into())
            }
        };
        if field.is_list() {
            let mut list = message.get_field(field).as_list().unwrap().to_vec();
            if list.is_empty() && !COLUMNS.contains(&field.parent_message().name()) {
                list.push(Value::Bool(false));
            }
            if list.is_empty() {
                return;
            }
            message.set_field(field, Value::List(list.iter().map(words).collect()));
        } else {
            let was = message.get_field(field).into_owned();
            message.set_field(field, words(&was));
        }
        self.placed.insert(name);
    }
}

/// Text that replaces the old text; where the old text is a template, it replaces each `%`, without a newline.
fn hostile(was: &str, mark: &str) -> String {
    let text = format!("{mark}{HOSTILE}");
    if was.contains('%') { was.replace('%', &text.replace('\n', "")) } else { text }
}

fn name(field: &FieldDescriptor) -> String {
    format!("{}.{}", field.parent_message().name(), field.name())
}

fn text_fields(message: &MessageDescriptor) -> Vec<String> {
    let is_text = |field: &FieldDescriptor| matches!(field.kind(), Kind::String | Kind::Bytes);
    let names = message.fields().filter(is_text).map(|field| name(&field));
    names.filter(|name| !NUMBERS.contains(&name.as_str())).collect()
}

fn holds_text(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> bool {
    let is_new = seen.insert(message.name().to_owned());
    let inside = |field: FieldDescriptor| matches!(field.kind(), Kind::Message(inner) if holds_text(&inner, seen));
    is_new && (!text_fields(message).is_empty() || message.fields().any(inside))
}

/// A message whose numbers are all 1.
fn of_ones(message: &MessageDescriptor) -> DynamicMessage {
    let mut ones = DynamicMessage::new(message.clone());
    for field in message.fields().filter(|field| !field.is_list()) {
        match field.kind() {
            Kind::Uint32 | Kind::Fixed32 => ones.set_field(&field, Value::U32(1)),
            Kind::Uint64 | Kind::Fixed64 => ones.set_field(&field, Value::U64(1)),
            Kind::Int32 | Kind::Sint32 => ones.set_field(&field, Value::I32(1)),
            Kind::Int64 | Kind::Sint64 => ones.set_field(&field, Value::I64(1)),
            _ => {}
        }
    }
    ones
}

/// A block of stacks: three stalls of process 165 on one stack of two frames, each with a module and a build ID.
pub(crate) fn stacks(schema: &DescriptorPool, before: &Block) -> Block {
    let list = |numbers: &[u32]| Value::List(numbers.iter().map(|n| Value::U32(*n)).collect());
    let long = |numbers: &[u64]| Value::List(numbers.iter().map(|n| Value::U64(*n)).collect());
    let mut stack = DynamicMessage::new(message(schema, "Stack"));
    stack.set_field_by_name("number", Value::U32(1));
    stack.set_field_by_name("kernel_frames", Value::U32(1));
    stack.set_field_by_name("text", Value::List(vec![Value::Bytes("x".into()); 1]));
    for column in ["function", "module", "build_id"] {
        stack.set_field_by_name(column, list(&[1, if column == "function" { 0 } else { 1 }]));
    }
    stack.set_field_by_name("offset", long(&[4, 8]));
    stack.set_field_by_name("address", long(&[64, 128]));
    let mut stacks = DynamicMessage::new(message(schema, "Stacks"));
    stacks.set_field_by_name("stack", Value::List(vec![Value::Message(stack)]));
    stacks.set_field_by_name("kind", Value::Bytes(vec![1].into()));
    for (column, number) in [("number", 1), ("pid", 165)] {
        stacks.set_field_by_name(column, list(&[number]));
    }
    for (column, number) in [("process_start_ns", 0), ("cgroup_id", 0), ("stalls", 3), ("total_ns", 9_000_000)] {
        stacks.set_field_by_name(column, long(&[number]));
    }
    Block { kind: 9, message: stacks, count: 1, times_ns: before.times_ns }
}

/// A remark with a text in which each `%` becomes hostile text.
pub(crate) fn remark(schema: &DescriptorPool, at: &Block, kind: u32, text: &str) -> Block {
    let mut remark = DynamicMessage::new(message(schema, "Remark"));
    remark.set_field_by_name("t_ns", Value::U64(at.times_ns[1]));
    remark.set_field_by_name("kind", Value::U32(kind));
    remark.set_field_by_name("text", Value::String(text.to_owned()));
    Block { kind: 6, message: remark, count: 1, times_ns: [at.times_ns[1]; 2] }
}

/// Adds a wakeup of kswapd by a new task to a block of events: the one kind of event that the sample lacks.
pub(crate) fn add_wakeup(events: &mut Block) {
    let mut push = |column: &str, value: Value| {
        let mut list = events.message.get_field_by_name(column).unwrap().as_list().unwrap().to_vec();
        list.push(value);
        events.message.set_field_by_name(column, Value::List(list));
    };
    for (column, value) in
        [("kswapd_nid", 0), ("kswapd_order", 0), ("kswapd_gfp", 0), ("kswapd_waker", 1), ("waker_pid", 5)]
    {
        push(column, Value::U32(value));
    }
    push("t_ns", Value::I64(0));
    push("waker_comm", Value::Bytes("x".into()));
    for (column, byte) in [("entry", 2), ("kswapd_step", 0)] {
        let mut bytes = events.message.get_field_by_name(column).unwrap().as_bytes().unwrap().to_vec();
        bytes.push(byte);
        events.message.set_field_by_name(column, Value::Bytes(bytes.into()));
    }
    events.count += 1;
}
