use super::*;
use crate::discovery::{Metrics, provider::ProviderState};
use hickory_resolver::{
    config::{ConnectionConfig, NameServerConfig, ProtocolConfig},
    proto::rr::{
        Name, Record,
        rdata::{A, AAAA, CNAME, MX, NS, SOA, SRV},
    },
};
use hickory_server::{
    Server,
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::Notify,
};

fn name(text: &str) -> Name {
    Name::from_str(text).unwrap()
}

/// A name server for `shop.test.` with these records; on the given port, or on a free one.
async fn serve(records: &[(&str, RData)], port: u16) -> (Server<Catalog>, SocketAddr) {
    let origin = name("shop.test.");
    let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
        InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(name("ns.shop.test."), name("admin.shop.test."), 1, 60, 60, 60, 60);
    zone.upsert_mut(Record::from_rdata(origin.clone(), 60, RData::SOA(soa)), 0);
    for (owner, data) in records {
        zone.upsert_mut(Record::from_rdata(name(owner), 60, data.clone()), 0);
    }
    let mut catalog = Catalog::new();
    catalog.upsert(origin.into(), vec![Arc::new(zone)]);
    let mut server = Server::new(catalog);
    let udp = UdpSocket::bind(("127.0.0.1", port)).await.unwrap();
    let address = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(address).await.unwrap();
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(5), 64);
    (server, address)
}

/// Only a server that has ended has given its port back.
async fn stop(mut server: Server<Catalog>) {
    server.shutdown_gracefully().await.unwrap();
}

/// Discovery that asks one name server, with `shop.test.` to complete names.
fn servers(address: SocketAddr) -> Servers {
    Arc::new(move || {
        let connection = |protocol| {
            let mut connection = ConnectionConfig::new(protocol);
            connection.port = address.port();
            connection
        };
        let connections = vec![connection(ProtocolConfig::Udp), connection(ProtocolConfig::Tcp)];
        let server = NameServerConfig::new(address.ip(), true, connections);
        let config = ResolverConfig::from_parts(None, vec![name("shop.test.")], vec![server]);
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_millis(200);
        options.attempts = 1;
        Ok((config, options))
    })
}

struct Rig {
    state: Arc<ProviderState>,
    changed: Arc<Notify>,
    metrics: Metrics,
    task: tokio::task::JoinHandle<()>,
}

impl Rig {
    fn start(address: SocketAddr, names: &[&str], kind: DnsRecordType, port: u16) -> Self {
        let discovery = DnsDiscovery {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            record_type: kind,
            port,
            refresh_interval: PrometheusDuration(Duration::from_millis(50)),
        };
        let (state, changed) = (Arc::new(ProviderState::default()), Arc::new(Notify::new()));
        let metrics = Metrics::default();
        let emitter =
            Emitter::new("dns", Arc::clone(&state), Arc::clone(&changed), metrics.clone());
        let task = tokio::spawn(discovery.run_with(servers(address), emitter));
        Self { state, changed, metrics, task }
    }

    fn targets(&self) -> Vec<String> {
        let groups = self.state.groups();
        let targets = groups.iter().flat_map(|group| &group.targets);
        let mut targets: Vec<String> = targets.map(|target| target.labels.to_string()).collect();
        targets.sort();
        targets
    }

    async fn until(&self, wanted: &[&str]) {
        let waiting = async {
            while self.targets() != wanted {
                self.changed.notified().await;
            }
        };
        let result = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert!(result.is_ok(), "{:#?}", self.targets());
    }

