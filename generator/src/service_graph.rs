//! `traces_service_graph_*`: who calls whom, how often, with which result and in what time.
//!
//! A call is a client span and the server span whose parent it is, or a producer and its consumer.
//! The two are read from different targets at different moments, so each side waits for the other.

use crate::{
    config::{Config, ServiceGraphs},
    dimension::{Dimension, label_name},
    edges::{Edge, Edges, Side},
    histogram::{Buckets, ExemplarPoint, HistogramValue},
    series::{Family, Kind, Selection, Table, Value},
    spans::{Spans, attribute},
};
use sigyn_store::{
    Error, Source,
    calls::{
        Connection, DATABASE_ATTRIBUTES, DATABASE_PEER_ATTRIBUTES, DatabaseNode, PORT_ATTRIBUTE,
        Role, USER, database_node, is_failed,
    },
};
use std::{sync::Arc, time::Duration};

const BUILT_IN: [&str; 3] = ["client", "server", "connection_type"];

/// What is known of calls between two services.
pub(crate) struct Calls {
    pub(crate) total: u64,
    pub(crate) failed: u64,
    pub(crate) server: Arc<HistogramValue>,
    pub(crate) client: Arc<HistogramValue>,
    pub(crate) messaging: Option<Arc<HistogramValue>>,
}

/// The table of all pairs of services, and the calls that are not complete yet.
pub(crate) struct CallTable {
    settings: ServiceGraphs,
    histograms: crate::config::Histograms,
    bounds: Buckets,
    pub(crate) edges: Edges,
    pub(crate) table: Table<Calls>,
    /// Calls whose other side never came.
    pub(crate) unpaired: u64,
}

impl CallTable {
    pub(crate) fn new(settings: &ServiceGraphs, config: &Config) -> Self {
        let mut names: Vec<Arc<str>> = BUILT_IN.map(Arc::from).to_vec();
        for side in ["client_", "server_"] {
            let prefixed = settings.dimensions.iter().map(|it| format!("{side}{it}"));
            names.extend(prefixed.map(|it| label_name(&it, &BUILT_IN)));
        }
        Self {
            settings: settings.clone(),
            histograms: config.histograms,
            bounds: settings.histogram_buckets.as_slice().into(),
            edges: Edges::new(settings.wait, settings.max_items),
            table: Table::new(names, config.active_series_max, config.keep_ended),
            unpaired: 0,
        }
    }

    /// Takes the sides of calls out of some rows.
    pub(crate) fn observe(
        &mut self,
        source: &dyn Source,
        spans: &Spans,
        rows: &[u32],
        now: Duration,
    ) -> Result<(), Error> {
        let read = |names: &[&str]| -> Result<Vec<Dimension>, Error> {
            names.iter().map(|name| attribute(source, name)).collect()
        };
        let dimensions: Vec<&str> = self.settings.dimensions.iter().map(String::as_str).collect();
        let dimensions = read(&dimensions)?;
        let peers: Vec<&str> = self.settings.peer_attributes.iter().map(String::as_str).collect();
        let peers = read(&peers)?;
        let databases = read(&DATABASE_ATTRIBUTES)?;
        let database_peers = read(&DATABASE_PEER_ATTRIBUTES)?;
        let port = attribute(source, PORT_ATTRIBUTE)?;
        for row in rows.iter().map(|&row| row as usize) {
            let role = Role::of_kind(spans.kind(row));
            let (is_client, is_messaging) = match role {
                Role::Caller { is_messaging } => (true, is_messaging),
                Role::Called { is_messaging } => (false, is_messaging),
                Role::Bystander => continue,
            };
            let side = Side {
                service: Arc::clone(spans.services.value(row)),
                failed: is_failed(spans.status_code(row)),
                point: ExemplarPoint {
                    trace_id: spans.trace_id(row),
                    span_id: spans.span_id(row),
                    value: spans.seconds(row),
                    timestamp_unix_nano: spans.end_unix_nano(row),
                },
                start_unix_nano: spans.start_unix_nano(row),
                dimensions: dimensions.iter().map(|it| Arc::clone(it.value(row))).collect(),
                peer: first(&peers, row).cloned(),
                is_root: spans.parent_span_id(row).is_none(),
                is_messaging,
            };
            if role.may_ask_database()
                && let Some(database) = first(&databases, row)
            {
                let peers = [0, 1, 2].map(|at| some(&database_peers[at], row));
                let node = match database_node(peers, some(&port, row), database) {
                    DatabaseNode::Named(name) => Arc::clone(name),
                    DatabaseNode::Address(address, port) => format!("{address}:{port}").into(),
                };
                self.count_database(&side, node, now);
                continue;
            }
            let own = spans.span_id(row);
            let caller = if is_client { Some(own) } else { spans.parent_span_id(row) };
            // A server span without a parent waits under its own ID: nobody will come, but it may
            // be the first of a trace, called by a user.
            let key = (spans.trace_id(row), caller.unwrap_or(own));
            if let Some(edge) = self.edges.add(key, side, is_client, now) {
                self.count(&edge, now);
            }
        }
        Ok(())
    }

    /// Gives up on sides that have waited long enough, and on series that have gone stale.
    pub(crate) fn expire(&mut self, now: Duration, stale_before: Duration) {
        while let Some(edge) = self.edges.expired(now) {
            let more = edge.more.len() as u64;
            self.unpaired += more;
            match self.with_virtual_node(edge) {
                Some(edge) => self.count_as(&edge, Connection::VirtualNode, now),
                None => self.unpaired += 1,
            }
        }
        self.table.expire(stale_before);
    }

