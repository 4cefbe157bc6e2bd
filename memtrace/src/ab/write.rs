//! Writes several settings in order, and reads each of them back.

use std::{thread, time::Duration};

use super::{
    files,
    plan::{Knob, Write, sort},
};

/// Attempts for each write: a cgroup that cannot be shrunk at once may be a moment later.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// Writes these settings; the result is the failures, in words.
pub(super) fn write_all(changes: &[(Knob, String)]) -> Vec<String> {
    let write = |(knob, to): &(Knob, String)| {
        let from = files::read(knob).ok().and_then(|shown| shown.value);
        Write { knob: knob.clone(), from, to: to.clone() }
    };
    let mut writes: Vec<Write> = changes.iter().map(write).collect();
    sort(&mut writes);
    writes.iter().filter_map(|write| one(&write.knob, &write.to).err()).collect()
}

fn one(knob: &Knob, value: &str) -> Result<(), String> {
    let (name, shown) = (knob.shown(), knob.kind.shown(value));
    let mut tries = 1;
    while let Err(e) = files::write(knob, value) {
        // The kernel has reclaimed what it could, and gave up for now.
        if e.raw_os_error() != Some(libc::EBUSY) || tries == TRIES {
            return Err(format!("{name}={shown} was refused: {e}"));
        }
        tries += 1;
        thread::sleep(PAUSE);
    }
    match files::read(knob).map(|shown| shown.value) {
        Ok(Some(now)) if now == value => Ok(()),
        Ok(now) => {
            let now = now.map_or_else(|| "nothing".to_owned(), |now| knob.kind.shown(&now));
            Err(format!("{name}={shown} was written, but it reads back as {now}"))
        }
        Err(e) => Err(format!("{name}={shown} was written, but cannot be read back: {e}")),
    }
}
