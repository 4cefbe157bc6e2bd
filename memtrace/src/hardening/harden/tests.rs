use std::{env, ffi::OsString, fs, process::Command};

use caps::{CapSet, Capability};
use tokio::runtime::Builder;

use super::{OOM_SCORE_ADJ, current_oom_score_adj, protect};
use crate::hardening::{spawn, status_code};

/// Protection applies to a whole process, so each case runs in a separate one: this test binary again, with this
/// variable.
const CASE: &str = "MEMTRACE_TEST_PROTECT";

fn in_a_process_of_its_own(test: &str, case: fn()) {
    if env::var_os(CASE).is_some() {
        case();
        return;
    }
    let name = format!("hardening::harden::tests::{test}");
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command.args(["--exact", &name, "--nocapture"]).env(CASE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    print!("{text}");
}

fn locked_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap()
}

#[test]
fn what_may_be_done_is_done_and_the_rest_noted() {
    in_a_process_of_its_own("what_may_be_done_is_done_and_the_rest_noted", || {
        let protected = protect();
        if has(Capability::CAP_IPC_LOCK) {
            assert!(protected.locked && locked_kilobytes() > 1000, "{} kB", locked_kilobytes());
        }
        let score = current_oom_score_adj().unwrap();
        let note = protected.notes.iter().any(|note| note.what.contains("oom_score_adj"));
        match protected.original.oom_score_adj {
            Some(original) => assert!(score == OOM_SCORE_ADJ && original > score && !note),
            None => assert!(score <= OOM_SCORE_ADJ || note, "{score} {:?}", protected.notes),
        }
        assert_eq!(protected.notes.is_empty(), has(Capability::CAP_IPC_LOCK) && has(Capability::CAP_SYS_RESOURCE));
    });
}

#[test]
fn without_the_right_to_lock_nothing_is_locked_and_memory_can_still_be_had() {
    in_a_process_of_its_own("without_the_right_to_lock_nothing_is_locked_and_memory_can_still_be_had", || {
        for set in [CapSet::Effective, CapSet::Permitted] {
            caps::drop(None, set, Capability::CAP_IPC_LOCK).unwrap();
            caps::drop(None, set, Capability::CAP_SYS_RESOURCE).unwrap();
        }
        let protected = protect();
        if super::getrlimit(super::Resource::Memlock).current.is_some_and(|limit| limit < super::LOCK_BYTES) {
            assert!(!protected.locked && locked_kilobytes() == 0);
            assert!(
                protected.notes[0].to_string().starts_with("could not lock memory (no CAP_IPC_LOCK, RLIMIT_MEMLOCK ")
            );
            assert_eq!(vec![1_u8; 64 << 20].iter().filter(|&&b| b == 1).count(), 64 << 20);
        }
    });
}

#[test]
fn a_command_gets_back_what_was_lowered() {
    in_a_process_of_its_own("a_command_gets_back_what_was_lowered", || {
        let before = current_oom_score_adj().unwrap();
        let protected = protect();
        let script =
            format!("test $(cat /proc/self/oom_score_adj) = {before} && grep -q 'VmLck:.* 0 kB' /proc/self/status");
        let command = ["sh", "-c", &script].map(OsString::from);
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let ended = runtime.block_on(async { spawn(&command, protected.original).unwrap().wait().await });
        assert_eq!(status_code(ended.unwrap()), 0);
    });
}
