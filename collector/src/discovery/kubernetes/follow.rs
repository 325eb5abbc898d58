//! Lists and watches the objects of one kind, without end.

use super::{kind::Kind, objects::Sent, retry::Retry, selector::Selector};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::ReplicaSet,
        batch::v1::Job,
        core::v1::{Endpoints, Namespace, Node, Pod, Service},
        discovery::v1::EndpointSlice,
        networking::v1::Ingress,
    },
};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Error, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// How long a watch runs before it is begun again from where it was. A connection that died without
/// a word is noticed some seconds later, so this bounds how long new pods may stay unseen.
const WATCH_SECONDS: u32 = if cfg!(test) { 1 } else { 60 };

/// Objects that a page of a list may hold: while it is read, it is in memory as it was sent.
const PAGE_OBJECTS: u32 = 100;

/// Something that the API server said about objects of one kind.
pub(super) enum Change {
    /// A list begins: what it does not have at its end is gone.
    ListBegins,
    Listed(Sent),
    ListEnds,
    Changed(Sent),
    Gone(Sent),
    Failed(Error),
}

/// Follows the objects of a kind in one namespace or in all.
pub(super) fn follow(
    kind: Kind,
    client: &Client,
    namespace: Option<&str>,
    selector: Option<&Selector>,
) -> BoxStream<'static, Change> {
    let selector = selector.cloned().unwrap_or_default();
    let config = watcher::Config {
        label_selector: selector.label,
        field_selector: selector.field,
        timeout: Some(WATCH_SECONDS),
        page_size: Some(PAGE_OBJECTS),
        ..watcher::Config::default()
    };
    match kind {
        Kind::Node => {
            changes(Api::<Node>::all(client.clone()), config, |it| Sent::Node(Box::new(it)))
        }
        Kind::Namespace => changes(Api::<Namespace>::all(client.clone()), config, |it| {
            Sent::Namespace(Box::new(it))
        }),
        Kind::Pod => changes(api::<Pod>(client, namespace), config, |it| Sent::Pod(Box::new(it))),
        Kind::Service => {
            changes(api::<Service>(client, namespace), config, |it| Sent::Service(Box::new(it)))
        }
        Kind::Endpoints => {
            changes(api::<Endpoints>(client, namespace), config, |it| Sent::Endpoints(Box::new(it)))
        }
        Kind::EndpointSlice => changes(api::<EndpointSlice>(client, namespace), config, |it| {
            Sent::EndpointSlice(Box::new(it))
        }),
        Kind::Ingress => {
            changes(api::<Ingress>(client, namespace), config, |it| Sent::Ingress(Box::new(it)))
        }
        Kind::ReplicaSet => changes(api::<ReplicaSet>(client, namespace), config, |it| {
            Sent::ReplicaSet(Box::new(it))
        }),
        Kind::Job => changes(api::<Job>(client, namespace), config, |it| Sent::Job(Box::new(it))),
    }
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Lists and watches, and does so anew where kube's watcher would ask in vain for ever: a watch that
/// is refused with `410 Gone` as its answer, not as its first event.
fn changes<K>(
    api: Api<K>,
    config: watcher::Config,
    sent: fn(K) -> Sent,
) -> BoxStream<'static, Change>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let fresh = move || watcher(api.clone(), config.clone()).backoff(Retry::default()).boxed();
    let begin = (fresh(), fresh);
    let events = stream::unfold(begin, |(mut events, fresh)| async move {
        let event = events.next().await?;
        if matches!(&event, Err(error @ Error::WatchStartFailed(_)) if is_expired(error)) {
            tokio::time::sleep(Retry::default().next().unwrap_or_default()).await;
            events = fresh();
        }
        Some((event, (events, fresh)))
    });
    let change = move |event| match event {
        Ok(Event::Init) => Change::ListBegins,
        Ok(Event::InitApply(object)) => Change::Listed(sent(object)),
        Ok(Event::InitDone) => Change::ListEnds,
        Ok(Event::Apply(object)) => Change::Changed(sent(object)),
        Ok(Event::Delete(object)) => Change::Gone(sent(object)),
        Err(error) => Change::Failed(error),
    };
    events.map(change).boxed()
}

/// `410 Gone`, as an answer or inside a watch: the server forgot our place, and the next thing is a
/// new list. That is its right.
pub(super) fn is_expired(error: &Error) -> bool {
    match error {
        Error::WatchError(status) => status.code == 410,
        other => refusal(other) == Some(410),
    }
}

/// The status of an answer that refuses a list or a watch.
pub(super) fn refusal(error: &Error) -> Option<u16> {
    match error {
        Error::WatchStartFailed(kube::Error::Api(status))
        | Error::InitialListFailed(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}

/// The error with its causes, and what to do about the most frequent ones.
pub(super) fn explain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    match refusal(error) {
        Some(401) => text += "; the credentials are not accepted",
        Some(403) => text += "; the account needs a role with the verbs list and watch",
        Some(404) => text += "; the API server does not have this kind of object",
        _ => {}
    }
    text
}
