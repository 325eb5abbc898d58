//! Attribute values as plain JSON: what a string tag holds when Jaeger has no type for a value.

use crate::api::otlp_json::{Double, base64_text};
use serde::{Serialize, Serializer, ser::SerializeMap};
use sigyn_proto::otlp::common::v1::{AnyValue, any_value::Value};

/// `[1,"a"]`, `{"k":true}`; bytes in base64.
pub(super) struct PlainJson<'a>(pub(super) &'a AnyValue);

impl Serialize for PlainJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            None => serializer.serialize_none(),
            Some(Value::StringValue(text)) => serializer.serialize_str(text),
            Some(Value::BoolValue(flag)) => serializer.serialize_bool(*flag),
            Some(Value::IntValue(int)) => serializer.serialize_i64(*int),
            Some(Value::DoubleValue(double)) => Double(*double).serialize(serializer),
            Some(Value::BytesValue(bytes)) => base64_text(bytes).serialize(serializer),
            Some(Value::ArrayValue(array)) => {
                serializer.collect_seq(array.values.iter().map(PlainJson))
            }
            Some(Value::KvlistValue(list)) => {
                let mut map = serializer.serialize_map(Some(list.values.len()))?;
                for entry in &list.values {
                    map.serialize_entry(&entry.key, &entry.value.as_ref().map(PlainJson))?;
                }
                map.end()
            }
            Some(Value::StringValueStrindex(index)) => serializer.serialize_i32(*index),
        }
    }
}
