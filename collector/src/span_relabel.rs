//! `span_relabel_configs`: rules that keep, drop, rename and redact what spans hold, before it is
//! stored.
//!
//! They work on the OTLP bytes as they came: what no rule changes is copied as it is, and a job
//! without rules never gets here. Names are TraceQL's: `span.http.route`, `resource.k8s.pod.name`,
//! `event.exception.message`, `link.reason`, and the span's own `name`, `kind`, `status`,
//! `status_message`, `trace_id`, `span_id`, `parent_id`.

mod apply;
mod name;
mod read;
#[cfg(test)]
mod tests;
mod view;
mod wire;

pub(crate) use apply::apply;
pub(crate) use read::read_span_rules;
