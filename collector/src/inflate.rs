//! Bounded decompression of bodies as they arrive, for pushes and for reads.

use sigyn_store::Encoding;
use std::io::{self, Write};
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// A zstd frame may ask for a window of at most 2^23 bytes (8 MiB), which all decoders must
/// support; a larger one is memory that a sender makes us spend.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const SCRATCH_BYTES: usize = 32 << 10;

/// Why a body cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InflateError {
    /// The plain body would be larger than allowed. Nothing beyond the limit was unpacked.
    #[error("the body is larger than {bytes_max} bytes after decompression")]
    TooLarge { bytes_max: usize },
    /// It is not what the encoding's name says.
    #[error("the body is not valid {encoding}: {why}")]
    Broken { encoding: &'static str, why: io::Error },
}

/// Takes chunks of a body, plain or compressed, and keeps the plain bytes.
pub(crate) struct Inflater {
    bytes_max: usize,
    stage: Stage,
}

enum Stage {
    Plain(Vec<u8>),
    Gzip(Box<flate2::write::MultiGzDecoder<Capped>>),
    Zstd(Box<ZstdStage>),
}

struct ZstdStage {
    decoder: Decoder<'static>,
    scratch: Vec<u8>,
    plain: Capped,
    /// True between frames, where the body may end.
    at_frame_end: bool,
}

/// A vector that refuses to grow beyond a limit.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
    full: bool,
}

/// Reads a `Content-Encoding` (or `grpc-encoding`) value: `Ok(None)` for identity.
pub(crate) fn encoding_of(name: &str) -> Result<Option<Encoding>, String> {
    match name.trim() {
        "" => Ok(None),
        name if name.eq_ignore_ascii_case("identity") => Ok(None),
        name if name.eq_ignore_ascii_case("gzip") => Ok(Some(Encoding::Gzip)),
        name if name.eq_ignore_ascii_case("zstd") => Ok(Some(Encoding::Zstd)),
        other => Err(format!("the encoding {other:?} is not known; use gzip, zstd or identity")),
    }
}

impl Inflater {
    pub(crate) fn new(encoding: Option<Encoding>, bytes_max: usize) -> Self {
        let plain = Capped { bytes: Vec::new(), bytes_max, full: false };
        let stage = match encoding {
            None => Stage::Plain(plain.bytes),
            Some(Encoding::Gzip) => {
                Stage::Gzip(Box::new(flate2::write::MultiGzDecoder::new(plain)))
            }
            Some(Encoding::Zstd) => Stage::Zstd(Box::new(ZstdStage::new(plain))),
        };
        Self { bytes_max, stage }
    }

    /// Bytes unpacked so far.
    pub(crate) fn len(&self) -> usize {
        match &self.stage {
            Stage::Plain(plain) => plain.len(),
            Stage::Gzip(decoder) => decoder.get_ref().bytes.len(),
            Stage::Zstd(stage) => stage.plain.bytes.len(),
        }
    }

    /// Unpacks the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), InflateError> {
        let bytes_max = self.bytes_max;
        match &mut self.stage {
            Stage::Plain(plain) => {
                if plain.len() + chunk.len() > bytes_max {
                    return Err(InflateError::TooLarge { bytes_max });
                }
                plain.extend_from_slice(chunk);
                Ok(())
            }
            Stage::Gzip(decoder) => {
                let written = decoder.write_all(chunk);
                explain(written, decoder.get_ref().full, "gzip", bytes_max)
            }
            Stage::Zstd(stage) => {
                let written = stage.push(chunk);
                explain(written, stage.plain.full, "zstd", bytes_max)
            }
        }
    }

    /// The plain body. An error when the compressed one was cut off.
    pub(crate) fn finish(self) -> Result<Vec<u8>, InflateError> {
        let bytes_max = self.bytes_max;
        match self.stage {
            Stage::Plain(plain) => Ok(plain),
            Stage::Gzip(mut decoder) => {
                let finished = decoder.try_finish();
                explain(finished, decoder.get_ref().full, "gzip", bytes_max)?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
            Stage::Zstd(stage) if stage.at_frame_end => Ok(stage.plain.bytes),
            Stage::Zstd(_) => {
                explain(Err(io::Error::other("it is cut off")), false, "zstd", bytes_max)?;
                Ok(Vec::new())
            }
        }
    }
}

