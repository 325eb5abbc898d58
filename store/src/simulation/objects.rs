//! An object store in memory whose requests fail, whose answers get lost, and whose lists come in any order.

use super::power::{Fate, Power};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart, memory::InMemory, path::Path,
};
use std::{fmt, sync::Arc};

/// The object store. It outlives the machine.
pub(crate) struct SimulatedObjects {
    power: Power,
    inner: Arc<InMemory>,
}

impl SimulatedObjects {
    pub(crate) fn new(power: Power) -> Self {
        Self::sharing(power, &Arc::default())
    }

    /// The same bucket, from a machine with a power of its own.
    pub(crate) fn sharing(power: Power, bucket: &Arc<InMemory>) -> Self {
        Self { power, inner: Arc::clone(bucket) }
    }

    /// What comes back of what was answered.
    fn answer<T>(fate: Fate, answer: Result<T>) -> Result<T> {
        if fate == Fate::Done { answer } else { Err(failed()) }
    }
}

fn failed() -> Error {
    Error::Generic { store: "simulation", source: "the request failed".into() }
}

#[async_trait]
impl ObjectStore for SimulatedObjects {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fate = self.power.request();
        if fate == Fate::Failed {
            return Err(failed());
        }
        Self::answer(fate, self.inner.put_opts(location, payload, options).await)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fate = self.power.request();
        let inner = Self::answer(fate, self.inner.put_multipart_opts(location, options).await)?;
        Ok(Box::new(SimulatedUpload { power: self.power.clone(), inner }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fate = self.power.request();
        Self::answer(fate, self.inner.get_opts(location, options).await)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (power, inner) = (self.power.clone(), Arc::clone(&self.inner));
        let delete = move |location: Result<Path>| {
            let (power, inner) = (power.clone(), Arc::clone(&inner));
            async move {
                let location = location?;
                let fate = power.request();
                if fate == Fate::Failed {
                    return Err(failed());
                }
                Self::answer(fate, inner.delete(&location).await.map(|()| location))
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fate = self.power.request();
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        for end in (1..listed.common_prefixes.len()).rev() {
            let other = self.power.random(end as u64 + 1) as usize;
            listed.common_prefixes.swap(end, other);
        }
        Self::answer(fate, Ok(listed))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload in parts, each of which may fail.
#[derive(Debug)]
struct SimulatedUpload {
    power: Power,
    inner: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for SimulatedUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let fate = self.power.request();
        if fate == Fate::Failed {
            return Box::pin(async { Err(failed()) });
        }
        let put = self.inner.put_part(part);
        Box::pin(async move { SimulatedObjects::answer(fate, put.await) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fate = self.power.request();
        if fate == Fate::Failed {
            return Err(failed());
        }
        SimulatedObjects::answer(fate, self.inner.complete().await)
    }

    async fn abort(&mut self) -> Result<()> {
        let fate = self.power.request();
        SimulatedObjects::answer(fate, self.inner.abort().await)
    }
}

impl fmt::Debug for SimulatedObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedObjects")
    }
}

impl fmt::Display for SimulatedObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a simulated object store")
    }
}
