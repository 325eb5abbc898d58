//! Values of tags and of log fields.

use std::borrow::Cow;

/// A text, a truth or a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    String(Cow<'static, str>),
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
}

impl Value {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// As attributes have it.
    pub(crate) fn into_attribute(self) -> opentelemetry::Value {
        match self {
            Self::String(Cow::Borrowed(text)) => text.into(),
            Self::String(Cow::Owned(text)) => text.into(),
            Self::Bool(value) => value.into(),
            Self::Int(value) => value.into(),
            Self::Float(value) => value.into(),
        }
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Self::String(Cow::Borrowed(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(Cow::Owned(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

macro_rules! whole_numbers {
    ($($number:ty)*) => {
        $(impl From<$number> for Value {
            fn from(value: $number) -> Self {
                Self::Int(value.into())
            }
        })*
    };
}

whole_numbers!(i64 i32 i16 u32 u16);
