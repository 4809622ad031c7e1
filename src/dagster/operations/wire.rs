//! The shapes of variables and answers, as they travel. Nothing outside `dagster` sees them.
#![allow(missing_docs)]

pub mod backfill;
pub mod event;
pub mod queue;
pub mod report;
pub mod runs;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dagster::asset_key::AssetKey;
use crate::dagster::python_error::PythonError;

#[derive(Debug, Serialize)]
pub struct NoVariables {}

#[derive(Debug, Deserialize)]
pub struct ServerVersionData {
    pub version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceData {
    pub workspace_or_error: WorkspaceOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum WorkspaceOrError {
    #[serde(rename_all = "camelCase")]
    Workspace {
        location_entries: Vec<LocationEntry>,
    },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocationEntry {
    pub name: String,
    pub load_status: String,
    pub location_or_load_error: Option<LocationOrLoadError>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum LocationOrLoadError {
    RepositoryLocation {
        #[serde(default)]
        repositories: Vec<RepositoryWire>,
    },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryWire {
    pub name: String,
    pub jobs: Vec<JobWire>,
    pub partition_sets: Vec<PartitionSetWire>,
    pub asset_nodes: Vec<AssetNodeWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobWire {
    pub name: String,
    pub description: Option<String>,
    pub is_asset_job: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionSetWire {
    pub name: String,
    pub pipeline_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetNodeWire {
    pub asset_key: AssetKey,
    pub group_name: Option<String>,
    pub is_executable: bool,
    pub is_observable: bool,
    pub job_names: Vec<String>,
    pub dependency_keys: Vec<AssetKey>,
    pub partition_definition: Option<PartitionDefinitionWire>,
    pub has_asset_checks: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionDefinitionWire {
    #[serde(rename = "type")]
    pub kind: String,
    pub dimension_types: Vec<Named>,
}

#[derive(Debug, Deserialize)]
pub struct Named {
    pub name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetKeys {
    pub asset_keys: Vec<AssetKey>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetChecksData {
    pub asset_nodes: Vec<AssetChecksNode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetChecksNode {
    pub asset_key: AssetKey,
    pub asset_checks_or_error: AssetChecksWire,
}

#[derive(Debug, Deserialize)]
pub struct AssetChecksWire {
    /// Absent where the server needs a migration before it can tell.
    #[serde(default)]
    pub checks: Vec<AssetCheckWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetCheckWire {
    pub name: String,
    pub description: Option<String>,
    pub job_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetPartitionsData {
    pub asset_nodes: Vec<PartitionKeysNode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionKeysNode {
    pub partition_keys: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositorySelectorWire {
    pub repository_name: String,
    pub repository_location_name: String,
}

#[derive(Debug, Serialize)]
pub struct RepositoryVariables {
    pub repository: RepositorySelectorWire,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPartitionVariables {
    pub repository: RepositorySelectorWire,
    pub partition_set: String,
    pub partition: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPartitionData {
    pub partition_set_or_error: PartitionSetOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum PartitionSetOrError {
    #[serde(rename_all = "camelCase")]
    PartitionSet {
        partitions_or_error: PartitionsOrError,
        partition: Option<PartitionWire>,
    },
    PythonError(PythonError),
    #[serde(other)]
    NotFound,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPartitionsVariables {
    pub repository: RepositorySelectorWire,
    pub partition_set: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPartitionsData {
    pub partition_set_or_error: PartitionKeysOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum PartitionKeysOrError {
    #[serde(rename_all = "camelCase")]
    PartitionSet {
        partitions_or_error: PartitionsOrError,
    },
    PythonError(PythonError),
    #[serde(other)]
    NotFound,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum PartitionsOrError {
    Partitions { results: Vec<Named> },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionWire {
    pub run_config_or_error: PartitionRunConfigOrError,
    pub tags_or_error: PartitionTagsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum PartitionRunConfigOrError {
    PartitionRunConfig { yaml: String },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum PartitionTagsOrError {
    PartitionTags { results: Vec<Tag> },
    PythonError(PythonError),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// `PipelineSelector` and `JobOrPipelineSelector` are the same but for the name of the job's field.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineSelectorWire {
    pub pipeline_name: String,
    #[serde(flatten)]
    pub repository: RepositorySelectorWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_selection: Option<Vec<AssetKey>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSelectorWire {
    pub job_name: String,
    #[serde(flatten)]
    pub repository: RepositorySelectorWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_selection: Option<Vec<AssetKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_check_selection: Option<Vec<crate::dagster::launch::CheckHandle>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidateVariables {
    pub pipeline: PipelineSelectorWire,
    pub run_config_data: Value,
    pub probe: Value,
    pub with_probe: bool,
}

#[derive(Debug, Deserialize)]
pub struct ValidateData {
    pub verdict: Verdict,
    pub executor: Option<Verdict>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum Verdict {
    PipelineConfigValidationValid,
    RunConfigValidationInvalid { errors: Vec<ConfigErrorWire> },
    InvalidSubsetError { message: String },
    PipelineNotFoundError { message: String },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigErrorWire {
    pub message: String,
    pub reason: String,
    pub stack: StackWire,
    pub field_name: Option<String>,
    pub field_names: Option<Vec<String>>,
    pub field: Option<Named>,
    pub fields: Option<Vec<Named>>,
}

#[derive(Debug, Deserialize)]
pub struct StackWire {
    pub entries: Vec<StackEntryWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackEntryWire {
    pub field_name: Option<String>,
    pub list_index: Option<u64>,
    pub map_key: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarsData {
    pub utilized_env_vars_or_error: EnvVarsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum EnvVarsOrError {
    EnvVarWithConsumersList { results: Vec<EnvVarWire> },
    PythonError(PythonError),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarWire {
    pub env_var_name: String,
    pub env_var_consumers: Vec<Named>,
}

#[derive(Debug, Serialize)]
pub struct LaunchVariables {
    pub params: ExecutionParamsWire,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionParamsWire {
    pub selector: JobSelectorWire,
    pub run_config_data: Value,
    pub execution_metadata: ExecutionMetadataWire,
}

#[derive(Debug, Serialize)]
pub struct ExecutionMetadataWire {
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchData {
    pub launch_run: LaunchResult,
}

/// What becomes of a launch: of a run, of a run again, of a backfill. Each knows most of these.
#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum LaunchResult {
    LaunchRunSuccess {
        run: RunIdWire,
    },
    #[serde(rename_all = "camelCase")]
    LaunchBackfillSuccess {
        backfill_id: String,
    },
    PartitionSetNotFoundError {
        message: String,
    },
    #[serde(rename_all = "camelCase")]
    PartitionKeysNotFoundError {
        message: String,
        partition_keys: Vec<String>,
    },
    RunConfigValidationInvalid {
        errors: Vec<ConfigErrorWire>,
    },
    PipelineNotFoundError {
        message: String,
    },
    InvalidSubsetError {
        message: String,
    },
    UnauthorizedError {
        message: String,
    },
    RunConflict {
        message: String,
    },
    PresetNotFoundError {
        message: String,
    },
    ConflictingExecutionParamsError {
        message: String,
    },
    NoModeProvidedError {
        message: String,
    },
    #[serde(rename_all = "camelCase")]
    InvalidStepError {
        invalid_step_key: String,
    },
    #[serde(rename_all = "camelCase")]
    InvalidOutputError {
        step_key: String,
        invalid_output_name: String,
    },
    PythonError(PythonError),
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize)]
pub struct ReexecuteVariables {
    pub params: ReexecutionParamsWire,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReexecutionParamsWire {
    pub parent_run_id: String,
    pub strategy: &'static str,
    /// Older servers do not know the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_tags: Option<Vec<Tag>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReexecuteData {
    pub launch_run_reexecution: LaunchResult,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunIdWire {
    pub run_id: String,
}

#[derive(Debug, Serialize)]
pub struct FindRunVariables {
    pub filter: RunsFilterWire,
}

#[derive(Debug, Serialize)]
pub struct RunsFilterWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindRunData {
    pub runs_or_error: RunsOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum RunsOrError {
    Runs {
        results: Vec<RunIdWire>,
    },
    PythonError(PythonError),
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowVariables {
    pub run_id: String,
    pub cursor: Option<String>,
    pub limit: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowData {
    pub logs_for_run: LogsForRun,
    pub run_or_error: RunOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum LogsForRun {
    #[serde(rename_all = "camelCase")]
    EventConnection {
        cursor: String,
        has_more: bool,
        events: Vec<event::EventWire>,
    },
    PythonError(PythonError),
    #[serde(other)]
    RunNotFound,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunEventsVariables {
    pub run_id: String,
    pub cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunEventsData {
    pub pipeline_run_logs: RunEventsPayload,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum RunEventsPayload {
    PipelineRunLogsSubscriptionSuccess {
        cursor: String,
        messages: Vec<event::EventWire>,
    },
    PipelineRunLogsSubscriptionFailure {
        message: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum RunOrError {
    #[serde(rename_all = "camelCase")]
    Run {
        status: String,
        start_time: Option<f64>,
        end_time: Option<f64>,
        can_terminate: bool,
    },
    PythonError(PythonError),
    #[serde(other)]
    RunNotFound,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummaryVariables {
    pub run_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummaryData {
    pub run_or_error: RunSummaryOrError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum RunSummaryOrError {
    #[serde(rename_all = "camelCase")]
    Run {
        pipeline_name: String,
        repository_origin: Option<RunOriginWire>,
        #[serde(default)]
        tags: Vec<Tag>,
    },
    PythonError(PythonError),
    #[serde(other)]
    RunNotFound,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunOriginWire {
    pub repository_location_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedLogsVariables {
    pub log_key: Vec<String>,
    pub cursor: Option<String>,
    pub limit: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedLogsData {
    pub captured_logs: CapturedLogsWire,
}

#[derive(Debug, Deserialize)]
pub struct CapturedLogsWire {
    pub stdout: Option<String>,
    pub stderr: Option<String>,
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminateVariables {
    pub run_id: String,
    pub policy: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminateData {
    pub terminate_run: TerminateResult,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "__typename")]
pub enum TerminateResult {
    TerminateRunSuccess,
    TerminateRunFailure { message: String },
    RunNotFoundError,
    UnauthorizedError { message: String },
    PythonError(PythonError),
}
