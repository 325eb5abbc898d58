//! `kubernetes_sd_configs`: pods as the Kubernetes API lists and watches them.

use crate::config::HttpClient;
use std::path::PathBuf;

/// One item of `kubernetes_sd_configs`, role `pod`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KubernetesDiscovery {
    /// Which API server, and how.
    pub access: Access,
    /// Namespaces to watch; empty: all.
    pub namespaces: Vec<String>,
    /// Also (or only) the namespace that Sigyn itself runs in.
    pub own_namespace: bool,
    /// Label selector of pods, such as `app=cart`.
    pub label_selector: Option<String>,
    /// Field selector of pods, such as `spec.nodeName=node-1`.
    pub field_selector: Option<String>,
    /// Attach the labels and annotations of the pod's namespace.
    pub attach_namespace: bool,
    /// Attach the labels and annotations of the pod's node.
    pub attach_node: bool,
    /// Whether pods in phase Succeeded or Failed give targets.
    pub keep_finished_pods: bool,
}

/// How the API server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// The service account of the pod that Sigyn runs in.
    InCluster,
    /// A kubeconfig's current context.
    Kubeconfig(PathBuf),
    /// A URL and the HTTP options beside it.
    ApiServer {
        /// Such as `https://10.0.0.1:6443`.
        url: String,
        /// Credentials and TLS.
        http: HttpClient,
    },
}
