//! Stacks of stalls in a trace: written when they first occur, then counted by number.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    optional::{decode, decode32, encode, encode32},
    sane::is_stack_sane,
    values::kind,
    wire,
};
use memtrace_core::{
    session::stacks::{StackDeltas, StackKey, StackSum},
    stack::{Frame, Stack},
};

/// Limits on the remembered stacks: their number, and their size in bytes.
const STACKS: usize = 16_384;
const BYTES: usize = 64 << 20;
/// Limit on the frames of one stack.
const DEEPEST: usize = 256;
/// Limit on a name, in bytes. A longer name is cut.
const LONGEST_NAME: usize = 1024;
/// Approximate bytes of stacks in a block, and rows of stalls: a block must not be larger than a reader accepts.
const BLOCK_BYTES: usize = 256 << 10;
const BLOCK_STALLS: usize = 8192;
/// Limit on the rows of stalls of a tick: more than a writer has.
const MOST_STALLS: usize = 1 << 17;
/// Ticks after which a stack in use is written again.
const AGAIN_TICKS: u32 = 60;

/// Stacks known to a writer.
#[derive(Debug, Default)]
pub(super) struct StackWriter {
    known: HashMap<u32, WriterStack>,
    /// Number of ticks in all segments.
    ticks: u64,
}

/// A stack of a writer.
#[derive(Debug)]
struct WriterStack {
    stack: Arc<Stack>,
    /// The tick at which it was last written, from 1; 0 when this segment does not have it.
    written: u32,
    /// The tick of [`StackWriter::ticks`] at which it was last used.
    used: u64,
}

impl StackWriter {
    /// Begins a segment, which has no stack yet.
    pub(super) fn begin(&mut self) {
        self.known.values_mut().for_each(|known| known.written = 0);
    }

    /// The messages of the stacks and stalls since the previous tick, in order.
    pub(super) fn encode(&mut self, deltas: &StackDeltas, tick: u32, segment: u32) -> Vec<wire::Stacks> {
        self.ticks += 1;
        for (number, stack) in &deltas.named {
            self.known.insert(*number, WriterStack { stack: Arc::clone(stack), written: 0, used: self.ticks });
        }
        if self.known.len() > STACKS {
            self.forget();
        }
        let named = deltas.named.iter().map(|(number, _)| *number);
        let used: BTreeSet<u32> = named.chain(deltas.stalls.iter().map(|(key, _)| key.stack)).collect();
        let empty = || wire::Stacks { segment, ..wire::Stacks::default() };
        let mut blocks = vec![empty()];
        let mut bytes = 0;
        for number in used {
            let Some(known) = self.known.get_mut(&number) else { continue };
            known.used = self.ticks;
            if known.written != 0 && tick - known.written < AGAIN_TICKS {
                continue;
            }
            known.written = tick;
            let message = encode_stack(number, &known.stack);
            let size = message.text.iter().map(Vec::len).sum::<usize>() + 24 * message.address.len();
            if bytes > 0 && bytes + size > BLOCK_BYTES {
                blocks.push(empty());
                bytes = 0;
            }
            bytes += size;
            if let Some(block) = blocks.last_mut() {
                block.stack.push(message);
            }
        }
        for stalls in deltas.stalls.chunks(BLOCK_STALLS) {
            let mut block = empty();
            for (key, sum) in stalls {
                block.number.push(key.stack);
                block.pid.push(key.pid);
                block.process_start_ns.push(encode(key.process_start_ns));
                block.cgroup_id.push(encode(key.cgroup_id));
                block.kind.push(key.kind as u8);
                block.stalls.push(sum.stalls);
                block.total_ns.push(sum.total_ns);
            }
            blocks.push(block);
        }
        blocks.retain(|block| !block.stack.is_empty() || !block.number.is_empty());
        blocks
    }

    /// Forgets the half that was not used for longest. Those stacks have no names in later segments.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.known.values().map(|known| known.used).collect();
        let at = used.len() / 2;
        let (_, median, _) = used.select_nth_unstable(at);
        let (median, now) = (*median, self.ticks);
        self.known.retain(|_, known| known.used > median || known.used == now);
    }
}

