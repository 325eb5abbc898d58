//! The reader against bytes that no encoder would write.

use super::*;
use crate::{
    Overlay,
    head::{Chunk, decode},
    otlp,
    test_kit::{any_request, expected, flattened, pair, request},
};
use proptest::prelude::*;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as OtlpValue,
};

fn decoded(body: &[u8]) -> Vec<u8> {
    let mut chunk = Chunk::default();
    decode(body, &Overlay::default(), &mut chunk, |_| unreachable!("it is small")).unwrap();
    let rows = (0..chunk.len() as u32).collect();
    otlp::traces_data([(&chunk, rows)])
}

/// Writes the fields of a message in reverse: spans before their resource, values before keys.
fn reversed(message: &[u8]) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut reader = Reader::new(message, 0);
    while let Some(field) = reader.next().unwrap() {
        fields.push(field);
    }
    let mut out = Writer::default();
    for (number, scalar) in fields.into_iter().rev() {
        out.scalar(number, scalar);
    }
    out.into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..Default::default() })]

    #[test]
    fn the_order_of_fields_does_not_matter(request in any_request()) {
        let mut turned = Writer::default();
        for resource_spans in &request.resource_spans {
            turned.bytes(1, &reversed(&resource_spans.encode_to_vec()));
        }
        let (spans, rejected) = expected(&request, &Overlay::default());
        let count = validate(turned.as_bytes()).unwrap();
        prop_assert_eq!(count.rejected, rejected);
        prop_assert_eq!(flattened(&decoded(turned.as_bytes())), spans);
    }

    #[test]
    fn what_is_valid_decodes_whatever_it_is(
        request in any_request(),
        flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4),
    ) {
        let mut body = request.encode_to_vec();
        for (position, value) in flips {
            if !body.is_empty() {
                let position = position % body.len();
                body[position] = value;
            }
        }
        let other = ExportTraceServiceRequest::decode(&body[..]);
        let read = validate(&body);
        prop_assert!(read.is_ok() || other.is_err(), "another decoder takes it: {read:?}");
        if let (Ok(counted), Ok(other)) = (&read, &other) {
            let (spans, rejected) = expected(other, &Overlay::default());
            prop_assert_eq!(counted.rejected, rejected);
            prop_assert_eq!(flattened(&decoded(&body)), spans);
        }
        if let Ok(counted) = read {
            let mut chunk = Chunk::default();
            decode(&body, &Overlay::default(), &mut chunk, |_| {}).unwrap();
            prop_assert_eq!(chunk.len(), counted.spans);
            // Its text has become UTF-8, so that every reader can decode the answer.
            ExportTraceServiceRequest::decode(&decoded(&body)[..]).unwrap();
        }
    }
}

#[test]
fn faults_are_named_with_their_place() {
    let check = |body: &[u8], expected: &str| {
        assert_eq!(validate(body).unwrap_err().to_string(), expected);
    };
    check(&[0x0a, 5, 0], "the body is not OTLP: a length goes beyond the end at byte 0");
    check(&[0x0a, 3, 0x12, 9, 0], "the body is not OTLP: a length goes beyond the end at byte 2");
    check(&[0x80], "the body is not OTLP: a varint is cut off at byte 0");
    check(&[0xff; 11], "the body is not OTLP: a varint is longer than 64 bits at byte 0");
    check(&[0x0b], "the body is not OTLP: a wire type is unknown at byte 0");
    check(&[0x00], "the body is not OTLP: a field number is out of range at byte 0");
    check(b"<html>", "the body is not OTLP: a wire type is unknown at byte 0");
}

#[test]
fn lists_in_lists_have_an_end() {
    let mut value = Vec::new();
    for _ in 0..10_000 {
        let mut inner = Writer::default();
        inner.message(5, |array| array.bytes(1, &value));
        value = inner.into_bytes();
    }
    let mut spans = request(&[(1, 1)]);
    let span = &mut spans.resource_spans[0].scope_spans[0].spans[0];
    let mut bytes = span.encode_to_vec();
    let mut attribute = Writer::default();
    attribute.message(9, |pair| pair.bytes(2, &value));
    bytes.extend_from_slice(attribute.as_bytes());
    let mut body = Writer::default();
    body.message(1, |it| it.message(2, |it| it.bytes(2, &bytes)));
    let error = validate(body.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("too deep"), "{error}");
}

#[test]
fn a_resource_in_two_pieces_is_merged() {
    let mut whole = request(&[(1, 1)]);
    let resource = whole.resource_spans[0].resource.as_mut().unwrap();
    resource.attributes.push(pair("zone", OtlpValue::IntValue(3)));
    let expected = expected(&whole, &Overlay::default()).0;

    let resource = whole.resource_spans[0].resource.take().unwrap();
    let mut body = Writer::default();
    body.message(1, |it| {
        for attribute in &resource.attributes {
            it.message(1, |it| it.bytes(1, &attribute.encode_to_vec()));
        }
        it.raw(&whole.resource_spans[0].encode_to_vec());
    });
    assert_eq!(flattened(&decoded(body.as_bytes())), expected);
}

#[test]
fn text_that_is_not_utf8_is_mended_everywhere() {
    let mut spans = request(&[(1, 1)]);
    let list = OtlpValue::ArrayValue(sigyn_proto::otlp::common::v1::ArrayValue {
        values: vec![sigyn_proto::otlp::common::v1::AnyValue {
            value: Some(OtlpValue::StringValue("XX".into())),
        }],
    });
    let span = &mut spans.resource_spans[0].scope_spans[0].spans[0];
    span.attributes = vec![pair("XX", OtlpValue::StringValue("XX".into())), pair("list", list)];
    span.name = "XX".into();
    let mut body = spans.encode_to_vec();
    for at in 0..body.len() - 1 {
        if &body[at..at + 2] == b"XX" {
            body[at] = 0xff;
        }
    }
    let out = ExportTraceServiceRequest::decode(&decoded(&body)[..]).unwrap();
    let span = &out.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "\u{fffd}X");
    assert_eq!(span.attributes.len(), 2);
    assert!(format!("{span:?}").matches("\u{fffd}X").count() >= 4, "{span:?}");
}
