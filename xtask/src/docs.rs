//! `cargo xtask docs`: the parts of docs/ that are generated from the code.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::workspace::{self, line, root};

/// The generated files, each with the package and the example of it that prints the file.
const GENERATED: [(&str, &str, &str); 3] = [
    ("docs/json-schema.json", "memtrace-report", "schema"),
    ("docs/metrics.md", "memtrace-report", "metrics"),
    ("docs/check-schema.json", "memtrace-cli", "check_schema"),
];

/// Makes all of them. A file that is up to date is not touched.
pub(crate) fn make() -> Result<()> {
    for (file, package, example) in GENERATED {
        let mut cargo = workspace::cargo();
        cargo.args(["run", "--quiet", "--package", package, "--example", example]);
        let output = cargo.output().with_context(|| format!("starting {}", line(&cargo)))?;
        if !output.status.success() {
            bail!("{} failed: {}", line(&cargo), String::from_utf8_lossy(&output.stderr));
        }
        let path = root().join(file);
        if fs::read(&path).ok().as_ref() == Some(&output.stdout) {
            println!("{file} is up to date");
        } else {
            fs::write(&path, output.stdout).with_context(|| format!("writing {file}"))?;
            println!("{file} is made");
        }
    }
    Ok(())
}
