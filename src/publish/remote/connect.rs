//! From an address and the environment to a client of its cloud.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, resolve_bucket_region};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, RetryConfig};

use super::address::{Address, Place};
use super::credentials::{Lifetime, WEEK, aws, google};
use super::error::Error;
use crate::config::model::CloudStorage;
use crate::publish::local::file_url;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);

/// Google signs with keys of its own that it changes: what they signed is good for 12 hours.
const SIGNED_BY_GOOGLE: u64 = 12 * 60 * 60;

/// A client of a bucket.
#[derive(Debug)]
pub struct Connection {
    /// Reads, writes, lists and deletes.
    pub objects: Arc<dyn ObjectStore>,
    /// Signs links, where that can be done.
    pub signer: Option<Arc<dyn Signer>>,
    /// Whether a signature is good at the bucket's address whatever address was signed.
    pub signs_elsewhere: bool,
    /// The plain address of the bucket, without `/` at its end.
    pub address: String,
    /// How long a signed link can last.
    pub lifetime: Lifetime,
    /// Values that signed links show, and that are secrets elsewhere.
    pub shown_by_links: Vec<String>,
    /// Whether objects carry attributes: a type, an encoding, metadata. Files do not.
    pub attributes: bool,
}

/// Variables by name.
pub type Variables<'a> = &'a [(String, String)];

fn variable<'a>(variables: Variables<'a>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let found = variables.iter().find(|(other, _)| other == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    })
}

/// Makes a client. Credentials are looked for at once, so that what is missing is known before
/// anything runs.
pub async fn connect(
    address: &Address,
    settings: &CloudStorage,
    variables: Variables<'_>,
) -> Result<Connection, Error> {
    match &address.place {
        Place::S3(bucket) => s3(address, bucket, settings, variables).await,
        Place::Gcs(bucket) => gcs(address, bucket, settings, variables),
        Place::Azure(container) => azure(address, container, settings, variables),
        Place::File(directory) => file(directory),
    }
}

fn options(endpoint: Option<&str>, settings: &CloudStorage) -> ClientOptions {
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        // Names are resolved as everywhere else, without the C library.
        .with_config(ClientConfigKey::RandomizeAddresses, "false")
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT)
        .with_timeout(settings.timeout.duration())
}

fn patience(settings: &CloudStorage) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(15),
            base: 2.0,
        },
        max_retries: settings.max_retries as usize,
        // A request is signed once, and signatures are refused after 15 minutes.
        retry_timeout: Duration::from_secs(180),
    }
}

/// What can't be built: a setting is wrong, or a file with credentials can't be read.
fn unusable(error: &object_store::Error, address: &Address, hint: &'static str) -> Error {
    Error::NoCredentials {
        place: address.place.to_string(),
        why: super::error::root_cause(error),
        hint,
    }
}

const AWS_HINT: &str = "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_PROFILE`; in \
                        GitHub Actions, use aws-actions/configure-aws-credentials";
const GOOGLE_HINT: &str = "set `GOOGLE_APPLICATION_CREDENTIALS`, or run `gcloud auth \
                           application-default login`; in GitHub Actions, use \
                           google-github-actions/auth";
const AZURE_HINT: &str = "set `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY`, or run `az login`; \
                          in GitHub Actions, use azure/login";

async fn s3(
    address: &Address,
    bucket: &str,
    settings: &CloudStorage,
    variables: Variables<'_>,
) -> Result<Connection, Error> {
    // Who runs it decides where credentials are sent, before what the repository says.
    let endpoint = variable(variables, &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]);
    let endpoint = endpoint.or(settings.endpoint.as_deref());
    let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/'));
    let options = options(endpoint, settings);
    let named = settings.region.as_deref();
    let named = named.or_else(|| variable(variables, &["AWS_REGION", "AWS_DEFAULT_REGION"]));
    let region = match (named, endpoint) {
        (Some(region), _) => region.to_owned(),
        // Servers of others take any.
        (None, Some(_)) => "us-east-1".to_owned(),
        (None, None) => resolve_bucket_region(bucket, &options)
            .await
            .map_err(|error| region_unknown(&error, address))?,
    };
    let provider = Arc::new(aws::Provider::new(variables));
    let lifetime = provider
        .lifetime()
        .await
        .map_err(|why| Error::NoCredentials {
            place: address.place.to_string(),
            why,
            hint: AWS_HINT,
        })?;
    let shown_by_links = provider.shown_by_links().await;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&region)
        .with_credentials(provider)
        .with_client_options(options)
        .with_retry(patience(settings));
    // Names with dots match no certificate of `*.s3.amazonaws.com`.
    let own_host = endpoint.is_none() && !bucket.contains('.');
    let address_of_bucket = match endpoint {
        Some(endpoint) => {
            builder = builder.with_endpoint(endpoint);
            format!("{endpoint}/{bucket}")
        }
        None if own_host => {
            builder = builder.with_virtual_hosted_style_request(true);
            format!("https://{bucket}.s3.{region}.amazonaws.com")
        }
        None => format!("https://s3.{region}.amazonaws.com/{bucket}"),
    };
    let client = Arc::new(
        builder
            .build()
            .map_err(|error| unusable(&error, address, AWS_HINT))?,
    );
    Ok(Connection {
        objects: Arc::clone(&client) as _,
        signer: Some(client),
        signs_elsewhere: false,
        address: address_of_bucket,
        lifetime,
        shown_by_links,
        attributes: true,
    })
}

