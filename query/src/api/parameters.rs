//! Parameters of a request, from the query string and from a form body.

use super::{Fault, duration};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use http::{header, request::Parts};
use std::{collections::HashSet, convert::Infallible, str::FromStr};

/// `name=value` pairs in the order given. A name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `a=1&b=%20x+y`. Nothing is an error: what is not a valid escape stands for itself, as browsers do it.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.map(|(name, value)| (decode(name), decode(value))).collect()
    }

    /// The first value of a name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        named.next().map(|(_, value)| value.as_str())
    }

    /// The first value that is not empty of every name, in the order given.
    pub(crate) fn first_values(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut known = HashSet::new();
        let pairs = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, value)| !value.is_empty() && known.insert(*name))
    }

    /// All values of a name that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Fault> {
        self.get(name)
            .ok_or_else(|| Fault::bad_request(format!("the parameter {name} is required")))
    }

    /// A number; `expected` says in the fault what kind.
    pub(crate) fn number<T: FromStr>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Fault::parameter(name, text, expected))
    }

    /// `minDuration` and `maxDuration` in nanoseconds, as Tempo and Jaeger both have them.
    pub(crate) fn duration_bounds(&self) -> Result<(Option<u64>, Option<u64>), Fault> {
        let read = |name| match self.get(name) {
            None => Ok(None),
            Some(text) => match duration::parse_nanos(text) {
                Some(nanos) => Ok(Some(nanos)),
                None => Err(Fault::parameter(name, text, "a duration such as 250ms or 1.5s")),
            },
        };
        let (min, max) = (read("minDuration")?, read("maxDuration")?);
        if let (Some(min), Some(max)) = (min, max)
            && max < min
        {
            return Err(Fault::bad_request("maxDuration is below minDuration"));
        }
        Ok((min, max))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// Parameters of the query string, followed by those of a form body.
pub(crate) struct FormParameters(pub(crate) Parameters);

impl<S: Send + Sync> FromRequest<S> for FormParameters {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let mut parameters = Parameters::parse(request.uri().query().unwrap_or_default());
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if is_form {
            let body = Bytes::from_request(request, state)
                .await
                .map_err(|rejection| Fault::new(rejection.status(), rejection.body_text()))?;
            parameters.0.extend(Parameters::parse(&String::from_utf8_lossy(&body)).0);
        }
        Ok(Self(parameters))
    }
}

/// The part of the path that the route leaves open, decoded.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(rejection) => Err(Fault::new(rejection.status(), rejection.body_text())),
        }
    }
}

/// Undoes `+` and `%XX`.
fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode(&text)
}

/// Undoes `%XX`. Bytes that are not UTF-8 become the replacement character.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[index], digit(index + 1), digit(index + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                index += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_order() {
        let parameters = Parameters::parse("q=%7B+.a+%3D+%22%C3%A9%22+%7D&tag=a:1&tag=b:2&empty=");
        assert_eq!(parameters.get("q"), Some("{ .a = \"é\" }"));
        assert_eq!(parameters.all("tag").collect::<Vec<_>>(), ["a:1", "b:2"]);
        assert_eq!(parameters.get("empty"), None);
        assert_eq!(parameters.get("absent"), None);
        let first: Vec<_> = parameters.first_values().collect();
        assert_eq!(first, [("q", "{ .a = \"é\" }"), ("tag", "a:1")]);
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
        assert_eq!(percent_decode("%ff"), "\u{fffd}");
    }

    #[test]
    fn a_fault_names_parameter_and_value() {
        let fault = Parameters::parse("limit=ten").number::<usize>("limit", "a whole number");
        let sentence = fault.unwrap_err().sentence;
        assert_eq!(sentence, "the parameter limit=\"ten\" is not a whole number");
    }
}
