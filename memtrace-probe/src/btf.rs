//! A one-pass reader of kernel BTF: offsets of struct members, parameters of functions, constants of enums.
//!
//! aya does not expose these. Only the requested types are indexed by name, so that the megabytes of a kernel's BTF
//! cost a few milliseconds and no copy. Format: Documentation/bpf/btf.rst of the kernel.

use std::collections::HashMap;

const MAGIC: u16 = 0xeb9f;
const KIND_INT: u32 = 1;
const KIND_PTR: u32 = 2;
const KIND_ARRAY: u32 = 3;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_ENUM: u32 = 6;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;
const KIND_FUNC_PROTO: u32 = 13;
const KIND_VAR: u32 = 14;
const KIND_DATASEC: u32 = 15;
const KIND_DECL_TAG: u32 = 17;
const KIND_TYPE_TAG: u32 = 18;
const KIND_ENUM64: u32 = 19;

/// Longest chain of types that is followed: typedefs, qualifiers, arrays of arrays.
const DEEPEST: u32 = 32;

/// Reason why BTF could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BtfError {
    /// The magic number is not that of BTF in this machine's byte order.
    #[error("not BTF: bad magic")]
    Magic,
    /// A section or a type reaches past the end.
    #[error("damaged BTF: cut short at byte {0}")]
    Truncated(usize),
    /// A kind of type that this reader does not know, so that its length is unknown.
    #[error("BTF kind {0} is newer than this memtrace")]
    UnknownKind(u32),
}

/// An indexed BTF.
#[derive(Debug)]
pub struct Btf<'a> {
    data: &'a [u8],
    strings: &'a [u8],
    /// Byte offset of each type; index 0 is `void`.
    types: Vec<usize>,
    structs: HashMap<&'a [u8], usize>,
    functions: HashMap<&'a [u8], usize>,
    enums: HashMap<&'a [u8], usize>,
}

/// Place of a member in a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BtfMember {
    /// Offset in bits from the start of the struct.
    pub bits: u32,
    /// Id of the member's type.
    pub type_id: usize,
}

impl<'a> Btf<'a> {
    /// Reads BTF; structs, functions and enums whose name `wanted` accepts can then be looked up.
    ///
    /// # Errors
    /// When it is not BTF, is cut short, or has a kind of type that this reader does not know.
    pub fn parse(data: &'a [u8], wanted: impl Fn(&[u8]) -> bool) -> Result<Self, BtfError> {
        if u16_at(data, 0)? != MAGIC {
            return Err(BtfError::Magic);
        }
        let header = u32_at(data, 4)? as usize;
        let section = |at: usize| -> Result<(usize, usize), BtfError> {
            let start = header.saturating_add(u32_at(data, at)? as usize);
            let end = start.saturating_add(u32_at(data, at + 4)? as usize);
            if end > data.len() { Err(BtfError::Truncated(data.len())) } else { Ok((start, end)) }
        };
        let (types_start, types_end) = section(8)?;
        let (strings_start, strings_end) = section(16)?;
        let mut btf = Self {
            data: &data[..types_end],
            strings: &data[strings_start..strings_end],
            types: vec![types_start],
            structs: HashMap::new(),
            functions: HashMap::new(),
            enums: HashMap::new(),
        };
        btf.index(types_start, wanted)?;
        Ok(btf)
    }

    fn index(&mut self, mut at: usize, wanted: impl Fn(&[u8]) -> bool) -> Result<(), BtfError> {
        while at < self.data.len() {
            let id = self.types.len();
            self.types.push(at);
            let (kind, vlen) = self.kind_at(at)?;
            let map = match kind {
                KIND_STRUCT => Some(&mut self.structs),
                KIND_FUNC => Some(&mut self.functions),
                KIND_ENUM => Some(&mut self.enums),
                _ => None,
            };
            if let Some(map) = map {
                let mut name = string_at(self.strings, u32_at(self.data, at)?);
                if name.is_empty() && kind == KIND_ENUM && vlen > 0 {
                    // The name of an anonymous enum is its first constant.
                    name = string_at(self.strings, u32_at(self.data, at + 12)?);
                }
                if !name.is_empty() && wanted(name) {
                    map.entry(name).or_insert(id);
                }
            }
            at += 12 + tail_len(kind, vlen)?;
        }
        if at > self.data.len() { Err(BtfError::Truncated(self.data.len())) } else { Ok(()) }
    }

    fn kind_at(&self, at: usize) -> Result<(u32, usize), BtfError> {
        let info = u32_at(self.data, at + 4)?;
        Ok(((info >> 24) & 0x1f, (info & 0xffff) as usize))
    }

