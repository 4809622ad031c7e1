//! One file of the user's, which belongs to no run.

use std::path::Path;

use super::error::Error;
use super::links::{Link, Policy};
use super::store::{Content, Put, RemoteStore};
use crate::config::model::CloudStorage;

/// Stands in the place of the run that wrote an object.
const NO_RUN: &str = "upload";

impl RemoteStore {
    /// Puts a regular file under a key, over what is there, and says how it can be opened and how
    /// many bytes the bucket holds. Whether a link can be made is known before anything is sent.
    pub async fn upload(
        &self,
        settings: &CloudStorage,
        file: &Path,
        key: &str,
    ) -> Result<(Link, u64), Error> {
        let policy = Policy::of(settings, &self.connection)?;
        policy.check_key(&self.connection, key)?;
        let put = Put {
            run: NO_RUN,
            // The next upload may change it.
            is_pointer: true,
        };
        let content = Content::File(file.to_owned());
        let size = self.put(key, content, put).await?;
        Ok((self.link(&policy, key).await?, size))
    }
}
