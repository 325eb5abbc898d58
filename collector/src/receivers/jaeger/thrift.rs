//! Apache Thrift's binary and compact protocols, read into a tree of values.

use std::mem::size_of;

/// No message of Jaeger is nested deeper.
const DEPTH_MAX: usize = 12;

/// A value; structs are fields by ID, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Thrift<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    List(Vec<Self>),
    Struct(Vec<(i16, Self)>),
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Binary,
    Compact,
}

/// The types that both protocols know, under names of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    True,
    False,
    Bool,
    Byte,
    Int16,
    Int32,
    Int64,
    Double,
    Bytes,
    List,
    Map,
    Struct,
}

/// A struct that stands alone, as in a body over HTTP.
pub(super) fn read_struct(bytes: &[u8], encoding: Encoding) -> Result<Thrift<'_>, String> {
    let mut reader = Reader { rest: bytes, encoding };
    let value = reader.read_struct(0)?;
    if reader.rest.is_empty() {
        return Ok(value);
    }
    Err(format!("{} bytes follow after its end", reader.rest.len()))
}

/// A call, as in a datagram: the name of the method and its arguments.
pub(super) fn read_call(bytes: &[u8], encoding: Encoding) -> Result<(&[u8], Thrift<'_>), String> {
    let mut reader = Reader { rest: bytes, encoding };
    let name = match encoding {
        Encoding::Compact => {
            let [protocol, _version_and_type] = reader.take()?;
            if protocol != 0x82 {
                return Err("it does not begin as the compact protocol does".to_owned());
            }
            reader.varint()?;
            reader.bytes()?
        }
        Encoding::Binary => {
            let first = i32::from_be_bytes(reader.take()?);
            // Strict: a version and then the name; of old: the name and then the type.
            let name = match first {
                ..0 if first as u32 >> 16 == 0x8001 => reader.bytes()?,
                0.. => {
                    let name = reader.slice(first as usize)?;
                    reader.take::<1>()?;
                    name
                }
                _ => return Err("it does not begin as the binary protocol does".to_owned()),
            };
            reader.take::<4>()?;
            name
        }
    };
    Ok((name, reader.read_struct(0)?))
}

struct Reader<'a> {
    rest: &'a [u8],
    encoding: Encoding,
}

impl<'a> Reader<'a> {
    fn slice(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("it is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.slice(N)?.try_into().expect("the slice has this length"))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number has more than 64 bits".to_owned())
    }

    fn zigzag(&mut self) -> Result<i64, String> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A length in front, then so many bytes.
    fn bytes(&mut self) -> Result<&'a [u8], String> {
        let length = match self.encoding {
            Encoding::Binary => u64::from(u32::from_be_bytes(self.take()?)),
            Encoding::Compact => self.varint()?,
        };
        self.slice(usize::try_from(length).map_err(|_| "it is cut off")?)
    }

    fn read_struct(&mut self, depth: usize) -> Result<Thrift<'a>, String> {
        let mut fields = Vec::new();
        let mut last = 0;
        while let Some((id, kind)) = self.field(last)? {
            fields.push((id, self.value(kind, depth + 1)?));
            last = id;
        }
        Ok(Thrift::Struct(fields))
    }

    /// ID and kind of the next field; none at the end of the struct.
    fn field(&mut self, last: i16) -> Result<Option<(i16, Kind)>, String> {
        let [head] = self.take()?;
        if head == 0 {
            return Ok(None);
        }
        if self.encoding == Encoding::Binary {
            let kind = binary_kind(head)?;
            return Ok(Some((i16::from_be_bytes(self.take()?), kind)));
        }
        let kind = compact_kind(head & 0x0f)?;
        let id = match head >> 4 {
            0 => self.zigzag()? as i16,
            step => last.wrapping_add(i16::from(step)),
        };
        Ok(Some((id, kind)))
    }

    fn value(&mut self, kind: Kind, depth: usize) -> Result<Thrift<'a>, String> {
        if depth > DEPTH_MAX {
            return Err("it is nested too deep".to_owned());
        }
        let is_binary = self.encoding == Encoding::Binary;
        Ok(match kind {
            Kind::True => Thrift::Bool(true),
            Kind::False => Thrift::Bool(false),
            Kind::Bool => Thrift::Bool(self.take::<1>()? == [1]),
            Kind::Byte => Thrift::Int(i8::from_be_bytes(self.take()?).into()),
            Kind::Int16 if is_binary => Thrift::Int(i16::from_be_bytes(self.take()?).into()),
            Kind::Int32 if is_binary => Thrift::Int(i32::from_be_bytes(self.take()?).into()),
            Kind::Int64 if is_binary => Thrift::Int(i64::from_be_bytes(self.take()?)),
            Kind::Int16 | Kind::Int32 | Kind::Int64 => Thrift::Int(self.zigzag()?),
            Kind::Double if is_binary => Thrift::Double(f64::from_be_bytes(self.take()?)),
            Kind::Double => Thrift::Double(f64::from_le_bytes(self.take()?)),
            Kind::Bytes => Thrift::Bytes(self.bytes()?),
            Kind::List => self.list(depth)?,
            Kind::Map => self.map(depth)?,
            Kind::Struct => self.read_struct(depth)?,
        })
    }

    fn list(&mut self, depth: usize) -> Result<Thrift<'a>, String> {
        let (kind, count) = match self.encoding {
            Encoding::Binary => {
                let [kind] = self.take()?;
                (binary_kind(kind)?, u64::from(u32::from_be_bytes(self.take()?)))
            }
            Encoding::Compact => {
                let [head] = self.take()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    short => u64::from(short),
                };
                (in_collection(compact_kind(head & 0x0f)?), count)
            }
        };
        // An item takes a byte at least: what a client claims does not size the list.
        let count = usize::try_from(count).ok().filter(|count| *count <= self.rest.len());
        let count = count.ok_or("a list is longer than what follows")?;
        let mut items = Vec::with_capacity(count.min(4096 / size_of::<Thrift<'_>>()));
        for _ in 0..count {
            items.push(self.value(kind, depth + 1)?);
        }
        Ok(Thrift::List(items))
    }

    /// Read, so as to come behind it; nothing of Jaeger is in a map.
    fn map(&mut self, depth: usize) -> Result<Thrift<'a>, String> {
        let (key, value, count) = match self.encoding {
            Encoding::Binary => {
                let [key, value] = self.take()?;
                let count = u64::from(u32::from_be_bytes(self.take()?));
                (key, value, count)
            }
            Encoding::Compact => {
                let count = self.varint()?;
                let [kinds] = if count == 0 { [0] } else { self.take()? };
                (kinds >> 4, kinds & 0x0f, count)
            }
        };
        if count > self.rest.len() as u64 {
            return Err("a map is longer than what follows".to_owned());
        }
        for _ in 0..count {
            for kind in [key, value] {
                let kind = match self.encoding {
                    Encoding::Binary => binary_kind(kind)?,
                    Encoding::Compact => in_collection(compact_kind(kind)?),
                };
                self.value(kind, depth + 1)?;
            }
        }
        Ok(Thrift::List(Vec::new()))
    }
}