    /// Follows typedefs and qualifiers to the type that has a size. Returns its offset, kind and number of members.
    fn resolve(&self, mut id: usize) -> Option<(usize, u32, usize)> {
        for _ in 0..DEEPEST {
            let at = *self.types.get(id).filter(|_| id != 0)?;
            let (kind, vlen) = self.kind_at(at).ok()?;
            match kind {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                    id = u32_at(self.data, at + 8).ok()? as usize;
                }
                _ => return Some((at, kind, vlen)),
            }
        }
        None
    }

    /// Size of a type in bytes; `None` for types without one, and for an array that is an element of itself.
    #[must_use]
    pub fn size_of(&self, mut id: usize) -> Option<u32> {
        let mut count = 1_u32;
        for _ in 0..DEEPEST {
            let (at, kind, _) = self.resolve(id)?;
            let size = match kind {
                KIND_PTR => 8,
                KIND_INT | KIND_STRUCT | KIND_UNION | KIND_ENUM | KIND_ENUM64 => u32_at(self.data, at + 8).ok()?,
                KIND_ARRAY => {
                    count = count.checked_mul(u32_at(self.data, at + 20).ok()?)?;
                    id = u32_at(self.data, at + 12).ok()? as usize;
                    continue;
                }
                _ => return None,
            };
            return size.checked_mul(count);
        }
        None
    }

    /// Size of struct `name` in bytes.
    #[must_use]
    pub fn struct_size(&self, name: &str) -> Option<u32> {
        self.size_of(*self.structs.get(name.as_bytes())?)
    }

    /// Type of the elements of an array; `None` for another type.
    #[must_use]
    pub fn element(&self, id: usize) -> Option<usize> {
        let (at, kind, _) = self.resolve(id)?;
        if kind == KIND_ARRAY { u32_at(self.data, at + 12).ok().map(|id| id as usize) } else { None }
    }

    /// Place of `member` in struct `name`, including nested anonymous structs and unions.
    #[must_use]
    pub fn member(&self, name: &str, member: &str) -> Option<BtfMember> {
        self.member_of(*self.structs.get(name.as_bytes())?, member)
    }

    /// Place of `member` in the struct with this id.
    #[must_use]
    pub fn member_of(&self, id: usize, member: &str) -> Option<BtfMember> {
        self.find_member(id, member.as_bytes(), 0, 8)
    }

    fn find_member(&self, id: usize, member: &[u8], base_bits: u32, depth: u32) -> Option<BtfMember> {
        let (at, kind, vlen) = self.resolve(id)?;
        if depth == 0 || (kind != KIND_STRUCT && kind != KIND_UNION) {
            return None;
        }
        let bit_fields = u32_at(self.data, at + 4).ok()? >> 31 != 0;
        for i in 0..vlen {
            let entry = at + 12 + 12 * i;
            let type_id = u32_at(self.data, entry + 4).ok()? as usize;
            let offset = u32_at(self.data, entry + 8).ok()?;
            let bits = base_bits.checked_add(if bit_fields { offset & 0x00ff_ffff } else { offset })?;
            let name = string_at(self.strings, u32_at(self.data, entry).ok()?);
            if name == member {
                return Some(BtfMember { bits, type_id });
            }
            if name.is_empty()
                && let Some(place) = self.find_member(type_id, member, bits, depth - 1)
            {
                return Some(place);
            }
        }
        None
    }

    /// Names and types of the parameters of a function.
    #[must_use]
    pub fn parameters(&self, function: &str) -> Option<Vec<(&'a [u8], usize)>> {
        let func = self.types[*self.functions.get(function.as_bytes())?];
        let (at, kind, vlen) = self.resolve(u32_at(self.data, func + 8).ok()? as usize)?;
        if kind != KIND_FUNC_PROTO {
            return None;
        }
        (0..vlen)
            .map(|i| {
                let entry = at + 12 + 8 * i;
                let name = string_at(self.strings, u32_at(self.data, entry).ok()?);
                Some((name, u32_at(self.data, entry + 4).ok()? as usize))
            })
            .collect()
    }

    /// All constants of an enum, in order. The name of an anonymous enum is that of its first constant.
    #[must_use]
    pub fn constants(&self, name: &str) -> Option<Vec<(&'a [u8], u32)>> {
        let at = self.types[*self.enums.get(name.as_bytes())?];
        let (_, vlen) = self.kind_at(at).ok()?;
        (0..vlen)
            .map(|i| {
                let entry = at + 12 + 8 * i;
                Some((string_at(self.strings, u32_at(self.data, entry).ok()?), u32_at(self.data, entry + 4).ok()?))
            })
            .collect()
    }

    /// Value of one constant of an enum.
    #[must_use]
    pub fn constant(&self, name: &str, constant: &str) -> Option<u32> {
        self.constants(name)?.into_iter().find(|(n, _)| *n == constant.as_bytes()).map(|(_, value)| value)
    }
}

/// Number of bytes after the 12 common ones of a type.
fn tail_len(kind: u32, vlen: usize) -> Result<usize, BtfError> {
    Ok(match kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * vlen,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * vlen,
        2 | 7..=12 | 16 | KIND_TYPE_TAG => 0,
        other => return Err(BtfError::UnknownKind(other)),
    })
}

fn u16_at(data: &[u8], at: usize) -> Result<u16, BtfError> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk()).ok_or(BtfError::Truncated(at))?;
    Ok(u16::from_ne_bytes(*bytes))
}

fn u32_at(data: &[u8], at: usize) -> Result<u32, BtfError> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk()).ok_or(BtfError::Truncated(at))?;
    Ok(u32::from_ne_bytes(*bytes))
}

/// The NUL-terminated string at an offset; empty when there is none.
fn string_at(strings: &[u8], at: u32) -> &[u8] {
    let rest = strings.get(at as usize..).unwrap_or_default();
    rest.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Btf, KIND_ARRAY, MAGIC};

    #[test]
    fn an_array_of_itself_has_no_size() {
        // The header, then the one type: an array of two of itself.
        let words = [24, 0, 24, 24, 1, 0, KIND_ARRAY << 24, 0, 1, 1, 2];
        let mut data: Vec<u8> = [MAGIC.to_ne_bytes(), [1, 0]].concat();
        data.extend(words.into_iter().flat_map(u32::to_ne_bytes));
        data.push(0);
        let btf = Btf::parse(&data, |_| true).unwrap();
        assert_eq!(btf.size_of(1), None);
    }
}
