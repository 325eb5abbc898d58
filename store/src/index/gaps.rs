//! Gaps: spans that were overwritten before they were read.

use super::{Index, open::failed, value};
use crate::{Error, Gap, Labels};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Stored {
    lost: Option<u64>,
    from: u64,
    to: u64,
    labels: Vec<(String, String)>,
}

impl Index {
    /// Notes the gap of a journal record; doing it again changes nothing.
    pub(crate) fn add_gap(
        &self,
        sequence: u64,
        gap: &Gap,
        labels: &[(String, String)],
    ) -> Result<(), Error> {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&gap.to_unix_nano.to_be_bytes());
        key[8..].copy_from_slice(&sequence.to_be_bytes());
        let stored = Stored {
            lost: gap.lost,
            from: gap.from_unix_nano,
            to: gap.to_unix_nano,
            labels: labels.to_vec(),
        };
        let payload = serde_json::to_vec(&stored).expect("strings and numbers always encode");
        self.gaps.insert(key, value::seal(&payload)).map_err(failed)?;
        Ok(())
    }

    /// Gaps that overlap a time range, oldest end first, each with the labels of its target.
    pub(crate) fn gaps(
        &self,
        from_unix_nano: u64,
        to_unix_nano: u64,
    ) -> Result<Vec<(Labels, Gap)>, Error> {
        let mut gaps = Vec::new();
        for entry in self.gaps.range(from_unix_nano.to_be_bytes()..) {
            let (_, bytes) = entry.map_err(failed)?;
            let stored = value::open(&bytes).and_then(|it| serde_json::from_slice(it).ok());
            let Some(Stored { lost, from, to, labels }) = stored else {
                tracing::warn!("skipped a damaged gap in the index");
                continue;
            };
            if from <= to_unix_nano {
                gaps.push((labels, Gap { lost, from_unix_nano: from, to_unix_nano: to }));
            }
        }
        Ok(gaps)
    }

    /// Forgets gaps that ended before this moment.
    pub(crate) fn expire_gaps(&self, before_unix_nano: u64) -> Result<(), Error> {
        for key in self.gaps.range(..before_unix_nano.to_be_bytes().to_vec()).keys() {
            self.gaps.remove(key.map_err(failed)?).map_err(failed)?;
        }
        Ok(())
    }
}
