//! The other ways of exemplars, against the shapes that Prometheus documents.

use super::{Intake, Metrics, Pollers, metrics::Source, query_answer, remote_write, router};
use crate::{
    config::{ExemplarSource, HttpClient},
    damage::{damage, damaged},
    fixture::{BEGAN_UNIX_NANO, TestClock, TestStore},
};
use axum::{Router, extract::Query, http::header, routing::get};
use parking_lot::Mutex;
use proptest::prelude::*;
use prost::Message;
use sigyn_proto::prometheus::{write_v1, write_v2};
use sigyn_store::{Clock, TraceId};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const ANSWER: &str = r#"{"status":"success","data":[
    {"seriesLabels":{"__name__":"hits_total","job":"shop"},"exemplars":[
        {"labels":{"traceID":"7"},"value":"6","timestamp":1600096945.479},
        {"labels":{"user":"nobody"},"value":"1","timestamp":1600096945.5}]},
    {"seriesLabels":{"__name__":"latency_bucket","le":"+Inf"},"exemplars":[
        {"labels":{"TraceID":"4BF92F3577B34DA6A3CE929D0E0E4736","span_id":"f067aa0ba902b7"},"value":"NaN","timestamp":1600096945}]}]}"#;

#[test]
fn an_answer_is_read() {
    let found = query_answer::read(ANSWER.as_bytes()).unwrap();
    assert_eq!(found.len(), 2, "one points at no trace");
    assert_eq!(found[0].trace_id.to_string(), "00000000000000000000000000000007");
    assert_eq!((found[0].value, found[0].timestamp_unix_milli), (6.0, 1_600_096_945_479));
    assert_eq!(found[0].series[0], ("__name__".to_owned(), "hits_total".to_owned()));
    assert_eq!(found[1].trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(found[1].span_id.unwrap().to_string(), "00f067aa0ba902b7");
    assert!(found[1].value.is_nan());

    let refused = query_answer::read(br#"{"status":"error","errorType":"bad_data","error":"no"}"#);
    assert_eq!(refused.unwrap_err(), "the server says: no");
    assert!(query_answer::read(b"<html>").unwrap_err().contains("not that of query_exemplars"));
}

fn snappy(plain: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(plain).unwrap()
}

fn packed(message: &impl Message) -> Vec<u8> {
    snappy(&message.encode_to_vec())
}

fn v1() -> write_v1::WriteRequest {
    let label =
        |name: &str, value: &str| write_v1::Label { name: name.into(), value: value.into() };
    let exemplar = |labels| write_v1::Exemplar { labels, value: 0.5, timestamp: 1_600_000_000_123 };
    let series = write_v1::TimeSeries {
        labels: vec![label("__name__", "hits_total"), label("job", "shop")],
        samples: vec![write_v1::Sample { value: 1.0, timestamp: 1 }; 3],
        exemplars: vec![
            exemplar(vec![label("trace_id", "0a")]),
            exemplar(vec![label("nothing", "0a")]),
        ],
        histograms: Vec::new(),
    };
    write_v1::WriteRequest { timeseries: vec![series], ..Default::default() }
}

fn v2() -> write_v2::Request {
    let symbols = ["", "__name__", "hits_total", "job", "shop", "trace_id", "0a", "nothing"];
    let exemplar =
        |labels_refs| write_v2::Exemplar { labels_refs, value: 0.5, timestamp: 1_600_000_000_123 };
    let series = write_v2::TimeSeries {
        labels_refs: vec![1, 2, 3, 4],
        samples: vec![write_v1::Sample { value: 1.0, timestamp: 1 }; 3],
        exemplars: vec![exemplar(vec![5, 6]), exemplar(vec![7, 6])],
        ..write_v2::TimeSeries::default()
    };
    write_v2::Request { symbols: symbols.map(str::to_owned).to_vec(), timeseries: vec![series] }
}

#[test]
fn both_versions_of_remote_write_say_the_same() {
    let one = remote_write::read(&packed(&v1()), false).unwrap();
    assert_eq!((one.exemplars.len(), one.counts), (1, [3, 0, 2]));
    assert_eq!(remote_write::read(&packed(&v2()), true).unwrap(), one);

    let mut unknown = v2();
    unknown.symbols.truncate(6);
    let why = remote_write::read(&packed(&unknown), true).unwrap_err();
    assert_eq!(why, "the symbol 6 is named, but not sent");
    unknown.timeseries[0].labels_refs.pop();
    assert!(remote_write::read(&packed(&unknown), true).unwrap_err().contains("pairs"));
}

#[test]
fn a_body_that_would_unpack_too_far_is_refused_unread() {
    // Snappy's block format begins with the plain length.
    let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    assert!(remote_write::read(&bomb, false).unwrap_err().contains("more than"));
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..300), is_v2: bool) {
        let _ = remote_write::read(&body, is_v2);
        let _ = remote_write::read(&snappy(&body), is_v2);
        let _ = query_answer::read(&body);
    }

    #[test]
    fn a_damaged_body_is_read_or_refused_and_what_it_holds_is_an_exemplar(changes in damage()) {
        let bodies = [(v1().encode_to_vec(), false), (v2().encode_to_vec(), true)];
        for (body, is_v2) in bodies {
            let plain = damaged(&body, &changes);
            for body in [snappy(&plain), damaged(&snappy(&body), &changes)] {
                match remote_write::read(&body, is_v2) {
                    Ok(written) => {
                        prop_assert!(written.exemplars.len() <= written.counts[2]);
                        for exemplar in written.exemplars {
                            prop_assert!(!exemplar.trace_id.is_zero());
                            prop_assert!(exemplar.series.is_sorted());
                        }
                    }
                    Err(why) => prop_assert!(!why.trim().is_empty()),
                }
            }
        }
        match query_answer::read(&damaged(ANSWER.as_bytes(), &changes)) {
            Ok(found) => prop_assert!(found.iter().all(|it| !it.trace_id.is_zero())),
            Err(why) => prop_assert!(!why.trim().is_empty()),
        }
    }
}

