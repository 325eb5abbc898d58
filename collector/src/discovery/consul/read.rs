//! Reads and prints an item of `consul_sd_configs`.

use super::ConsulDiscovery;
use crate::config::{
    Authentication, Field, PrometheusDuration, Reading, Secret, SecretSource,
    http_read::read_http,
    print::{Printed, PrintedMap},
};

impl ConsulDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let mut text = |key, default: &str| {
            let found = fields.take(key).and_then(|field| reading.text(&field));
            found.unwrap_or_else(|| default.to_owned())
        };
        let mut discovery = Self {
            server: text("server", "localhost:8500"),
            scheme: text("scheme", "http"),
            path_prefix: text("path_prefix", ""),
            token: Some(text("token", "")).filter(|text| !text.is_empty()).map(Secret::new),
            datacenter: text("datacenter", ""),
            namespace: text("namespace", ""),
            partition: text("partition", ""),
            tag_separator: text("tag_separator", ","),
            filter: text("filter", ""),
            health_filter: text("health_filter", ""),
            allow_stale: true,
            refresh_interval: PrometheusDuration::from_seconds(30),
            services: Vec::new(),
            tags: Vec::new(),
            node_meta: Vec::new(),
            http: Default::default(),
        };
        let (username, password) = (text("username", ""), text("password", ""));
        if let Some(field) = fields.take("allow_stale") {
            discovery.allow_stale = reading.boolean(&field).unwrap_or(true);
        }
        let refresh = fields.take("refresh_interval");
        if let Some(refresh) = refresh.and_then(|field| reading.positive_duration(&field)) {
            discovery.refresh_interval = refresh;
        }
        if let Some(field) = fields.take("services") {
            discovery.services = reading.texts(&field);
        }
        if let Some(field) = fields.take("tags") {
            discovery.tags = reading.texts(&field);
        }
        if let Some(field) = fields.take("node_meta") {
            discovery.node_meta = reading.text_map(&field);
            discovery.node_meta.sort();
        }
        discovery.http = read_http(reading, &mut fields);
        fields.finish(reading);

        if discovery.server.trim().is_empty() {
            reading.error(field, "`server` is empty; it is a host and port such as localhost:8500");
        }
        if !matches!(discovery.scheme.as_str(), "http" | "https") {
            let message = format!("the scheme {:?} is neither http nor https", discovery.scheme);
            reading.error(field, message);
        }
        let has_user = !username.is_empty() || !password.is_empty();
        let has_http = discovery.http.authentication != Authentication::None;
        if [has_user, has_http, discovery.token.is_some()].iter().filter(|it| **it).count() > 1 {
            reading.error(
                field,
                "only one way to authenticate is allowed: `token`, `username` and `password`, or \
                 one of the HTTP options",
            );
        }
        if has_user {
            discovery.http.authentication = Authentication::Basic {
                username: SecretSource::Inline(Secret::new(username)),
                password: Some(SecretSource::Inline(Secret::new(password))),
            };
        }
        Some(discovery)
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("server", Printed::text(&self.server)).add("scheme", Printed::text(&self.scheme));
        map.maybe("token", self.token.as_ref().map(Printed::text));
        for (key, value) in [
            ("path_prefix", &self.path_prefix),
            ("datacenter", &self.datacenter),
            ("namespace", &self.namespace),
            ("partition", &self.partition),
            ("filter", &self.filter),
            ("health_filter", &self.health_filter),
        ] {
            map.maybe(key, (!value.is_empty()).then(|| Printed::text(value)));
        }
        map.add("tag_separator", Printed::text(&self.tag_separator))
            .add("allow_stale", Printed::Boolean(self.allow_stale))
            .add("refresh_interval", Printed::text(self.refresh_interval))
            .list("services", Printed::texts(&self.services))
            .list("tags", Printed::texts(&self.tags));
        if !self.node_meta.is_empty() {
            let node_meta = self.node_meta.iter();
            let node_meta = node_meta.map(|(key, value)| (key.clone(), Printed::text(value)));
            map.add("node_meta", Printed::Map(node_meta.collect()));
        }
        map.http(&self.http);
        map.done()
    }
}
