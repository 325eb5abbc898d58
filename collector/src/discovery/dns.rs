//! `dns_sd_configs`: records of name servers.

use crate::{
    Labels,
    config::{
        Field, PrometheusDuration, Reading,
        print::{Printed, PrintedMap},
    },
    discovery::{DiscoveredTarget, TargetGroup, poll::every, provider::Emitter},
};
use futures::future::join_all;
use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{RData, RecordType},
    },
    system_conf,
};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};

/// One item of `dns_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsDiscovery {
    /// Names to look up.
    pub names: Vec<String>,
    /// Which records.
    pub record_type: DnsRecordType,
    /// Port of the targets, for all records but SRV.
    pub port: u16,
    /// Time between two look-ups.
    pub refresh_interval: PrometheusDuration,
}

/// The records that can be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DnsRecordType {
    /// Hosts with their ports.
    #[default]
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// Name servers.
    Ns,
}

/// Gives the name servers and the search list; called for each refresh, so that a change of
/// `/etc/resolv.conf` needs no restart.
type Servers = Arc<dyn Fn() -> Result<(ResolverConfig, ResolverOpts), NetError> + Send + Sync>;

/// A name server that says nothing for so long is passed over.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

impl DnsDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let names = fields.take("names").map(|field| reading.texts(&field)).unwrap_or_default();
        if names.is_empty() {
            reading.error(field, "`names` must hold at least one name to look up");
        }
        let record_type = match fields.take("type") {
            Some(field) => reading.parse(&field).unwrap_or_default(),
            None => DnsRecordType::default(),
        };
        let port = fields.take("port").and_then(|field| reading.parse::<u16>(&field));
        if port.is_none_or(|port| port == 0) && record_type != DnsRecordType::Srv {
            let message = format!("`port` is needed, since {record_type} records have none");
            reading.error(field, message);
        }
        let refresh = fields.take("refresh_interval");
        let refresh = refresh.and_then(|field| reading.positive_duration(&field));
        fields.finish(reading);
        Some(Self {
            names,
            record_type,
            port: port.unwrap_or(0),
            refresh_interval: refresh.unwrap_or(PrometheusDuration::from_seconds(30)),
        })
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("names", Printed::texts(&self.names))
            .add("type", Printed::text(self.record_type))
            .limit("port", u64::from(self.port))
            .add("refresh_interval", Printed::text(self.refresh_interval));
        map.done()
    }

    pub(crate) async fn run(self, emitter: Emitter) {
        self.run_with(Arc::new(system_conf::read_system_conf), emitter).await;
    }

    async fn run_with(self, servers: Servers, emitter: Emitter) {
        let mut ticks = every(self.refresh_interval.0);
        loop {
            ticks.tick().await;
            match Lookup::new(&servers) {
                Ok(lookup) => {
                    let names = self.names.iter().map(|name| self.refresh(name, &lookup, &emitter));
                    join_all(names).await;
                }
                Err(error) => emitter.failed(&format!("cannot read /etc/resolv.conf: {error}")),
            }
        }
    }

    /// Names are looked up apart: one that fails keeps its targets while others change.
    async fn refresh(&self, name: &str, lookup: &Lookup, emitter: &Emitter) {
        match lookup.records(name, self.record_type).await {
            Ok(records) => {
                let targets = records.iter().filter_map(|record| self.target(name, record));
                let targets = targets.collect();
                let source = name.to_owned();
                emitter.update([TargetGroup { source, labels: Labels::new(), targets }]);
            }
            Err(error) => {
                let what = format!("cannot look up {name} ({})", self.record_type);
                emitter.failed(&format!("{what}: {error}; the targets found before stay"));
            }
        }
    }

    fn target(&self, name: &str, record: &RData) -> Option<DiscoveredTarget> {
        let mut labels = Labels::new();
        labels.set("__meta_dns_name", name);
        let with_port = |host: String, port: u16| match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{}:{port}", host.trim_end_matches('.')),
        };
        let address = match record {
            RData::SRV(srv) => {
                let target = srv.target.to_string();
                labels.set("__meta_dns_srv_record_target", &target);
                labels.set("__meta_dns_srv_record_port", srv.port.to_string());
                with_port(target, srv.port)
            }
            RData::A(address) => with_port(address.to_string(), self.port),
            RData::AAAA(address) => with_port(address.to_string(), self.port),
            RData::MX(mx) => {
                let target = mx.exchange.to_string();
                labels.set("__meta_dns_mx_record_target", &target);
                with_port(target, self.port)
            }
            RData::NS(ns) => {
                let target = ns.0.to_string();
                labels.set("__meta_dns_ns_record_target", &target);
                with_port(target, self.port)
            }
            // The way to an address leads over CNAME records, which are none.
            _ => return None,
        };
        labels.set("__address__", address);
        Some(DiscoveredTarget { labels, ending: false })
    }
}