async fn served(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_pinned() {
    let test = TestStore::open(TestClock::start()).await;
    let intake = Intake::new(test.store.clone(), TestClock::start());
    let base = served(router(intake, Metrics::default())).await;
    let client = reqwest::Client::new();
    let write = |content_type: &'static str, body: Vec<u8>| {
        client
            .post(format!("{base}/api/v1/write"))
            .header(header::CONTENT_TYPE, content_type)
            .header(header::CONTENT_ENCODING, "snappy")
            .body(body)
            .send()
    };
    let v2_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let answer = write(v2_type, packed(&v2())).await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["x-prometheus-remote-write-exemplars-written"], "2");
    let trace_id = TraceId::parse("0a").unwrap();
    assert_eq!(test.store.pins_of(trace_id).await.unwrap().len(), 1);
    // The same by the other version is no news.
    assert_eq!(write("application/x-protobuf", packed(&v1())).await.unwrap().status(), 204);
    assert_eq!(test.store.exemplars_of(trace_id).await.unwrap().len(), 1);
    assert_eq!(write("application/x-protobuf", vec![1, 2, 3]).await.unwrap().status(), 400);
    assert_eq!(write("text/plain", Vec::new()).await.unwrap().status(), 415);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_is_asked_on_from_where_it_was_asked() {
    let test = TestStore::open(TestClock::start()).await;
    let asked = Arc::new(Mutex::new(Vec::<BTreeMap<String, String>>::new()));
    let noted = Arc::clone(&asked);
    let answer = move |Query(query): Query<BTreeMap<String, String>>| {
        noted.lock().push(query);
        async { ANSWER }
    };
    let url = served(Router::new().route("/api/v1/query_exemplars", get(answer))).await;
    let source = ExemplarSource {
        url: url.clone(),
        interval: "20ms".parse().unwrap(),
        http: HttpClient::default(),
    };
    let metrics = Metrics::default();
    let sources = std::slice::from_ref(&source);
    let clock = TestClock::start();
    let pollers = Pollers::start(
        sources,
        Intake::new(test.store.clone(), clock.clone()),
        clock,
        metrics.clone(),
    );
    for _ in 0..500 {
        if asked.lock().len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Unchanged sources are left alone, absent ones are asked no more.
    pollers.apply(sources);
    pollers.apply(&[]);
    let asked = asked.lock().clone();
    assert!(asked.len() >= 3);
    let start = |index: usize| asked[index]["start"].parse::<f64>().unwrap();
    let began = BEGAN_UNIX_NANO as f64 / 1e9;
    assert!((began - start(0) - 3600.0).abs() < 1.0 && (began - start(1) - 120.0).abs() < 5.0);
    assert!(asked[0]["query"].contains("__name__"));
    // Told three times, they are two exemplars.
    assert_eq!(metrics.polled.get_or_create(&Source { url }).get(), 2);
    assert_eq!(test.store.exemplars_of(TraceId::parse("7").unwrap()).await.unwrap().len(), 1);
}

fn pointing_at(traces: std::ops::Range<u8>) -> Vec<sigyn_store::Exemplar> {
    let pointing_at = |id: u8| sigyn_store::Exemplar {
        series: vec![("instance".into(), "10.0.0.7:80".into()), ("job".into(), "shop".into())],
        labels: Vec::new(),
        trace_id: TraceId([id; 16]),
        span_id: None,
        value: 1.0,
        timestamp_unix_milli: 1,
    };
    traces.map(pointing_at).collect()
}

/// Seconds, as the test sets them.
#[derive(Default)]
struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn now_unix_nano(&self) -> u64 {
        BEGAN_UNIX_NANO + self.monotonic().as_nanos() as u64
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn a_trace_is_looked_for_once_at_a_time_and_not_for_ever() {
    let clock = Arc::new(SetClock::default());
    let test = TestStore::open(clock.clone()).await;
    let intake = Intake::new(test.store.clone(), clock.clone());
    assert_eq!(intake.add(pointing_at(1..4)).await.unwrap(), 3);
    assert_eq!(intake.add(pointing_at(1..4)).await.unwrap(), 0, "no news, nothing to look for");
    assert!(intake.due(10).is_empty(), "its target's own loop comes first");
    let mut looks = Vec::new();
    for second in 0..200 {
        clock.0.store(second, Ordering::Relaxed);
        for trace in intake.due(2) {
            assert_eq!((trace.job.as_str(), trace.instance.as_str()), ("shop", "10.0.0.7:80"));
            if trace.trace_id == TraceId([2; 16]) {
                looks.push(second);
                intake.again(trace);
            }
        }
    }
    assert_eq!(looks, [1, 3, 18, 78]);
}
