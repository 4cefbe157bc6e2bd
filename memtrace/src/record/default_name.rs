//! Default name of a recording.

use std::path::PathBuf;

use crate::host::clocks;

/// A new name from the host and the time: `memtrace-HOST-TIME.mtrc`.
#[must_use]
pub fn default_name() -> PathBuf {
    let name = rustix::system::uname();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    let host: String = name.nodename().to_bytes().iter().take(64).map(|&byte| plain(char::from(byte))).collect();
    let time = jiff::Timestamp::now().to_zoned(clocks::zone(false)).strftime("%Y%m%d-%H%M%S").to_string();
    PathBuf::from(format!("memtrace-{host}-{time}.mtrc"))
}