impl ZstdStage {
    fn new(plain: Capped) -> Self {
        let mut decoder = Decoder::new().expect("a zstd context needs only memory");
        decoder
            .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))
            .expect("the window limit is within zstd's bounds");
        Self { decoder, scratch: vec![0; SCRATCH_BYTES], plain, at_frame_end: false }
    }

    fn push(&mut self, mut chunk: &[u8]) -> io::Result<()> {
        loop {
            let status = self.decoder.run_on_buffers(chunk, &mut self.scratch)?;
            self.plain.write_all(&self.scratch[..status.bytes_written])?;
            chunk = &chunk[status.bytes_read..];
            if status.bytes_read > 0 || status.bytes_written > 0 {
                self.at_frame_end = status.remaining == 0;
            }
            let output_full = status.bytes_written == self.scratch.len();
            if chunk.is_empty() && (self.at_frame_end || !output_full) {
                return Ok(());
            }
        }
    }
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            self.full = true;
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn explain(
    result: io::Result<()>,
    full: bool,
    encoding: &'static str,
    bytes_max: usize,
) -> Result<(), InflateError> {
    match result {
        Ok(()) => Ok(()),
        Err(_) if full => Err(InflateError::TooLarge { bytes_max }),
        Err(why) => Err(InflateError::Broken { encoding, why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn pack(encoding: Option<Encoding>, plain: &[u8]) -> Vec<u8> {
        match encoding {
            None => plain.to_vec(),
            Some(Encoding::Gzip) => gzip(plain),
            Some(Encoding::Zstd) => zstd::encode_all(plain, 3).unwrap(),
        }
    }

    fn unpack(
        encoding: Option<Encoding>,
        packed: &[u8],
        chunk_bytes: usize,
        bytes_max: usize,
    ) -> Result<Vec<u8>, InflateError> {
        let mut inflater = Inflater::new(encoding, bytes_max);
        for chunk in packed.chunks(chunk_bytes) {
            inflater.push(chunk)?;
            assert!(inflater.len() <= bytes_max);
        }
        inflater.finish()
    }

    const ALL: [Option<Encoding>; 3] = [None, Some(Encoding::Gzip), Some(Encoding::Zstd)];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_packed_is_unpacked_whatever_the_chunks(
            plain in proptest::collection::vec(0u8..4, 0..60_000),
            chunk_bytes in 1usize..5000,
        ) {
            for encoding in ALL {
                let packed = pack(encoding, &plain);
                prop_assert_eq!(
                    &unpack(encoding, &packed, chunk_bytes, 100_000).unwrap(),
                    &plain
                );
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let plain = vec![0; 10 << 20];
        for encoding in ALL {
            let packed = pack(encoding, &plain);
            let error = unpack(encoding, &packed, 1 << 20, 1 << 20).unwrap_err();
            assert!(matches!(error, InflateError::TooLarge { .. }), "{encoding:?}: {error}");
            assert_eq!(unpack(encoding, &packed, 1 << 20, 10 << 20).unwrap().len(), 10 << 20);
        }
    }

    #[test]
    fn a_body_that_is_cut_off_or_no_such_thing_is_refused() {
        let plain: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
        for encoding in [Some(Encoding::Gzip), Some(Encoding::Zstd)] {
            let packed = pack(encoding, &plain);
            for cut in [0, 1, 5, packed.len() / 2, packed.len() - 1] {
                let error = unpack(encoding, &packed[..cut], 4096, 1 << 20).unwrap_err();
                assert!(
                    matches!(error, InflateError::Broken { .. }),
                    "{encoding:?} {cut}: {error}"
                );
            }
            assert!(unpack(encoding, b"<html>not packed</html>", 4096, 1 << 20).is_err());
        }
    }

    #[test]
    fn members_and_frames_may_follow_each_other() {
        for encoding in [Some(Encoding::Gzip), Some(Encoding::Zstd)] {
            let packed = [pack(encoding, b"one "), pack(encoding, b"two")].concat();
            assert_eq!(unpack(encoding, &packed, 3, 100).unwrap(), b"one two");
        }
    }

    #[test]
    fn a_zstd_window_beyond_eight_mebibytes_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&[1; 100]).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(unpack(Some(Encoding::Zstd), &packed, 4096, 1 << 20).is_err());
    }
}
