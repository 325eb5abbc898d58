//! Sides of calls, until the other side is found.

use super::{
    super::{EngineError, metrics::sketch::Sketch, scan::Fold, view::View},
    names::{NO_NAME, Names},
};
use arrow_array::{
    Array,
    cast::AsArray,
    types::{Int64Type, UInt8Type},
};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;
use sigyn_store::{
    Field, SpanId, TraceId,
    calls::{
        Connection, DATABASE_ATTRIBUTES, DATABASE_PEER_ATTRIBUTES, DatabaseNode, PEER_ATTRIBUTES,
        PORT_ATTRIBUTE, Role, USER, database_node, is_failed,
    },
};

/// Sides that wait at a time.
const OPEN_MAX: usize = 500_000;
/// Pairs of nodes.
const EDGES_MAX: usize = 10_000;
/// Traces that an edge names.
const TRACE_IDS_MAX: usize = 5;
/// Sides between two looks for pairs: few enough that what waits stays small where a source is large.
const SETTLE_SIDES: usize = 65_536;

/// Calls of one edge.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) seconds: Sketch,
    pub(super) trace_ids: Vec<TraceId>,
}

/// What a service was asked.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) calls: u64,
    pub(super) failed: u64,
}

struct Client {
    service: u32,
    peer: u32,
    seconds: f32,
    failed: bool,
    is_producer: bool,
    is_answered: bool,
}

struct Server {
    trace: TraceId,
    parent: SpanId,
    service: u32,
    seconds: f32,
    failed: bool,
    is_consumer: bool,
}

/// Calls, and the sides that are still alone.
#[derive(Default)]
pub(super) struct Pairing {
    pub(super) names: Names,
    /// By client, server and how.
    pub(super) edges: RapidHashMap<(u32, u32, Connection), Calls>,
    /// Whatever has spans of its own, by name.
    pub(super) services: RapidHashMap<u32, Asked>,
    /// Sides that nobody answered. Known when all is seen.
    pub(super) unpaired: u64,
    clients: RapidHashMap<(TraceId, SpanId), Client>,
    servers: Vec<Server>,
    /// Sides for which there was no room.
    dropped: u64,
    /// Calls of edges for which there was no room.
    unlisted: u64,
}

impl Pairing {
    fn count(&mut self, edge: (u32, u32, Connection), trace: TraceId, seconds: f32, failed: bool) {
        if self.edges.len() >= EDGES_MAX && !self.edges.contains_key(&edge) {
            self.unlisted += 1;
            return;
        }
        let calls = self.edges.entry(edge).or_default();
        calls.calls += 1;
        calls.failed += u64::from(failed);
        calls.seconds.add(seconds.into());
        note(&mut calls.trace_ids, trace);
    }

    /// Counts the calls of which both sides are here, and lets go of them.
    fn settle(&mut self) {
        let mut waiting = Vec::new();
        for server in std::mem::take(&mut self.servers) {
            let Some(client) = self.clients.get_mut(&(server.trace, server.parent)) else {
                waiting.push(server);
                continue;
            };
            client.is_answered = true;
            let connection = Connection::of_sides(client.is_producer, server.is_consumer);
            let edge = (client.service, server.service, connection);
            let failed = client.failed || server.failed;
            self.count(edge, server.trace, server.seconds, failed);
        }
        self.servers = waiting;
        // A message may have consumers in other sources; a request has one server.
        self.clients.retain(|_, client| !client.is_answered || client.is_producer);
        self.bound();
    }

    fn bound(&mut self) {
        let open = self.clients.len() + self.servers.len();
        if open > OPEN_MAX {
            let surplus = (open - OPEN_MAX).min(self.servers.len());
            self.dropped += surplus as u64;
            self.servers.truncate(self.servers.len() - surplus);
        }
    }

    fn add_client(&mut self, key: (TraceId, SpanId), client: Client) {
        if self.clients.len() < OPEN_MAX {
            self.clients.entry(key).or_insert(client);
        } else {
            self.dropped += 1;
        }
    }

    /// Everything has been seen: what is still alone has no other side, or one that it names.
    pub(super) fn close(&mut self) {
        self.settle();
        self.unpaired += self.servers.len() as u64;
        let mut alone: Vec<_> = std::mem::take(&mut self.clients).into_iter().collect();
        alone.retain(|(_, client)| !client.is_answered);
        // The traces that an edge names shall be the same each time.
        alone.sort_unstable_by_key(|(key, _)| *key);
        for ((trace, _), client) in alone {
            if client.peer == NO_NAME {
                self.unpaired += 1;
            } else {
                let edge = (client.service, client.peer, Connection::VirtualNode);
                self.count(edge, trace, client.seconds, client.failed);
            }
        }
    }

