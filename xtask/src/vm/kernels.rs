//! The kernels that memtrace is tested on, by the Debian package of each.

/// One kernel line and its Debian package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    /// Name on the command line: `6.12`.
    pub(crate) name: &'static str,
    /// Package names of this kernel, as a regular expression that must match in full.
    pub(crate) package: &'static str,
    /// The Debian suite to ask when the machine's own apt does not know such a package.
    pub(crate) suite: &'static str,
}

/// The kernel of a bare `cargo xtask vm`.
pub(crate) const DEFAULT: &str = "6.12";

/// Every kernel we can name, oldest first. The cloud flavour is small and boots fastest.
pub(crate) static KNOWN: [Kernel; 4] = [
    Kernel { name: "5.10", package: r"linux-image-5\.10\.0-[0-9]+-cloud-amd64", suite: "bullseye" },
    Kernel { name: "6.1", package: r"linux-image-6\.1\.0-[0-9]+-cloud-amd64", suite: "bookworm" },
    Kernel { name: "6.12", package: r"linux-image-6\.12\.[0-9]+\+deb1[23]-cloud-amd64", suite: "trixie" },
    Kernel { name: "7.2", package: r"linux-image-7\.2\.[0-9]+(\+deb[0-9]+)?-cloud-amd64", suite: "sid" },
];

/// Name of all kernels on the command line.
const ALL: &str = "all";

/// The kernel of that name, or all of them, for the command line; the error lists the known ones.
pub(crate) fn by_name(name: &str) -> Result<&'static [Kernel], String> {
    if name == ALL {
        return Ok(&KNOWN);
    }
    KNOWN.iter().find(|kernel| kernel.name == name).map(std::slice::from_ref).ok_or_else(|| {
        let known: Vec<_> = KNOWN.iter().map(|kernel| kernel.name).collect();
        format!("no such kernel here; known: {}, or {ALL}", known.join(", "))
    })
}

/// Sort key of a package name: digits compare as numbers, so that 6.12.9 comes before 6.12.107.
pub(crate) fn version_key(package: &str) -> Vec<(u64, String)> {
    let mut key = Vec::new();
    let mut rest = package;
    while !rest.is_empty() {
        let word = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[word..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| word + end);
        key.push((rest[word..digits].parse().unwrap_or(0), rest[..word].to_owned()));
        rest = &rest[digits..];
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_lite::Regex;

    #[test]
    fn the_default_is_known_and_a_typo_lists_the_choices() {
        assert_eq!(by_name(DEFAULT).unwrap()[0].suite, "trixie");
        assert!(by_name("6.13").unwrap_err().contains("5.10, 6.1, 6.12, 7.2, or all"));
        assert_eq!(by_name("all").unwrap().len(), KNOWN.len());
    }

    #[test]
    fn versions_sort_by_number() {
        let mut names = ["linux-image-6.12.107+deb12", "linux-image-6.12.9+deb12", "linux-image-6.12.115+deb12"];
        names.sort_by_key(|name| version_key(name));
        assert_eq!(names.last(), Some(&"linux-image-6.12.115+deb12"));
        assert_eq!(names.first(), Some(&"linux-image-6.12.9+deb12"));
    }

    #[test]
    fn patterns_take_the_signed_cloud_image_only() {
        let is = |name: &str, package: &str| {
            Regex::new(&format!("^(?:{})$", by_name(name).unwrap()[0].package)).unwrap().is_match(package)
        };
        assert!(is("6.12", "linux-image-6.12.107+deb12-cloud-amd64"));
        assert!(!is("6.12", "linux-image-6.12.107+deb12-cloud-amd64-unsigned"));
        assert!(!is("6.12", "linux-image-6.12-cloud-amd64-dbg"));
        assert!(!is("6.1", "linux-image-6.12.107+deb12-cloud-amd64"));
        assert!(is("6.1", "linux-image-6.1.0-50-cloud-amd64"));
        assert!(is("7.2", "linux-image-7.2.13-cloud-amd64") && is("7.2", "linux-image-7.2.13+deb14-cloud-amd64"));
    }
}
