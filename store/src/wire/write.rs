//! Writing protobuf fields.

/// A message under construction. Default values are written like any other: leaving them out is the
/// caller's choice.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What has been written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The finished message.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends fields that are encoded already.
    pub(crate) fn raw(&mut self, fields: &[u8]) {
        self.bytes.extend_from_slice(fields);
    }

    /// A length-delimited field.
    pub(crate) fn bytes(&mut self, number: u32, value: &[u8]) {
        self.varint(u64::from(number << 3 | 2));
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A varint field.
    pub(crate) fn uint(&mut self, number: u32, value: u64) {
        self.varint(u64::from(number << 3));
        self.varint(value);
    }

    /// A `fixed64` or `double` field.
    pub(crate) fn fixed64(&mut self, number: u32, value: u64) {
        self.varint(u64::from(number << 3 | 1));
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A `fixed32` field.
    pub(crate) fn fixed32(&mut self, number: u32, value: u32) {
        self.varint(u64::from(number << 3 | 5));
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A sub-message. Its length is put before it when it is done, which moves its bytes by the
    /// few that the length takes: cheaper than measuring first for messages of this size.
    pub(crate) fn message(&mut self, number: u32, fill: impl FnOnce(&mut Self)) {
        self.varint(u64::from(number << 3 | 2));
        let start = self.bytes.len();
        self.bytes.push(0);
        fill(self);
        let length = self.bytes.len() - start - 1;
        if length < 0x80 {
            self.bytes[start] = length as u8;
            return;
        }
        let mut prefix = [0u8; 10];
        let mut used = 0;
        let mut rest = length as u64;
        loop {
            prefix[used] = (rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 };
            used += 1;
            rest >>= 7;
            if rest == 0 {
                break;
            }
        }
        self.bytes.splice(start..=start, prefix[..used].iter().copied());
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7f {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}
