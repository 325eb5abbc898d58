//! Questions to the EC2 API, signed.

use super::{
    Ec2Discovery,
    credentials::{self, Credentials},
    instance::{self, Region},
    read::with_scheme,
    signature::{Scope, encode, sign},
    xml,
};
use crate::{
    config::HttpClient,
    discovery::{TargetGroup, source_client::SourceClient},
};
use reqwest::Url;
use sigyn_store::Clock;
use std::{collections::BTreeMap, sync::Arc};

/// Pages of one answer; a region with more instances than they hold is cut with an error.
const PAGES_MAX: usize = 1000;

pub(super) struct Api {
    discovery: Ec2Discovery,
    client: SourceClient,
    clock: Arc<dyn Clock>,
    /// Kept until shortly before they expire.
    credentials: Option<Credentials>,
    region: Option<String>,
    /// IDs of the availability zones by name; asked for until they are known.
    zones: BTreeMap<String, String>,
}

impl Api {
    pub(super) fn new(discovery: Ec2Discovery, clock: Arc<dyn Clock>) -> Self {
        // What is signed for one host has no business at another.
        let options = HttpClient { follow_redirects: false, ..discovery.http.clone() };
        let client = SourceClient::new(&options, discovery.refresh_interval.0 * 2);
        let region = discovery.region.clone();
        Self { discovery, client, clock, credentials: None, region, zones: BTreeMap::new() }
    }

    /// All instances as one group.
    pub(super) async fn groups(&mut self) -> Result<Vec<TargetGroup>, String> {
        let region = match self.region.clone() {
            Some(region) => region,
            None => {
                let region = credentials::region(&self.client).await?;
                self.region.insert(region).clone()
            }
        };
        self.renew_credentials(&region).await?;
        if self.zones.is_empty() {
            match self.zones(&region).await {
                Ok(zones) => self.zones = zones,
                // They are an ornament: a role may lack the right to see them.
                Err(reason) => tracing::debug!(reason, "cannot ask for the availability zones"),
            }
        }
        let mut group = TargetGroup { source: region.clone(), ..TargetGroup::default() };
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (index, (name, values)) in self.discovery.filters.iter().enumerate() {
            let filter = format!("Filter.{}", index + 1);
            parameters.push((format!("{filter}.Name"), name.clone()));
            parameters.extend(
                values
                    .iter()
                    .enumerate()
                    .map(|(index, value)| (format!("{filter}.Value.{}", index + 1), value.clone())),
            );
        }
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let mut page = parameters.clone();
            page.extend(token.take().map(|token| ("NextToken".to_owned(), token)));
            let answer = self.ask(&region, "DescribeInstances", &page).await?;
            let document = xml::parse(&answer)?;
            let root = document.root_element();
            let about = Region { name: &region, port: self.discovery.port, zones: &self.zones };
            for reservation in xml::items(root, "reservationSet") {
                let owner = xml::text(reservation, "ownerId");
                let instances = xml::items(reservation, "instancesSet");
                let targets = instances.filter_map(|it| instance::target(it, owner, &about));
                group.targets.extend(targets);
            }
            token = Some(xml::text(root, "nextToken").to_owned()).filter(|it| !it.is_empty());
            if token.is_none() {
                return Ok(vec![group]);
            }
        }
        Err(format!("the region {region} has more instances than {PAGES_MAX} pages hold"))
    }

    async fn zones(&self, region: &str) -> Result<BTreeMap<String, String>, String> {
        let answer = self.ask(region, "DescribeAvailabilityZones", &[]).await?;
        let document = xml::parse(&answer)?;
        let zones = xml::items(document.root_element(), "availabilityZoneInfo");
        let pair = |zone| (xml::text(zone, "zoneName").into(), xml::text(zone, "zoneId").into());
        Ok(zones.map(pair).collect())
    }

    async fn renew_credentials(&mut self, region: &str) -> Result<(), String> {
        let now = self.clock.now_unix_nano();
        if self.credentials.as_ref().is_none_or(|have| have.is_due(now)) {
            let found = credentials::find(&self.discovery, &self.client, region, now).await?;
            self.credentials = Some(found);
        }
        Ok(())
    }

    async fn ask(
        &self,
        region: &str,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<String, String> {
        let endpoint = match &self.discovery.endpoint {
            Some(endpoint) => with_scheme(endpoint),
            None => format!("https://ec2.{region}.{}", domain(region)),
        };
        let mut url = Url::parse(&endpoint).map_err(|error| format!("{endpoint}: {error}"))?;
        let mut query = format!("Action={action}&Version=2016-11-15");
        for (name, value) in parameters {
            query += &format!("&{}={}", encode(name), encode(value));
        }
        url.set_query(Some(&query));
        let credentials = self.credentials.as_ref().ok_or("there are no credentials")?;
        let now_unix_nano = self.clock.now_unix_nano();
        let scope = Scope { region, service: "ec2", now_unix_nano };
        let headers = sign(&url, credentials, &scope)?;
        let answer = self.client.get(&url, &headers, self.discovery.refresh_interval.0).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.good() {
            Ok(_) => Ok(text),
            Err(reason) => Err(format!("{action}: {}", xml::refusal(&text).unwrap_or(reason))),
        }
    }
}

/// Where a region's services live.
pub(super) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}