/// The name servers of one refresh.
struct Lookup {
    resolver: TokioResolver,
    search: Vec<String>,
    ndots: usize,
}

impl Lookup {
    fn new(servers: &Servers) -> Result<Self, NetError> {
        let (config, mut options) = servers()?;
        let search = config.search().iter().map(|suffix| suffix.to_utf8()).collect();
        let ndots = options.ndots;
        // Records are wanted as they are now, and from name servers only.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = options.timeout.min(ANSWER_TIMEOUT);
        let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build()?;
        Ok(Self { resolver, search, ndots })
    }

    /// All records of a name. None when each way to complete the name was answered by "there is no
    /// such name", or the first that exists has none; an error when it cannot be known.
    async fn records(&self, name: &str, kind: DnsRecordType) -> Result<Vec<RData>, NetError> {
        let mut unknown = None;
        for name in self.completions(name) {
            match self.resolver.lookup(name, kind.into()).await {
                Ok(found) => {
                    return Ok(found.answers().iter().map(|record| record.data.clone()).collect());
                }
                Err(NetError::Dns(DnsError::NoRecordsFound(why))) => match why.response_code {
                    ResponseCode::NoError => return Ok(Vec::new()),
                    ResponseCode::NXDomain => {}
                    code => {
                        unknown = Some(NetError::from(format!("the name server answered {code}")));
                    }
                },
                Err(error) => unknown = Some(error),
            }
        }
        unknown.map_or_else(|| Ok(Vec::new()), Err)
    }

    /// The full names that a name may stand for, in the order in which they are tried.
    fn completions(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let whole = format!("{name}.");
        let has_dots = name.matches('.').count() >= self.ndots;
        let mut names = Vec::new();
        names.extend(has_dots.then(|| whole.clone()));
        names.extend(self.search.iter().map(|suffix| {
            let suffix = suffix.trim_end_matches('.');
            if suffix.is_empty() { whole.clone() } else { format!("{name}.{suffix}.") }
        }));
        names.extend((!has_dots).then_some(whole));
        names
    }
}

impl From<DnsRecordType> for RecordType {
    fn from(kind: DnsRecordType) -> Self {
        match kind {
            DnsRecordType::Srv => Self::SRV,
            DnsRecordType::A => Self::A,
            DnsRecordType::Aaaa => Self::AAAA,
            DnsRecordType::Mx => Self::MX,
            DnsRecordType::Ns => Self::NS,
        }
    }
}

impl fmt::Display for DnsRecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordType::from(*self).fmt(f)
    }
}

impl FromStr for DnsRecordType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "SRV" => Ok(Self::Srv),
            "A" => Ok(Self::A),
            "AAAA" => Ok(Self::Aaaa),
            "MX" => Ok(Self::Mx),
            "NS" => Ok(Self::Ns),
            _ => Err(format!("{text:?} is none of the record types SRV, A, AAAA, MX, NS")),
        }
    }
}

#[cfg(test)]
mod tests;
