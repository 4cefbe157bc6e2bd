//! Fetch a Debian kernel package and unpack it into the cache. Nothing is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use regex_lite::Regex;

use super::host::{Host, Unavailable};
use super::kernels::{self, Kernel};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PARTIAL: &str = "partial-";
const MIRROR: &str = "http://deb.debian.org/debian";

/// A kernel that qemu can boot.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// The bzImage.
    pub(crate) vmlinuz: PathBuf,
    /// The package's `/lib/modules/RELEASE`, if it has one.
    pub(crate) modules: Option<PathBuf>,
    /// Kernel release, as `uname -r` prints it.
    pub(crate) release: String,
}

/// The newest cached image of this kernel, else a fresh one from the machine's own apt or from the kernel's
/// suite. The error is [`Unavailable`] when neither has it.
pub(crate) fn obtain(host: &Host, kernel: &Kernel) -> Result<Image> {
    let wanted = Regex::new(&format!("^(?:{})$", kernel.package))?;
    let store = host.cache().join("kernels");
    fs::create_dir_all(&store)?;
    // Two runs must not fetch the same package at once.
    let _lock = host.lock("kernels.lock")?;
    let entries = fs::read_dir(&store)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let (partial, cached): (Vec<_>, Vec<_>) = entries.partition(|name| name.starts_with(PARTIAL));
    for name in partial {
        // Left by a run that was killed while it fetched. A failure to remove it costs only space.
        let _ = fs::remove_dir_all(store.join(name));
    }
    for name in newest_first(cached.into_iter().filter(|name| wanted.is_match(name)).collect()) {
        if let Some(image) = find_image(&store.join(name))? {
            return Ok(image);
        }
    }
    eprintln!("xtask vm: fetching a {} kernel (Debian package, kept in {})", kernel.name, store.display());
    let mut reasons = Vec::new();
    for source in [Source::Own, Source::Suite(kernel.suite)] {
        match fetch(host, &source, &wanted, &store) {
            Ok(image) => return Ok(image),
            Err(error) if error.is::<super::Interrupted>() => return Err(error),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    let reasons = reasons.join("; ");
    Err(Unavailable(format!("no {} kernel package: {reasons}", kernel.name)).into())
}

/// Source of the package lists.
enum Source {
    /// The machine's own lists.
    Own,
    /// Lists of another Debian suite, with an apt state of its own in the cache.
    Suite(&'static str),
}

/// Try the newest few matches: an older package list may name files that the mirror has dropped.
fn fetch(host: &Host, source: &Source, wanted: &Regex, store: &Path) -> Result<Image> {
    let apt = Apt::new(host, source)?;
    let listed = apt.capture(host, "apt-cache", &["search", "--names-only", "^linux-image-.*-cloud-amd64$"])?.text();
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names.filter(|name| wanted.is_match(name)).map(str::to_owned).collect();
    let mut failure = anyhow!("{} lists none{}", apt.name, apt.hint);
    for name in newest_first(names).into_iter().take(3) {
        match unpack(host, &apt, &name, store) {
            Ok(image) => return Ok(image),
            Err(error) if error.is::<super::Interrupted>() => return Err(error),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Download the package, and those it is split into, into a directory that gets its name only when complete.
fn unpack(host: &Host, apt: &Apt, package: &str, store: &Path) -> Result<Image> {
    let partial = tempfile::Builder::new().prefix(PARTIAL).tempdir_in(store)?;
    let tree = partial.path().join("tree");
    let mut wanted = vec![package.to_owned()];
    while let Some(name) = wanted.pop() {
        let download = partial.path().join(&name);
        fs::create_dir(&download)?;
        host.must(apt.command("apt-get", &["download", &name]).current_dir(&download), "apt")?;
        let mut files = fs::read_dir(&download)?.flatten().map(|entry| entry.path());
        let file = files.next().with_context(|| format!("`apt-get download {name}` left no file"))?;
        host.must(Command::new("dpkg").arg("-x").arg(&file).arg(&tree), "dpkg")?;
        let depends = host.must(Command::new("dpkg-deb").arg("-f").arg(&file).arg("Depends"), "dpkg")?;
        wanted.extend(split_parts(&depends.text()));
    }
    if find_image(&tree)?.is_none() {
        return Err(anyhow!("there is no vmlinuz in {package}"));
    }
    let home = store.join(package);
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::rename(&tree, &home)?;
    find_image(&home)?.context("the unpacked kernel is gone")
}

/// Packages that an image package is split into. Newer Debian kernels have one with the vmlinuz and one with the
/// modules.
fn split_parts(depends: &str) -> Vec<String> {
    let names = depends.split(',').filter_map(|entry| entry.split_whitespace().next());
    let part = |name: &&str| name.starts_with("linux-binary-") || name.starts_with("linux-modules-");
    names.filter(part).map(str::to_owned).collect()
}

fn newest_first(mut names: Vec<String>) -> Vec<String> {
    names.sort_by_key(|name| std::cmp::Reverse(kernels::version_key(name)));
    names
}

/// The vmlinuz of an unpacked package and the modules of the same release.
fn find_image(tree: &Path) -> Result<Option<Image>> {
    let mut found = None;
    for place in ["boot", "usr/lib/modules", "lib/modules"] {
        let Ok(entries) = fs::read_dir(tree.join(place)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(release) = name.strip_prefix("vmlinuz-") {
                found = Some((entry.path(), release.to_owned()));
            } else if entry.path().join("vmlinuz").is_file() {
                found = Some((entry.path().join("vmlinuz"), name));
            }
        }
    }
    Ok(found.map(|(vmlinuz, release)| {
        let places = ["lib/modules", "usr/lib/modules"].map(|place| tree.join(place).join(&release));
        let modules = places.into_iter().find(|place| place.join("kernel").is_dir());
        Image { vmlinuz, modules, release }
    }))
}

/// apt with one set of package lists.
struct Apt {
    name: String,
    /// Hint for a package that apt does not know.
    hint: &'static str,
    config: Option<PathBuf>,
}

impl Apt {
    fn new(host: &Host, source: &Source) -> Result<Self> {
        match source {
            Source::Own => {
                let hint = " (`apt-get update` brings its lists up to date)";
                Ok(Self { name: "this machine's apt".to_owned(), hint, config: None })
            }
            Source::Suite(suite) => Self::private(host, suite),
        }
    }

    /// An apt state in the cache that knows one Debian suite only, with lists as of now.
    fn private(host: &Host, suite: &str) -> Result<Self> {
        if !Path::new(KEYRING).exists() {
            let what = "Debian's archive keys are missing; `apt-get install debian-archive-keyring`";
            return Err(Unavailable(what.to_owned()).into());
        }
        let home = host.cache().join("apt").join(suite);
        for sub in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(home.join(sub))?;
        }
        let mirror = std::env::var("MEMTRACE_VM_MIRROR").or_else(|_| own_mirror(host))?;
        let sources = format!("Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n");
        fs::write(home.join("suite.sources"), sources)?;
        let at = home.to_str().context("the cache's path is not UTF-8; name another with MEMTRACE_VM_CACHE=DIR")?;
        let config = home.join("apt.conf");
        fs::write(
            &config,
            format!(
                "Dir::Etc::sourcelist \"{at}/suite.sources\";\nDir::Etc::sourceparts \"-\";\n\
                 Dir::State::lists \"{at}/lists\";\nDir::Cache \"{at}/cache\";\nAPT::Architecture \"amd64\";\n\
                 Acquire::Languages \"none\";\nAcquire::http::Timeout \"20\";\n\
                 Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
            ),
        )?;
        let apt = Self { name: format!("Debian {suite} at {mirror}"), hint: "", config: Some(config) };
        let update = apt.capture(host, "apt-get", &["update", "--error-on=any"])?;
        if update.status.success() {
            return Ok(apt);
        }
        let said = update.complaint();
        Err(anyhow!("no package lists of {} (MEMTRACE_VM_MIRROR=URL names another mirror): {said}", apt.name))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("LC_ALL", "C");
        if let Some(config) = &self.config {
            command.env("APT_CONFIG", config);
        }
        command
    }

    fn capture(&self, host: &Host, program: &str, arguments: &[&str]) -> Result<super::host::Finished> {
        host.capture(&mut self.command(program, arguments), "apt")
    }
}

/// The Debian mirror that this machine uses, else the public one.
fn own_mirror(host: &Host) -> Result<String> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(ORIGIN) $(SUITE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]);
    let text = host.capture(&mut command, "apt")?.text();
    Ok(debian_mirror(&text).unwrap_or(MIRROR).trim_end_matches('/').to_owned())
}

fn debian_mirror(targets: &str) -> Option<&str> {
    targets.lines().find_map(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        let &["Debian", suite, "main", uri] = fields.as_slice() else { return None };
        // Security and updates archives carry only a part.
        (!suite.contains('-')).then_some(uri)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_kernel_names_its_parts() {
        let depends = "linux-binary-7.2.13+deb14-cloud-amd64 (= 7.2.13-1), linux-modules-7.2.13+deb14-cloud-amd64 (= 7.2.13-1), kmod";
        assert_eq!(split_parts(depends).len(), 2);
        assert!(split_parts("kmod, linux-base (>= 4.3~), initramfs-tools | dracut\n").is_empty());
    }

    #[test]
    fn the_mirror_is_that_of_the_whole_archive() {
        let targets = "Debian oldstable-security main http://s/\nNodesource nodistro main http://n/\n\
                       Debian oldstable main http://m/debian/\n";
        assert_eq!(debian_mirror(targets), Some("http://m/debian/"));
        assert_eq!(debian_mirror("Ubuntu noble main http://u/\n"), None);
    }

    #[test]
    fn an_image_is_found_with_the_modules_of_its_release() {
        let tree = tempfile::tempdir().unwrap();
        assert!(find_image(tree.path()).unwrap().is_none());
        fs::create_dir_all(tree.path().join("boot")).unwrap();
        fs::create_dir_all(tree.path().join("usr/lib/modules/7.2.1/kernel")).unwrap();
        fs::write(tree.path().join("boot/vmlinuz-7.2.1"), "").unwrap();
        let image = find_image(tree.path()).unwrap().unwrap();
        assert_eq!(image.release, "7.2.1");
        assert!(image.modules.unwrap().ends_with("usr/lib/modules/7.2.1"));
    }
}
