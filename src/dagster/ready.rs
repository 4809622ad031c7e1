//! Waiting until a server that has just been started can be asked.

use std::time::Duration;

use super::client::Client;
use super::discover::Workspace;
use super::error::Error;

/// The first wait between two looks; each is half as long again as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

impl Client {
    /// Waits until the web server answers and `expected_locations` code locations have loaded or
    /// failed to, and says what there is. A location that failed is part of the answer and no
    /// error here: whether it matters is for the caller to say.
    ///
    /// It looks often, for a server that is ready 50 ms earlier is the point of waiting here.
    pub async fn wait_ready(
        &self,
        limit: Duration,
        expected_locations: usize,
    ) -> Result<Workspace, Error> {
        let mut missing = String::from("nothing answers");
        let look = self.look_until_ready(expected_locations, &mut missing);
        let outcome = tokio::time::timeout(limit, look).await;
        outcome.unwrap_or_else(|_| {
            Err(Error::NotReady {
                url: self.url().to_owned(),
                limit,
                reason: missing,
            })
        })
    }

    async fn look_until_ready(
        &self,
        expected: usize,
        missing: &mut String,
    ) -> Result<Workspace, Error> {
        let mut wait = FIRST_WAIT;
        let mut served = false;
        loop {
            match self.look(&mut served, expected).await {
                Ok(Look::Ready(workspace)) => return Ok(workspace),
                Ok(Look::Missing(what)) => *missing = what,
                // Before it serves, anything may answer at that port; afterwards a real refusal
                // stays one.
                Err(error) if error.is_transient() => *missing = error.to_string(),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 3 / 2).min(LONGEST_WAIT);
        }
    }

    async fn look(&self, served: &mut bool, expected: usize) -> Result<Look, Error> {
        if !*served {
            self.server_info().await?;
            *served = true;
            // A web server mostly loads its locations before it serves, so the large question
            // comes first. Only while something is missing is the small one asked.
        } else if let Some(missing) = missing_of(&self.locations().await?, expected) {
            return Ok(Look::Missing(missing));
        }
        let workspace = self.workspace().await?;
        Ok(match missing_of(&workspace, expected) {
            Some(missing) => Look::Missing(missing),
            None => Look::Ready(workspace),
        })
    }
}

/// What a workspace lacks to be ready.
fn missing_of(workspace: &Workspace, expected: usize) -> Option<String> {
    let known = workspace.locations.len();
    if known < expected {
        return Some(format!("{known} of {expected} code locations are known"));
    }
    let loading: Vec<&str> = workspace.loading().collect();
    (!loading.is_empty()).then(|| format!("still loading: `{}`", loading.join("`, `")))
}

enum Look {
    Ready(Workspace),
    Missing(String),
}
