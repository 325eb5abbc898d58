//! Jaeger's thrift structs (`jaeger.thrift`), taken out of the tree.

use super::{
    model::{Batch, JaegerSpan, Log, Process, Reference, Tag, encode},
    thrift::{Encoding, Thrift, read_call, read_struct},
};
use sigyn_proto::otlp::common::v1::any_value::Value;

/// A batch alone, as it comes over HTTP.
pub(super) fn of_body(body: &[u8]) -> Result<Vec<u8>, String> {
    let batch = read_struct(body, Encoding::Binary)?;
    of_batch(&batch)
}

/// The call `emitBatch(batch)`, as it comes in a datagram.
pub(super) fn of_datagram(datagram: &[u8], encoding: Encoding) -> Result<Vec<u8>, String> {
    let (method, arguments) = read_call(datagram, encoding)?;
    if method != b"emitBatch" {
        return Err(format!("it calls {:?}", String::from_utf8_lossy(method)));
    }
    of_batch(arguments.field(1).ok_or("emitBatch comes without its batch")?)
}

fn of_batch(batch: &Thrift<'_>) -> Result<Vec<u8>, String> {
    if batch.field(1).is_none() {
        return Err("it has no process".to_owned());
    }
    let process = batch.field(1).map(process).unwrap_or_default();
    Ok(encode(Batch { process, spans: batch.list(2).iter().map(span).collect() }))
}

fn process(process: &Thrift<'_>) -> Process {
    Process { service_name: process.text(1), tags: process.list(2).iter().map(tag).collect() }
}

fn span(span: &Thrift<'_>) -> JaegerSpan {
    JaegerSpan {
        trace_id: trace_id(span.int(1), span.int(2)),
        span_id: span.int(3).to_be_bytes().to_vec(),
        parent_span_id: span.int(4).to_be_bytes().to_vec(),
        operation_name: span.text(5),
        references: span.list(6).iter().map(reference).collect(),
        flags: span.int(7) as u32,
        start_unix_nano: nanos(span.int(8)),
        duration_nanos: nanos(span.int(9)),
        tags: span.list(10).iter().map(tag).collect(),
        logs: span.list(11).iter().map(log).collect(),
        process: None,
    }
}

fn reference(reference: &Thrift<'_>) -> Reference {
    Reference {
        is_child_of: reference.int(1) == 0,
        trace_id: trace_id(reference.int(2), reference.int(3)),
        span_id: reference.int(4).to_be_bytes().to_vec(),
    }
}

fn log(log: &Thrift<'_>) -> Log {
    Log { unix_nano: nanos(log.int(1)), fields: log.list(2).iter().map(tag).collect() }
}

/// STRING, DOUBLE, BOOL, LONG, BINARY: another order than in protobuf.
fn tag(tag: &Thrift<'_>) -> Tag {
    let value = match (tag.int(2), tag.field(4), tag.field(5)) {
        (1, Some(Thrift::Double(value)), _) => Value::DoubleValue(*value),
        (2, _, value) => Value::BoolValue(value == Some(&Thrift::Bool(true))),
        (3, ..) => Value::IntValue(tag.int(6)),
        (4, ..) => Value::BytesValue(tag.bytes(7).to_vec()),
        _ => Value::StringValue(tag.text(3)),
    };
    (tag.text(1), value)
}

fn trace_id(low: i64, high: i64) -> Vec<u8> {
    [high.to_be_bytes(), low.to_be_bytes()].concat()
}

/// 0 for what is before 1970 or negative.
fn nanos(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or_default().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::{Encoding, of_body, of_datagram};
    use crate::{
        damage::{check_conversion, damage, damaged},
        fixture::sample,
    };
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_batches_are_taken_or_refused(changes in damage()) {
            let body = damaged(&sample("jaeger_thrift_http.hex"), &changes);
            check_conversion(&body, of_body(&body));
            for (name, encoding) in [
                ("jaeger_agent_compact.hex", Encoding::Compact),
                ("jaeger_client_python.hex", Encoding::Compact),
                ("jaeger_agent_binary.hex", Encoding::Binary),
            ] {
                let datagram = damaged(&sample(name), &changes);
                check_conversion(&datagram, of_datagram(&datagram, encoding));
            }
        }
    }
}
