//! When one span calls another: the rules of a service graph, whoever draws it.
//!
//! A call is a client span and the server span whose parent it is, or a producer and each of its consumers. What has no span of its
//! own (a database, a service that is not instrumented, a user) is named by the attributes of the side that has one. Names are of
//! any type `N`: texts, or numbers that stand for them.

/// A client span with one of these talks to a database, which has no span of its own.
pub const DATABASE_ATTRIBUTES: [&str; 4] =
    ["db.namespace", "db.name", "db.system", "db.system.name"];
/// What names the database's node, before the attribute that made it one. The last is an address.
pub const DATABASE_PEER_ATTRIBUTES: [&str; 3] =
    ["peer.service", "server.address", "network.peer.address"];
/// Stands behind an address.
pub const PORT_ATTRIBUTE: &str = "network.peer.port";
/// What names the other side of a call that nobody answered, unless somebody configures other ones.
pub const PEER_ATTRIBUTES: [&str; 4] = ["peer.service", "db.name", "db.system", "db.system.name"];
/// The client of a root of which nobody says who called it.
pub const USER: &str = "user";

const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const PRODUCER: u8 = 4;
const CONSUMER: u8 = 5;
const ERROR: u8 = 2;

/// How two nodes are connected, in the words of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// Client and server, each with a span.
    Call,
    /// Producer and consumer.
    MessagingSystem,
    /// A client span that speaks to a database, which has no spans.
    Database,
    /// One side has no span; the other one's attributes name it, or it is the `user`.
    VirtualNode,
}

/// What a span is in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It calls, or sends.
    Caller {
        /// It sends, and any number of others receive.
        is_messaging: bool,
    },
    /// It is called, or receives.
    Called {
        /// It receives.
        is_messaging: bool,
    },
    /// It has no part in calls.
    Bystander,
}

/// The node of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseNode<N> {
    /// By its name.
    Named(N),
    /// By address and port: `address:port`.
    Address(N, N),
}

impl Connection {
    /// The value of the label `connection_type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Call => "",
            Self::MessagingSystem => "messaging_system",
            Self::Database => "database",
            Self::VirtualNode => "virtual_node",
        }
    }

    /// Of two sides that have found each other.
    pub fn of_sides(caller_is_messaging: bool, called_is_messaging: bool) -> Self {
        if caller_is_messaging || called_is_messaging { Self::MessagingSystem } else { Self::Call }
    }
}

impl Role {
    /// Of a span by its OTLP kind.
    pub fn of_kind(kind: u8) -> Self {
        match kind {
            CLIENT => Self::Caller { is_messaging: false },
            PRODUCER => Self::Caller { is_messaging: true },
            SERVER => Self::Called { is_messaging: false },
            CONSUMER => Self::Called { is_messaging: true },
            _ => Self::Bystander,
        }
    }

    /// Whether one of [`DATABASE_ATTRIBUTES`] makes its other side a database.
    pub fn may_ask_database(self) -> bool {
        self == Self::Caller { is_messaging: false }
    }
}

/// Whether a span failed, by its OTLP status code. A call failed if either side did.
pub fn is_failed(status_code: u8) -> bool {
    status_code == ERROR
}

/// The node of a database: by the first of [`DATABASE_PEER_ATTRIBUTES`] that is there, else by the attribute that made it one.
pub fn database_node<N>(
    peers: [Option<N>; DATABASE_PEER_ATTRIBUTES.len()],
    port: Option<N>,
    database: N,
) -> DatabaseNode<N> {
    let [service, name, address] = peers;
    match (service.or(name), address, port) {
        (Some(name), _, _) => DatabaseNode::Named(name),
        (None, Some(address), Some(port)) => DatabaseNode::Address(address, port),
        (None, Some(address), None) => DatabaseNode::Named(address),
        (None, None, _) => DatabaseNode::Named(database),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_roles() {
        let messaging =
            |is_messaging| (Role::Caller { is_messaging }, Role::Called { is_messaging });
        assert_eq!((Role::of_kind(3), Role::of_kind(2)), messaging(false));
        assert_eq!((Role::of_kind(4), Role::of_kind(5)), messaging(true));
        assert_eq!((Role::of_kind(1), Role::of_kind(0)), (Role::Bystander, Role::Bystander));
        let ask: Vec<u8> = (0..6).filter(|kind| Role::of_kind(*kind).may_ask_database()).collect();
        assert_eq!(ask, [3]);
    }

    #[test]
    fn a_database_is_named_by_what_says_most() {
        use DatabaseNode::{Address, Named};
        let node = |peers| database_node(peers, Some("5432"), "shop");
        assert_eq!(
            node([Some("seats-db"), Some("db.example"), Some("10.0.0.7")]),
            Named("seats-db")
        );
        assert_eq!(node([None, Some("db.example"), Some("10.0.0.7")]), Named("db.example"));
        assert_eq!(node([None, None, Some("10.0.0.7")]), Address("10.0.0.7", "5432"));
        assert_eq!(database_node([None, None, Some("a")], None, "shop"), Named("a"));
        assert_eq!(node([None; 3]), Named("shop"));
    }
}