    async fn until_failed(&self) {
        let failures = self.metrics.failures("dns");
        while self.metrics.failures("dns") <= failures + 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn srv(number: u16) -> RData {
    RData::SRV(SRV::new(0, 0, 8000 + number, name(&format!("cart-{number}.shop.test."))))
}

#[tokio::test]
async fn srv_records_come_change_and_go() {
    let one = [("_http._tcp.shop.test.", srv(1))];
    let (server, address) = serve(&one, 0).await;
    // The other name is one that nobody knows.
    let names = ["_http._tcp.shop.test.", "absent.shop.test."];
    let rig = Rig::start(address, &names, DnsRecordType::Srv, 0);
    let first = r#"{__address__="cart-1.shop.test:8001", __meta_dns_name="_http._tcp.shop.test.", __meta_dns_srv_record_port="8001", __meta_dns_srv_record_target="cart-1.shop.test."}"#;
    rig.until(&[first]).await;
    assert_eq!(rig.state.groups()[0].source, "_http._tcp.shop.test.");

    // A dead name server takes nothing away.
    stop(server).await;
    rig.until_failed().await;
    assert_eq!(rig.targets(), [first]);

    // An answer too long for UDP comes over TCP.
    let many: Vec<_> = (0..100).map(|number| ("_http._tcp.shop.test.", srv(number))).collect();
    let (server, _) = serve(&many, address.port()).await;
    let all = async {
        while rig.targets().len() != 100 {
            rig.changed.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("all records must come");

    // A name that is gone takes its targets along.
    stop(server).await;
    let (_server, _) = serve(&[], address.port()).await;
    rig.until(&[]).await;
}

#[tokio::test]
async fn every_type_of_record_makes_targets() {
    let records = [
        ("a.shop.test.", RData::A(A(Ipv4Addr::new(10, 0, 0, 1)))),
        ("alias.shop.test.", RData::CNAME(CNAME(name("a.shop.test.")))),
        ("six.shop.test.", RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))),
        ("mail.shop.test.", RData::MX(MX::new(10, name("mx.shop.test.")))),
        ("zone.shop.test.", RData::NS(NS(name("ns1.shop.test.")))),
    ];
    let (_server, address) = serve(&records, 0).await;
    for (asked, kind, wanted) in [
        (
            "a.shop.test",
            DnsRecordType::A,
            r#"{__address__="10.0.0.1:81", __meta_dns_name="a.shop.test"}"#,
        ),
        (
            "alias.shop.test",
            DnsRecordType::A,
            r#"{__address__="10.0.0.1:81", __meta_dns_name="alias.shop.test"}"#,
        ),
        ("six", DnsRecordType::Aaaa, r#"{__address__="[fd00::1]:81", __meta_dns_name="six"}"#),
        (
            "mail",
            DnsRecordType::Mx,
            r#"{__address__="mx.shop.test:81", __meta_dns_mx_record_target="mx.shop.test.", __meta_dns_name="mail"}"#,
        ),
        (
            "zone",
            DnsRecordType::Ns,
            r#"{__address__="ns1.shop.test:81", __meta_dns_name="zone", __meta_dns_ns_record_target="ns1.shop.test."}"#,
        ),
    ] {
        Rig::start(address, &[asked], kind, 81).until(&[wanted]).await;
    }
}

#[tokio::test]
async fn a_refusal_is_not_an_absence() {
    let (_server, address) = serve(&[("a.shop.test.", RData::A(A::new(10, 0, 0, 1)))], 0).await;
    // A zone that the server does not have is refused: it cannot be known whether there is such a name.
    let rig = Rig::start(address, &["x.elsewhere.test."], DnsRecordType::A, 81);
    rig.until_failed().await;
}

#[test]
fn names_are_completed_as_the_system_says() {
    let lookup = |ndots| {
        let resolver = Resolver::builder_with_config(
            ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
            TokioRuntimeProvider::default(),
        );
        Lookup {
            resolver: resolver.build().unwrap(),
            search: vec!["shop.svc.".to_owned(), "svc.".to_owned()],
            ndots,
        }
    };
    assert_eq!(lookup(1).completions("a."), ["a."]);
    assert_eq!(lookup(1).completions("a"), ["a.shop.svc.", "a.svc.", "a."]);
    assert_eq!(lookup(1).completions("a.b"), ["a.b.", "a.b.shop.svc.", "a.b.svc."]);
    assert_eq!(lookup(5).completions("a.b"), ["a.b.shop.svc.", "a.b.svc.", "a.b."]);
}