fn encode_stack(number: u32, stack: &Stack) -> wire::Stack {
    let mut message = wire::Stack { number, ..wire::Stack::default() };
    let mut places: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut place = |text: &mut Vec<Vec<u8>>, name: &[u8]| {
        let name = name.get(..LONGEST_NAME).unwrap_or(name);
        encode32((!name.is_empty()).then(|| {
            *places.entry(name.to_vec()).or_insert_with(|| {
                text.push(name.to_vec());
                u32::try_from(text.len() - 1).unwrap_or(u32::MAX - 1)
            })
        }))
    };
    for frame in stack.frames.iter().take(DEEPEST) {
        message.kernel_frames += u32::from(frame.kernel);
        message.function.push(place(&mut message.text, &frame.function));
        message.module.push(place(&mut message.text, &frame.module));
        message.build_id.push(place(&mut message.text, &frame.build_id));
        message.offset.push(frame.offset);
        message.address.push(frame.address);
    }
    message
}

const TOO_MANY: &str = "there are more stacks than any writer makes";

/// Stacks known to a reader.
#[derive(Debug, Default)]
pub(super) struct StackReader {
    known: HashMap<u32, Arc<Stack>>,
    /// Approximate size of the stacks in bytes, those of the next tick included.
    bytes: usize,
    deltas: StackDeltas,
}

impl StackReader {
    /// Begins a segment. Numbers of stacks hold for the whole recording, but the segment writes its stacks again;
    /// stalls that no tick has taken do not belong to it.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes a block of stacks, for the next tick.
    pub(super) fn part(&mut self, message: wire::Stacks) -> Result<(), &'static str> {
        let columns = [
            message.pid.len(),
            message.process_start_ns.len(),
            message.cgroup_id.len(),
            message.kind.len(),
            message.stalls.len(),
            message.total_ns.len(),
        ];
        if columns.iter().any(|column| *column != message.number.len()) {
            return Err("a block of stacks has columns of unequal length");
        }
        let named = message.stack.into_iter().map(|stack| Some((stack.number, decode_stack(stack)?)));
        let named: Vec<_> = named.collect::<Option<_>>().ok_or("a block of stacks refers to missing entries")?;
        let sums = message.stalls.iter().zip(&message.total_ns);
        let sums: Vec<_> = sums.map(|(&stalls, &total_ns)| StackSum { stalls, total_ns }).collect();
        if !sums.iter().all(is_stack_sane) {
            return Err("a block of stacks has impossible numbers");
        }
        // Stacks that no tick ever takes must not pile up.
        if self.deltas.stalls.len() + sums.len() > MOST_STALLS || self.deltas.named.len() + named.len() > STACKS {
            return Err(TOO_MANY);
        }
        let before = self.deltas.named.len();
        for (number, stack) in named {
            // A stack comes again each minute.
            let known = self.known.get(&number).filter(|known| ***known == stack).map(Arc::clone);
            let stack = match known {
                Some(known) => known,
                None => self.learn(number, stack).inspect_err(|_| self.deltas.named.truncate(before))?,
            };
            self.deltas.named.push((number, stack));
        }
        for (n, sum) in sums.into_iter().enumerate() {
            // A kind of a later version is skipped.
            let Some(kind) = kind(u32::from(message.kind[n])) else { continue };
            let key = StackKey {
                stack: message.number[n],
                pid: message.pid[n],
                process_start_ns: decode(message.process_start_ns[n]),
                cgroup_id: decode(message.cgroup_id[n]),
                kind,
            };
            self.deltas.stalls.push((key, sum));
        }
        Ok(())
    }

    fn learn(&mut self, number: u32, stack: Stack) -> Result<Arc<Stack>, &'static str> {
        let bytes = size(&stack);
        if self.known.len() >= STACKS || self.bytes + bytes > BYTES {
            // A long recording has more stacks than are in use at a time.
            self.known.clear();
            self.bytes = self.deltas.named.iter().map(|(_, stack)| size(stack)).sum();
        }
        if self.bytes + bytes > BYTES {
            return Err(TOO_MANY);
        }
        self.bytes += bytes;
        let stack = Arc::new(stack);
        self.known.insert(number, Arc::clone(&stack));
        Ok(stack)
    }

    /// All stalls of a tick, with the stacks that they are on: a reader that starts here needs no earlier tick.
    pub(super) fn tick(&mut self) -> StackDeltas {
        let mut deltas = std::mem::take(&mut self.deltas);
        let mut named: BTreeSet<u32> = deltas.named.iter().map(|(number, _)| *number).collect();
        for (key, _) in &deltas.stalls {
            if let Some(stack) = self.known.get(&key.stack)
                && named.insert(key.stack)
            {
                deltas.named.push((key.stack, Arc::clone(stack)));
            }
        }
        deltas
    }
}