    /// A sentence where the bounds were too narrow.
    pub(super) fn too_much(&self) -> Option<String> {
        (self.dropped + self.unlisted > 0).then(|| {
            let (dropped, unlisted) = (self.dropped, self.unlisted);
            format!(
                "{dropped} spans waited for the other side of their call beyond {OPEN_MAX}, and {unlisted} calls are of pairs beyond \
                 {EDGES_MAX}; ask for a shorter range"
            )
        })
    }
}

fn note(trace_ids: &mut Vec<TraceId>, trace: TraceId) {
    if trace_ids.len() < TRACE_IDS_MAX && !trace_ids.contains(&trace) {
        trace_ids.push(trace);
    }
}

impl Fold for Pairing {
    fn add(&mut self, view: &View, wanted: &BooleanBuffer) -> Result<(), EngineError> {
        let columns = [
            Field::TraceId,
            Field::SpanId,
            Field::ParentSpanId,
            Field::Kind,
            Field::StatusCode,
            Field::DurationNano,
            Field::ServiceName,
        ];
        let [traces, ids, parents, kinds, codes, durations, services] =
            columns.map(|field| view.field(field));
        let (traces, ids, parents) = (traces?, ids?, parents?);
        let (traces, ids) = (traces.as_fixed_size_binary(), ids.as_fixed_size_binary());
        let parents = parents.as_fixed_size_binary();
        let (kinds, codes, durations) = (kinds?, codes?, durations?);
        let kinds = kinds.as_primitive::<UInt8Type>();
        let codes = codes.as_primitive::<UInt8Type>();
        let durations = durations.as_primitive::<Int64Type>();
        let services = self.names.of_text(services?.as_dictionary(), wanted);
        let mut read = |names: &[&str]| -> Result<Vec<Option<Vec<u32>>>, EngineError> {
            names.iter().map(|name| self.names.of_attribute(view, name, wanted)).collect()
        };
        let databases = read(&DATABASE_ATTRIBUTES)?;
        let database_peers = read(&DATABASE_PEER_ATTRIBUTES)?;
        let ports = read(&[PORT_ATTRIBUTE])?;
        let peers = read(&PEER_ATTRIBUTES)?;
        let user = self.names.code(USER);

        for (place, row) in wanted.set_indices().enumerate() {
            if place % SETTLE_SIDES == SETTLE_SIDES - 1 {
                self.settle();
            }
            let trace = TraceId(bytes(traces.value(row)));
            let role = Role::of_kind(kinds.value(row));
            let (service, failed) = (services[row], is_failed(codes.value(row)));
            let seconds = durations.value(row).max(0) as f32 / 1e9;
            let peer = first(&peers, row);
            let asked = self.services.entry(service).or_default();
            if let Role::Called { is_messaging: is_consumer } = role {
                asked.calls += 1;
                asked.failed += u64::from(failed);
                let parent = parents.is_valid(row).then(|| SpanId(bytes(parents.value(row))));
                match parent.filter(|parent| !parent.is_zero()) {
                    Some(parent) => self.servers.push(Server {
                        trace,
                        parent,
                        service,
                        seconds,
                        failed,
                        is_consumer,
                    }),
                    None => {
                        let client = if peer == NO_NAME { user } else { peer };
                        let edge = (client, service, Connection::VirtualNode);
                        self.count(edge, trace, seconds, failed);
                    }
                }
                continue;
            }
            let Role::Caller { is_messaging: is_producer } = role else { continue };
            let database = if role.may_ask_database() { first(&databases, row) } else { NO_NAME };
            if database != NO_NAME {
                let peers = [0, 1, 2].map(|at| named(&database_peers[at..=at], row));
                let node = match database_node(peers, named(&ports, row), database) {
                    DatabaseNode::Named(name) => name,
                    DatabaseNode::Address(address, port) => {
                        let text =
                            format!("{}:{}", self.names.text(address), self.names.text(port));
                        self.names.code(&text)
                    }
                };
                self.count((service, node, Connection::Database), trace, seconds, failed);
                continue;
            }
            let key = (trace, SpanId(bytes(ids.value(row))));
            let is_answered = false;
            self.add_client(
                key,
                Client { service, peer, seconds, failed, is_producer, is_answered },
            );
        }
        self.settle();
        Ok(())
    }

