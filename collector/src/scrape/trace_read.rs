//! Reads what a buffer holds of some traces, wherever its reader stands.

use super::{
    fetch::{Fetched, Request, fetch},
    read_error::ReadError,
    reader::{Reader, Spans, check_owner, spans_of},
    reply::Reply,
    state::Order,
    trace_request::{TRACES_PER_REQUEST_MAX, TraceRequest},
};
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;
use sigyn_store::{Batch, TraceId, Via};
use std::collections::HashSet;

/// Bytes of an answer. A buffer that does not know the parameter answers with the oldest spans it holds.
const MAX_BYTES: usize = 1 << 20;
const ACCEPT: &str = "application/x-protobuf";

impl Reader {
    /// After a read of what was new: asks by trace for what that did not bring.
    pub(super) async fn serve(&mut self, order: &Order, requests: Vec<TraceRequest>) {
        for TraceRequest { traces, whole, done } in requests {
            let given = match self.find(order, &traces, whole).await {
                Ok(given) => given,
                Err(error) => {
                    let (job, url) = (&order.target.job, &order.target.url);
                    tracing::debug!(job, url, %error, "traces could not be asked for");
                    Vec::new()
                }
            };
            // Whoever asked may have stopped waiting.
            let _ = done.send(given);
        }
    }

    /// Returns the traces that the buffer gave.
    async fn find(
        &mut self,
        order: &Order,
        traces: &[TraceId],
        whole: bool,
    ) -> Result<Vec<TraceId>, ReadError> {
        let mut wanted = traces.to_vec();
        if !whole {
            wanted = self.context.store.missing(wanted).await?;
        }
        wanted.truncate(TRACES_PER_REQUEST_MAX);
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let fetched = self.ask_for(order, &wanted).await?;
        check_owner(order, &Reply::parse(&fetched.headers).map_err(ReadError::Wrong)?)?;
        let is_filtered = fetched.headers.contains_key("sigyn-filter");
        let mut spans = spans_of(&fetched, true)?;
        let wanted: HashSet<TraceId> = wanted.into_iter().collect();
        let (given, body) = only(&wanted, &spans.plain)?;
        if given.is_empty() {
            return Ok(Vec::new());
        }
        if !is_filtered {
            spans = Spans { plain: body.into(), compressed: None };
        }
        let overlay = self.overlay(order);
        spans.relabel(order, &overlay).map_err(ReadError::Wrong)?;
        spans.cut_down(order);
        let Spans { plain, compressed } = spans;
        let batch =
            Batch { via: Via::Lookup, body: plain, compressed, overlay, reach: None, gap: None };
        self.context.store.append(batch).await?;
        Ok(given)
    }

    async fn ask_for(&self, order: &Order, wanted: &[TraceId]) -> Result<Fetched, ReadError> {
        let mut url: reqwest::Url = order.target.url.parse().map_err(|error| {
            ReadError::Wrong(format!("{:?} is not a URL: {error}", order.target.url))
        })?;
        let ids: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        url.query_pairs_mut()
            .append_pair("trace_id", &ids.join(","))
            .append_pair("max_bytes", &MAX_BYTES.to_string());
        let request = Request {
            client: &order.client,
            socket: order.target.socket.as_deref(),
            url,
            accept: ACCEPT,
            compression: order.config.enable_compression,
            body_size_limit_bytes: order.config.body_size_limit_bytes,
            timeout: order.target.scrape_timeout,
        };
        tokio::select! {
            biased;
            () = self.context.stopping.cancelled() => Err(ReadError::GivenUp),
            fetched = fetch(&self.context, request) => fetched,
        }
    }
}

/// The spans of these traces out of a body, and which of the traces occur. Such bodies are few and small, so they are taken
/// apart the slow way.
fn only(wanted: &HashSet<TraceId>, body: &[u8]) -> Result<(Vec<TraceId>, Vec<u8>), ReadError> {
    let mut request = ExportTraceServiceRequest::decode(body)
        .map_err(|error| ReadError::Wrong(format!("the answer is not spans: {error}")))?;
    let mut given = HashSet::new();
    for resource in &mut request.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|span| {
                let id = span.trace_id.as_slice().try_into().map(TraceId);
                let id = id.ok().filter(|id| wanted.contains(id));
                given.extend(id);
                id.is_some()
            });
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    request.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    Ok((given.into_iter().collect(), request.encode_to_vec()))
}
