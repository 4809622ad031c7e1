//! What is reported of an asset from outside of runs: the link to a page, and a check's verdict.
//!
//! A web server has two ways for a link. Its REST path takes metadata, and a proxy in front of it may
//! not know that path; GraphQL takes no metadata. What REST takes is text for Dagster, which can't be
//! clicked; addresses in a description can, so there the link stands in any case.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::asset_key::AssetKey;
use super::client::Client;
use super::error::Error;
use super::operations::wire::report::{
    Evaluation, EvaluationVariables, Reported, RunlessEvent, RunlessEventVariables,
};
use super::operations::{Operation, ReportAssetCheckEvaluations, ReportRunlessAssetEvents};
use crate::redact::secrets;

/// What errors call the path.
const REST: &str = "report_asset_observation";

/// A link for an asset.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The asset.
    pub key: &'a AssetKey,
    /// One of its partitions.
    pub partition: Option<&'a str>,
    /// What the link is called.
    pub label: &'a str,
    /// Where it leads.
    pub url: &'a str,
    /// What the page is, for people.
    pub about: &'a str,
}

impl Link<'_> {
    /// The text that leads there: Dagster makes links of the addresses in it.
    fn description(&self) -> String {
        format!("{}: {} ({})", self.label, self.url, self.about)
    }
}

/// What is said of an asset from outside of runs.
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    /// The asset.
    pub key: &'a AssetKey,
    /// One of its partitions.
    pub partition: Option<&'a str>,
    /// By label. Texts stay texts, everything else is JSON for Dagster.
    pub metadata: Map<String, Value>,
    /// The same for people, which gets through where metadata does not.
    pub description: String,
}

/// A verdict for one of an asset's checks.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The asset.
    pub key: AssetKey,
    /// The check's name.
    pub check: String,
    /// The verdict.
    pub passed: bool,
    /// By label: texts and numbers.
    pub metadata: BTreeMap<String, Value>,
    /// Shown beside it.
    pub description: Option<String>,
}

/// How a link came to where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As metadata, over the server's REST path.
    Rest,
    /// In the description, over GraphQL.
    GraphQl,
}

impl Client {
    /// Attaches a link to an asset: over REST, or over GraphQL where that is refused.
    pub async fn attach_link(&self, link: &Link<'_>) -> Result<Way, Error> {
        self.attach_observation(&Observation {
            key: link.key,
            partition: link.partition,
            metadata: Map::from_iter([(link.label.to_owned(), link.url.into())]),
            description: link.description(),
        })
        .await
    }

    /// The same for any metadata. Over GraphQL, only the description arrives.
    pub async fn attach_observation(&self, said: &Observation<'_>) -> Result<Way, Error> {
        // It is the same deed whatever carries it.
        self.gate()
            .pass_mutation(&ReportRunlessAssetEvents::DESCRIBED.field())?;
        match self.report_by_rest(said).await {
            Ok(()) => Ok(Way::Rest),
            Err(error) if is_refusal(&error) => {
                tracing::debug!(%error, "the metadata goes over GraphQL");
                self.report_by_graphql(said).await.map(|()| Way::GraphQl)
            }
            Err(error) => Err(error),
        }
    }

    async fn report_by_rest(&self, said: &Observation<'_>) -> Result<(), Error> {
        let mut path = vec![REST];
        path.extend(said.key.parts().iter().map(String::as_str));
        let body = secrets::known().remove_from(json!({
            "metadata": said.metadata,
            "description": said.description,
            "partition": said.partition,
        }));
        let (status, answer) = self.post(REST, &path, &body).await?;
        self.check_status(status, &answer)?;
        // Something in front of Dagster may answer everything with a page.
        match serde_json::from_slice::<Value>(&answer) {
            Ok(Value::Object(said)) if !said.contains_key("error") => Ok(()),
            _ => Err(self.not_dagster(status, &answer, "`/report_asset_observation`")),
        }
    }

    async fn report_by_graphql(&self, said: &Observation<'_>) -> Result<(), Error> {
        let variables = RunlessEventVariables {
            event: RunlessEvent {
                event_type: "ASSET_OBSERVATION",
                asset_key: said.key.clone(),
                partition_keys: said.partition.map(|partition| vec![partition.to_owned()]),
                description: secrets::known().remove_from(said.description.clone()),
            },
        };
        let data = self.execute::<ReportRunlessAssetEvents>(&variables).await?;
        self.reported(
            ReportRunlessAssetEvents::DESCRIBED.name,
            data.report_runless_asset_events,
        )
    }

    /// Reports a verdict. Servers before 1.12 can't take one.
    pub async fn report_verdict(&self, verdict: &Verdict) -> Result<(), Error> {
        let metadata = Value::Object(verdict.metadata.clone().into_iter().collect());
        let metadata = secrets::known().remove_from(metadata);
        let variables = EvaluationVariables {
            evaluation: Evaluation {
                asset_key: verdict.key.clone(),
                check_name: verdict.check.clone(),
                passed: verdict.passed,
                serialized_metadata: metadata.to_string(),
                description: secrets::known().remove_from(verdict.description.clone()),
            },
        };
        let data = self
            .execute::<ReportAssetCheckEvaluations>(&variables)
            .await?;
        self.reported(
            ReportAssetCheckEvaluations::DESCRIBED.name,
            data.report_asset_check_evaluations,
        )
    }

    fn reported(&self, operation: &'static str, reported: Reported) -> Result<(), Error> {
        match reported {
            Reported::Success => Ok(()),
            Reported::UnauthorizedError { message } => Err(Error::Unauthorized {
                url: self.url().to_owned(),
                message,
            }),
            Reported::PythonError(error) => Err(Error::python(operation, error)),
        }
    }
}

/// Whether a path is closed, which says nothing of the server's other paths.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Unauthorized { .. } | Error::NotDagster { .. } => true,
        Error::Http { status, .. } => ![429, 502, 503, 504].contains(status),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_path_is_told_from_a_server_that_is_gone() {
        let http = |status| Error::Http {
            url: String::new(),
            status,
            body: String::new(),
        };
        for status in [400, 500, 501] {
            assert!(is_refusal(&http(status)), "{status}");
        }
        for status in [429, 502, 503, 504] {
            assert!(!is_refusal(&http(status)), "{status}");
        }
        assert!(!is_refusal(&Error::Unreachable {
            url: String::new(),
            may_have_arrived: true,
            reason: String::new(),
        }));
    }
}
