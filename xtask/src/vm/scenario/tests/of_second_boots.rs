//! The result on a guest that was booted twice.

use super::super::{Check, CheckResult, NamedCheck, twice};

fn checks(results: &[(&'static str, bool)]) -> Vec<NamedCheck> {
    let check = |&(name, held): &(&'static str, bool)| {
        let check = if held { Check::ok(name, "") } else { Check::failed(name, "") };
        ("scenario", check)
    };
    results.iter().map(check).collect()
}

fn verdicts(checks: &[NamedCheck]) -> Vec<(&'static str, CheckResult)> {
    checks.iter().map(|(_, check)| (check.name, check.result)).collect()
}

#[test]
fn a_check_fails_when_it_failed_in_both_boots() {
    let first = checks(&[("boot", true), ("a", false), ("b", false), ("c", true), ("d", true)]);
    let second = checks(&[("boot", true), ("a", false), ("b", true), ("c", false), ("d", true)]);
    let want = [
        ("boot", CheckResult::Ok),
        ("a", CheckResult::Failed),
        ("b", CheckResult::Flaky),
        ("c", CheckResult::Flaky),
        ("d", CheckResult::Ok),
    ];
    assert_eq!(verdicts(&twice(&first, second)), want);
}

#[test]
fn a_guest_that_goes_down_once_is_flaky_and_twice_has_failed() {
    let (down, up) = (checks(&[("boot", false)]), checks(&[("boot", true), ("a", true), ("b", false)]));
    assert_eq!(verdicts(&twice(&down, down.clone())), [("boot", CheckResult::Failed)]);
    let went_down_first = [("boot", CheckResult::Flaky), ("a", CheckResult::Ok), ("b", CheckResult::Failed)];
    assert_eq!(verdicts(&twice(&down, up.clone())), went_down_first);
    // A check that failed in the only complete boot stays failed.
    assert_eq!(verdicts(&twice(&up, down)), went_down_first);
}
