//! The blocks of a recording, whatever inputs they are in: each once, in the order in which they were written.

use std::{collections::VecDeque, sync::Arc};

use super::{
    input::Inputs,
    input_file::{InputFile, Stretch},
    recordings::SegmentPieces,
};
use memtrace_trace::{
    BlockSource, ReadError, Scanned, Scanner,
    splice::{Blocks, Part, splice},
};

/// Reads the blocks of a recording.
#[derive(Debug)]
pub(super) struct Assembled {
    inputs: Arc<Inputs>,
    recording: usize,
    /// Number of segments that were begun.
    begun: usize,
    /// Remaining parts of the current segment. Their `piece` is the number of an input.
    parts: VecDeque<Part>,
    scanner: Option<Scanner<Stretch>>,
    file: usize,
    /// Inputs with damage that others make up for.
    healed: Vec<usize>,
}

impl Assembled {
    /// Starts at the beginning of a recording.
    pub(super) fn new(inputs: Arc<Inputs>, recording: usize) -> Self {
        Self { inputs, recording, begun: 0, parts: VecDeque::new(), scanner: None, file: 0, healed: Vec::new() }
    }

    /// Input of the last block, damage or error.
    pub(super) fn input_file(&self) -> &InputFile {
        &self.inputs.files[self.file]
    }

    /// Inputs with damage that others made up for so far.
    pub(super) fn healed(&self) -> impl Iterator<Item = &InputFile> {
        self.healed.iter().map(|&file| &self.inputs.files[file])
    }

    fn begin(&mut self, segment: usize) -> Result<(), ReadError> {
        let inputs = Arc::clone(&self.inputs);
        let SegmentPieces { pieces, .. } = &inputs.recordings[self.recording].segments[segment];
        if let [(file, piece)] = pieces.as_slice() {
            self.parts.push_back(Part::Bytes { piece: *file, begin: piece.begin, end: piece.end });
            return Ok(());
        }
        let mut lists = Vec::with_capacity(pieces.len());
        for (file, piece) in pieces {
            self.file = *file;
            lists.push(Blocks::of(inputs.files[*file].stretch(piece.begin, piece.end)?, piece.begin)?);
        }
        let spliced = splice(lists);
        self.healed.extend(spliced.healed.iter().map(|&piece| pieces[piece].0));
        self.parts = spliced.parts.into();
        for part in &mut self.parts {
            let (Part::Bytes { piece, .. } | Part::Damage { piece, .. }) = part;
            *piece = pieces[*piece].0;
        }
        Ok(())
    }
}

impl BlockSource for Assembled {
    fn next_block(&mut self) -> Result<Option<Scanned>, ReadError> {
        loop {
            if let Some(scanner) = &mut self.scanner {
                let next = scanner.next_block();
                if let Ok(Some(scanned)) = next {
                    return Ok(Some(scanned));
                }
                // After an error, reading continues with the next part.
                self.scanner = None;
                next?;
            }
            match self.parts.pop_front() {
                Some(Part::Bytes { piece, begin, end }) => {
                    self.file = piece;
                    let stretch = self.inputs.files[piece].stretch(begin, end)?;
                    self.scanner = Some(Scanner::at(stretch, begin));
                }
                Some(Part::Damage { piece, damage }) => {
                    self.file = piece;
                    return Ok(Some(Scanned::Damage(damage)));
                }
                None if self.begun < self.inputs.recordings[self.recording].segments.len() => {
                    self.begun += 1;
                    self.begin(self.begun - 1)?;
                }
                None => return Ok(None),
            }
        }
    }

    fn block(&self) -> &[u8] {
        self.scanner.as_ref().map_or(&[], Scanner::block)
    }
}
