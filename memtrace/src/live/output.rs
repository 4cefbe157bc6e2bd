//! The bounded queue between the drain path and the thread that writes.
//!
//! A slow stdout must not hold up the ring: an item that does not fit into the queue is counted, and nobody waits for
//! room.

use std::{
    io::{self, Write},
    iter,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::{
    host::{self, cgroups::memory_hierarchy},
    screen::Model,
    terminal::{self, Control},
};
use memtrace_core::session::item::Item;
use memtrace_report::output::{Sink, bytes_of};

/// Sending end, held by the drain path.
#[derive(Clone, Debug)]
pub struct Queue(SyncSender<Item>);

impl Queue {
    /// Adds an item; false when the queue is full or the output is closed. Allocates nothing and does not wait.
    #[must_use]
    pub fn try_send(&self, item: Item) -> bool {
        self.0.try_send(item).is_ok()
    }
}

/// A queue of `capacity` items, allocated now.
#[must_use]
pub fn queue(capacity: usize) -> (Queue, Receiver<Item>) {
    let (sender, receiver) = sync_channel(capacity);
    (Queue(sender), receiver)
}

/// The view of the items.
pub(super) enum View {
    /// Bytes on stdout, the given head first.
    Stream(Vec<u8>, Box<dyn Sink>),
    /// The screen, and after it the summary from the sink.
    Screen(Box<Model>, Box<dyn Sink>),
}

/// Thread that formats items and writes them.
pub(super) struct Writer {
    closed: Arc<AtomicBool>,
    /// Requests from the screen.
    pub(super) control: Arc<Control>,
    done: Receiver<io::Result<()>>,
}

impl Writer {
    /// Starts the thread on stdout. It ends after the last item, or when the output has no reader any more.
    pub(super) fn start(receiver: Receiver<Item>, view: View) -> io::Result<Self> {
        let closed = Arc::new(AtomicBool::new(false));
        let (tell, done) = sync_channel(1);
        let flag = Arc::clone(&closed);
        let control = Arc::new(Control::default());
        let shared = Arc::clone(&control);
        thread::Builder::new().name("output".to_owned()).stack_size(512 << 10).spawn(move || {
            let closed = Closed(flag);
            let result = match view {
                View::Stream(head, mut sink) => write_all(&receiver, &head, &mut *sink, &mut io::stdout().lock()),
                View::Screen(model, mut sink) => {
                    let mount = memory_hierarchy().ok().and_then(|hierarchy| hierarchy.mount().map(Path::to_owned));
                    let limits = |id, path: &[u8]| Some(host::limits::limits(id, mount.as_ref()?, path));
                    terminal::show(&receiver, &mut *sink, *model, &shared, limits)
                }
            };
            closed.set(result.is_err());
            // Without a receiver the process is about to end.
            let _ = tell.send(result);
        })?;
        Ok(Self { closed, control, done })
    }

    /// True once the output has failed or has no reader.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Sends the last item and waits for it to be written: at most `patience` for room, and as long for the write.
    ///
    /// # Errors
    /// When the output failed, or accepted nothing for that long.
    pub(super) fn finish(self, queue: Queue, mut last: Item, patience: Duration) -> io::Result<()> {
        let step = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        while let Err(TrySendError::Full(item)) = queue.0.try_send(last) {
            if waited >= patience {
                return Err(io::ErrorKind::TimedOut.into());
            }
            last = item;
            thread::sleep(step);
            waited += step;
        }
        drop(queue);
        match self.done.recv_timeout(patience) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the writing thread ended early")),
        }
    }
}

/// True once the output has failed or has no reader; set also when the thread panics.
struct Closed(Arc<AtomicBool>);

impl Closed {
    fn set(&self, closed: bool) {
        self.0.store(closed, Ordering::Relaxed);
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        if thread::panicking() {
            self.set(true);
        }
    }
}

/// Time for which items are gathered to a batch. Items arrive in bursts, since a timer drains the ring; a thread that
/// takes the first item at once wakes for each of them and writes each separately.
const BATCH: Duration = Duration::from_millis(2);

/// Writes until the summary is out; flushes whenever the queue runs empty.
fn write_all(receiver: &Receiver<Item>, head: &[u8], sink: &mut dyn Sink, out: &mut impl Write) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, out);
    out.write_all(head)?;
    out.flush()?;
    let mut last = false;
    while !last {
        let Ok(item) = receiver.recv() else { break };
        thread::sleep(BATCH);
        for item in iter::once(item).chain(receiver.try_iter()) {
            last |= matches!(item, Item::Summary(..));
            out.write_all(&bytes_of(sink, item)?)?;
        }
        out.flush()?;
    }
    Ok(())
}
