//! One guest from start to end: pack, boot, follow, clean up.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::deb::Image;
use super::host::{Host, Unavailable};
use super::initramfs::Archive;
use super::modules::{self, Module};
use super::options::{Cgroup, Setup, Size};
use super::qemu::{self, Accel, Files};
use super::stream::{Splitter, Tail, find};

/// A kernel and the machine to boot it on.
pub(crate) struct Guest {
    /// Kernel to boot.
    pub(crate) kernel: Image,
    /// Memory, processors, disks, files.
    pub(crate) setup: Setup,
    /// Show the console on stderr while it runs.
    pub(crate) verbose: bool,
}

/// End of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestEnd {
    /// The command ended with this status (126: the guest could not be set up as asked).
    Status(u8),
    /// It did not end in time; the guest was killed.
    Timeout,
    /// The guest went down before the command ended: a panic, or qemu itself failed.
    Died,
}

impl GuestEnd {
    /// Exit status: the command's own, 124 for a timeout, 125 if the guest died.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Status(status) => status,
            Self::Timeout => 124,
            Self::Died => 125,
        }
    }
}

/// Results of a guest.
pub(crate) struct Output {
    /// End of the run.
    pub(crate) end: GuestEnd,
    /// The command's standard output and error.
    pub(crate) stdout: String,
    /// The kernel's console.
    pub(crate) console: String,
    /// Messages of qemu itself.
    pub(crate) qemu_said: String,
    /// Time from the start of qemu to its end.
    pub(crate) elapsed: Duration,
    /// Accelerator that ran the guest.
    pub(crate) accel: Accel,
}

impl Output {
    /// The last 30 lines of the console, to show the reason of a failure.
    pub(crate) fn last_console_lines(&self) -> String {
        let lines: Vec<_> = self.console.lines().collect();
        let skipped = lines.len().saturating_sub(30);
        lines[skipped..].iter().map(|line| format!("    {}\n", line.trim_end())).collect()
    }
}

/// Fails if this machine cannot boot any guest.
pub(crate) fn preflight(host: &Host) -> Result<()> {
    qemu::preflight(host)?;
    static_busybox().map(drop)
}

impl Guest {
    /// Boot, run the shell line `command` as root and wait for its end. Its output goes to `sink` as it comes
    /// and is in [`Output`] as well.
    pub(crate) fn run(&self, host: &Host, command: &str, sink: &mut dyn Write) -> Result<Output> {
        let (work, _lock) = host.work_directory()?;
        let at = |name: &str| work.path().join(name);
        let mark = format!("@@{}", work.path().file_name().unwrap_or_default().display());
        let mut disks = Vec::new();
        let data = self.setup.data.map(|size| data_disk(host, &at("data"), size)).transpose()?;
        let swap = self.setup.swap.map(|size| empty_disk(&at("swap"), size)).transpose()?;
        let mut settings = vec![("VM_MARK", mark.clone()), ("VM_CGROUP", cgroup(self.setup.cgroup).to_owned())];
        for (name, disk) in [("VM_DATA", data), ("VM_SWAP", swap)] {
            if let Some(path) = disk {
                settings.push((name, ["vda", "vdb"][disks.len()].to_owned()));
                disks.push(path);
            }
        }
        if let Some(size) = self.setup.zram {
            settings.push(("VM_ZRAM", size.bytes().to_string()));
        }
        let files = Files {
            vmlinuz: self.kernel.vmlinuz.clone(),
            initramfs: at("initramfs"),
            console: at("console"),
            output: at("output"),
            complaints: at("qemu"),
            disks,
        };
        fs::write(&files.initramfs, self.pack(host, settings, command)?)?;
        self.follow(host, &files, &mark, sink)
    }

