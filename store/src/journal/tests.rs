//! The journal under damage.

use super::{record::Prepared, segment::Active, *};
use crate::{
    Batch, Encoding, Gap, Overlay, Reach, Via,
    test_kit::{START_UNIX_NANO, request},
};
use bytes::Bytes;
use prost::Message;
use std::{fs, io::Write, path::Path, sync::Arc};
use ulid::Ulid;

const STORE: Ulid = Ulid(42);

fn batch(number: u64) -> Batch {
    Batch {
        via: Via::Scrape,
        body: request(&[(1, number)]).encode_to_vec().into(),
        compressed: None,
        overlay: Arc::new(Overlay {
            attributes: vec![("job".into(), "pods".into())],
            honor: true,
            defaults: vec![("service.name".into(), "pods".into())],
        }),
        reach: Some(Reach { target: "pod".into(), cursor: format!("c{number}") }),
        gap: Some(Gap { lost: Some(number), from_unix_nano: 1, to_unix_nano: 2 }),
    }
}

/// A segment with a checkpoint and `batches` batches; where each record ends is returned.
fn write(folder: &Path, batches: u64) -> (std::path::PathBuf, Vec<usize>) {
    let mut bytes = Vec::new();
    Prepared::checkpoint(STORE, [].iter()).write(1, &mut bytes);
    let mut active = Active::create(&SystemDisk, folder, 1, &bytes).unwrap();
    let mut ends = vec![active.segment.size_bytes as usize];
    for number in 2..2 + batches {
        bytes.clear();
        Prepared::batch(STORE, &batch(number), START_UNIX_NANO).write(number, &mut bytes);
        active.write(&bytes, number).unwrap();
        ends.push(active.segment.size_bytes as usize);
    }
    (active.segment.path, ends)
}

fn read(folder: &Path) -> (Vec<u64>, Replayed) {
    let mut sequences = Vec::new();
    let replayed = replay(&SystemDisk, folder, STORE, |record| {
        if let Entry::Batch { received_unix_nano, via, overlay, reach, gap, body } = record.entry {
            let expected = batch(record.sequence);
            assert_eq!(received_unix_nano, START_UNIX_NANO);
            assert_eq!(via, Via::Scrape);
            assert_eq!(overlay, expected.overlay);
            assert_eq!(reach, expected.reach);
            assert_eq!(gap, expected.gap);
            assert_eq!(body.decompress().unwrap(), expected.body);
            sequences.push(record.sequence);
        }
        Ok(())
    });
    (sequences, replayed.unwrap())
}

#[test]
fn a_segment_cut_at_any_byte_gives_every_whole_record_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ends) = write(folder.path(), 3);
    let whole = fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (sequences, replayed) = read(folder.path());
        let batches = ends[1..].iter().filter(|&&end| end <= cut).count() as u64;
        assert_eq!(sequences, (2..2 + batches).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(replayed.damaged, 0, "a torn tail is no damage");
        // What was cut off does not come back.
        let (again, replayed) = read(folder.path());
        assert_eq!((again, replayed.torn_bytes), (sequences, 0));
    }
}

#[test]
fn one_flipped_bit_costs_one_record_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ends) = write(folder.path(), 3);
    let whole = fs::read(&path).unwrap();
    for position in ends[0]..ends[2] {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        fs::write(&path, &bytes).unwrap();
        let (sequences, replayed) = read(folder.path());
        let lost = if position < ends[1] { 2 } else { 3 };
        assert_eq!(sequences, (2..5).filter(|&it| it != lost).collect::<Vec<_>>(), "{position}");
        assert_eq!(replayed.damaged, 1, "bit at {position}");
    }
}

#[test]
fn a_body_that_looks_like_a_record_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut forged = Vec::new();
    // Whoever sends it does not know the store's ID.
    Prepared::batch(Ulid(43), &batch(3), START_UNIX_NANO).write(3, &mut forged);
    let mut sent = batch(2);
    sent.body = forged.into();
    let mut bytes = Vec::new();
    Prepared::checkpoint(STORE, [].iter()).write(1, &mut bytes);
    let mut active = Active::create(&SystemDisk, folder.path(), 1, &bytes).unwrap();
    bytes.clear();
    Prepared::batch(STORE, &sent, START_UNIX_NANO).write(2, &mut bytes);
    bytes[5] ^= 1; // The real record is damaged, so its inside is searched.
    active.write(&bytes, 2).unwrap();
    let (sequences, _) = read(folder.path());
    assert_eq!(sequences, [0u64; 0]);
}

#[test]
fn bodies_come_back_from_every_compression() {
    let plain = batch(2);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain.body).unwrap();
    let zstd = zstd::bulk::compress(&plain.body, 1).unwrap();
    let compressed = [
        None,
        Some((Encoding::Gzip, gzip.finish().unwrap().into())),
        Some((Encoding::Zstd, zstd.into())),
    ];
    for compressed in compressed {
        let sent = Batch { compressed, ..plain.clone() };
        let mut bytes = Vec::new();
        Prepared::batch(STORE, &sent, 0).write(2, &mut bytes);
        let (record, size) = Record::read(STORE, &Bytes::from(bytes.clone())).unwrap();
        assert_eq!(size, bytes.len());
        let Entry::Batch { body, .. } = record.entry else { panic!("a batch") };
        assert_eq!(body.decompress().unwrap(), plain.body);
    }
}

#[test]
fn a_newer_segment_is_refused_and_no_segment_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = write(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    let mut newer = whole.clone();
    newer[8] = 9;
    fs::write(&path, &newer).unwrap();
    let error = replay(&SystemDisk, folder.path(), STORE, |_| Ok(())).unwrap_err();
    assert!(matches!(error, crate::Error::NewerVersion { found: 9, known: 1, .. }));

    fs::write(&path, &whole).unwrap();
    let stranger = folder.path().join("00000000000000000000.journal");
    fs::write(&stranger, b"something else").unwrap();
    let (sequences, replayed) = read(folder.path());
    assert_eq!((sequences, replayed.damaged), (vec![2], 1));
    assert!(stranger.with_extension("damaged").exists());
}
