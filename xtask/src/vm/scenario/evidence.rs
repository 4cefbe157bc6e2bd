//! Evidence from the output of a scenario: sections of text, kernel counters, JSON lines.

use std::collections::BTreeMap;

use serde_json::Value;

/// The output of a scenario's script, cut at its `@@ NAME` lines.
pub(super) struct Sections<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Sections<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut sections = BTreeMap::new();
        let mut lines = None;
        for line in text.lines() {
            match (line.strip_prefix("@@ "), &mut lines) {
                (Some(name), _) => lines = Some(sections.entry(name.trim()).or_insert_with(Vec::new)),
                (None, Some(lines)) => lines.push(line),
                (None, None) => {}
            }
        }
        Self(sections)
    }

    /// Lines of a section; an error if the script did not get there.
    pub(super) fn get(&self, name: &str) -> Result<&[&'a str], String> {
        self.0.get(name).map(Vec::as_slice).ok_or_else(|| format!("the guest printed no section {name}"))
    }

    /// Growth of a `/proc/vmstat` counter between two sections. `prefix*` adds up all counters with this prefix.
    pub(super) fn grew(&self, counter: &str, from: &str, to: &str) -> Result<u64, String> {
        let read = |section: &str| -> Result<u64, String> {
            let lines = self.get(section)?.iter().filter_map(|line| line.split_once(' '));
            let wanted = lines.filter(|(name, _)| match counter.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => *name == counter,
            });
            let values: Vec<u64> = wanted.filter_map(|(_, value)| value.trim().parse().ok()).collect();
            if values.is_empty() { Err(format!("no {counter} in {section}")) } else { Ok(values.iter().sum()) }
        };
        let (before, after) = (read(from)?, read(to)?);
        after.checked_sub(before).ok_or_else(|| format!("{counter} fell from {before} to {after}"))
    }
}

/// The JSON lines of memtrace, without ticks and stalls.
pub(super) struct Trace {
    pub(super) meta: Value,
    pub(super) ooms: Vec<Value>,
    pub(super) freed: Vec<Value>,
    pub(super) summary: Value,
}

impl Trace {
    pub(super) fn parse(lines: &[&str]) -> Result<Self, String> {
        let (mut meta, mut ooms, mut freed, mut summary) = (None, Vec::new(), Vec::new(), None);
        for line in lines {
            let value: Value = serde_json::from_str(line).map_err(|error| format!("{error} in memtrace's {line:?}"))?;
            match value["type"].as_str() {
                Some("meta") => meta = Some(value),
                Some("oom") => ooms.push(value),
                Some("oom_freed") => freed.push(value),
                Some("summary") => summary = Some(value),
                _ => {}
            }
        }
        let meta = meta.ok_or("memtrace printed no meta object: it never began")?;
        let summary = summary.ok_or("memtrace printed no summary object: it did not end in order")?;
        Ok(Self { meta, ooms, freed, summary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_counters() {
        let text = "noise\n@@ a\nallocstall_dma 1\nallocstall_normal 4\noom_kill 0\n@@ b\nallocstall_dma 2\nallocstall_normal 9\noom_kill 1\n";
        let sections = Sections::parse(text);
        assert_eq!(sections.grew("allocstall_*", "a", "b"), Ok(6));
        assert_eq!(sections.grew("oom_kill", "a", "b"), Ok(1));
        assert!(sections.grew("oom_kill", "b", "a").unwrap_err().contains("fell"));
        assert!(sections.grew("oom", "a", "b").unwrap_err().contains("no oom in a"));
        assert!(sections.grew("oom_kill", "a", "c").unwrap_err().contains("no section c"));
    }

    #[test]
    fn a_trace_without_its_end_is_refused() {
        assert!(Trace::parse(&[]).err().unwrap().contains("never began"));
        assert!(Trace::parse(&[r#"{"type":"meta"}"#]).err().unwrap().contains("did not end"));
        assert!(Trace::parse(&[r#"{"type":"meta"}"#, "{\"ty"]).err().unwrap().contains("memtrace's"));
    }
}