    /// Start qemu and follow its output until the command's status, the end of qemu or the timeout.
    fn follow(&self, host: &Host, files: &Files, mark: &str, sink: &mut dyn Write) -> Result<Output> {
        let (mut console, mut output) = (Tail::create(&files.console)?, Tail::create(&files.output)?);
        let (mut console_text, mut stdout) = (Vec::new(), Vec::new());
        let mut splitter = Splitter::new(mark);
        let accel = Accel::of_this_machine();
        let started = Instant::now();
        let mut child = qemu::start(files, &self.setup, accel)?;
        let mut status_since = None;
        let gone = loop {
            // Checked before the reads, so that all output from before the end is read.
            let gone = child.0.try_wait()?.is_some();
            let new = console.read_new()?;
            if self.verbose {
                std::io::stderr().write_all(&new)?;
            }
            console_text.extend(new);
            let new = splitter.push(&output.read_new()?);
            sink.write_all(&new).and_then(|()| sink.flush()).context("cannot write the guest's output")?;
            stdout.extend(new);
            if splitter.status().is_some() {
                // Power-off is quick. A guest that does not manage it has no more output.
                let since = *status_since.get_or_insert_with(Instant::now);
                if gone || since.elapsed() > Duration::from_secs(5) {
                    break true;
                }
            } else if gone {
                break true;
            } else if started.elapsed() > self.setup.timeout {
                break false;
            }
            host.pause()?;
        };
        drop(child);
        let end = match splitter.status() {
            Some(status) => GuestEnd::Status(status),
            None if gone => GuestEnd::Died,
            None => GuestEnd::Timeout,
        };
        if !matches!(end, GuestEnd::Status(_)) {
            let rest = splitter.rest();
            sink.write_all(&rest)?;
            stdout.extend(rest);
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\r', "");
        Ok(Output {
            end,
            stdout: text(stdout),
            console: text(console_text),
            qemu_said: qemu::complaints(files),
            elapsed: started.elapsed(),
            accel,
        })
    }

    /// The initial file system with everything the guest needs.
    fn pack(&self, host: &Host, mut settings: Vec<(&str, String)>, command: &str) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        for directory in ["bin", "dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "vm/modules"] {
            archive.directory(directory)?;
        }
        archive.device("dev/console", (5, 1))?;
        archive.device("dev/null", (1, 3))?;
        archive.copy(&static_busybox()?, "bin/busybox")?;
        archive.link("bin/sh", "busybox")?;
        archive.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
        archive.file("etc/group", 0o644, b"root:x:0:\n")?;
        archive.file("init", 0o755, include_bytes!("init.sh"))?;
        let modules = self.modules(host)?;
        let names: Vec<_> = modules.iter().map(|module| module.name.as_str()).collect();
        settings.push(("VM_MODULES", names.join(" ")));
        for module in &modules {
            archive.file(&format!("vm/modules/{}.ko", module.name), 0o644, &module.object)?;
        }
        let settings: String = settings.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        archive.file("vm/env", 0o644, settings.as_bytes())?;
        archive.file("vm/command", 0o755, format!("{command}\n").as_bytes())?;
        for file in &self.setup.files {
            archive.copy(&file.host, &file.guest)?;
        }
        archive.finish()
    }

    fn modules(&self, host: &Host) -> Result<Vec<Module>> {
        let mut wanted = Vec::new();
        if self.setup.data.is_some() || self.setup.swap.is_some() {
            wanted.extend(["virtio_pci", "virtio_blk", "ext4"]);
        }
        if self.setup.zram.is_some() {
            // zram's default compressor is not a dependency of the module.
            wanted.extend(["lzo", "lzo_rle", "zram"]);
        }
        match &self.kernel.modules {
            Some(directory) if !wanted.is_empty() => modules::collect(host, directory, &wanted),
            _ => Ok(Vec::new()),
        }
    }
}

fn cgroup(version: Cgroup) -> &'static str {
    match version {
        Cgroup::V1 => "v1",
        Cgroup::V2 => "v2",
    }
}

fn empty_disk(path: &Path, size: Size) -> Result<PathBuf> {
    File::create(path)?.set_len(size.bytes())?;
    Ok(path.to_owned())
}

fn data_disk(host: &Host, path: &Path, size: Size) -> Result<PathBuf> {
    empty_disk(path, size)?;
    // /sbin is not always on the path of a user.
    let search = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new("mke2fs");
    command.env("PATH", search).args(["-q", "-F", "-t", "ext4", "-O", "^has_journal"]).arg(path);
    host.must(&mut command, "e2fsprogs")?;
    Ok(path.to_owned())
}

/// The machine's busybox, if it runs without shared libraries.
fn static_busybox() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for directory in std::env::split_paths(&path).chain(["/bin".into(), "/usr/bin".into()]) {
        let file = directory.join("busybox");
        // The name of the dynamic loader stands near the start of a program that needs it.
        if fs::read(&file).is_ok_and(|bytes| find(&bytes[..bytes.len().min(4096)], b"ld-linux").is_none()) {
            return Ok(file);
        }
    }
    Err(Unavailable("no static busybox, the guest's shell; `apt-get install busybox-static`".to_owned()).into())
}
