//! `daglab.yaml` as types: every key, its kind and its default.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::ci::Ci;
use super::run::Run;

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The version of the file's format.
    #[serde(deserialize_with = "version")]
    pub version: f64,
    /// Where paired notebooks live, relative to the project. Where it is set, `ci` looks for
    /// notebooks only there.
    pub notebooks_dir: String,
    /// Whether `ci` looks for notebooks, or runs only those that are named.
    pub auto_discover: bool,
    /// The Dagster deployment to talk to.
    pub dagster: Dagster,
    /// The marimo editor.
    pub marimo: Marimo,
    /// Defaults of flags.
    pub defaults: Defaults,
    /// How many runs, how often to look, how long to wait.
    pub performance: Performance,
    /// Exported pages.
    pub export: Export,
    /// The log file.
    pub logging: Logging,
    /// Usage data; nothing is sent unless it is enabled.
    pub telemetry: Telemetry,
    /// What GraphQL operations are allowed.
    pub security: Security,
    /// What `daglab ci` runs.
    pub ci: Ci,
    /// What `daglab run` adds to the jobs it is asked for.
    pub run: Run,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 1.0,
            notebooks_dir: "dagster/notebooks".to_owned(),
            auto_discover: true,
            dagster: Dagster::default(),
            marimo: Marimo::default(),
            defaults: Defaults::default(),
            performance: Performance::default(),
            export: Export::default(),
            logging: Logging::default(),
            telemetry: Telemetry::default(),
            security: Security::default(),
            ci: Ci::default(),
            run: Run::default(),
        }
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let version = f64::deserialize(deserializer)?;
    if (1.0..2.0).contains(&version) {
        Ok(version)
    } else {
        Err(de::Error::custom(format!(
            "this daglab reads version 1, not {version}"
        )))
    }
}

/// The longest time that can be set, in seconds: 30 days.
const LONGEST: u32 = 30 * 24 * 60 * 60;

/// A time in seconds, above 0 and up to 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Seconds(#[schemars(extend("exclusiveMinimum" = 0, "maximum" = LONGEST))] pub f64);

impl Seconds {
    /// As the standard library counts it.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs_f64(self.0)
    }

    /// Reads a flag's value.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::checked(text.parse().unwrap_or(f64::NAN))
    }

    fn checked(seconds: f64) -> Result<Self, String> {
        if seconds > 0.0 && seconds <= f64::from(LONGEST) {
            Ok(Self(seconds))
        } else {
            Err(format!(
                "not a number of seconds above 0 and up to {LONGEST}, which are 30 days"
            ))
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A TCP port.
fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    match u16::deserialize(deserializer)? {
        0 => Err(de::Error::custom("a port is a number from 1 to 65535")),
        port => Ok(port),
    }
}

/// The Dagster deployment to talk to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dagster {
    /// The web server's address with its scheme and path prefix, where host and port do not say
    /// enough: `https://data.example.com/dagster`.
    pub url: Option<String>,
    /// The web server's host.
    pub host: String,
    /// The web server's port.
    #[serde(deserialize_with = "port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The repository, where a location has several.
    pub repository_name: Option<String>,
    /// The code location, where there are several.
    pub repository_location_name: Option<String>,
    /// How to sign in.
    pub auth: Auth,
    /// A file of certificates, in PEM, of authorities to trust beside the system's; relative to the
    /// project.
    pub ca_file: Option<String>,
    /// How to ask.
    pub graphql: Graphql,
}

impl Default for Dagster {
    fn default() -> Self {
        Self {
            url: None,
            host: "localhost".to_owned(),
            port: 3000,
            repository_name: None,
            repository_location_name: None,
            auth: Auth::default(),
            ca_file: None,
            graphql: Graphql::default(),
        }
    }
}

/// How to sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// The scheme. Where it is not set and the token's variable is, `bearer`.
    #[serde(rename = "type")]
    pub kind: AuthType,
    /// The variable that holds the token; for `dagster_plus`, `DAGSTER_CLOUD_API_TOKEN` if not set.
    pub token_env: String,
    /// The header that carries it; for `dagster_plus`, Dagster+'s own if not set.
    pub header_name: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            kind: AuthType::None,
            token_env: "DAGSTER_GRAPHQL_TOKEN".to_owned(),
            header_name: "Authorization".to_owned(),
        }
    }
}

/// How to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthType {
    /// Not at all.
    None,
    /// `Bearer TOKEN`.
    Bearer,
    /// `Basic`, the token being `user:password`.
    Basic,
    /// The token as it is.
    Custom,
    /// The token as it is, in the header of Dagster+.
    DagsterPlus,
}

/// How to ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Graphql {
    /// Seconds for one request.
    pub timeout: Seconds,
    /// How often a read is tried again.
    pub max_retries: u32,
}

impl Default for Graphql {
    fn default() -> Self {
        Self {
            timeout: Seconds(30.0),
            max_retries: 3,
        }
    }
}

/// The marimo editor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Marimo {
    /// The editor's port.
    #[serde(deserialize_with = "port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Whether the editor saves by itself.
    pub auto_save: bool,
}

impl Default for Marimo {
    fn default() -> Self {
        Self {
            port: 3010,
            auto_save: true,
        }
    }
}

/// Defaults of flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// The template of new notebooks.
    pub notebook_template: String,
    /// The label of a page's link in an asset's metadata.
    pub attach_metadata_key: String,
    /// Whether `dev` opens the browser.
    pub open_browser: bool,
    /// Whether `scaffold` commits.
    pub git_commit: bool,
    /// Whether run config is validated before a launch.
    pub validate_config: bool,
    /// Whether `scaffold` adds sample data.
    pub seed_data: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            notebook_template: "default".to_owned(),
            attach_metadata_key: "exploration".to_owned(),
            open_browser: true,
            git_commit: false,
            validate_config: true,
            seed_data: false,
        }
    }
}

