//! Cgroups that came and went, in one line.

use memtrace_core::session::churn::{CgroupChurn, Counted};

/// The line, with its newline: `cgroups with a limit: 14 appeared (/a, /b, /c, ...), 1 went away (/d)`.
pub(super) fn churn(churn: &CgroupChurn) -> String {
    let counted = |counted: &Counted, verb: &str| {
        let names: Vec<String> = counted.first.iter().map(|path| path.tty().to_string()).collect();
        let more = if counted.count > names.len() as u64 { ", ..." } else { "" };
        (counted.count > 0).then(|| format!("{} {verb} ({}{more})", counted.count, names.join(", ")))
    };
    let all = [counted(&churn.appeared, "appeared"), counted(&churn.gone, "went away")];
    let all: Vec<String> = all.into_iter().flatten().collect();
    format!("cgroups with a limit: {} while recording", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_named_and_many_are_counted() {
        let mut found = CgroupChurn::default();
        found.gone.add(&"/old\x1b".into());
        assert_eq!(churn(&found), "cgroups with a limit: 1 went away (/old\\x1b) while recording");
        (1..=14).for_each(|n| found.appeared.add(&format!("/pod{n}").into()));
        assert_eq!(
            churn(&found),
            "cgroups with a limit: 14 appeared (/pod1, /pod2, /pod3, ...), 1 went away (/old\\x1b) while recording"
        );
    }
}
