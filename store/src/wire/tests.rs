//! The reader against bytes that no encoder would write.

use super::{
    value::{any_attribute, plain_attribute},
    *,
};
use crate::{
    Error, Overlay,
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

fn write(out: &mut Writer, number: u32, scalar: Scalar<'_>) {
    match scalar {
        Scalar::Varint(value) => out.uint(number, value),
        Scalar::Fixed64(value) => out.fixed64(number, value),
        Scalar::Fixed32(value) => out.fixed32(number, value),
        Scalar::Bytes(value, _) => out.bytes(number, value),
        // It says nothing.
        Scalar::Group => {}
    }
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
        write(&mut out, number, scalar);
    }
    out.into_bytes()
}

/// A value of any type.
fn any_scalar() -> impl Strategy<Value = Scalar<'static>> + Clone {
    let texts: [&[u8]; 7] =
        [b"text", b"", b"\xff", "\u{e9}".as_bytes(), &[7; 16], &[7; 8], b"\x0a\x01a"];
    prop_oneof![
        any::<u64>().prop_map(Scalar::Varint),
        (0..6u64).prop_map(Scalar::Varint),
        any::<u64>().prop_map(Scalar::Fixed64),
        any::<u32>().prop_map(Scalar::Fixed32),
        proptest::sample::select(texts.to_vec()).prop_map(|text| Scalar::Bytes(text, 0)),
    ]
}

/// A field of any type under any number, most of them of OTLP.
fn odd_field() -> impl Strategy<Value = Vec<u8>> {
    let field = |number: u32, scalar| {
        let mut out = Writer::default();
        write(&mut out, number, scalar);
        out.into_bytes()
    };
    let plain = (1..20u32, any_scalar()).prop_map(move |(number, scalar)| field(number, scalar));
    let group = (1..16u8, plain.clone(), 1..16u8)
        .prop_map(|(begin, inner, end)| [&[begin << 3 | 3], &inner[..], &[end << 3 | 4]].concat());
    let whole_group = (1..16u8, plain.clone())
        .prop_map(|(number, inner)| [&[number << 3 | 3], &inner[..], &[number << 3 | 4]].concat());
    prop_oneof![8 => plain, 1 => group, 1 => whole_group]
}

/// One change that a line, a disk or a bug might make.
#[derive(Clone, Debug)]
enum Edit {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Self::Set(at, byte)),
            (any::<usize>(), odd_field()).prop_map(|(at, field)| Self::Insert(at, field)),
            (any::<usize>(), 1..20usize).prop_map(|(at, count)| Self::Remove(at, count)),
            (any::<usize>(), 1..20usize).prop_map(|(at, count)| Self::Repeat(at, count)),
        ]
    }

    fn apply(&self, body: &mut Vec<u8>) {
        let place = |at: &usize| at % (body.len() + 1);
        match self {
            Self::Set(at, byte) => {
                let at = place(at);
                body.splice(at..(at + 1).min(body.len()), [*byte]);
            }
            Self::Insert(at, field) => {
                let at = place(at);
                body.splice(at..at, field.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = place(at);
                body.drain(at..(at + count).min(body.len()));
            }
            Self::Repeat(at, count) => {
                let at = place(at);
                let again = body[at..(at + count).min(body.len())].to_vec();
                body.splice(at..at, again);
            }
        }
    }
}

/// Adds fields to the end of messages of a body, and mends the lengths of those around: to the request, to one of its resources, …
/// as deep as `path` goes, by the number of each message's field.
fn with_field(message: &[u8], path: &[u32], odd: &[u8]) -> Vec<u8> {
    let Some((&next, path)) = path.split_first() else { return [message, odd].concat() };
    let mut out = Writer::default();
    let mut reader = Reader::new(message, 0);
    while let Some((number, scalar)) = reader.next().unwrap() {
        match scalar {
            Scalar::Bytes(inner, _) if number == next => {
                out.bytes(number, &with_field(inner, path, odd));
            }
            scalar => write(&mut out, number, scalar),
        }
    }
    out.into_bytes()
}

/// Paths to every message of a request.
const PATHS: [&[u32]; 15] = [
    &[],
    &[1],
    &[1, 1],
    &[1, 1, 1],
    &[1, 1, 1, 2],
    &[1, 2],
    &[1, 2, 1],
    &[1, 2, 2],
    &[1, 2, 2, 9],
    &[1, 2, 2, 9, 2],
    &[1, 2, 2, 9, 2, 5],
    &[1, 2, 2, 9, 2, 6, 1],
    &[1, 2, 2, 11],
    &[1, 2, 2, 13],
    &[1, 2, 2, 15],
];

