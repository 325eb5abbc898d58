//! Many threads write while readers of several kinds read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sigyn_buffer::SpanBuffer;

use crate::support::{Reader, span};

const WRITERS: u64 = 8;
const SPANS_EACH: u64 = 1_500;

#[test]
fn every_span_comes_once_or_is_counted_while_threads_write() {
    for capacity_bytes in [64 << 10, 1 << 20, 32 << 20] {
        let buffer = SpanBuffer::new(capacity_bytes);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let readers: Vec<_> = [3_000, 60_000, 4 << 20]
                .into_iter()
                .map(|bytes_max| {
                    let (buffer, done) = (&buffer, &done);
                    let mut reader = Reader::default();
                    // Its account begins before the first span.
                    reader.read(buffer, bytes_max);
                    scope.spawn(move || {
                        while !done.load(Ordering::Acquire) {
                            reader.read(buffer, bytes_max);
                        }
                        reader.read_all(buffer, bytes_max);
                        reader
                    })
                })
                .collect();
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let buffer = &buffer;
                    scope.spawn(move || {
                        for index in 0..SPANS_EACH {
                            let filler_bytes = (index * 7 % 300) as usize;
                            buffer.record(&span(index * WRITERS + writer, filler_bytes));
                        }
                    })
                })
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Release);
            let stats = buffer.stats();
            assert_eq!(stats.recorded + stats.dropped, WRITERS * SPANS_EACH);
            for reader in readers {
                let reader = reader.join().unwrap();
                reader.check(stats.recorded);
                if capacity_bytes == 32 << 20 {
                    assert_eq!(reader.lost, 0);
                }
            }
        });
    }
}

/// A wake-up that is lost would show as a wait of 30 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reader_that_waits_is_forgotten() {
    let buffer = SpanBuffer::new(64 << 10);
    let mut cursor = buffer.read(None, 1 << 20).unwrap().cursor;
    for number in 0..60 {
        let request = http::Request::get(format!("/?wait=30s&cursor={cursor}")).body(()).unwrap();
        let waiting = tokio::spawn(tower::ServiceExt::oneshot(buffer.service(), request));
        let writer = std::thread::spawn({
            let buffer = buffer.clone();
            // At a different moment of the reader's way each time.
            move || {
                (0..number * 50).for_each(|_| std::hint::spin_loop());
                buffer.record(&span(number, 10));
            }
        });
        let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        let response = answer.expect("woken").unwrap().unwrap();
        writer.join().unwrap();
        let next = response.headers()["sigyn-cursor"].to_str().unwrap().to_owned();
        assert_ne!(next, cursor, "answered with the span");
        cursor = next;
    }
}
