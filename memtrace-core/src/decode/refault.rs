//! Records of the sample of refaults.

use memtrace_common::{
    eviction::{RefaultRecord, SAMPLE_PAGES},
    record::{KIND_REFAULT, fields},
};

use super::{DecodeError, Fields, kind, record};
use crate::event::{Comm, Evictor, EvictorKey, FileId, FileName, SampledRefault};

/// Minor numbers of devices are the lower bits (`MINORBITS` of `include/linux/kdev_t.h`).
const MINOR_BITS: u32 = 20;

/// True when a ring record is a sampled refault.
#[must_use]
pub fn is_refault(bytes: &[u8]) -> bool {
    kind(bytes) == Ok(KIND_REFAULT)
}

/// Decodes the refault in one ring record.
///
/// # Errors
/// When the bytes are not exactly one such record.
pub fn refault(bytes: &[u8]) -> Result<SampledRefault, DecodeError> {
    let r: RefaultRecord = match kind(bytes)? {
        KIND_REFAULT => record(bytes)?,
        other => return Err(DecodeError::UnknownKind(other)),
    };
    let read = Fields(r.fields);
    let dev = r.dev;
    Ok(SampledRefault {
        away_ns: r.away_ns,
        distance_pages: read.has(fields::DISTANCE).then(|| r.evicted_samples.saturating_mul(SAMPLE_PAGES)),
        key: EvictorKey {
            evictor: Evictor { pid: r.evictor_tgid, comm: Comm(r.evictor_comm), is_kthread: r.evictor_is_kthread != 0 },
            pid: r.tgid,
            comm: Comm(r.comm),
            cgroup_id: read.has(fields::CGROUP).then_some(r.cgroup_id),
            file: (!read.has(fields::ANON)).then_some(FileId {
                dev: (dev >> MINOR_BITS, dev & ((1 << MINOR_BITS) - 1)),
                ino: r.ino,
                name: FileName(r.name),
            }),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    fn record() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(KIND_REFAULT.to_ne_bytes());
        bytes.extend((size_of::<RefaultRecord>() as u16).to_ne_bytes());
        bytes.extend(3_u32.to_ne_bytes()); // cpu
        for number in [9_000, 700, 5, 1234, 42_u64] {
            bytes.extend(number.to_ne_bytes()); // t_ns, away_ns, evicted_samples, ino, cgroup_id
        }
        for number in [254 << 20 | 3, 500, 80, 1, fields::CGROUP | fields::DISTANCE, 0] {
            bytes.extend(number.to_ne_bytes()); // dev, tgid, evictor_tgid, evictor_is_kthread, fields, pad
        }
        bytes.extend(*b"reader\0\0\0\0\0\0\0\0\0\0kswapd0\0\0\0\0\0\0\0\0\0");
        bytes.extend(*b"base.db\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes
    }

    #[test]
    fn a_record_is_read_by_its_places() {
        let record = record();
        assert!(is_refault(&record));
        let want = SampledRefault {
            away_ns: 700,
            distance_pages: Some(320),
            key: EvictorKey {
                evictor: Evictor { pid: 80, comm: Comm::from(&b"kswapd0"[..]), is_kthread: true },
                pid: 500,
                comm: Comm::from(&b"reader"[..]),
                cgroup_id: Some(42),
                file: Some(FileId { dev: (254, 3), ino: 1234, name: FileName::from(&b"base.db"[..]) }),
            },
        };
        assert_eq!(refault(&record), Ok(want));
        let mut anon = record;
        let at = offset_of!(RefaultRecord, fields);
        anon[at..at + 4].copy_from_slice(&(fields::CGROUP | fields::ANON).to_ne_bytes());
        let want = SampledRefault { distance_pages: None, key: EvictorKey { file: None, ..want.key }, ..want };
        assert_eq!(refault(&anon), Ok(want));
    }

    #[test]
    fn what_is_no_such_record_is_an_error() {
        let whole = record();
        for len in 0..whole.len() {
            assert!(refault(&whole[..len]).is_err(), "{len} bytes");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(refault(&longer).is_err());
        let mut other = whole;
        other[0] = 1;
        assert!(!is_refault(&other));
        assert_eq!(refault(&other), Err(DecodeError::UnknownKind(1)));
    }
}
