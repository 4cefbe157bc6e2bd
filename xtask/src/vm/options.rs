//! The command line of `cargo xtask vm`, and the shape of a guest.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{FromArgMatches as _, ValueEnum, builder::PossibleValuesParser};

use super::kernels::{self, Kernel};
use super::scenario;

/// `cargo xtask vm [KERNEL...] [options] [-- COMMAND...]`
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  cargo xtask vm                          the scenarios on 6.12, one result line per check
  cargo xtask vm all                      the same on every kernel
  cargo xtask vm 7.2 --scenario memcg-oom only that
  cargo xtask vm 6.1 -- uname -r          one command; its status is ours
  cargo xtask vm --mem 256M --cpus 2 --zram 128M --data 400M --file target/x:/bin/x -- 'x /data; dmesg'

The command's own status is the exit status; 124: the time was up, 125: the guest went down first, 126: no guest
could be started. Kernels and apt state are kept in $MEMTRACE_VM_CACHE, else $XDG_CACHE_HOME/memtrace/vm, else
~/.cache/memtrace/vm; remove a directory there to fetch it anew. $MEMTRACE_VM_MIRROR names another Debian mirror.
Needs qemu-system-x86, busybox-static, e2fsprogs, xz-utils and apt (a machine that has no Debian kernel packages of
its own: debian-archive-keyring too).")]
pub(crate) struct Args {
    /// Kernels to boot: 5.10, 6.1, 6.12, 7.2, or all [default: 6.12; all with --docs]
    #[arg(value_name = "KERNEL", value_parser = kernels::by_name)]
    kernels: Vec<&'static [Kernel]>,
    /// Memory of the guest
    #[arg(long, requires = "command", value_name = "SIZE", default_value = "512M")]
    mem: Size,
    /// Processors of the guest
    #[arg(long, requires = "command", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Split memory and processors over N nodes
    #[arg(long, requires = "command", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    numa: u32,
    /// Swap on zram of this size
    #[arg(long, requires = "command", value_name = "SIZE")]
    zram: Option<Size>,
    /// Swap on a disk of this size
    #[arg(long, requires = "command", value_name = "SIZE")]
    swap: Option<Size>,
    /// An ext4 disk of this size at /data: page cache that can refault
    #[arg(long, requires = "command", value_name = "SIZE")]
    data: Option<Size>,
    /// Cgroup hierarchy of the memory controller
    #[arg(long, value_enum, requires = "command", default_value_t = Cgroup::V2)]
    cgroup: Cgroup,
    /// Seconds until the guest is killed
    #[arg(long, requires = "command", value_name = "SECONDS", default_value_t = 120)]
    pub(crate) timeout: u64,
    /// Copy a file or a directory tree into the guest (default place: /mnt/NAME)
    #[arg(long = "file", requires = "command", value_name = "HOST[:GUEST]")]
    files: Vec<String>,
    /// Scenarios: only these; several with commas
    #[arg(long = "scenario", conflicts_with = "command", value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(scenario::NAMES))]
    pub(crate) scenarios: Vec<String>,
    /// Instead of the scenarios, write docs/kernels.md: what attaches on each kernel, and on this machine's
    #[arg(long, conflicts_with_all = ["command", "scenarios"])]
    pub(crate) docs: bool,
    /// Scenarios: take memtrace and memload from DIR instead of building them
    #[arg(long, conflicts_with = "command", value_name = "DIR")]
    pub(crate) binaries: Option<PathBuf>,
    /// Scenarios: leave what each guest printed in DIR, as KERNEL-SCENARIO.txt
    #[arg(long, conflicts_with = "command", value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Show the guest's console on stderr
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// The command to run in the guest, as root; one word is a shell line
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

impl Args {
    /// Parse these arguments of `cargo xtask vm`.
    pub(crate) fn of(words: &[&str]) -> Result<Self> {
        let command = <Self as clap::Args>::augment_args(clap::Command::new("vm"));
        let matches = command.try_get_matches_from(["vm"].iter().chain(words))?;
        Ok(Self::from_arg_matches(&matches)?)
    }

    /// The requested kernels, each once.
    pub(crate) fn kernels(&self) -> Vec<&'static Kernel> {
        let mut kernels: Vec<&Kernel> = Vec::new();
        let default = if self.docs { &kernels::KNOWN } else { kernels::by_name(kernels::DEFAULT).unwrap_or_default() };
        let asked = if self.kernels.is_empty() { vec![default] } else { self.kernels.clone() };
        for kernel in asked.into_iter().flatten() {
            if kernels.iter().all(|other| other.name != kernel.name) {
                kernels.push(kernel);
            }
        }
        kernels
    }

    /// The guest that the options describe.
    pub(crate) fn setup(&self) -> Result<Setup> {
        Ok(Setup {
            memory: self.mem,
            cpus: self.cpus,
            nodes: self.numa,
            zram: self.zram,
            swap: self.swap,
            data: self.data,
            cgroup: self.cgroup,
            timeout: Duration::from_secs(self.timeout),
            files: self.files.iter().map(|file| GuestFile::parse(file)).collect::<Result<_>>()?,
        })
    }
}

