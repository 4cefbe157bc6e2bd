//! The bounded queue between the drain path and the thread that writes.
//!
//! A slow stdout must not hold up the ring: what the queue cannot take is counted, never waited for.

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

/// The end that the drain path holds.
#[derive(Clone, Debug)]
pub struct Queue(SyncSender<Item>);

impl Queue {
    /// Puts an item in; false when it is full or the output is closed. Allocates nothing and does not wait.
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
    /// Bytes on stdout, these first.
    Stream(Vec<u8>, Box<dyn Sink>),
    /// The screen, and after it the summary from the sink.
    Screen(Box<Model>, Box<dyn Sink>),
}

/// The thread that puts items into words and writes them.
pub(super) struct Writer {
    closed: Arc<AtomicBool>,
    /// What the screen asks for.
    pub(super) control: Arc<Control>,
    done: Receiver<io::Result<()>>,
}

impl Writer {
    /// Starts it on stdout. It ends after the last item, or when nobody reads any more.
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
            // Nobody may be waiting: the process is then about to end.
            let _ = tell.send(result);
        })?;
        Ok(Self { closed, control, done })
    }

    /// Whether nobody reads the output any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Hands over the last item and waits for it to be written, `patience` at most.
    ///
    /// # Errors
    /// When the output failed, or took nothing for that long.
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

/// Whether nobody reads any more: also when the thread panics.
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

/// The time in which a batch of items comes together. Items come in batches, since the ring is drained by a timer, and a
/// thread that takes the first item at once is woken for each of them and writes each by itself.
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
