//! The GraphQL operations this crate knows, each in a file of its own, and what they ask of a
//! server.
//!
//! A document is a constant: what varies travels in variables, so nothing a user wrote can become
//! part of a query. A test validates every document against the schema of every Dagster release it
//! may be sent to (`tests/dagster_operations.rs`).
//!
//! What the answers are turned into belongs to the rooms that use them.

pub(crate) mod catalog;
pub(crate) mod wire;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::version::Version;

/// The oldest Dagster that is supported.
pub const OLDEST: Version = Version::new(1, 5, 0);

/// From when on assets have tags and owners.
pub const KNOWS_TAGS: Version = Version::new(1, 6, 14);

/// From when on assets have kinds, and schedules and sensors have tags.
pub const KNOWS_KINDS: Version = Version::new(1, 8, 13);

/// From when on a repository's assets can be had as one value.
pub const HAS_MANIFEST: Version = Version::new(1, 13, 27);

/// Whether an operation changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It reads, so it may be asked again.
    Query,
    /// It changes something, so it is sent once.
    Mutation,
    /// It goes on answering, over a websocket.
    Subscription,
}

/// The text of an operation for servers from a version on.
#[derive(Debug, Clone, Copy)]
pub struct Document {
    /// The first version that understands it. Where the release that brought a field is not known
    /// exactly, this is the earliest release whose schema was seen to have it.
    pub since: Version,
    /// The operation and its fragments.
    pub text: &'static str,
}

/// An operation without its types: what the schema test goes through.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// The operation's name in its document.
    pub name: &'static str,
    /// Whether it changes something.
    pub kind: Kind,
    /// Its documents, oldest first.
    pub documents: &'static [Document],
}

impl Described {
    /// The root field that it asks for, which is what Dagster's schema calls the operation:
    /// `launchRun`. Of mutations only, whose documents are named after it.
    pub fn field(&self) -> String {
        let mut name = self.name.to_owned();
        name[..1].make_ascii_lowercase();
        name
    }

    /// The document for a server, or none if the server is too old for all of them.
    pub fn document_for(&self, server: Version) -> Option<&'static Document> {
        self.documents
            .iter()
            .rev()
            .find(|document| document.since <= server)
    }
}

/// A GraphQL operation with the types of its variables and of its answer.
pub trait Operation {
    /// What is sent.
    type Variables: Serialize;
    /// The `data` of the answer.
    type Data: DeserializeOwned;
    /// The operation's name, kind and documents.
    const DESCRIBED: Described;
}

/// Joins an operation's file with those of the fragments it uses.
macro_rules! document {
    ($since:expr, $($file:literal),+) => {
        Document { since: $since, text: concat!($(include_str!($file), "\n"),+) }
    };
}

/// The documents of an operation that reads events, each with what its servers can say of them.
macro_rules! event_documents {
    ($file:literal) => {
        &[
            document!(
                OLDEST,
                $file,
                "event_fields.graphql",
                "event_fields_1_5.graphql",
                "python_error.graphql"
            ),
            document!(
                Version::new(1, 6, 14),
                $file,
                "event_fields.graphql",
                "event_fields_1_6.graphql",
                "python_error.graphql"
            ),
            document!(
                Version::new(1, 12, 19),
                $file,
                "event_fields.graphql",
                "event_fields_1_12.graphql",
                "python_error.graphql"
            ),
        ]
    };
}

