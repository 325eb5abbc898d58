//! A damaged journal segment never makes the reader panic. The bytes are records, each behind two bytes of length; what
//! follows a length of zero is damage, three bytes each: where (two), and what stands there.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut rest, mut payloads) = (bytes, Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length));
        if length == 0 || length > after.len() {
            rest = after;
            break;
        }
        let (payload, after) = after.split_at(length);
        payloads.push(payload);
        rest = after;
    }
    let damage: Vec<_> =
        rest.chunks_exact(3).map(|it| (u16::from_le_bytes([it[0], it[1]]), it[2])).collect();
    sigyn_store::fuzzing::read_journal(&payloads, &damage);
});
