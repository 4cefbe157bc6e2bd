//! Options of `salvage`.

use std::path::PathBuf;

use clap::Args;

/// Options of `salvage`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct SalvageArgs {
    /// Damaged trace: a file, a pipe, or `-` for stdin
    #[arg(value_name = "IN|-")]
    pub input: PathBuf,
    /// New file, or `-` for a pipe on stdout
    #[arg(value_name = "OUT|-", required_unless_present = "output")]
    pub to: Option<PathBuf>,
    /// New file, or `-` for a pipe on stdout
    #[arg(short, long, value_name = "OUT|-", conflicts_with = "to")]
    pub output: Option<PathBuf>,
    /// Replace OUT if it exists
    #[arg(short, long)]
    pub force: bool,
}

impl SalvageArgs {
    /// The new file.
    #[must_use]
    pub fn target(&self) -> Option<&PathBuf> {
        self.output.as_ref().or(self.to.as_ref())
    }
}
