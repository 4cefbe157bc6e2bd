//! The qemu command line, and the choice of the accelerator.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use super::host::{Bound, Host, spawn_bound};
use super::options::Setup;

const PROGRAM: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";

/// Execution of the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accel {
    /// By the processor (KVM).
    Kvm,
    /// By translation: slow, and works everywhere.
    Tcg,
}

impl std::fmt::Display for Accel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        })
    }
}

impl Accel {
    /// KVM if `/dev/kvm` opens and hardware virtualization is behind it. A `/dev/kvm` alone is not enough: one in pure
    /// software boots only kernels made for it, and a stock kernel hangs there silently.
    pub(crate) fn of_this_machine() -> Self {
        let opens = File::options().read(true).write(true).open("/dev/kvm").is_ok();
        let hardware = ["kvm_intel", "kvm_amd"].iter().any(|module| Path::new("/sys/module").join(module).exists());
        if opens && hardware { Self::Kvm } else { Self::Tcg }
    }
}

/// The files of one guest.
pub(crate) struct Files {
    /// The kernel image.
    pub(crate) vmlinuz: PathBuf,
    /// The initial file system.
    pub(crate) initramfs: PathBuf,
    /// Receives the kernel's console.
    pub(crate) console: PathBuf,
    /// Receives the command's output.
    pub(crate) output: PathBuf,
    /// Receives messages of qemu itself.
    pub(crate) complaints: PathBuf,
    /// Disks, in the order of their names in the guest: vda, vdb...
    pub(crate) disks: Vec<PathBuf>,
}

/// Fails without qemu; the error names the package.
pub(crate) fn preflight(host: &Host) -> Result<()> {
    host.must(Command::new(PROGRAM).arg("--version"), PACKAGE).map(drop)
}

/// Start qemu. It dies with us.
pub(crate) fn start(files: &Files, setup: &Setup, accel: Accel) -> Result<Bound> {
    let complaints = File::create(&files.complaints)?;
    let mut command = Command::new(PROGRAM);
    command.args(arguments(files, setup, accel));
    command.stdin(Stdio::null()).stdout(complaints.try_clone()?).stderr(complaints);
    spawn_bound(&mut command, PACKAGE)
}

/// Messages of qemu itself.
pub(crate) fn complaints(files: &Files) -> String {
    fs::read_to_string(&files.complaints).unwrap_or_default()
}

fn arguments(files: &Files, setup: &Setup, accel: Accel) -> Vec<String> {
    let (machine, cpu) = match accel {
        Accel::Kvm => ("q35,accel=kvm", "host"),
        // A small old model: translating newer instructions costs a quarter of the speed.
        Accel::Tcg => ("q35", "Nehalem"),
    };
    let memory = setup.memory.as_mebibytes();
    let kernel_line = "console=ttyS0,115200 panic=-1 oops=panic loglevel=6 random.trust_cpu=on psi=1 net.ifnames=0";
    let mut list: Vec<String> =
        ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"].map(Into::into).into();
    let mut option = |name: &str, value: String| list.extend([name.to_owned(), value]);
    option("-machine", machine.to_owned());
    if matches!(accel, Accel::Tcg) {
        // One thread for all processors. If they are emulated in parallel, one may run kernel code that another is
        // patching (static keys), and the guest occasionally dies of that.
        option("-accel", "tcg,thread=single".to_owned());
    }
    option("-cpu", cpu.to_owned());
    option("-m", format!("{memory}M"));
    option("-smp", setup.cpus.to_string());
    option("-kernel", files.vmlinuz.display().to_string());
    option("-initrd", files.initramfs.display().to_string());
    option("-append", kernel_line.to_owned());
    for (id, file) in [("console", &files.console), ("output", &files.output)] {
        option("-chardev", format!("file,id={id},path={}", escape(file)));
        option("-serial", format!("chardev:{id}"));
    }
    if setup.nodes > 1 {
        for node in 0..setup.nodes {
            // The first node takes the remainder.
            let share = memory / setup.nodes + if node == 0 { memory % setup.nodes } else { 0 };
            option("-object", format!("memory-backend-ram,id=m{node},size={share}M"));
            let cpus = (0..setup.cpus).filter(|cpu| cpu % setup.nodes == node);
            let cpus: String = cpus.map(|cpu| format!(",cpus={cpu}")).collect();
            option("-numa", format!("node,nodeid={node},memdev=m{node}{cpus}"));
        }
    }
    for (number, disk) in files.disks.iter().enumerate() {
        option("-drive", format!("file={},format=raw,if=none,id=d{number},cache=unsafe", escape(disk)));
        option("-device", format!("virtio-blk-pci,drive=d{number}"));
    }
    list
}

/// A path inside a comma-separated qemu option.
fn escape(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::super::options::Size;
    use super::*;

    fn line(setup: &Setup) -> String {
        let file = |name: &str| PathBuf::from(name);
        let files = Files {
            vmlinuz: file("/k"),
            initramfs: file("/i"),
            console: file("/a,b/console"),
            output: file("/o"),
            complaints: file("/q"),
            disks: vec![file("/d0"), file("/d1")],
        };
        arguments(&files, setup, Accel::Tcg).join(" ")
    }

    #[test]
    fn nodes_share_all_memory_and_processors() {
        let line = line(&Setup { memory: Size::mebibytes(513), cpus: 3, nodes: 2, ..Setup::default() });
        assert!(line.contains("id=m0,size=257M") && line.contains("id=m1,size=256M"), "{line}");
        assert!(line.contains("memdev=m0,cpus=0,cpus=2") && line.contains("memdev=m1,cpus=1"), "{line}");
    }

    #[test]
    fn one_node_is_not_spelled_out_and_paths_are_escaped() {
        let line = line(&Setup::default());
        assert!(line.contains("-accel tcg,thread=single"));
        assert!(!line.contains("-numa"));
        assert!(line.contains("path=/a,,b/console"));
        assert!(line.contains("file=/d0,") && line.contains("drive=d1"));
    }
}