/// How many runs, how often to look, how long to wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Performance {
    /// How many runs `run` launches at once.
    #[schemars(range(min = 1))]
    pub max_concurrent_runs: u16,
    /// Seconds between two looks at a run, at the most.
    pub polling_interval: Seconds,
    /// Seconds to wait for a server to answer.
    pub max_wait_time: Seconds,
}

impl Default for Performance {
    fn default() -> Self {
        Self {
            max_concurrent_runs: 3,
            polling_interval: Seconds(2.0),
            max_wait_time: Seconds(300.0),
        }
    }
}

/// Exported pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Export {
    /// Days after which a page may be removed.
    pub retention_days: u32,
    /// How many exports of a branch are kept at most, whatever their age. Not set means all.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "at_least_one")]
    pub retention_count: Option<u32>,
    /// Whether `export` writes a gzip copy beside the page.
    pub compress: bool,
    /// The object store.
    pub cloud_storage: CloudStorage,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            retention_days: 30,
            retention_count: None,
            compress: true,
            cloud_storage: CloudStorage::default(),
        }
    }
}

/// The object store. Credentials are never written here: they are found where the cloud's own tools
/// find them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CloudStorage {
    /// Whose.
    pub provider: Provider,
    /// The bucket or container; for `file`, the directory.
    pub bucket: Option<String>,
    /// What every key begins with.
    pub prefix: String,
    /// The address of a server that is not the provider's own: `https://minio.example.com`.
    pub endpoint: Option<String>,
    /// The region of the bucket, for S3.
    pub region: Option<String>,
    /// The storage account, for Azure.
    pub account: Option<String>,
    /// Where links lead to; `public` if only `base_url` is set, else `signed`.
    pub links: Option<Links>,
    /// What serves the bucket, without the prefix: the address of a CDN. Links of the kinds `public`
    /// and `latest` begin with it.
    pub base_url: Option<String>,
    /// Days after which signed links end; clouds allow up to 7.
    #[schemars(range(min = 0.01, max = 365))]
    #[serde(deserialize_with = "days")]
    pub link_days: f64,
    /// Seconds for one request, which sends up to 8 MB.
    pub timeout: Seconds,
    /// How often a request is tried again.
    pub max_retries: u32,
}

impl Default for CloudStorage {
    fn default() -> Self {
        Self {
            provider: Provider::None,
            bucket: None,
            prefix: "daglab-exports/".to_owned(),
            endpoint: None,
            region: None,
            account: None,
            links: None,
            base_url: None,
            link_days: 7.0,
            timeout: Seconds(300.0),
            max_retries: 8,
        }
    }
}

/// Whose object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// None.
    None,
    /// Amazon S3 or compatible.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A directory.
    File,
}

/// Where links to published pages lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// To the run's page, for whoever has the link, until it expires.
    Signed,
    /// To the run's page, for whoever may read the bucket.
    Public,
    /// To the branch's latest page, for whoever may read the bucket.
    Latest,
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::<u32>::deserialize(deserializer)? {
        Some(0) => Err(de::Error::custom("not a number from 1 on")),
        count => Ok(count),
    }
}

fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let days = f64::deserialize(deserializer)?;
    if (0.01..=365.0).contains(&days) {
        Ok(days)
    } else {
        Err(de::Error::custom("not a number of days from 0.01 to 365"))
    }
}

/// The log file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Logging {
    /// The least level that is logged.
    pub level: LogLevel,
    /// The format of a line, in the notation of Python's logging.
    pub format: String,
    /// The file, relative to the project.
    pub file: String,
    /// Bytes after which the file is rotated.
    pub max_bytes: u64,
    /// How many rotated files are kept.
    pub backup_count: u32,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: "%(asctime)s - %(name)s - %(levelname)s - %(message)s".to_owned(),
            file: ".daglab/daglab.log".to_owned(),
            max_bytes: 10 * 1024 * 1024,
            backup_count: 5,
        }
    }
}

/// A log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What is done.
    Info,
    /// What may be wrong.
    Warning,
    /// What is wrong.
    Error,
}

/// Usage data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Whether any is sent.
    pub enabled: bool,
    /// Where to.
    pub endpoint: String,
    /// Who sends it, made up on first use.
    pub anonymous_id: Option<String>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            enabled: false,
            endpoint: "https://telemetry.daglab.io".to_owned(),
            anonymous_id: None,
        }
    }
}

/// What GraphQL operations are allowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// Whether only listed operations may change anything. Reading is always allowed.
    pub sandbox_mode: bool,
    /// The operations that are allowed in the sandbox although they change something, by their names
    /// in Dagster's schema: `launchRun`.
    pub allowed_operations: Vec<String>,
    /// Variables of daglab's environment whose values are removed from everything that is printed
    /// or stored, beside those whose names say that they are secret.
    pub secrets: Vec<String>,
}

/// The JSON Schema of `daglab.yaml`, for editors.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Settings).to_value();
    schema["title"] = "daglab.yaml".into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_range() {
        for text in ["0.5", "2592000"] {
            assert!(Seconds::parse(text).is_ok(), "{text}");
        }
        for text in ["0", "-1", "2592001", "1e30", "inf", "nan", "soon", ""] {
            let error = Seconds::parse(text).unwrap_err();
            assert!(error.contains("30 days"), "{text}: {error}");
        }
    }
}
