//! Reads and prints an item of `docker_sd_configs`.

use super::DockerDiscovery;
use crate::config::{
    Field, PrometheusDuration, Reading,
    http_read::read_http,
    print::{Printed, PrintedMap},
};
use reqwest::Url;

impl DockerDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let host = fields.take("host").and_then(|field| reading.text(&field)).unwrap_or_default();
        let is_url = Url::parse(&host).is_ok_and(|url| match url.scheme() {
            "unix" => !url.path().is_empty(),
            "tcp" | "http" | "https" => url.has_host(),
            _ => false,
        });
        if host.is_empty() {
            reading.error(field, "`host` is needed, such as unix:///var/run/docker.sock");
        } else if !is_url {
            let message = format!("{host:?} is not a unix, tcp, http or https URL of a daemon");
            reading.error(field, message);
        }
        let port = fields.take("port").and_then(|field| reading.parse(&field)).unwrap_or(80);
        let networking = fields.take("host_networking_host");
        let networking = networking.and_then(|field| reading.text(&field));
        let first = fields.take("match_first_network").and_then(|field| reading.boolean(&field));
        let refresh = fields.take("refresh_interval");
        let refresh = refresh.and_then(|field| reading.positive_duration(&field));
        let filters = fields.take("filters");
        let filters = filters.map(|field| read_filters(reading, &field)).unwrap_or_default();
        let http = read_http(reading, &mut fields);
        fields.finish(reading);
        Some(Self {
            host,
            port,
            filters,
            host_networking_host: networking.unwrap_or_else(|| "localhost".to_owned()),
            match_first_network: first.unwrap_or(true),
            refresh_interval: refresh.unwrap_or(PrometheusDuration::from_seconds(60)),
            http,
        })
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("host", Printed::text(&self.host))
            .add("port", Printed::Number(u64::from(self.port)))
            .list("filters", print_filters(&self.filters))
            .add("host_networking_host", Printed::text(&self.host_networking_host))
            .add("match_first_network", Printed::Boolean(self.match_first_network))
            .add("refresh_interval", Printed::text(self.refresh_interval))
            .http(&self.http);
        map.done()
    }
}

/// Reads a list of `{name: …, values: […]}`.
pub(in crate::discovery) fn read_filters(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
) -> Vec<(String, Vec<String>)> {
    let mut filters = Vec::new();
    for item in reading.list(field) {
        let Some(mut fields) = reading.map(&item) else { continue };
        let name = fields.take("name").and_then(|field| reading.text(&field)).unwrap_or_default();
        let values = fields.take("values").map(|field| reading.texts(&field)).unwrap_or_default();
        fields.finish(reading);
        if name.is_empty() || values.is_empty() {
            reading.error(&item, "a filter needs a `name` and at least one of `values`");
        }
        filters.push((name, values));
    }
    filters
}

pub(in crate::discovery) fn print_filters(filters: &[(String, Vec<String>)]) -> Printed {
    let filter = |(name, values): &(String, Vec<String>)| {
        let mut map = PrintedMap::default();
        map.add("name", Printed::text(name)).add("values", Printed::texts(values));
        map.done()
    };
    Printed::List(filters.iter().map(filter).collect())
}
