//! The second loop: exemplars of the same target.

use super::{
    super::exemplars::STEP,
    rig::{Rig, config, order, serve, status, target},
};
use crate::fixture::eventually;
use axum::{body::Body, extract::Request, http::Response};
use sigyn_store::{PinReason, SpanId, TraceId};

const PAGE: &str = "# TYPE request_seconds histogram\n\
    request_seconds_bucket{le=\"0.5\",job=\"own\"} 17 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",span_id=\"00f067aa0ba902b7\"} 0.43 1766400000.125\n\
    request_seconds_bucket{le=\"+Inf\"} 18 # {TraceID=\"AB\"} 3\n\
    request_seconds_count 18 # {user=\"x\"} 1\n\
    request_seconds_sum 4 # {trace_id=\"not hex\"} 1\n\
    # EOF\n";

fn page(content_type: &str, text: &str) -> Response<Body> {
    Response::builder()
        .header("content-type", content_type)
        .body(Body::from(text.to_owned()))
        .unwrap()
}

fn is_metrics(request: &Request) -> bool {
    request.uri().path() == "/metrics"
}

#[tokio::test]
async fn exemplars_are_kept_with_the_labels_of_their_target() {
    let rig = Rig::new().await;
    let address = serve(|request: Request| async move {
        let accept = request.headers()["accept"].to_str().unwrap().to_owned();
        match is_metrics(&request)
            && accept.contains("application/openmetrics-text;version=1.0.0;q=0.8")
        {
            true => page("application/openmetrics-text; version=1.0.0; charset=utf-8", PAGE),
            false => page("application/x-protobuf", ""),
        }
    })
    .await;
    let mut target = target(address);
    target.exemplars_url = Some(format!("http://{address}/metrics"));
    let state = rig.scrape(order(target, config()));
    eventually(|| rig.metrics().contains("sigyn_exemplars_seen_total 2")).await;
    assert_eq!(status(&state).buffer.unwrap().exemplars_last_error, "");

    let id = TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
    let exemplars = rig.store.store.exemplars_of(id).await.unwrap();
    assert_eq!(exemplars.len(), 1, "an exemplar that is exposed again is the same one");
    let exemplar = &exemplars[0];
    let series: crate::Labels = exemplar.series.iter().cloned().collect();
    assert_eq!(
        series.to_string(),
        format!(
            "{{__name__=\"request_seconds_bucket\", exported_job=\"own\", instance=\"{address}\", \
             job=\"shop\", le=\"0.5\", pod=\"cart-0\"}}"
        )
    );
    assert_eq!(exemplar.span_id, Some(SpanId::parse("00f067aa0ba902b7").unwrap()));
    assert_eq!((exemplar.value, exemplar.timestamp_unix_milli), (0.43, 1_766_400_000_125));
    let pins = rig.store.store.pins_of(id).await.unwrap();
    assert_eq!(pins[0].reason, PinReason::Exemplar);
    let other = TraceId::parse("ab").unwrap();
    let without_time = rig.store.store.exemplars_of(other).await.unwrap();
    assert!(without_time[0].timestamp_unix_milli >= 1_766_400_000_000, "the collector's time");
    rig.stop().await;
}

#[tokio::test]
async fn a_page_of_more_exemplars_than_are_taken_at_a_time_is_taken_whole() {
    let rig = Rig::new().await;
    let count = 2 * STEP + 3;
    let lines = (1..=count)
        .map(|number| format!("hits_total{{n=\"{number}\"}} 1 # {{trace_id=\"{number:x}\"}} 1\n"));
    let text = lines.chain(["# EOF\n".to_owned()]).collect::<String>();
    let address = serve(move |request: Request| {
        let text = if is_metrics(&request) { text.clone() } else { String::new() };
        async move { page("application/openmetrics-text", &text) }
    })
    .await;
    let mut target = target(address);
    target.exemplars_url = Some(format!("http://{address}/metrics"));
    rig.scrape(order(target, config()));
    let all = format!("sigyn_exemplars_seen_total {count}\n");
    eventually(|| rig.metrics().contains(&all)).await;
    let last = TraceId::parse(&format!("{count:x}")).unwrap();
    assert_eq!(rig.store.store.exemplars_of(last).await.unwrap().len(), 1);
    rig.stop().await;
}

async fn error_of(content_type: &'static str, text: &'static str) -> String {
    let rig = Rig::new().await;
    let address = serve(move |request: Request| async move {
        match is_metrics(&request) {
            true => page(content_type, text),
            false => page("application/x-protobuf", ""),
        }
    })
    .await;
    let mut target = target(address);
    target.exemplars_url = Some(format!("http://{address}/metrics"));
    let state = rig.scrape(order(target, config()));
    let error = || status(&state).buffer.map_or_else(String::new, |it| it.exemplars_last_error);
    eventually(|| !error().is_empty()).await;
    assert_eq!(status(&state).last_error, "", "the spans are read all the same");
    rig.stop().await;
    error()
}

#[tokio::test]
async fn a_page_that_carries_no_exemplars_is_said_so() {
    assert_eq!(
        error_of("text/plain; version=0.0.4", "a 1\n").await,
        "the answer is \"text/plain; version=0.0.4\", which carries no exemplars; the application \
         must offer application/openmetrics-text"
    );
    assert_eq!(
        error_of("application/openmetrics-text", "a 1\nb{ 1\n# EOF\n").await,
        "line 2, column 3: expected a label name, found ' '"
    );
}
