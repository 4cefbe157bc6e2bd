//! A trace file that holds whole blocks only, and takes little of the page cache.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::fs::{Advice, fadvise, fstatvfs};

use memtrace_trace::{
    BlockKind, BlockSink, Encoder,
    model::{End, EndReason},
};

/// Bytes after which written pages are dropped from the page cache: a recorder must not fill it.
const GIVE_BACK: u64 = 4 << 20;

/// Free space in bytes below which single events are refused, so that the totals of hours still fit.
const RESERVE: u64 = 4 << 20;

/// Writes an END to a file whose segment may go on elsewhere. If the recording ends at the same time, its END has
/// another reason, so that the two are not taken for copies of one block.
///
/// # Errors
/// The sink's.
pub(super) fn put_end(end: &End, sink: &mut dyn BlockSink) -> io::Result<()> {
    Encoder::new(0).end(&End { reason: EndReason::FileComplete, ..end.clone() }, sink)
}

/// A trace file, or a pipe.
#[derive(Debug)]
pub(super) struct TraceFile {
    file: File,
    is_regular: bool,
    /// Bytes of whole blocks.
    bytes: u64,
    given_back: u64,
    /// Bytes written, shared with the thread that shows them.
    shown: Arc<AtomicU64>,
}

impl TraceFile {
    /// Takes a file that is empty, or to whose end blocks are added.
    pub(super) fn new(file: File, shown: Arc<AtomicU64>) -> Self {
        let length = file.metadata().ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
        let bytes = length.unwrap_or(0);
        Self { file, is_regular: length.is_some(), bytes, given_back: bytes, shown }
    }

    /// Size of the file in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Syncs all that was written so far to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_regular { self.file.sync_data() } else { Ok(()) }
    }

    /// True if the room that is left is reserved for the totals.
    fn is_nearly_full(&self) -> bool {
        let left = fstatvfs(&self.file).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
        self.is_regular && left.is_some_and(|bytes| bytes < RESERVE)
    }

    fn give_back(&mut self) {
        if self.is_regular && self.bytes - self.given_back >= GIVE_BACK {
            // Pages that are not on the disk yet stay until the next time: nothing waits here.
            let _ = fadvise(self.file.as_fd(), 0, std::num::NonZeroU64::new(self.bytes), Advice::DontNeed);
            self.given_back = self.bytes;
        }
    }
}

impl BlockSink for TraceFile {
    fn block(&mut self, kind: BlockKind, bytes: &[u8]) -> io::Result<()> {
        if kind == BlockKind::Events && self.is_nearly_full() {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "its file system is full, except for a reserve of 4 MiB",
            ));
        }
        let result = self.file.write_all(bytes);
        match &result {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                self.shown.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                self.give_back();
            }
            Err(_) if self.is_regular => {
                // Half a block would be damage to every reader. If it cannot be removed, that is no further failure.
                let _ = self.file.set_len(self.bytes);
                let _ = io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.bytes));
            }
            Err(_) => {}
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::TraceFile;
    use memtrace_trace::{
        BlockKind, BlockSink as _, Encoder,
        model::{End, EndReason},
    };

    #[test]
    fn the_end_of_an_incident_file_is_no_copy_of_the_end_of_the_recording() {
        let end = End { t_ns: 5, reason: EndReason::Done, open: Vec::new(), lost: Default::default() };
        let (mut incident, mut recording, mut segment) = (Vec::new(), Vec::new(), Vec::new());
        super::put_end(&end, &mut incident).unwrap();
        Encoder::new(0).end(&end, &mut recording).unwrap();
        Encoder::new(0).end(&End { reason: EndReason::NextSegment, ..end }, &mut segment).unwrap();
        assert!(incident != recording && incident != segment && recording != segment);
    }

    #[test]
    fn a_full_disk_leaves_whole_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let mount = dir.path().join("small");
        fs::create_dir(&mount).unwrap();
        let options = Some(c"size=64k");
        if let Err(e) = rustix::mount::mount("none", &mount, "tmpfs", rustix::mount::MountFlags::empty(), options) {
            // Only root may mount; the message makes the skip visible.
            eprintln!("skipped: no file system can be mounted here: {e}");
            return;
        }
        let path = mount.join("a");
        let mut sink = TraceFile::new(fs::File::create(&path).unwrap(), Arc::default());
        let block = [7; 10_000];
        let refused = sink.block(BlockKind::Events, &block).unwrap_err();
        let written = (0..10).filter(|_| sink.block(BlockKind::Tick, &block).is_ok()).count();
        let small = sink.block(BlockKind::Tick, &[8; 100]);
        let content = fs::read(&path).unwrap();
        rustix::mount::unmount(&mount, rustix::mount::UnmountFlags::DETACH).unwrap();
        assert!((3..10).contains(&written), "{written}");
        assert!(small.is_ok() && refused.kind() == std::io::ErrorKind::StorageFull);
        assert_eq!(content.len(), written * 10_000 + 100);
        assert_eq!((content.last(), sink.bytes()), (Some(&8), content.len() as u64));
    }
}
