//! Reads and prints an item of `ec2_sd_configs`.

use super::Ec2Discovery;
use crate::{
    config::{
        Field, PrometheusDuration, Reading, Secret,
        http_read::read_http,
        print::{Printed, PrintedMap},
    },
    discovery::{
        docker::{print_filters, read_filters},
        http::is_http_url,
    },
};

impl Ec2Discovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let mut text = |key| {
            let found = fields.take(key).and_then(|field| reading.text(&field));
            found.filter(|text| !text.is_empty())
        };
        let (region, endpoint) = (text("region"), text("endpoint"));
        let (access_key, secret_key) = (text("access_key"), text("secret_key"));
        let (profile, role_arn) = (text("profile"), text("role_arn"));
        let external_id = text("external_id");
        if let Some(endpoint) = &endpoint {
            let with_scheme = with_scheme(endpoint);
            if !is_http_url(&with_scheme) {
                reading.error(field, format!("{endpoint:?} is not a host or an http or https URL"));
            }
        }
        let keys = match (access_key, secret_key) {
            (Some(id), Some(key)) => Some((id, Secret::new(key))),
            (None, None) => None,
            _ => {
                reading.error(field, "`access_key` and `secret_key` belong together");
                None
            }
        };
        if external_id.is_some() && role_arn.is_none() {
            reading.error(field, "`external_id` has no use without `role_arn`");
        }
        let port = fields.take("port").and_then(|field| reading.parse(&field)).unwrap_or(80);
        let refresh = fields.take("refresh_interval");
        let refresh = refresh.and_then(|field| reading.positive_duration(&field));
        let filters = fields.take("filters");
        let filters = filters.map(|field| read_filters(reading, &field)).unwrap_or_default();
        let http = read_http(reading, &mut fields);
        fields.finish(reading);
        Some(Self {
            region,
            endpoint,
            keys,
            profile,
            role_arn,
            external_id,
            port,
            filters,
            refresh_interval: refresh.unwrap_or(PrometheusDuration::from_seconds(60)),
            http,
        })
    }

    pub(crate) fn print(&self) -> Printed {
        let text = |text: &Option<String>| text.as_ref().map(Printed::text);
        let mut map = PrintedMap::default();
        map.maybe("region", text(&self.region)).maybe("endpoint", text(&self.endpoint));
        if let Some((id, key)) = &self.keys {
            map.add("access_key", Printed::text(id)).add("secret_key", Printed::text(key));
        }
        map.maybe("profile", text(&self.profile))
            .maybe("role_arn", text(&self.role_arn))
            .maybe("external_id", text(&self.external_id))
            .add("port", Printed::Number(u64::from(self.port)))
            .list("filters", print_filters(&self.filters))
            .add("refresh_interval", Printed::text(self.refresh_interval))
            .http(&self.http);
        map.done()
    }
}

/// An endpoint may be a bare host.
pub(super) fn with_scheme(endpoint: &str) -> String {
    match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false => format!("https://{endpoint}"),
    }
}