/// Shape of a guest.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Total memory.
    pub(crate) memory: Size,
    /// Number of processors.
    pub(crate) cpus: u32,
    /// Number of memory nodes; memory and processors are split evenly.
    pub(crate) nodes: u32,
    /// Size of swap on zram.
    pub(crate) zram: Option<Size>,
    /// Size of swap on a disk.
    pub(crate) swap: Option<Size>,
    /// Size of an ext4 disk at `/data`.
    pub(crate) data: Option<Size>,
    /// Cgroup hierarchy that is mounted.
    pub(crate) cgroup: Cgroup,
    /// Timeout, counted from the start of qemu.
    pub(crate) timeout: Duration,
    /// Further files in the guest's file system.
    pub(crate) files: Vec<GuestFile>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            memory: Size::mebibytes(512),
            cpus: 1,
            nodes: 1,
            zram: None,
            swap: None,
            data: None,
            cgroup: Cgroup::V2,
            timeout: Duration::from_secs(120),
            files: Vec::new(),
        }
    }
}

/// Cgroup hierarchy of the memory controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cgroup {
    /// Memory controller at /sys/fs/cgroup/memory, an empty v2 at /sys/fs/cgroup/unified.
    V1,
    /// All controllers at /sys/fs/cgroup.
    V2,
}

/// A file or tree of the host and its place in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuestFile {
    /// Path on the host.
    pub(crate) host: PathBuf,
    /// Absolute path in the guest.
    pub(crate) guest: String,
}

impl GuestFile {
    /// A file of the host at this place in the guest.
    pub(crate) fn at(host: &Path, guest: String) -> Self {
        Self { host: host.to_owned(), guest }
    }

    /// Read `HOST[:GUEST]`.
    fn parse(text: &str) -> Result<Self> {
        let (host, guest) = text.split_once(':').unwrap_or((text, ""));
        let host = PathBuf::from(host);
        host.symlink_metadata().with_context(|| format!("--file {text}: cannot read {}", host.display()))?;
        let guest = match guest {
            "" => {
                let name =
                    host.file_name().with_context(|| format!("--file {text}: say where, as {text}:/mnt/NAME"))?;
                format!("/mnt/{}", name.display())
            }
            path => format!("/{}", path.trim_matches('/')),
        };
        Ok(Self { host, guest })
    }
}

/// An amount of memory in whole mebibytes, written `512M` or `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u32);

impl Size {
    /// A size of this many mebibytes.
    pub(crate) const fn mebibytes(count: u32) -> Self {
        Self(count)
    }

    /// Size in mebibytes.
    pub(crate) const fn as_mebibytes(self) -> u32 {
        self.0
    }

    /// Size in bytes.
    pub(crate) const fn bytes(self) -> u64 {
        (self.0 as u64) << 20
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no size; write it as 512M or 2G");
        let (digits, unit) = match text.as_bytes() {
            [.., b'M' | b'm'] => (&text[..text.len() - 1], 1),
            [.., b'G' | b'g'] => (&text[..text.len() - 1], 1024),
            _ => return Err(wrong()),
        };
        let count: u32 = digits.parse().map_err(|_| wrong())?;
        count.checked_mul(unit).filter(|&size| size > 0).map(Self).ok_or_else(wrong)
    }
}

/// Shell line of a command: a single word is used as it is, several are quoted one by one.
pub(crate) fn shell_line(words: &[String]) -> String {
    match words {
        [line] => line.clone(),
        words => words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" "),
    }
}

/// Quote a word so that the shell reads it back unchanged.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.args)
    }

    #[test]
    fn an_option_that_would_do_nothing_is_refused() {
        let names = |line: &str| parse(line).unwrap().kernels().iter().map(|kernel| kernel.name).collect::<Vec<_>>();
        assert_eq!(names("vm"), ["6.12"]);
        assert_eq!(names("vm 7.2 all"), ["7.2", "5.10", "6.1", "6.12"]);
        assert_eq!(names("vm --docs").len(), 4);
        assert_eq!(parse("vm --scenario mglru,check").unwrap().scenarios, ["mglru", "check"]);
        assert!(parse("vm --scenario none").is_err() && parse("vm --docs --scenario check").is_err());
        let both = parse("vm 6.1 7.2 --mem 1G --numa 2 --cgroup v1 -- uname -r").unwrap();
        assert_eq!((both.kernels().len(), both.setup().unwrap().memory), (2, Size::mebibytes(1024)));
        assert_eq!(both.command, ["uname", "-r"]);
        // The scenarios choose their own guests.
        assert!(parse("vm --mem 1G").is_err() && parse("vm --file /dev/null").is_err());
        assert!(parse("vm --keep d -- true").is_err() && parse("vm --keep d").is_ok());
    }

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!("512M".parse(), Ok(Size::mebibytes(512)));
        assert_eq!("2g".parse(), Ok(Size::mebibytes(2048)));
        for wrong in ["", "M", "512", "0M", "-1M", "1.5G", "4194304G", "ÄM"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_word_is_a_line_and_several_are_quoted() {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(shell_line(&words(&["echo a; exit 7"])), "echo a; exit 7");
        assert_eq!(shell_line(&words(&["echo", "it's", "", "a b", "x=1"])), r"echo 'it'\''s' '' 'a b' x=1");
    }

    #[test]
    fn a_file_has_a_place_in_the_guest() {
        assert_eq!(GuestFile::parse("/dev/null").unwrap().guest, "/mnt/null");
        assert_eq!(GuestFile::parse("/dev/null:bin/x/").unwrap().guest, "/bin/x");
        assert!(GuestFile::parse("/nonexistent:/x").is_err());
        assert!(GuestFile::parse("/").is_err());
    }
}