/// In a list a truth has a byte of its own.
fn in_collection(kind: Kind) -> Kind {
    if matches!(kind, Kind::True | Kind::False) { Kind::Bool } else { kind }
}

fn binary_kind(kind: u8) -> Result<Kind, String> {
    Ok(match kind {
        2 => Kind::Bool,
        3 => Kind::Byte,
        4 => Kind::Double,
        6 => Kind::Int16,
        8 => Kind::Int32,
        10 => Kind::Int64,
        11 => Kind::Bytes,
        12 => Kind::Struct,
        13 => Kind::Map,
        14 | 15 => Kind::List,
        _ => return Err(format!("{kind} is no type of the binary protocol")),
    })
}

fn compact_kind(kind: u8) -> Result<Kind, String> {
    Ok(match kind {
        1 => Kind::True,
        2 => Kind::False,
        3 => Kind::Byte,
        4 => Kind::Int16,
        5 => Kind::Int32,
        6 => Kind::Int64,
        7 => Kind::Double,
        8 => Kind::Bytes,
        9 | 10 => Kind::List,
        11 => Kind::Map,
        12 => Kind::Struct,
        _ => return Err(format!("{kind} is no type of the compact protocol")),
    })
}

impl<'a> Thrift<'a> {
    /// A field of a struct.
    pub(super) fn field(&self, id: i16) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(number, _)| *number == id).map(|(_, value)| value)
    }

    pub(super) fn int(&self, id: i16) -> i64 {
        match self.field(id) {
            Some(Self::Int(value)) => *value,
            _ => 0,
        }
    }

    pub(super) fn bytes(&self, id: i16) -> &'a [u8] {
        match self.field(id) {
            Some(Self::Bytes(value)) => value,
            _ => &[],
        }
    }

    pub(super) fn text(&self, id: i16) -> String {
        String::from_utf8_lossy(self.bytes(id)).into_owned()
    }

    pub(super) fn list(&self, id: i16) -> &[Self] {
        match self.field(id) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Thrift, read_call, read_struct};

    #[test]
    fn both_protocols_give_the_same_tree() {
        // {1: i64 5, 2: "ab", 3: true, 4: [i32 -1, 2], 20: 1.5}
        let binary = [
            &[10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5][..],
            &[11, 0, 2, 0, 0, 0, 2, b'a', b'b'],
            &[2, 0, 3, 1],
            &[15, 0, 4, 8, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2],
            &[4, 0, 20],
            &1.5f64.to_be_bytes(),
            &[0],
        ]
        .concat();
        let compact = [
            &[0x16, 10, 0x18, 2, b'a', b'b', 0x11, 0x19, 0x25, 1, 4, 0x07, 40][..],
            &1.5f64.to_le_bytes(),
            &[0],
        ]
        .concat();
        let tree = read_struct(&binary, Encoding::Binary).unwrap();
        assert_eq!(read_struct(&compact, Encoding::Compact).unwrap(), tree);
        assert_eq!((tree.int(1), tree.text(2)), (5, "ab".to_owned()));
        assert_eq!(tree.field(3), Some(&Thrift::Bool(true)));
        assert_eq!(tree.list(4), [Thrift::Int(-1), Thrift::Int(2)]);
        assert_eq!(tree.field(20), Some(&Thrift::Double(1.5)));
        for (bytes, encoding) in [(binary, Encoding::Binary), (compact, Encoding::Compact)] {
            for end in 0..bytes.len() {
                assert!(read_struct(&bytes[..end], encoding).is_err(), "{encoding:?} {end}");
            }
        }
    }

    #[test]
    fn what_is_claimed_and_not_there_costs_nothing() {
        let list = [15, 0, 1, 8, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(
            read_struct(&list, Encoding::Binary).unwrap_err(),
            "a list is longer than what follows"
        );
        let deep = [12, 0, 1].repeat(100);
        assert_eq!(read_struct(&deep, Encoding::Binary).unwrap_err(), "it is nested too deep");
        assert!(read_call(&[0x83, 0x21], Encoding::Compact).is_err());
        assert!(read_call(&[0x90, 0, 0, 0], Encoding::Binary).is_err());
    }
}