fn region_unknown(error: &object_store::Error, address: &Address) -> Error {
    let place = address.place.to_string();
    let text = error.to_string();
    if text.contains("not found") || text.contains("Not found") {
        return Error::NoBucket {
            what: "bucket",
            place,
        };
    }
    Error::Unreachable {
        place,
        action: "say its region".to_owned(),
        said: super::error::root_cause(error),
    }
}

fn gcs(
    address: &Address,
    bucket: &str,
    settings: &CloudStorage,
    variables: Variables<'_>,
) -> Result<Connection, Error> {
    let emulator = variable(variables, &["STORAGE_EMULATOR_HOST"]).map(|host| {
        if host.contains("://") {
            host.to_owned()
        } else {
            format!("http://{host}")
        }
    });
    let endpoint = emulator.or_else(|| settings.endpoint.clone());
    let endpoint = endpoint.as_deref().map(|it| it.trim_end_matches('/'));
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_client_options(options(endpoint, settings))
        .with_retry(patience(settings));
    if let Some(endpoint) = endpoint {
        builder = builder.with_base_url(endpoint);
    }
    let missing = |why: String| Error::NoCredentials {
        place: address.place.to_string(),
        why,
        hint: GOOGLE_HINT,
    };
    let mut lifetime = Lifetime::UpTo(SIGNED_BY_GOOGLE);
    if let Some(path) = google_file(variables) {
        let contents = std::fs::read_to_string(&path)
            .map_err(|error| missing(format!("`{}` can't be read: {error}", path.display())))?;
        let federated = google::federated(&contents)
            .map_err(|why| missing(format!("`{}` can't be used: {why}", path.display())))?;
        match federated {
            Some(google::Federated { tokens, email }) => {
                builder = builder.with_credentials(tokens);
                match email {
                    Some(email) => {
                        let signs = Arc::new(google::SignedByGoogle(email));
                        builder = builder.with_signing_credentials(signs);
                    }
                    None => {
                        lifetime = Lifetime::Never(
                            "the identity speaks for no service account, which could sign",
                        );
                    }
                }
            }
            None => {
                if contents.contains("\"service_account\"") {
                    lifetime = Lifetime::UpTo(WEEK);
                }
                builder = builder.with_application_credentials(path.display().to_string());
            }
        }
    }
    let client = Arc::new(
        builder
            .build()
            .map_err(|error| unusable(&error, address, GOOGLE_HINT))?,
    );
    let base = endpoint.unwrap_or("https://storage.googleapis.com");
    Ok(Connection {
        objects: Arc::clone(&client) as _,
        signer: Some(client),
        signs_elsewhere: false,
        address: format!("{base}/{bucket}"),
        lifetime,
        shown_by_links: Vec::new(),
        attributes: true,
    })
}

/// The file with credentials that Google's own programs read.
fn google_file(variables: Variables<'_>) -> Option<PathBuf> {
    if let Some(path) = variable(variables, &["GOOGLE_APPLICATION_CREDENTIALS"]) {
        let path = PathBuf::from(path);
        // google-github-actions/auth writes it into the workspace, which a container sees elsewhere.
        let workspace = variable(variables, &["GITHUB_WORKSPACE"]).map(Path::new);
        let mounted = workspace.and_then(|workspace| Some(workspace.join(path.file_name()?)));
        return match mounted.filter(|mounted| !path.exists() && mounted.is_file()) {
            Some(mounted) => Some(mounted),
            None => Some(path),
        };
    }
    let configuration = match variable(variables, &["CLOUDSDK_CONFIG"]) {
        Some(path) => PathBuf::from(path),
        None => Path::new(variable(variables, &["HOME"])?).join(".config/gcloud"),
    };
    Some(configuration.join("application_default_credentials.json")).filter(|path| path.exists())
}

