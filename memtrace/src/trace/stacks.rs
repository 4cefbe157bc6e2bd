//! Stacks of stalls in a trace: written when they come up, counted by their numbers.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    optional::{put, put32, take, take32},
    values::kind,
    wire,
};
use crate::{
    session::stacks::{StackDeltas, StackKey, StackSum},
    stack::{Frame, Stack},
};

/// Stacks that are remembered, and frames of them: what a writer has, and more.
const STACKS: usize = 16_384;
const FRAMES: usize = 1 << 19;
/// Frames of one stack.
const DEEPEST: usize = 256;
/// A longer name is cut.
const LONGEST_NAME: usize = 1024;
/// Bytes of stacks in a block, about, and stalls: it must not be larger than a reader takes.
const BLOCK_BYTES: usize = 256 << 10;
const BLOCK_STALLS: usize = 8192;
/// A stack is written again after so many ticks in which it was used.
const AGAIN_TICKS: u32 = 60;

/// What a writer knows of stacks.
#[derive(Debug, Default)]
pub(super) struct StackWriter {
    /// By number: the stack, and the tick at which it was last written, from 1; 0 when this segment does not have it.
    known: HashMap<u32, (Arc<Stack>, u32)>,
}

impl StackWriter {
    /// A segment begins, which has no stack yet.
    pub(super) fn begin(&mut self) {
        self.known.values_mut().for_each(|(_, written)| *written = 0);
    }

    /// The messages of what came since the tick before, in their order.
    pub(super) fn put(&mut self, deltas: &StackDeltas, tick: u32, segment: u32) -> Vec<wire::Stacks> {
        for (number, stack) in &deltas.named {
            if self.known.len() >= STACKS && !self.known.contains_key(number) {
                // Those that this segment has are in the file.
                self.known.retain(|_, (_, written)| *written == 0);
            }
            self.known.insert(*number, (Arc::clone(stack), 0));
        }
        let named = deltas.named.iter().map(|(number, _)| *number);
        let used: BTreeSet<u32> = named.chain(deltas.stalls.iter().map(|(key, _)| key.stack)).collect();
        let empty = || wire::Stacks { segment, ..wire::Stacks::default() };
        let mut blocks = vec![empty()];
        let mut bytes = 0;
        for number in used {
            let Some((stack, written)) = self.known.get_mut(&number) else { continue };
            if *written != 0 && tick - *written < AGAIN_TICKS {
                continue;
            }
            *written = tick;
            let message = put_stack(number, stack);
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
                block.process_start_ns.push(put(key.process_start_ns));
                block.cgroup_id.push(put(key.cgroup_id));
                block.kind.push(key.kind as u8);
                block.stalls.push(sum.stalls);
                block.total_ns.push(sum.total_ns);
            }
            blocks.push(block);
        }
        blocks.retain(|block| !block.stack.is_empty() || !block.number.is_empty());
        blocks
    }
}

fn put_stack(number: u32, stack: &Stack) -> wire::Stack {
    let mut message = wire::Stack { number, ..wire::Stack::default() };
    let mut places: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut place = |text: &mut Vec<Vec<u8>>, name: &[u8]| {
        let name = name.get(..LONGEST_NAME).unwrap_or(name);
        put32((!name.is_empty()).then(|| {
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

/// What a reader knows of stacks.
#[derive(Debug, Default)]
pub(super) struct StackReader {
    known: HashMap<u32, Arc<Stack>>,
    frames: usize,
    deltas: StackDeltas,
}

impl StackReader {
    /// A segment begins. Numbers are those of the whole recording; what was not told at a tick is not of this one.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// A block of them.
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
        for stack in message.stack {
            let number = stack.number;
            let stack = Arc::new(take_stack(stack).ok_or("a block of stacks names what is not in it")?);
            let is_known = self.known.contains_key(&number);
            if !is_known && (self.known.len() >= STACKS || self.frames + stack.frames.len() > FRAMES) {
                continue;
            }
            if !is_known {
                self.frames += stack.frames.len();
            }
            self.known.insert(number, Arc::clone(&stack));
            self.deltas.named.push((number, stack));
        }
        for n in 0..message.number.len() {
            // One of a later version.
            let Some(kind) = kind(u32::from(message.kind[n])) else { continue };
            let key = StackKey {
                stack: message.number[n],
                pid: message.pid[n],
                process_start_ns: take(message.process_start_ns[n]),
                cgroup_id: take(message.cgroup_id[n]),
                kind,
            };
            self.deltas.stalls.push((key, StackSum { stalls: message.stalls[n], total_ns: message.total_ns[n] }));
        }
        Ok(())
    }

    /// All of a tick, with the stacks that it is about: who reads from here on need not know what came before.
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

/// `None` when it names what is not in it.
fn take_stack(message: wire::Stack) -> Option<Stack> {
    let frames = message.address.len();
    let columns = [message.function.len(), message.offset.len(), message.module.len(), message.build_id.len()];
    if frames > DEEPEST || columns.iter().any(|column| *column != frames) {
        return None;
    }
    let text = |column: u32| match take32(column) {
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
