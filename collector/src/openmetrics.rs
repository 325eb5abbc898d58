//! OpenMetrics 1.0 text: reads the exemplars out of an exposition.
//!
//! The whole grammar is checked, line by line, but only lines that carry an exemplar are kept;
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

mod error;
mod exposition;
mod line;
mod number;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use error::ParseError;
pub use exposition::{Exposition, parse};
pub use line::{EXEMPLAR_CHARACTERS_MAX, ExemplarPoint, ExemplarSample};

/// What a client says to be given OpenMetrics: the plain text format carries no exemplars.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.9,\
     application/openmetrics-text;version=0.0.1;q=0.8,text/plain;version=0.0.4;q=0.1";

/// True for a `Content-Type` that names OpenMetrics text.
pub fn is_openmetrics(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/openmetrics-text")
}
