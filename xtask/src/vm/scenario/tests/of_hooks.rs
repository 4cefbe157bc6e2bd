//! The judge of single hooks.

use serde_json::Value;

use super::{FILE, changed, fails, judged, replaced};
use crate::vm::scenario::{CheckResult, boots::Judge, hooks};

#[test]
fn a_hook_that_does_not_run_as_often_as_its_event_comes_fails() {
    let judge: Judge = hooks::judge;
    let lines: Vec<_> = judged(judge, FILE).iter().map(|check| check.line("6.12", "check")).collect();
    let want = "6.12  check        hook        ok    vmscan:mm_vmscan_direct_reclaim_end: btf tracepoint, ran ";
    assert!(lines.iter().any(|line| line.starts_with(want)), "{lines:#?}");
    fails(judge, &replaced(FILE, "counted:runs", "mm_shrink_slab_end ", "mm_shrink_slab_end 1"), &["hook"]);
    fails(judge, &replaced(FILE, "counted:events", "mm_shrink_slab_end ", "mm_shrink_slab_end 1"), &["hook"]);
    // Runs that the kernel skipped are reported.
    let skips =
        |n: u32| replaced(FILE, "counted:runs", "mm_vmscan_kswapd_sleep 0 0", &format!("mm_vmscan_kswapd_sleep 0 {n}"));
    fails(
        judge,
        &replaced(&skips(40), "counted:events", "mm_shrink_slab_end", "mm_vmscan_kswapd_sleep 40\nmm_shrink_slab_end"),
        &[],
    );
    fails(judge, &skips(40), &["hook"]);
    fails(judge, &replaced(FILE, "counted:runs", "mm_vmscan_wakeup_kswapd", "mm_vmscan_wakeup"), &["hook"]);
    fails(judge, &replaced(FILE, "counted:overrun", "0", "3"), &["hook"]);
    fails(judge, &replaced(FILE, "counted:runs", "mm_shrink_slab_end ", "mm_shrink_slab_end x"), &["hook"]);
    let unreported = FILE.replace("counted:events", "counted:nothing");
    fails(judge, &unreported, &["hook"]);
    let lacking = changed(FILE, "counted", "meta", |meta| {
        meta["hooks"][0]["attached"] = Value::Null;
        meta["hooks"][0]["reason"] = "no such event".into();
    });
    let verdicts: Vec<_> = judged(judge, &lacking).iter().map(|check| check.result).collect();
    assert!(verdicts.contains(&CheckResult::Skipped) && !verdicts.contains(&CheckResult::Failed), "{verdicts:?}");
}
