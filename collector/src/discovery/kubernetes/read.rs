//! Reads an item of `kubernetes_sd_configs`.

use super::{Access, KubernetesDiscovery};
use crate::config::{
    Field, HttpClient, Reading,
    http_read::{HTTP_KEYS, read_http},
};

const ROLES: [&str; 6] = ["node", "pod", "service", "endpoints", "endpointslice", "ingress"];

impl KubernetesDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let errors_before = reading.errors.len();
        let mut fields = reading.map(field)?;
        let mut discovery = Self {
            access: Access::InCluster,
            namespaces: Vec::new(),
            own_namespace: false,
            label_selector: None,
            field_selector: None,
            attach_namespace: false,
            attach_node: false,
            keep_finished_pods: false,
        };
        match fields.take("role") {
            None => reading.error(field, "`role` is needed; `role: pod` finds span buffers"),
            Some(field) => match reading.text(&field)?.as_str() {
                "pod" => {}
                role if ROLES.contains(&role) => {
                    reading.error(&field, format!("the role {role} is not supported yet; use pod"));
                }
                role => {
                    let roles = ROLES.join(", ");
                    reading.error(&field, format!("{role:?} is none of the roles {roles}"));
                }
            },
        }

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
            for key in ["node", "namespace", "deployment", "job", "cronjob"] {
                let Some(field) = attach.take(key) else { continue };
                let wanted = reading.boolean(&field)?;
                match key {
                    "node" => discovery.attach_node = wanted,
                    "namespace" => discovery.attach_namespace = wanted,
                    _ if wanted => {
                        reading.error(&field, format!("attaching `{key}` is not supported yet"));
                    }
                    _ => {}
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
        let mut has_pod = false;
        for item in reading.list(field) {
            let Some(mut fields) = reading.map(&item) else { continue };
            let role = fields.take("role").and_then(|field| reading.text(&field));
            let label = fields.take("label").and_then(|field| reading.text(&field));
            let field = fields.take("field").and_then(|field| reading.text(&field));
            fields.finish(reading);
            match role.as_deref() {
                Some("pod") if has_pod => {
                    reading.error(&item, "there can be only one selector for the role pod");
                }
                Some("pod") => {
                    has_pod = true;
                    for selector in [&label, &field].into_iter().flatten() {
                        if let Err(reason) = check_selector(selector) {
                            let message = format!("{selector:?} is not a selector: {reason}");
                            reading.error(&item, message);
                        }
                    }
                    self.label_selector = label.filter(|text| !text.is_empty());
                    self.field_selector = field.filter(|text| !text.is_empty());
                }
                Some("node") => reading.error(
                    &item,
                    "a node selector is not supported yet; select pods by `field: spec.nodeName=…`",
                ),
                _ => reading.error(&item, "a selector's `role` must be pod here"),
            }
        }
    }
}

/// A rough check of the shape, so that a slip is found at load and not by the API server.
fn check_selector(selector: &str) -> Result<(), &'static str> {
    let mut depth = 0usize;
    let mut part = String::new();
    for letter in selector.chars().chain([',']) {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or("a parenthesis is not opened")?,
            ',' if depth == 0 => {
                let name = part.trim_start_matches(['!', ' ']).trim();
                let end = name.find(['=', '!', ' ', '<', '>']).unwrap_or(name.len());
                let is_name =
                    |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
                if !selector.is_empty() && (end == 0 || !name[..end].chars().all(is_name)) {
                    return Err("a part of it has no valid key");
                }
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    if depth > 0 { Err("a parenthesis is not closed") } else { Ok(()) }
}
