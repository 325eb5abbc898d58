//! Reads an item of `kubernetes_sd_configs`.

use super::{Access, Attach, KubernetesDiscovery, Role, Selector, selector};
use crate::config::{
    Field, HttpClient, Reading,
    http_read::{HTTP_KEYS, read_http},
};
use std::collections::BTreeMap;

impl KubernetesDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let errors_before = reading.errors.len();
        let mut fields = reading.map(field)?;
        let role = match fields.take("role") {
            Some(field) => reading.parse(&field),
            None => {
                reading.error(field, "`role` is needed; `role: pod` finds span buffers");
                None
            }
        };
        let mut discovery = Self {
            role: role.unwrap_or(Role::Pod),
            access: Access::InCluster,
            namespaces: Vec::new(),
            own_namespace: false,
            selectors: BTreeMap::new(),
            attach: Attach::default(),
            keep_finished_pods: false,
        };

        let api_server = fields.take("api_server");
        let kubeconfig = fields.take("kubeconfig_file");
        let has_http = HTTP_KEYS.iter().any(|key| fields.has(key));
        let http = read_http(reading, &mut fields);
        // An option that only repeats the default is none, as in Prometheus.
        let has_http = has_http && http != HttpClient::default();
        match (&api_server, &kubeconfig) {
            (Some(_), Some(field)) => {
                reading.error(field, "`kubeconfig_file` and `api_server` exclude each other");
            }
            (None, Some(field)) if has_http => {
                reading.error(field, "HTTP options cannot stand beside `kubeconfig_file`");
            }
            (None, None) if has_http => {
                reading.error(field, "HTTP options need `api_server`");
            }
            _ => {}
        }
        if let Some(field) = &api_server {
            let url = reading.text(field)?;
            let is_url = reqwest::Url::parse(&url)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !is_url {
                reading.error(field, format!("{url:?} is not an http or https URL"));
            }
            discovery.access = Access::ApiServer { url, http: Box::new(http) };
        } else if let Some(field) = &kubeconfig {
            discovery.access = Access::Kubeconfig(reading.path(field)?);
        }

        if let Some(field) = fields.take("namespaces") {
            let mut namespaces = reading.map(&field)?;
            if let Some(names) = namespaces.take("names") {
                discovery.namespaces = reading.texts(&names);
                discovery.namespaces.sort();
                discovery.namespaces.dedup();
            }
            if let Some(own) = namespaces.take("own_namespace") {
                discovery.own_namespace = reading.boolean(&own)?;
                if discovery.own_namespace && discovery.access != Access::InCluster {
                    reading.error(
                        &own,
                        "`own_namespace` works only inside a cluster, without `api_server` and \
                         `kubeconfig_file`",
                    );
                }
            }
            namespaces.finish(reading);
        }
        if let Some(field) = fields.take("selectors") {
            discovery.read_selectors(reading, &field);
        }
        if let Some(field) = fields.take("attach_metadata") {
            let mut attach = reading.map(&field)?;
            let wanted = &mut discovery.attach;
            for (key, wanted) in [
                ("node", &mut wanted.node),
                ("namespace", &mut wanted.namespace),
                ("deployment", &mut wanted.deployment),
                ("job", &mut wanted.job),
                ("cronjob", &mut wanted.cronjob),
            ] {
                if let Some(field) = attach.take(key) {
                    *wanted = reading.boolean(&field)?;
                }
            }
            attach.finish(reading);
        }
        if let Some(field) = fields.take("keep_finished_pods") {
            discovery.keep_finished_pods = reading.boolean(&field)?;
        }
        fields.finish(reading);
        (reading.errors.len() == errors_before).then_some(discovery)
    }

    fn read_selectors(&mut self, reading: &mut Reading<'_>, field: &Field<'_>) {
        let selectable = self.role.selectable();
        for item in reading.list(field) {
            let Some(mut fields) = reading.map(&item) else { continue };
            let role = fields.take("role").and_then(|field| reading.parse::<Role>(&field));
            let label = fields.take("label").and_then(|field| reading.text(&field));
            let field = fields.take("field").and_then(|field| reading.text(&field));
            fields.finish(reading);
            let Some(role) = role.filter(|role| selectable.contains(role)) else {
                let names: Vec<&str> = selectable.iter().map(|role| role.name()).collect();
                let message = format!("a selector's `role` must be {} here", names.join(" or "));
                reading.error(&item, message);
                continue;
            };
            for selector in [&label, &field].into_iter().flatten() {
                if let Err(reason) = selector::check(selector) {
                    let message = format!("{selector:?} is not a selector: {reason}");
                    reading.error(&item, message);
                }
            }
            let is_something = |text: &String| !text.is_empty();
            let selector =
                Selector { label: label.filter(is_something), field: field.filter(is_something) };
            if self.selectors.insert(role, selector).is_some() {
                let message = format!("there can be only one selector for the role {role}");
                reading.error(&item, message);
            }
        }
    }
}
