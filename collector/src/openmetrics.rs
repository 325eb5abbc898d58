//! Expositions, OpenMetrics text (1.0 and 2.0) and protobuf: reads the exemplars out of them.
//!
//! The whole grammar of the text is checked, line by line, but only lines that carry an exemplar are kept;
//! all others cost no allocation. Where Prometheus takes more than the letter of the specification,
//! so does this: an exemplar may stand on any sample line, names may be quoted, and one comma may
//! stand before a closing brace. Memory is bounded by the text that is handed in.
//!
//! ```
//! let text = "# TYPE hits counter\nhits_total 3 # {trace_id=\"4bf92f\"} 1 1766400000.125\n# EOF\n";
//! let samples = sigyn_collector::openmetrics::parse(text.as_bytes()).unwrap().samples;
//! assert_eq!(samples[0].name, "hits_total");
//! assert_eq!(samples[0].exemplar.labels[0].1, "4bf92f");
//! ```

mod composite;
#[cfg(test)]
mod damaged;
mod error;
mod exposition;
mod go_float;
mod line;
mod number;
#[cfg(test)]
mod oracle;
mod protobuf;
mod scan;
#[cfg(test)]
mod tests;
mod version_2;

pub use error::ParseError;
pub use exposition::{Exposition, parse, parse_news};
pub use line::{EXEMPLAR_CHARACTERS_MAX, ExemplarPoint, ExemplarSample};
pub use protobuf::parse_protobuf;

/// What a client says to be given exemplars: those of native histograms are in no text, and the plain text format carries none.
pub const ACCEPT: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.9,\
     application/openmetrics-text;version=2.0.0;q=0.85,\
     application/openmetrics-text;version=1.0.0;q=0.8,\
     application/openmetrics-text;version=0.0.1;q=0.7,text/plain;version=0.0.4;q=0.1";

/// Reads what [`parse_news`] says of an exposition in the format that its `Content-Type` names; `None`: that one carries no exemplars.
pub fn parse_as(
    content_type: &str,
    body: &[u8],
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Option<Result<Exposition, ParseError>> {
    if is_openmetrics(content_type) {
        return Some(if is_version_2(content_type) {
            parse_version_2(body, is_new)
        } else {
            parse_news(body, is_new)
        });
    }
    is_protobuf(content_type).then(|| parse_protobuf(body, is_new))
}

/// Reads OpenMetrics 2.0 text as [`parse_news`] reads 1.0.
///
/// # Errors
/// The first fault, with its place: a text that breaks the grammar is wrong as a whole.
pub fn parse_version_2(
    body: &[u8],
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Result<Exposition, ParseError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| exposition::not_utf8(body, error.valid_up_to()))?;
    version_2::parse(text, is_new)
}

/// Without a version it is the first.
fn is_version_2(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.any(|part| {
        let version = part.strip_prefix("version=").unwrap_or_default().trim_matches('"');
        version == "2" || version.starts_with("2.")
    })
}

/// True for a `Content-Type` that names the protobuf exposition format, messages with their length before them.
pub fn is_protobuf(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let says = |what: &str| parts.clone().any(|part| part.eq_ignore_ascii_case(what));
    media_type.eq_ignore_ascii_case("application/vnd.google.protobuf")
        && says("proto=io.prometheus.client.MetricFamily")
        && says("encoding=delimited")
}

/// True for a `Content-Type` that names OpenMetrics text.
pub fn is_openmetrics(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/openmetrics-text")
}