    fn merge(&mut self, later: Self) -> Result<(), EngineError> {
        let here = self.names.of_other(&later.names);
        let here = |code: u32| here[code as usize];
        for ((client, server, connection), calls) in later.edges {
            let edge = (here(client), here(server), connection);
            if self.edges.len() >= EDGES_MAX && !self.edges.contains_key(&edge) {
                self.unlisted += calls.calls;
                continue;
            }
            let of = self.edges.entry(edge).or_default();
            of.calls += calls.calls;
            of.failed += calls.failed;
            of.seconds.merge(calls.seconds);
            calls.trace_ids.into_iter().for_each(|trace| note(&mut of.trace_ids, trace));
        }
        for (service, asked) in later.services {
            let of = self.services.entry(here(service)).or_default();
            of.calls += asked.calls;
            of.failed += asked.failed;
        }
        for (key, client) in later.clients {
            let (service, peer) = (here(client.service), here(client.peer));
            self.add_client(key, Client { service, peer, ..client });
        }
        let servers = later.servers.into_iter();
        self.servers.extend(servers.map(|it| Server { service: here(it.service), ..it }));
        self.dropped += later.dropped;
        self.unlisted += later.unlisted;
        self.settle();
        Ok(())
    }
}

/// The first that names the row.
fn first(columns: &[Option<Vec<u32>>], row: usize) -> u32 {
    named(columns, row).unwrap_or(NO_NAME)
}

fn named(columns: &[Option<Vec<u32>>], row: usize) -> Option<u32> {
    let names = columns.iter().flatten().map(|codes| codes[row]);
    names.into_iter().find(|code| *code != NO_NAME)
}

fn bytes<const N: usize>(value: &[u8]) -> [u8; N] {
    value.try_into().expect("IDs have a fixed size")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: TraceId = TraceId([7; 16]);

    /// Numbers of names differ between parts.
    fn part(names: &[&str]) -> Pairing {
        let mut part = Pairing::default();
        for name in names {
            part.names.code(name);
        }
        part
    }

    fn client(part: &mut Pairing, id: u8, service: &str, is_producer: bool) {
        let service = part.names.code(service);
        let client = Client {
            service,
            peer: NO_NAME,
            seconds: 2.0,
            failed: false,
            is_producer,
            is_answered: false,
        };
        part.add_client((TRACE, SpanId([id; 8])), client);
    }

    fn server(part: &mut Pairing, parent: u8, service: &str) {
        let (service, parent) = (part.names.code(service), SpanId([parent; 8]));
        let (trace, seconds, failed, is_consumer) = (TRACE, 1.0, true, false);
        part.servers.push(Server { trace, parent, service, seconds, failed, is_consumer });
    }

    fn counted(part: &Pairing) -> Vec<(&str, &str, u64, u64)> {
        let edges = part.edges.iter().map(|(&(client, server, _), calls)| {
            (part.names.text(client), part.names.text(server), calls.calls, calls.failed)
        });
        let mut edges: Vec<_> = edges.collect();
        edges.sort_unstable();
        edges
    }

    #[test]
    fn sides_of_different_parts_find_each_other() {
        let (mut one, mut two, mut three) =
            (part(&["x", "kiosk"]), part(&["seats", "y", "z"]), part(&["printer"]));
        client(&mut one, 1, "kiosk", false);
        server(&mut one, 3, "audit");
        server(&mut two, 1, "seats");
        client(&mut two, 2, "seats", true);
        client(&mut two, 3, "kiosk", true);
        server(&mut three, 2, "printer");
        server(&mut three, 2, "printer");
        server(&mut three, 9, "printer");
        two.merge(three).unwrap();
        assert_eq!(counted(&two), [("seats", "printer", 2, 2)]);
        one.merge(two).unwrap();
        one.close();
        let expected =
            [("kiosk", "audit", 1, 1), ("kiosk", "seats", 1, 1), ("seats", "printer", 2, 2)];
        assert_eq!(counted(&one), expected);
        assert_eq!(one.unpaired, 1, "nobody is the parent of the last one");
    }

    #[test]
    fn what_finds_no_room_is_told() {
        let mut part = part(&[]);
        for number in 0..EDGES_MAX as u32 + 3 {
            part.count((number, 0, Connection::Call), TRACE, 1.0, false);
        }
        assert_eq!(part.edges.len(), EDGES_MAX);
        assert!(part.too_much().unwrap().contains("3 calls are of pairs beyond 10000"));
    }
}
