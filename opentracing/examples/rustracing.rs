//! An app traced with `rustracing`, whose finished spans can be read from a span buffer.
//!
//! ```sh
//! cargo run -p sigyn-opentracing --example rustracing
//! ```
//!
//! `rustracing` puts finished spans into a channel; a thread takes them out and records them. What identifies a span is
//! the state that the app chose: here its own, with `rustracing_jaeger` its `SpanContextState`, whose IDs are
//! read in the same way.

use rustracing::{
    Tracer as Rustracer,
    sampler::AllSampler,
    span::{CandidateSpan, FinishedSpan as Finished, SpanReference},
    tag::{Tag, TagValue},
};
use sigyn_opentracing::{
    FinishedSpan, LogRecord, ReferenceKind, SpanBuffer, SpanContext, Tracer, Value,
};

/// What this app's spans are known by.
#[derive(Clone, Debug)]
struct Ids {
    trace: u128,
    span: u64,
}

impl<'a> From<CandidateSpan<'a, Ids>> for Ids {
    fn from(candidate: CandidateSpan<'a, Ids>) -> Self {
        let of_trace = candidate.references().first().map(|reference| reference.span().trace);
        Self { trace: of_trace.unwrap_or_else(rand::random), span: rand::random() }
    }
}

impl Ids {
    fn context(&self) -> SpanContext {
        SpanContext::new(self.trace, self.span, true)
    }
}

/// One span of the channel, as the tracer takes it.
fn finished(span: &Finished<Ids>) -> FinishedSpan {
    let reference = |reference: &SpanReference<Ids>| match reference {
        SpanReference::ChildOf(ids) => (ReferenceKind::ChildOf, ids.context()),
        SpanReference::FollowsFrom(ids) => (ReferenceKind::FollowsFrom, ids.context()),
    };
    let tag = |tag: &Tag| {
        let value = match tag.value() {
            TagValue::String(text) => text.to_string().into(),
            TagValue::Boolean(value) => Value::Bool(*value),
            TagValue::Integer(value) => Value::Int(*value),
            TagValue::Float(value) => Value::Float(*value),
        };
        (tag.name().to_owned().into(), value)
    };
    let log = |log: &rustracing::log::Log| {
        let field = |field: &rustracing::log::LogField| {
            (field.name().to_owned().into(), field.value().to_owned().into())
        };
        LogRecord { timestamp: log.time(), fields: log.fields().iter().map(field).collect() }
    };
    FinishedSpan {
        context: span.context().state().context(),
        operation_name: span.operation_name().to_owned().into(),
        references: span.references().iter().map(reference).collect(),
        start_time: span.start_time(),
        finish_time: span.finish_time(),
        tags: span.tags().iter().map(tag).collect(),
        logs: span.logs().iter().map(log).collect(),
    }
}

fn main() -> std::io::Result<()> {
    let buffer = SpanBuffer::new(1 << 20);
    let recorder = Tracer::new("till", buffer.clone());
    let server = buffer.serve("127.0.0.1:0")?;

    // Bounded: an app that is faster than the thread below loses spans rather than time.
    let (sender, receiver) = crossbeam_channel::bounded(1024);
    let tracer = Rustracer::with_sender(AllSampler, sender);
    let recording = std::thread::spawn(move || {
        for span in receiver {
            recorder.record(finished(&span));
        }
    });

    {
        let pay = tracer.span("pay").tag(Tag::new("span.kind", "server")).start();
        let mut charge = tracer.span("charge").child_of(&pay).tag(Tag::new("cents", 1_250)).start();
        charge.log(|log| {
            log.std().event("retry");
        });
        charge.set_tag(|| Tag::new("error", true));
        drop(charge);
    }
    // Without tracers the channel ends, and with it the thread: the last spans are in the buffer.
    drop(tracer);
    recording.join().expect("the thread only records");

    let held = buffer.stats().recorded;
    assert_eq!(held, 2);
    let mut out = std::io::stdout();
    std::io::Write::write_fmt(
        &mut out,
        format_args!("{held} spans at http://{}/debug/spans\n", server.local_addr()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use sigyn_proto::otlp::{
        collector::trace::v1::ExportTraceServiceRequest, trace::v1::status::StatusCode,
    };

    #[test]
    fn what_rustracing_finished_is_read_as_one_tree() {
        let buffer = SpanBuffer::new(1 << 20);
        let recorder = Tracer::new("till", buffer.clone());
        let (sender, receiver) = crossbeam_channel::bounded(16);
        let tracer = Rustracer::with_sender(AllSampler, sender);
        {
            let pay = tracer.span("pay").tag(Tag::new("span.kind", "server")).start();
            let mut charge = tracer.span("charge").child_of(&pay).start();
            charge.log(|log| {
                log.std().event("retry");
            });
            charge.set_tag(|| Tag::new("error", true));
        }
        receiver.try_iter().for_each(|span| recorder.record(finished(&span)));

        let read = buffer.read(None, 1 << 20).expect("no cursor is a good one");
        let body: Vec<u8> = read.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
        let body = ExportTraceServiceRequest::decode(&body[..]).expect("the buffer writes OTLP");
        let spans = &body.resource_spans[0].scope_spans[0].spans;
        let named = |name: &str| spans.iter().find(|span| span.name == name).expect("recorded");
        let (pay, charge) = (named("pay"), named("charge"));
        assert_eq!((pay.kind, pay.parent_span_id.len()), (2, 0));
        assert_eq!((&charge.trace_id, &charge.parent_span_id), (&pay.trace_id, &pay.span_id));
        assert_eq!(charge.events[0].name, "retry");
        assert_eq!(charge.status.as_ref().map(|it| it.code()), Some(StatusCode::Error));
    }
}
