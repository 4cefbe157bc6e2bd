//! Patterns for names that other processes choose.

/// Selects cgroups by path: `*` matches any bytes (including slashes), `?` matches one byte. A pattern that does not
/// start with `/` or `*` may start at any path component. A cgroup is selected with its descendants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupPattern(Vec<u8>);

impl CgroupPattern {
    /// The pattern of the command line.
    ///
    /// # Errors
    /// When it is empty.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "an empty pattern selects nothing: a cgroup path is expected, such as /system.slice or web*".into()
            );
        }
        let trimmed = if text.len() > 1 { text.trim_end_matches('/') } else { text };
        let mut pattern = Vec::with_capacity(trimmed.len() + 2);
        if !trimmed.starts_with(['/', '*']) {
            pattern.extend(b"*/");
        }
        pattern.extend(trimmed.as_bytes());
        Ok(Self(pattern))
    }

    /// The pattern as it is matched.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True when the cgroup with this path (relative to the hierarchy, starting with `/`), or one above it, is
    /// selected.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().skip(1).filter(|&(_, &b)| b == b'/').map(|(at, _)| at);
        self.0 == b"/" || ends.chain([path.len()]).any(|end| glob(&self.0, &path[..end]))
    }
}

/// A pattern on a task name: the whole name, with `*` for any bytes and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommPattern(Vec<u8>);

impl CommPattern {
    /// The pattern of the command line.
    ///
    /// # Errors
    /// When it is empty, or longer than any name can be.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.len() {
            1..=15 => Ok(Self(text.as_bytes().to_vec())),
            len => Err(format!("`{text}` has {len} bytes: the kernel keeps 1 to 15 bytes of a name")),
        }
    }

    /// The pattern as it is matched.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True when a name matches.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        glob(&self.0, name)
    }
}

/// `*` and `?` only, in time linear in the text for each star: a hostile name cannot make it explode.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&b) if b == b'?' || b == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut retry {
                Some((star, from)) => {
                    *from += 1;
                    (p, t) = (*star + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use super::{CgroupPattern, CommPattern};

    #[test]
    fn names() {
        for (pattern, name, selected) in [
            ("java", "java", true),
            ("java", "java2", false),
            ("kworker/*", "kworker/0:1", true),
            ("*sql?", "mysqld", true),
            ("a*b*c", "axxbyybz", false),
        ] {
            assert_eq!(CommPattern::parse(pattern).unwrap().matches(name.as_bytes()), selected, "{pattern} on {name}");
        }
        assert!(CommPattern::parse("").is_err());
        assert!(CommPattern::parse("a-name-of-17-byte").is_err());
    }

    #[test]
    fn selection() {
        for (pattern, path, selected) in [
            ("/system.slice", "/system.slice", true),
            ("/system.slice", "/system.slice/nginx.service", true),
            ("/system.slice/", "/system.slice/nginx.service", true),
            ("/system", "/system.slice", false),
            ("nginx*", "/system.slice/nginx.service", true),
            ("nginx", "/system.slice/nginx.service", false),
            ("*nginx*", "/system.slice/nginx.service", true),
            ("pod-?", "/kube/pod-1/c0", true),
            ("pod-?", "/kube/pod-12/c0", false),
            ("slice", "/system.slice", false),
            ("/", "/anything", true),
            ("/", "/", true),
            ("/a", "/", false),
            ("a*b*c", "/aXXbYYbZZc", true),
        ] {
            let parsed = CgroupPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(path.as_bytes()), selected, "{pattern} on {path}");
        }
        assert!(CgroupPattern::parse("").is_err());
    }
}
