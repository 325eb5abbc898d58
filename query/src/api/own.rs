//! Our own API, for the UI and for whatever no other system's API says. `own/openapi.json` describes it.

mod complete;
mod dots;
mod exemplars;
mod facets;
mod heatmap;
mod notebooks;
mod parse;
mod pod;
mod search;
mod selection;
mod service_graph;
mod services;
mod spans;
mod trace_columns;
mod trace_page;
mod trace_times;
mod utf16;

use super::{ApiState, guard::Family, trace};
use axum::{
    Router,
    body::Bytes,
    response::Response,
    routing::{MethodRouter, get},
};
use std::sync::Arc;

const OPENAPI: &str = include_str!("own/openapi.json");

/// Every route: path, `kind` of the query metrics, handler.
fn all() -> [(&'static str, &'static str, MethodRouter<Arc<ApiState>>); 18] {
    [
        ("/api/sigyn/v1/traces/{id}", "trace", get(trace_page::trace_page)),
        ("/api/sigyn/v1/traces/{id}/columns", "trace", get(trace_columns::trace_columns)),
        ("/api/sigyn/v1/search", "search", get(search::search)),
        ("/api/sigyn/v1/services", "services", get(services::services)),
        ("/api/sigyn/v1/service-graph", "service_graph", get(service_graph::service_graph)),
        ("/api/sigyn/v1/operations", "operations", get(services::operations)),
        ("/api/sigyn/v1/parse", "parse", get(parse::parse)),
        ("/api/sigyn/v1/complete", "complete", get(complete::complete)),
        ("/api/sigyn/v1/facets", "facets", get(facets::facets)),
        ("/api/sigyn/v1/exemplars", "exemplars", get(exemplars::exemplars)),
        ("/api/sigyn/v1/heatmap", "heatmap", get(heatmap::heatmap)),
        ("/api/sigyn/v1/rank", "rank", get(facets::rank)),
        ("/api/sigyn/v1/contrast", "contrast", get(facets::contrast)),
        ("/api/sigyn/v1/spans", "spans", get(spans::spans)),
        ("/api/sigyn/v1/notebooks", "notebooks", get(notebooks::list)),
        ("/api/sigyn/v1/notebooks/{id}", "notebook", notebook()),
        ("/api/sigyn/v1/pod", "pod", get(pod::pod)),
        ("/api/sigyn/v1/openapi.json", "openapi", get(openapi)),
    ]
}

fn notebook() -> MethodRouter<Arc<ApiState>> {
    get(notebooks::read).put(notebooks::save).delete(notebooks::remove)
}

pub(crate) fn routes(family: Family) -> Router {
    let add = |family: Family, (path, kind, handler)| family.route(path, kind, handler);
    all().into_iter().fold(family, add).into_router()
}

async fn openapi() -> Response {
    trace::json_response(Bytes::from_static(OPENAPI.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_description_names_every_route_and_no_other() {
        let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<&str> =
            description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let served: BTreeSet<&str> = all().iter().map(|(path, _, _)| *path).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn references_in_the_description_resolve() {
        let description: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let mut found = 0;
        for part in OPENAPI.split("\"$ref\"").skip(1) {
            let reference = part.split('"').nth(1).unwrap();
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
            found += 1;
        }
        assert!(found > 0);
    }
}