fn azure(
    address: &Address,
    container: &str,
    settings: &CloudStorage,
    variables: Variables<'_>,
) -> Result<Connection, Error> {
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(container);
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        let name = name.to_ascii_lowercase();
        let known = name.strip_prefix("azure_").map(|_| name.parse());
        if let Some(Ok(key)) = known {
            builder = builder.with_config(key, value);
        }
    }
    let string = variable(variables, &["AZURE_STORAGE_CONNECTION_STRING"]).unwrap_or_default();
    let parts: Vec<(&str, &str)> = string
        .split(';')
        .filter_map(|part| part.split_once('='))
        .collect();
    let part = |name: &str| {
        let found = parts.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| *value)
    };
    // The names that `az` reads, where they are not the library's.
    let key = part("AccountKey").or_else(|| variable(variables, &["AZURE_STORAGE_KEY"]));
    if let Some(key) = key {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = part("SharedAccessSignature") {
        builder = builder.with_config(AzureConfigKey::SasKey, token);
    }
    let names = ["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"];
    let account = part("AccountName").or_else(|| variable(variables, &names));
    let account = account.or(settings.account.as_deref());
    let Some(account) = account else {
        return Err(Error::NoCredentials {
            place: address.place.to_string(),
            why: "the storage account is not known".to_owned(),
            hint: "set `export.cloud_storage.account`, or `AZURE_STORAGE_ACCOUNT`",
        });
    };
    builder = builder.with_account(account);
    // Of all of a host, a signature covers the account: that is read from the host's usual name.
    let signs = builder.clone();
    let endpoint = part("BlobEndpoint");
    let endpoint = endpoint.or_else(|| variable(variables, &["AZURE_STORAGE_ENDPOINT"]));
    let endpoint = endpoint.or(settings.endpoint.as_deref());
    let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/'));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.to_owned());
    }
    let has = |key: AzureConfigKey| builder.get_config_value(&key).is_some();
    let key = has(AzureConfigKey::AccessKey);
    let sas = has(AzureConfigKey::SasKey) && !key;
    let tokens = has(AzureConfigKey::Token)
        || has(AzureConfigKey::ClientSecret)
        || has(AzureConfigKey::FederatedTokenFile);
    let instance = has(AzureConfigKey::MsiEndpoint);
    let cli = !key && !sas && !tokens && !instance && is_on_path("az", variables);
    let build = |builder: MicrosoftAzureBuilder| {
        builder
            .with_use_azure_cli(cli)
            .with_client_options(options(endpoint, settings))
            .with_retry(patience(settings))
            .build()
            .map_err(|error| unusable(&error, address, AZURE_HINT))
    };
    let base = match endpoint {
        Some(endpoint) => endpoint.to_owned(),
        None => format!("https://{account}.blob.core.windows.net"),
    };
    let year = 365 * 24 * 60 * 60;
    Ok(Connection {
        objects: Arc::new(build(builder)?),
        signer: Some(Arc::new(build(signs)?)),
        signs_elsewhere: true,
        address: format!("{base}/{container}"),
        lifetime: match (key, sas) {
            (true, _) => Lifetime::UpTo(year),
            (false, true) => Lifetime::Never("a shared access signature can't sign links"),
            // By a key that Azure gives for a week at most.
            (false, false) => Lifetime::UpTo(WEEK),
        },
        shown_by_links: Vec::new(),
        attributes: true,
    })
}

fn is_on_path(program: &str, variables: Variables<'_>) -> bool {
    let path = variable(variables, &["PATH"]).unwrap_or_default();
    std::env::split_paths(path).any(|dir| dir.join(program).is_file())
}

fn file(directory: &Path) -> Result<Connection, Error> {
    let failed = |why: String| Error::Foreign {
        key: directory.display().to_string(),
        why,
    };
    if !directory.exists() {
        return Err(Error::NoBucket {
            what: "directory",
            place: directory.display().to_string(),
        });
    }
    let directory = directory
        .canonicalize()
        .map_err(|error| failed(error.to_string()))?;
    let store = LocalFileSystem::new_with_prefix(&directory)
        .map_err(|error| failed(super::error::root_cause(&error)))?;
    Ok(Connection {
        objects: Arc::new(store),
        signer: None,
        signs_elsewhere: false,
        address: file_url(&directory),
        lifetime: Lifetime::Never("files are not signed"),
        shown_by_links: Vec::new(),
        attributes: false,
    })
}
