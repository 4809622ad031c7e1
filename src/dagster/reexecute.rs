//! Running a run again.

use std::collections::BTreeMap;

use super::client::Client;
use super::error::Error;
use super::launch::launch_tag;
use super::operations::wire::{ReexecuteVariables, ReexecutionParamsWire, Tag};
use super::operations::{LaunchRunReexecution, Operation};
use super::version::Version;

/// The earliest release that was seen to take tags for the new run.
const TAGS_SINCE: Version = Version::new(1, 10, 21);

impl Client {
    /// Launches a run again, with the run config and tags it had, and says the id of the new run.
    /// From its failure on, only the steps run that failed, and those that wait for them; what the
    /// others made is taken over.
    ///
    /// More tags are understood by Dagster 1.10.21 and newer. The request is sent once. If its
    /// answer is lost, such servers are asked for the new run by a tag, and of others it is not
    /// known whether they launched it: [`Error::LaunchUnknown`].
    pub async fn reexecute(
        &self,
        parent_run_id: &str,
        from_failure: bool,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, Error> {
        let name = LaunchRunReexecution::DESCRIBED.name;
        let what = format!("run {parent_run_id} again");
        let server = self.version().await?;
        let knows_tags = server >= TAGS_SINCE;
        if !knows_tags && !tags.is_empty() {
            return Err(Error::Unsupported {
                operation: "LaunchRunReexecution with tags",
                needs: TAGS_SINCE,
                server,
            });
        }
        let launch = launch_tag();
        let more = tags.iter().map(|(key, value)| Tag {
            key: key.clone(),
            value: value.clone(),
        });
        let variables = ReexecuteVariables {
            params: ReexecutionParamsWire {
                parent_run_id: parent_run_id.to_owned(),
                strategy: if from_failure {
                    "FROM_FAILURE"
                } else {
                    "ALL_STEPS"
                },
                extra_tags: knows_tags.then(|| more.chain([launch.clone()]).collect()),
            },
        };
        let result = match self.execute::<LaunchRunReexecution>(&variables).await {
            Ok(data) => data.launch_run_reexecution,
            Err(error) if error.is_transient() && knows_tags => {
                return self.find_launched(&what, launch, error).await;
            }
            // Nothing was sent at all.
            Err(
                error @ Error::Unreachable {
                    may_have_arrived: false,
                    ..
                },
            ) => return Err(error),
            Err(error) if error.is_transient() => {
                return Err(Error::LaunchUnknown {
                    job: what,
                    message: error.to_string(),
                });
            }
            Err(error) => return Err(error),
        };
        match self.launched(name, result, &what, None) {
            // There is no error of its own for it in any release.
            Err(Error::Python { error, .. })
                if error.message.contains("Could not find parent run") =>
            {
                Err(Error::RunNotFound {
                    run_id: parent_run_id.to_owned(),
                })
            }
            // Nor for a run of which nothing failed.
            Err(Error::Python { error, .. })
                if error.message.contains("Cannot reexecute from failure") =>
            {
                Err(Error::LaunchRefused {
                    job: what,
                    message: "it did not fail, so there is no failure to go on from".to_owned(),
                })
            }
            launched => launched,
        }
    }
}
