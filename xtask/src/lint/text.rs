//! Checks the files of the checkout against `.editorconfig`.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, anyhow, bail};
use ec4rs::{
    Properties,
    property::{EndOfLine, FinalNewline, IndentStyle, TrimTrailingWs},
};

use crate::workspace::{output, root};

/// Checks all files that git lists. Returns the reason if git lists none.
pub(super) fn check() -> Result<Option<String>> {
    let Some(files) = output(Command::new("git").current_dir(root()).args(["ls-files", "-z"])) else {
        return Ok(Some("text files: git does not list them".to_owned()));
    };
    let mut found = Vec::new();
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let path = root().join(file);
        // git still lists a file whose removal is not yet committed.
        let Ok(bytes) = fs::read(&path) else { continue };
        if let Ok(text) = std::str::from_utf8(&bytes)
            && !text.contains('\0')
        {
            found.extend(faults(text, Rules::of(&path)?).map(|fault| format!("{file}: {fault}")));
        }
    }
    if !found.is_empty() {
        bail!("these are not as .editorconfig says:\n{}", found.join("\n"));
    }
    Ok(None)
}

/// Rules of `.editorconfig` that are checked here.
#[derive(Clone, Copy, Default)]
struct Rules {
    no_cr: bool,
    final_newline: bool,
    no_trailing_space: bool,
    spaces: bool,
}

impl Rules {
    fn of(file: &Path) -> Result<Self> {
        let properties: Properties = ec4rs::properties_of(file)
            .map_err(|e| anyhow!("{e}"))
            .with_context(|| format!("the properties of {}", file.display()))?;
        Ok(Self {
            no_cr: matches!(properties.get(), Ok(EndOfLine::Lf)),
            final_newline: matches!(properties.get(), Ok(FinalNewline::Value(true))),
            no_trailing_space: matches!(properties.get(), Ok(TrimTrailingWs::Value(true))),
            spaces: matches!(properties.get(), Ok(IndentStyle::Spaces)),
        })
    }
}

/// The first fault of each kind.
fn faults(text: &str, rules: Rules) -> impl Iterator<Item = String> {
    let first = |is_bad: fn(&str) -> bool| text.split('\n').position(is_bad).map(|line| line + 1);
    let on_line = |rule: bool, is_bad: fn(&str) -> bool, fault: &str| {
        let line = rule.then(|| first(is_bad)).flatten()?;
        Some(format!("line {line}: {fault}"))
    };
    let indent_has_tab = |line: &str| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let is_cut = rules.final_newline && !text.is_empty() && !text.ends_with('\n');
    [
        on_line(rules.no_cr, |line| line.ends_with('\r'), "ends with a carriage return"),
        on_line(rules.no_trailing_space, |line| line.ends_with([' ', '\t']), "ends with white space"),
        on_line(rules.spaces, indent_has_tab, "is indented with a tab"),
        is_cut.then(|| "does not end with a newline".to_owned()),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rules = Rules { no_cr: true, final_newline: true, no_trailing_space: true, spaces: true };

    #[test]
    fn each_fault_is_found_with_its_line() {
        let found = |text: &str| faults(text, ALL).collect::<Vec<_>>().join("; ");
        assert_eq!(found("a\n  b\tc\n"), "");
        assert_eq!(found(""), "");
        assert_eq!(found("a\nb \n"), "line 2: ends with white space");
        assert_eq!(found("a\r\n"), "line 1: ends with a carriage return");
        assert_eq!(found("a\n \tb\n"), "line 2: is indented with a tab");
        assert_eq!(found("a"), "does not end with a newline");
        assert_eq!(faults("a \t\r", Rules::default()).count(), 0);
    }

    #[test]
    fn recorded_files_may_have_tabs_and_sources_may_not() {
        let rules = |file: &str| Rules::of(&root().join(file)).unwrap();
        assert!(rules("xtask/src/main.rs").spaces && rules("xtask/src/main.rs").final_newline);
        let recorded = rules("memtrace-probe/tests/formats/6.1/mark_victim");
        assert!(!recorded.spaces && !recorded.no_trailing_space && recorded.no_cr);
    }
}
