//! Zipkin v2 as protobuf: `zipkin.proto3.ListOfSpans`.

use super::{
    super::otlp_fields::padded,
    model::{Endpoint, Kind, ZipkinSpan, encode},
};
use prost::Message;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ListOfSpans {
    #[prost(message, repeated, tag = "1")]
    pub(crate) spans: Vec<ProtoSpan>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoSpan {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) parent_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) id: Vec<u8>,
    #[prost(int32, tag = "4")]
    pub(crate) kind: i32,
    #[prost(string, tag = "5")]
    pub(crate) name: String,
    #[prost(fixed64, tag = "6")]
    pub(crate) timestamp: u64,
    #[prost(uint64, tag = "7")]
    pub(crate) duration: u64,
    #[prost(message, optional, tag = "8")]
    pub(crate) local_endpoint: Option<ProtoEndpoint>,
    #[prost(message, optional, tag = "9")]
    pub(crate) remote_endpoint: Option<ProtoEndpoint>,
    #[prost(message, repeated, tag = "10")]
    pub(crate) annotations: Vec<ProtoAnnotation>,
    #[prost(btree_map = "string, string", tag = "11")]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ProtoEndpoint {
    #[prost(string, tag = "1")]
    pub(crate) service_name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) ipv4: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) ipv6: Vec<u8>,
    #[prost(int32, tag = "4")]
    pub(crate) port: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ProtoAnnotation {
    #[prost(fixed64, tag = "1")]
    pub(crate) timestamp: u64,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// The error is half a sentence.
pub(super) fn to_otlp(body: &[u8]) -> Result<Vec<u8>, String> {
    let list = ListOfSpans::decode(body).map_err(|error| error.to_string())?;
    Ok(encode(list.spans.into_iter().map(ProtoSpan::into_model).collect()))
}

impl ProtoSpan {
    fn into_model(self) -> ZipkinSpan {
        let parent_id =
            if self.parent_id.is_empty() { Vec::new() } else { padded(&self.parent_id, 8) };
        ZipkinSpan {
            trace_id: padded(&self.trace_id, 16),
            id: padded(&self.id, 8),
            parent_id,
            kind: match self.kind {
                1 => Some(Kind::Client),
                2 => Some(Kind::Server),
                3 => Some(Kind::Producer),
                4 => Some(Kind::Consumer),
                _ => None,
            },
            name: self.name,
            timestamp_micros: self.timestamp,
            duration_micros: self.duration,
            local: self.local_endpoint.map(ProtoEndpoint::into_model).unwrap_or_default(),
            remote: self.remote_endpoint.map(ProtoEndpoint::into_model).unwrap_or_default(),
            annotations: self.annotations.into_iter().map(|it| (it.timestamp, it.value)).collect(),
            tags: self.tags,
        }
    }
}

impl ProtoEndpoint {
    fn into_model(self) -> Endpoint {
        let v4 = <[u8; 4]>::try_from(&self.ipv4[..]).map(Ipv4Addr::from).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(&self.ipv6[..]).map(Ipv6Addr::from).map(IpAddr::from);
        Endpoint {
            service_name: self.service_name,
            address: v4.or(v6).map(|address| address.to_string()).unwrap_or_default(),
            port: u16::try_from(self.port).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::to_otlp;
    use crate::{
        damage::{check_conversion, damage, damaged},
        fixture::sample,
    };
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_lists_are_taken_or_refused(changes in damage()) {
            let body = damaged(&sample("zipkin_v2_protobuf.hex"), &changes);
            check_conversion(&body, to_otlp(&body));
        }
    }
}