    /// The side that never came, where the one that did says who it was.
    fn with_virtual_node(&self, edge: Edge) -> Option<Edge> {
        let of = |side: &Side, service: Arc<str>| Side {
            service,
            dimensions: side.dimensions.iter().map(|_| "".into()).collect(),
            ..side.clone()
        };
        match edge {
            Edge { client: Some(client), server: None, .. } => {
                let server = of(&client, client.peer.clone()?);
                Some(Edge { client: Some(client), server: Some(server), ..Edge::default() })
            }
            Edge { client: None, server: Some(server), .. } if server.is_root => {
                let client = of(&server, server.peer.clone().unwrap_or_else(|| USER.into()));
                Some(Edge { client: Some(client), server: Some(server), ..Edge::default() })
            }
            _ => None,
        }
    }

    fn count_database(&mut self, client: &Side, node: Arc<str>, now: Duration) {
        let dimensions = client.dimensions.iter().map(|_| "".into()).collect();
        let server = Side { service: node, dimensions, ..client.clone() };
        self.count_as(
            &Edge { client: Some(client.clone()), server: Some(server), ..Edge::default() },
            Connection::Database,
            now,
        );
    }

    fn count(&mut self, edge: &Edge, now: Duration) {
        let sends = |side: &Option<Side>| side.as_ref().is_some_and(|side| side.is_messaging);
        let connection = Connection::of_sides(sends(&edge.client), sends(&edge.server));
        self.count_as(edge, connection, now);
        for server in &edge.more {
            let (client, server) = (edge.client.clone(), Some(server.clone()));
            self.count_as(&Edge { client, server, ..Edge::default() }, connection, now);
        }
    }

    fn count_as(&mut self, edge: &Edge, connection: Connection, now: Duration) {
        let Edge { client: Some(client), server: Some(server), .. } = edge else { return };
        let mut values = vec![
            Arc::clone(&client.service),
            Arc::clone(&server.service),
            connection.word().into(),
        ];
        values.extend(client.dimensions.iter().chain(&server.dimensions).cloned());
        let histogram = || Arc::new(HistogramValue::new(&self.bounds, self.histograms));
        let with_queues = self.settings.enable_messaging_system_latency_histogram;
        let place = self.table.place(&values, now, || Calls {
            total: 0,
            failed: 0,
            server: histogram(),
            client: histogram(),
            messaging: with_queues.then(histogram),
        });
        let calls = self.table.at(place);
        calls.total += 1;
        calls.failed += u64::from(client.failed || server.failed);
        Arc::make_mut(&mut calls.server).observe(server.point);
        Arc::make_mut(&mut calls.client).observe(client.point);
        if connection == Connection::MessagingSystem
            && let Some(messaging) = &mut calls.messaging
        {
            let sent = client.point.timestamp_unix_nano;
            let waited = server.start_unix_nano.saturating_sub(sent) as f64 / 1e9;
            Arc::make_mut(messaging).observe(ExemplarPoint { value: waited, ..server.point });
        }
    }

    /// An empty histogram of this table's shape.
    pub(crate) fn empty(&self) -> HistogramValue {
        HistogramValue::new(&self.bounds, self.histograms)
    }

    pub(crate) fn families(&self, selection: Selection) -> Vec<Family> {
        let numbers = |name, help, number_of: fn(&Calls) -> u64| Family {
            name,
            help,
            kind: Kind::Counter,
            points: self.table.points(selection, |it| Some(Value::Number(number_of(it) as f64))),
        };
        let histograms =
            |name, help, value_of: fn(&Calls) -> Option<&Arc<HistogramValue>>| Family {
                name,
                help,
                kind: Kind::Histogram,
                points: self.table.points(selection, |calls| {
                    Some(Value::Histogram(Arc::clone(value_of(calls)?)))
                }),
            };
        let mut families = vec![
            numbers("traces_service_graph_request", "Calls from client to server", |it| it.total),
            numbers(
                "traces_service_graph_request_failed",
                "Calls that failed on either side",
                |it| it.failed,
            ),
            histograms(
                "traces_service_graph_request_server_seconds",
                "Duration of calls as the server saw them, in seconds",
                |it| Some(&it.server),
            ),
            histograms(
                "traces_service_graph_request_client_seconds",
                "Duration of calls as the client saw them, in seconds",
                |it| Some(&it.client),
            ),
        ];
        if self.settings.enable_connection_info {
            families.push(Family {
                name: "traces_service_graph_connection_info",
                help: "Which services are connected; always 1",
                kind: Kind::Gauge,
                points: self.table.points(selection, |_| Some(Value::Number(1.0))),
            });
        }
        if self.settings.enable_messaging_system_latency_histogram {
            families.push(histograms(
                "traces_service_graph_request_messaging_system_seconds",
                "Time between sending and receiving through a queue, in seconds",
                |it| it.messaging.as_ref().filter(|it| it.count > 0),
            ));
        }
        families
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn has_overflowed(&self) -> bool {
        self.table.has_overflowed()
    }
}

/// The first that has a value in this row.
fn first(dimensions: &[Dimension], row: usize) -> Option<&Arc<str>> {
    dimensions.iter().find_map(|it| some(it, row))
}

fn some(dimension: &Dimension, row: usize) -> Option<&Arc<str>> {
    Some(dimension.value(row)).filter(|it| !it.is_empty())
}
