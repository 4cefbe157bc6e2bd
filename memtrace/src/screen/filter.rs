//! Filter of the rows of the table: words that must all match.

use memtrace_common::kind::StallKind;

use super::rows::ScreenRow;
use memtrace_core::units::duration;

/// One word of a filter.
#[derive(Clone, Debug, PartialEq)]
enum Term {
    Text(String),
    Pid(u32),
    Cgroup(String),
    Kind(StallKind),
    /// The longest stall takes at least this long, in ns.
    Longer(u64),
}

/// A filter on rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowFilter(Vec<Term>);

impl RowFilter {
    /// Reads words such as `java pid:12 cgroup:web kind:memcg >10ms`.
    ///
    /// # Errors
    /// When a word is wrong; the text names it and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(term).collect::<Result<_, _>>().map(Self)
    }

    /// True when every row matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when a row matches.
    #[must_use]
    pub fn fits(&self, row: &ScreenRow) -> bool {
        self.0.iter().all(|term| match term {
            Term::Text(text) => row.name.to_lowercase().contains(text) || row.cgroup.to_lowercase().contains(text),
            Term::Pid(pid) => row.pid == Some(*pid),
            Term::Cgroup(text) => row.cgroup.to_lowercase().contains(text),
            Term::Kind(kind) => row.kinds.iter().any(|(of_row, _)| of_row == kind),
            Term::Longer(ns) => row.stalls.max_ns.is_some_and(|max| max >= *ns),
        })
    }
}

fn term(word: &str) -> Result<Term, String> {
    if let Some(pid) = word.strip_prefix("pid:") {
        return pid.parse().map(Term::Pid).map_err(|_| format!("{word}: expected a number, such as pid:4711"));
    }
    if let Some(text) = word.strip_prefix("cgroup:") {
        return Ok(Term::Cgroup(text.to_lowercase()));
    }
    if let Some(name) = word.strip_prefix("kind:") {
        let kind = StallKind::ALL.into_iter().find(|kind| kind.name() == name);
        let names = || StallKind::ALL.map(StallKind::name).join(", ");
        return kind.map(Term::Kind).ok_or_else(|| format!("{word}: kinds are {}", names()));
    }
    if let Some(time) = word.strip_prefix('>') {
        let ns = duration::parse(time).map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        return ns.map(Term::Longer).map_err(|_| format!("{word}: expected a time, such as >10ms"));
    }
    Ok(Term::Text(word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::RowFilter;

    #[test]
    fn what_is_wrong_is_explained() {
        for (text, says) in [("pid:x", "pid:4711"), ("kind:cake", "direct, memcg"), (">fast", ">10ms")] {
            assert!(RowFilter::parse(text).unwrap_err().contains(says), "{text}");
        }
        assert!(RowFilter::parse("  ").unwrap().is_empty());
        assert!(!RowFilter::parse("a pid:1 cgroup:b kind:memcg >1ms").unwrap().is_empty());
    }
}