/// Declares an operation whose one document fits all supported versions, or one with several.
macro_rules! operation {
    ($(#[$doc:meta])* $name:ident: $kind:ident($variables:ty) -> $data:ty, $($file:literal),+) => {
        operation! { $(#[$doc])* $name: $kind($variables) -> $data => &[document!(OLDEST, $($file),+)] }
    };
    ($(#[$doc:meta])* $name:ident: $kind:ident($variables:ty) -> $data:ty => $documents:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Operation for $name {
            type Variables = $variables;
            type Data = $data;
            const DESCRIBED: Described = Described {
                name: stringify!($name),
                kind: Kind::$kind,
                documents: $documents,
            };
        }
    };
}

operation! {
    /// The server's version, for servers that have no `/server_info`.
    ServerVersion: Query(wire::NoVariables) -> wire::ServerVersionData,
    "server_version.graphql"
}
operation! {
    /// The code locations and whether they have loaded: light enough to be polled.
    Locations: Query(wire::NoVariables) -> wire::WorkspaceData,
    "locations.graphql", "python_error.graphql"
}
operation! {
    /// Everything that discovery shows, in one answer.
    Workspace: Query(wire::NoVariables) -> wire::WorkspaceData,
    "workspace.graphql", "python_error.graphql"
}
operation! {
    /// The checks of some assets. Asked only for assets that have any, for it is resolved one
    /// asset at a time.
    AssetChecks: Query(wire::AssetKeys) -> wire::AssetChecksData,
    "asset_checks.graphql"
}
operation! {
    /// What `discover` lists. Where the server has it, the assets come as one ready value instead of
    /// field by field, which takes it half the time.
    Catalog: Query(super::catalog::Ask) -> catalog::Data => &[
        document!(
            OLDEST,
            "catalog.graphql", "catalog_workspace.graphql", "catalog_triggers_1_5.graphql",
            "catalog_assets_1_5.graphql", "python_error.graphql"
        ),
        document!(
            KNOWS_TAGS,
            "catalog.graphql", "catalog_workspace.graphql", "catalog_triggers_1_5.graphql",
            "catalog_assets_1_6.graphql", "python_error.graphql"
        ),
        document!(
            KNOWS_KINDS,
            "catalog.graphql", "catalog_workspace.graphql", "catalog_triggers_1_8.graphql",
            "catalog_assets_1_8.graphql", "python_error.graphql"
        ),
        document!(
            HAS_MANIFEST,
            "catalog.graphql", "catalog_workspace.graphql", "catalog_triggers_1_8.graphql",
            "catalog_assets_1_13.graphql", "python_error.graphql"
        ),
    ]
}
operation! {
    /// The same, always field by field: for servers whose ready value turns out to be another.
    CatalogFields: Query(super::catalog::Ask) -> catalog::Data => &[
        document!(
            OLDEST,
            "catalog_fields.graphql", "catalog_workspace.graphql", "catalog_triggers_1_5.graphql",
            "catalog_assets_1_5.graphql", "python_error.graphql"
        ),
        document!(
            KNOWS_TAGS,
            "catalog_fields.graphql", "catalog_workspace.graphql", "catalog_triggers_1_5.graphql",
            "catalog_assets_1_6.graphql", "python_error.graphql"
        ),
        document!(
            KNOWS_KINDS,
            "catalog_fields.graphql", "catalog_workspace.graphql", "catalog_triggers_1_8.graphql",
            "catalog_assets_1_8.graphql", "python_error.graphql"
        ),
    ]
}
operation! {
    /// The latest materialization of some assets, resolved for all of them at once.
    LatestMaterializations: Query(wire::AssetKeys) -> catalog::LatestData,
    "latest_materializations.graphql"
}
operation! {
    /// The partition keys of some assets.
    AssetPartitions: Query(wire::AssetKeys) -> wire::AssetPartitionsData,
    "asset_partitions.graphql"
}
operation! {
    /// The run config and tags that a job gives to one of its partitions.
    JobPartition: Query(wire::JobPartitionVariables) -> wire::JobPartitionData,
    "job_partition.graphql", "python_error.graphql"
}
operation! {
    /// Whether a run config fits a job, and what executor the job has.
    ValidateRunConfig: Query(wire::ValidateVariables) -> wire::ValidateData,
    "validate_run_config.graphql", "config_error.graphql", "python_error.graphql"
}
operation! {
    /// What run config a job takes: all types of it, which name each other by their keys.
    ConfigSchema: Query(wire::scaffold::ConfigSchemaVariables) -> wire::scaffold::ConfigSchemaData,
    "config_schema.graphql", "python_error.graphql"
}
operation! {
    /// What is known of the contents of some assets.
    AssetDetails: Query(wire::AssetKeys) -> wire::scaffold::AssetDetailsData,
    "asset_details.graphql"
}
operation! {
    /// The environment variables that a repository's resources read.
    EnvVars: Query(wire::RepositoryVariables) -> wire::EnvVarsData,
    "env_vars.graphql", "python_error.graphql"
}
operation! {
    /// Launches a run.
    LaunchRun: Mutation(wire::LaunchVariables) -> wire::LaunchData,
    "launch_run.graphql", "config_error.graphql", "python_error.graphql"
}
operation! {
    /// The run that carries some tags, if there is one.
    FindRun: Query(wire::FindRunVariables) -> wire::FindRunData,
    "find_run.graphql", "python_error.graphql"
}
operation! {
    /// A run's status and its next events.
    FollowRun: Query(wire::FollowVariables) -> wire::FollowData => event_documents!("follow_run.graphql")
}
operation! {
    /// A run's events as they happen.
    RunEvents: Subscription(wire::RunEventsVariables) -> wire::RunEventsData =>
        event_documents!("run_events.graphql")
}
operation! {
    /// What a run is of.
    RunSummary: Query(wire::RunSummaryVariables) -> wire::RunSummaryData,
    "run_summary.graphql", "python_error.graphql"
}
operation! {
    /// Some runs and what is known of each.
    ListRuns: Query(wire::runs::ListRunsVariables) -> wire::runs::ListRunsData,
    "list_runs.graphql", "python_error.graphql"
}
operation! {
    /// What a process of a run has printed.
    CapturedLogs: Query(wire::CapturedLogsVariables) -> wire::CapturedLogsData,
    "captured_logs.graphql"
}
operation! {
    /// Ends a run.
    TerminateRun: Mutation(wire::TerminateVariables) -> wire::TerminateData,
    "terminate_run.graphql", "python_error.graphql"
}
operation! {
    /// Launches a run again.
    LaunchRunReexecution: Mutation(wire::ReexecuteVariables) -> wire::ReexecuteData,
    "reexecute.graphql", "config_error.graphql", "python_error.graphql"
}
operation! {
    /// The runs that wait for their turn, newest first.
    QueuedRuns: Query(wire::queue::QueuedRunsVariables) -> wire::queue::QueuedRunsData,
    "queued_runs.graphql", "python_error.graphql"
}
operation! {
    /// The daemons that the instance needs.
    Daemons: Query(wire::NoVariables) -> wire::queue::DaemonsData,
    "daemons.graphql", "python_error.graphql"
}
operation! {
    /// The partition keys of a job that is partitioned by itself.
    JobPartitions: Query(wire::JobPartitionsVariables) -> wire::JobPartitionsData,
    "job_partitions.graphql", "python_error.graphql"
}
operation! {
    /// Asks for a backfill.
    LaunchPartitionBackfill: Mutation(wire::backfill::LaunchBackfillVariables) -> wire::backfill::LaunchBackfillData => &[
        document!(
            OLDEST,
            "launch_backfill.graphql", "launched_backfill_1_5.graphql",
            "config_error.graphql", "python_error.graphql"
        ),
        document!(
            Version::new(1, 8, 13),
            "launch_backfill.graphql", "launched_backfill_1_8.graphql",
            "config_error.graphql", "python_error.graphql"
        ),
    ]
}
operation! {
    /// The latest backfills with their tags.
    FindBackfill: Query(wire::backfill::FindBackfillVariables) -> wire::backfill::FindBackfillData,
    "find_backfill.graphql", "python_error.graphql"
}
operation! {
    /// How far a backfill is.
    BackfillStatus: Query(wire::backfill::BackfillVariables) -> wire::backfill::BackfillData,
    "backfill_status.graphql", "python_error.graphql"
}
operation! {
    /// Ends a backfill.
    CancelPartitionBackfill: Mutation(wire::backfill::CancelBackfillVariables) -> wire::backfill::CancelBackfillData,
    "cancel_backfill.graphql", "python_error.graphql"
}
operation! {
    /// Reports that an asset was observed, or made elsewhere. It takes no metadata.
    ReportRunlessAssetEvents: Mutation(wire::report::RunlessEventVariables) -> wire::report::RunlessEventData,
    "report_runless_asset_events.graphql", "python_error.graphql"
}
operation! {
    /// Reports what a check of an asset came to.
    ReportAssetCheckEvaluations: Mutation(wire::report::EvaluationVariables) -> wire::report::EvaluationData => &[
        document!(
            Version::new(1, 12, 19),
            "report_asset_check_evaluations.graphql", "python_error.graphql"
        ),
    ]
}

/// Every operation, for whoever must know them all.
pub const ALL: &[Described] = &[
    ServerVersion::DESCRIBED,
    Locations::DESCRIBED,
    Workspace::DESCRIBED,
    Catalog::DESCRIBED,
    CatalogFields::DESCRIBED,
    LatestMaterializations::DESCRIBED,
    AssetChecks::DESCRIBED,
    AssetPartitions::DESCRIBED,
    JobPartition::DESCRIBED,
    ValidateRunConfig::DESCRIBED,
    ConfigSchema::DESCRIBED,
    AssetDetails::DESCRIBED,
    EnvVars::DESCRIBED,
    LaunchRun::DESCRIBED,
    FindRun::DESCRIBED,
    FollowRun::DESCRIBED,
    RunEvents::DESCRIBED,
    RunSummary::DESCRIBED,
    ListRuns::DESCRIBED,
    CapturedLogs::DESCRIBED,
    TerminateRun::DESCRIBED,
    LaunchRunReexecution::DESCRIBED,
    QueuedRuns::DESCRIBED,
    Daemons::DESCRIBED,
    JobPartitions::DESCRIBED,
    LaunchPartitionBackfill::DESCRIBED,
    FindBackfill::DESCRIBED,
    BackfillStatus::DESCRIBED,
    CancelPartitionBackfill::DESCRIBED,
    ReportRunlessAssetEvents::DESCRIBED,
    ReportAssetCheckEvaluations::DESCRIBED,
];
