//! The messages, as the service spells them.
//!
//! They are protobuf in JSON: 64-bit numbers are text, wrapped values are plain, and what has its
//! default value may be left out. Requests are in snake_case. Answers are in snake_case from GitHub
//! and in camelCase from other servers.

use serde::{Deserialize, Deserializer, Serialize};

/// A call of the service.
pub(super) trait Call: Serialize {
    /// Its name in the service.
    const METHOD: &'static str;
    /// What is answered.
    type Answer: for<'de> Deserialize<'de>;
}

/// Which run and job, as the service knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Ids {
    #[serde(rename = "workflow_run_backend_id")]
    pub(super) run: String,
    #[serde(rename = "workflow_job_run_backend_id")]
    pub(super) job: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Create<'a> {
    #[serde(flatten)]
    pub(super) ids: &'a Ids,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<String>,
    pub(super) version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime_type: Option<&'static str>,
}

impl Call for Create<'_> {
    const METHOD: &'static str = "CreateArtifact";
    type Answer = Created;
}

#[derive(Deserialize)]
pub(super) struct Created {
    #[serde(default)]
    pub(super) ok: bool,
    #[serde(default, alias = "signedUploadUrl")]
    pub(super) signed_upload_url: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Finalize<'a> {
    #[serde(flatten)]
    pub(super) ids: &'a Ids,
    pub(super) name: &'a str,
    pub(super) size: String,
    pub(super) hash: &'a str,
}

impl Call for Finalize<'_> {
    const METHOD: &'static str = "FinalizeArtifact";
    type Answer = Finished;
}

#[derive(Debug, Serialize)]
pub(super) struct Delete<'a> {
    #[serde(flatten)]
    pub(super) ids: &'a Ids,
    pub(super) name: &'a str,
}

impl Call for Delete<'_> {
    const METHOD: &'static str = "DeleteArtifact";
    type Answer = Finished;
}

#[derive(Debug, Deserialize)]
pub(super) struct Finished {
    #[serde(default)]
    pub(super) ok: bool,
    #[serde(default, alias = "artifactId", deserialize_with = "number")]
    pub(super) artifact_id: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct List<'a> {
    #[serde(flatten)]
    pub(super) ids: &'a Ids,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_filter: Option<&'a str>,
}

impl Call for List<'_> {
    const METHOD: &'static str = "ListArtifacts";
    type Answer = Listed;
}

#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) artifacts: Vec<ListedArtifact>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedArtifact {
    #[serde(alias = "workflowRunBackendId")]
    pub(super) workflow_run_backend_id: String,
    #[serde(alias = "workflowJobRunBackendId")]
    pub(super) workflow_job_run_backend_id: String,
    #[serde(alias = "databaseId", deserialize_with = "number")]
    pub(super) database_id: u64,
    pub(super) name: String,
    #[serde(default, deserialize_with = "number")]
    pub(super) size: u64,
    #[serde(default, alias = "createdAt")]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) digest: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Sign<'a> {
    #[serde(flatten)]
    pub(super) ids: &'a Ids,
    pub(super) name: &'a str,
}

impl Call for Sign<'_> {
    const METHOD: &'static str = "GetSignedArtifactURL";
    type Answer = Signed;
}

#[derive(Deserialize)]
pub(super) struct Signed {
    #[serde(default, alias = "signedUrl")]
    pub(super) signed_url: String,
}

/// What a refusal says. Twirp's servers send it as JSON.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) msg: String,
}

/// A 64-bit number, as text or as a number.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn requests_leave_out_what_is_not_said() {
        let ids = Ids {
            run: "r".into(),
            job: "j".into(),
        };
        let create = Create {
            ids: &ids,
            name: "n",
            expires_at: None,
            version: 4,
            mime_type: None,
        };
        assert_eq!(
            serde_json::to_string(&create).unwrap(),
            r#"{"workflow_run_backend_id":"r","workflow_job_run_backend_id":"j","name":"n","version":4}"#
        );
    }

    #[test]
    fn answers_are_read_in_both_spellings() {
        for text in [
            r#"{"ok":true,"artifact_id":"9007199254740993"}"#,
            r#"{"ok":true,"artifactId":"9007199254740993","new":{}}"#,
            r#"{"ok":true,"artifactId":9007199254740993}"#,
        ] {
            let answer: Finished = serde_json::from_str(text).unwrap();
            assert_eq!(
                (answer.ok, answer.artifact_id),
                (true, 9_007_199_254_740_993)
            );
        }
        let snake = r#"{"artifacts":[{"workflow_run_backend_id":"r","workflow_job_run_backend_id":
            "j","database_id":"7","name":"n","size":"3","created_at":"2026-01-01T00:00:00Z",
            "digest":"sha256:00"}]}"#;
        let camel = r#"{"artifacts":[{"workflowRunBackendId":"r","workflowJobRunBackendId":
            "j","databaseId":"7","name":"n","size":"3","createdAt":"2026-01-01T00:00:00Z",
            "digest":"sha256:00"}]}"#;
        let read = |text| serde_json::from_str::<Listed>(text).unwrap();
        assert_eq!(format!("{:?}", read(snake)), format!("{:?}", read(camel)));
        assert!(read("{}").artifacts.is_empty());
    }
}
