//! Swap in memory for the duration of a test. Swap is machine-wide, so it is removed at once, also after a panic.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const CONTROL: &str = "/sys/class/zram-control";

/// A zram device that is used as swap. Dropping it removes both.
#[derive(Debug)]
pub struct ZramSwap {
    number: u32,
    on: bool,
}

impl ZramSwap {
    /// Makes a device of `mb` MB and swaps to it.
    ///
    /// # Errors
    /// When this machine cannot do it. The message names the missing part, and nothing is left behind.
    pub fn on(mb: u64) -> Result<Self, String> {
        let added = Path::new(CONTROL).join("hot_add");
        let number = fs::read_to_string(&added).map_err(|e| format!("zram: {}: {e}", added.display()))?;
        let number = number.trim().parse().map_err(|_| format!("zram: a device of the name {number:?}"))?;
        let mut swap = Self { number, on: false };
        let size = format!("/sys/block/zram{number}/disksize");
        fs::write(&size, (mb << 20).to_string()).map_err(|e| format!("zram: {size}: {e}"))?;
        run(Command::new("mkswap").arg(swap.device()))?;
        // The lowest priority: the machine's own swap comes first and must not be affected.
        run(Command::new("swapon").args(["--priority", "0"]).arg(swap.device()))?;
        swap.on = true;
        Ok(swap)
    }

    fn device(&self) -> PathBuf {
        format!("/dev/zram{}", self.number).into()
    }
}

impl Drop for ZramSwap {
    fn drop(&mut self) {
        // A destructor cannot return errors, so they go to the test's output.
        if self.on
            && let Err(e) = run(Command::new("swapoff").arg(self.device()))
        {
            println!("{e}");
        }
        let _ = fs::write(format!("/sys/block/zram{}/reset", self.number), "1");
        if let Err(e) = fs::write(Path::new(CONTROL).join("hot_remove"), self.number.to_string()) {
            println!("zram{}: {e}", self.number);
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let Output { status, stderr, .. } = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {}", String::from_utf8_lossy(&stderr).trim())) }
}