/// Ours and another decoder take the same bodies and read the same spans.
fn compare(body: &[u8]) -> Result<(), TestCaseError> {
    let (ours, other) = (check(body), ExportTraceServiceRequest::decode(body));
    match (ours, other) {
        (Ok(count), Ok(other)) => {
            let (spans, rejected) = expected(&other, &Overlay::default());
            prop_assert_eq!(count.rejected, rejected);
            prop_assert_eq!(flattened(&decoded(body)), spans);
        }
        (Err(_), Err(_)) => {
            // Such a body never comes so far; should it, it is read as well as can be.
            let mut chunk = Chunk::default();
            let _ = decode(body, &Overlay::default(), &mut chunk, |_| {});
        }
        (ours, other) => prop_assert!(false, "{:?}, another decoder: {:?}", ours, other.err()),
    }
    Ok(())
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
        let count = check(turned.as_bytes()).unwrap();
        prop_assert_eq!(count.rejected, rejected);
        prop_assert_eq!(flattened(&decoded(turned.as_bytes())), spans);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("SIGYN_SOAK").is_some() { 200_000 } else { 500 },
        ..Default::default()
    })]

    #[test]
    fn a_changed_body_is_taken_as_another_decoder_takes_it(
        request in any_request(),
        edits in proptest::collection::vec(Edit::any(), 0..4),
    ) {
        let mut body = request.encode_to_vec();
        edits.iter().for_each(|edit| edit.apply(&mut body));
        compare(&body)?;
    }

    #[test]
    fn a_plain_attribute_is_what_it_is_when_read_with_care(
        key in prop_oneof![Just(3), Just(127), Just(128)],
        number in 0..9u32,
        scalar in any_scalar(),
        edits in proptest::collection::vec(Edit::any(), 0..3),
    ) {
        let mut out = Writer::default();
        out.bytes(1, &vec![b'k'; key]);
        out.message(2, |out| write(out, number.max(1), scalar));
        let mut pair = out.into_bytes();
        edits.iter().for_each(|edit| edit.apply(&mut pair));
        if let Some((key, value)) = plain_attribute(&pair) {
            let mut read = 0;
            any_attribute(&pair, 0, &mut |careful_key, careful| {
                assert_eq!((key, format!("{value:?}")), (careful_key, format!("{careful:?}")));
                read += 1;
            }).unwrap();
            prop_assert_eq!(read, 1);
        }
    }

    #[test]
    fn fields_that_nobody_expects_are_taken_as_another_decoder_takes_them(
        request in any_request(),
        odd in proptest::collection::vec((proptest::sample::select(&PATHS[..]), odd_field()), 1..4),
    ) {
        let mut body = request.encode_to_vec();
        for (path, field) in odd {
            // What was added may have made it no message any more.
            if check(&body).is_ok() {
                body = with_field(&body, path, &field);
            }
        }
        compare(&body)?;
    }
}

#[test]
fn faults_are_named_with_their_place() {
    let check = |body: &[u8], expected: &str| {
        assert_eq!(Error::from(check(body).unwrap_err()).to_string(), expected);
    };
    check(&[0x0a, 5, 0], "the body is not OTLP: a length goes beyond the end at byte 0");
    check(&[0x0a, 3, 0x12, 9, 0], "the body is not OTLP: a length goes beyond the end at byte 2");
    check(&[0x80], "the body is not OTLP: a varint is cut off at byte 0");
    check(&[0xff; 11], "the body is not OTLP: a varint is longer than 64 bits at byte 0");
    check(&[0x0f], "the body is not OTLP: a wire type is unknown at byte 0");
    check(&[0x0b], "the body is not OTLP: a group has no end at byte 0");
    check(&[0x0b, 0x14], "the body is not OTLP: a group ends that has not begun at byte 1");
    let of_another_type =
        "the body is not OTLP: a field has another type than OTLP gives it at byte 0";
    check(&[0x0b, 0x0c], of_another_type);
    check(&[0x08, 1], of_another_type);
    check(&[0x00], "the body is not OTLP: a field number is out of range at byte 0");
    check(b"<html>", "the body is not OTLP: a wire type is unknown at byte 0");
}

#[test]
fn ordinary_attributes_are_plain() {
    let values = [
        (1, Scalar::Bytes(b"GET", 0)),
        (1, Scalar::Bytes(b"", 0)),
        (2, Scalar::Varint(1)),
        (3, Scalar::Varint(404)),
        (4, Scalar::Fixed64(1.5f64.to_bits())),
    ];
    for (number, value) in values {
        let mut out = Writer::default();
        out.bytes(1, b"http.method");
        out.message(2, |out| write(out, number, value));
        let pair = out.into_bytes();
        assert!(plain_attribute(&pair).is_some(), "{value:?} in {pair:02x?}");
    }
}

#[test]
fn values_in_values_have_an_end() {
    let span = request(&[(1, 1)]).resource_spans[0].scope_spans[0].spans[0].encode_to_vec();
    let body_of = |value: &[u8]| {
        let mut attribute = Writer::default();
        attribute.message(9, |pair| pair.bytes(2, value));
        let mut body = Writer::default();
        body.message(1, |it| {
            it.message(2, |it| it.bytes(2, &[&span, attribute.as_bytes()].concat()))
        });
        body.into_bytes()
    };
    let (mut lists, mut groups, mut refused) = (Vec::new(), Vec::new(), [0; 2]);
    for _ in 0..120 {
        for (count, body) in refused.iter_mut().zip([body_of(&lists), body_of(&groups)]) {
            compare(&body).unwrap();
            *count += usize::from(check(&body).is_err());
        }
        let mut outer = Writer::default();
        outer.message(5, |array| array.bytes(1, &lists));
        lists = outer.into_bytes();
        groups = [&[0x7b], &groups[..], &[0x7c]].concat();
    }
    assert!(refused.iter().all(|count| (20..80).contains(count)), "{refused:?}");

    for _ in 0..10_000 {
        let mut outer = Writer::default();
        outer.message(5, |array| array.bytes(1, &lists));
        lists = outer.into_bytes();
    }
    let error = check(&body_of(&lists)).unwrap_err();
    assert!(error.what.contains("too deep"), "{error:?}");
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
fn text_that_is_not_utf8_is_refused() {
    let mut spans = request(&[(1, 1)]);
    spans.resource_spans[0].scope_spans[0].spans[0].name = "XX".into();
    let mut body = spans.encode_to_vec();
    let at = body.windows(2).position(|it| it == b"XX").unwrap();
    body[at] = 0xff;
    let error = Error::from(check(&body).unwrap_err()).to_string();
    assert_eq!(error, format!("the body is not OTLP: a text is not UTF-8 at byte {}", at - 2));
}
