//! One record of `/dev/kmsg`: `priority,sequence,microseconds,flags;text`, then lines of properties.

/// A record of the kernel log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// True if the kernel wrote it. Privileged processes can write records too; those have another facility.
    pub from_kernel: bool,
    /// Time since boot by the kernel's local clock, close to `CLOCK_MONOTONIC`, in ns.
    pub t_ns: u64,
    /// The text with its escapes decoded: any bytes.
    pub text: Vec<u8>,
}

impl Record {
    /// Reads a record as one `read` of the device returns it; `None` when it has another form.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let split = bytes.iter().position(|&b| b == b';')?;
        let mut prefix = std::str::from_utf8(&bytes[..split]).ok()?.split(',');
        let priority: u32 = prefix.next()?.parse().ok()?;
        let t_us: u64 = prefix.nth(1)?.parse().ok()?;
        let text = bytes[split + 1..].split(|&b| b == b'\n').next()?;
        Some(Self { from_kernel: priority >> 3 == 0, t_ns: t_us.checked_mul(1000)?, text: decode(text) })
    }
}

/// The kernel writes control characters, bytes from 127 and backslashes as `\xNN`.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, tail)) = rest.split_first() {
        let escaped = (b == b'\\')
            .then(|| {
                tail.strip_prefix(b"x")?
                    .get(..2)
                    .and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok())
            })
            .flatten();
        bytes.push(escaped.unwrap_or(b));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn recorded() {
        let record = Record::parse(b"6,1234,5678901,-,caller=T7;a\\x0ab\\x5cx41\\xff \\xzz\n SUBSYSTEM=cpu\n").unwrap();
        assert!(record.from_kernel);
        assert_eq!(record.t_ns, 5_678_901_000);
        assert_eq!(record.text, b"a\nb\\x41\xff \\xzz");
        assert!(!Record::parse(b"12,1,2,-;oom-kill:").unwrap().from_kernel);
    }

    #[test]
    fn other_forms() {
        for bytes in [&b""[..], b";", b"6,1;x", b"6,1,y,-;x", b"6,1,18446744073709551615,-;x", b"\xff,1,2,-;x"] {
            assert_eq!(Record::parse(bytes), None);
        }
    }
}
