//! Fuzz targets for kernel text that no kernel would write: the kernel log and the files of /proc.
//!
//! `cargo test` runs a fixed number of inputs, new ones each time. Longer by hand, on stable:
//! `AYA_BUILD_SKIP=1 BOLERO_RANDOM_ITERATIONS=10000000 cargo test --release -p memtrace-cli --test fuzz_host`; guided by coverage, with
//! cargo-bolero: `cargo bolero test -p memtrace-cli any_kernel_log`.

use std::fs;

use bolero::{ValueGenerator, check, produce};
use memtrace::host::{
    kmsg::{KillParser, Record},
    vmstat, zones,
};

const INPUTS: usize = 20_000;
/// Longest input in bytes.
const LONGEST: usize = 1024;
const VMSTAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proc/vmstat-7.2");

/// A kill as the kernel logs it, record by record.
const KILL: [&str; 3] = [
    "4,100,5000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,\
     task=stress,pid=42,uid=0\n",
    "6,101,5000100,-;memory: usage 32768kB, limit 32768kB, failcnt 10\n SUBSYSTEM=memory\n",
    "3,102,5000200,-;Memory cgroup out of memory: Killed process 42 (stress) total-vm:90000kB, anon-rss:40960kB, \
     file-rss:1024kB, shmem-rss:0kB, UID:0 pgtables:120kB oom_score_adj:0\n",
];

const ZONEINFO: &str = "Node 0, zone   Normal\n  pages free     3952\n        boost    0\n        min      33\n        low      41\n        \
                        high     49\n        spanned  4095\n        present  3997\n        managed  3840\n  pagesets\n    cpu: 0\n";

/// Bytes of any length up to `LONGEST`. By default bolero generates 64 at most, which reach little.
fn bytes() -> impl ValueGenerator<Output = Vec<u8>> {
    produce::<Vec<u8>>().with().len(0..=LONGEST)
}

/// Replaces, inserts or removes bytes. A change is four bytes: two for the place, one for the operation, one for the
/// byte.
fn changed(whole: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for change in changes.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len().max(1);
        match change[2] % 3 {
            0 if at < bytes.len() => bytes[at] = change[3],
            1 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.insert(at, change[3]),
        }
    }
    bytes
}

#[test]
fn any_kernel_log() {
    check!().with_generator(bytes()).with_iterations(INPUTS).with_max_len(2 * LONGEST).for_each(|input| {
        let mut parser = KillParser::default();
        let changed = KILL.map(|record| changed(record.as_bytes(), input));
        for record in changed.iter().map(Vec::as_slice).chain([input.as_slice()]).filter_map(Record::parse) {
            if let Some(kill) = parser.push(&record) {
                assert!(kill.anon_rss_bytes.is_none_or(|bytes| bytes < 1 << 62), "{kill:?}");
            }
        }
    });
}

#[test]
fn any_file_of_proc() {
    let stat = fs::read(VMSTAT).unwrap();
    check!().with_generator(bytes()).with_iterations(INPUTS / 10).with_max_len(2 * LONGEST).for_each(|input| {
        for bytes in [input.to_vec(), changed(ZONEINFO.as_bytes(), input), changed(&stat, input)] {
            let text = String::from_utf8_lossy(&bytes);
            let _ = zones::parse(&text);
            let _ = vmstat::parse(&text);
        }
    });
}