/// Approximate size of a stack in bytes.
fn size(stack: &Stack) -> usize {
    let frame = |frame: &Frame| size_of::<Frame>() + frame.function.len() + frame.module.len() + frame.build_id.len();
    stack.frames.iter().map(frame).sum::<usize>() + 64
}

/// The stack; `None` when it is too deep, has columns of unequal length or an index out of range.
fn decode_stack(message: wire::Stack) -> Option<Stack> {
    let frames = message.address.len();
    let columns = [message.function.len(), message.offset.len(), message.module.len(), message.build_id.len()];
    if frames > DEEPEST || columns.iter().any(|column| *column != frames) {
        return None;
    }
    let text = |column: u32| match decode32(column) {
        None => Some(Vec::new()),
        Some(at) => message.text.get(at as usize).filter(|text| text.len() <= LONGEST_NAME).cloned(),
    };
    let frame = |n: usize| {
        Some(Frame {
            kernel: n < message.kernel_frames as usize,
            function: text(message.function[n])?,
            offset: message.offset[n],
            module: text(message.module[n])?,
            build_id: text(message.build_id[n])?,
            address: message.address[n],
        })
    };
    Some(Stack { frames: (0..frames).map(frame).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire_stack(number: u32) -> wire::Stack {
        let frames = DEEPEST;
        wire::Stack {
            number,
            text: vec![vec![b'x'; LONGEST_NAME]],
            function: vec![1; frames],
            offset: vec![0; frames],
            module: vec![1; frames],
            build_id: vec![1; frames],
            address: vec![u64::from(number); frames],
            ..wire::Stack::default()
        }
    }

    /// Few bytes in a file become many in memory.
    #[test]
    fn what_no_tick_takes_does_not_pile_up() {
        let mut reader = StackReader::default();
        let block = |number| wire::Stacks { stack: vec![wire_stack(number)], ..wire::Stacks::default() };
        let taken = (0..10_000).take_while(|number| reader.part(block(*number)).is_ok()).count();
        assert!(taken < 200, "{taken} stacks of 0.8 MB");
        // A tick takes them, and there is room again.
        assert_eq!(reader.tick().named.len(), taken);
        assert!(reader.part(block(20_000)).is_ok());
        let many = 50_000;
        let stalls = || wire::Stacks {
            number: vec![0; many],
            pid: vec![0; many],
            process_start_ns: vec![0; many],
            cgroup_id: vec![0; many],
            kind: vec![0; many],
            stalls: vec![1; many],
            total_ns: vec![1; many],
            ..wire::Stacks::default()
        };
        let taken = (0..100).take_while(|_| reader.part(stalls()).is_ok()).count();
        assert_eq!(taken, MOST_STALLS / many);
    }

    #[test]
    fn a_writer_forgets_what_is_not_used() {
        let mut writer = StackWriter::default();
        writer.begin();
        let hot = |named| {
            let key = StackKey {
                stack: 0,
                pid: 1,
                process_start_ns: None,
                cgroup_id: None,
                kind: memtrace_common::kind::StallKind::Direct,
            };
            StackDeltas { named, stalls: vec![(key, StackSum { stalls: 1, total_ns: 1 })] }
        };
        for tick in 0..40_000 {
            writer.encode(&hot(vec![(tick, Arc::new(Stack::default()))]), tick + 1, 0);
        }
        assert!(writer.known.len() <= STACKS);
        assert!(writer.known.contains_key(&0) && writer.known.contains_key(&39_999) && !writer.known.contains_key(&1));
    }
}
