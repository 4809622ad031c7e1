//! Amazon: variables, profiles with keys, SSO or a process, web identity, containers, instances.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider};
use reqsign_core::{
    CommandExecute, CommandOutput, Context, Error, ErrorKind, FileRead, HttpSend,
    ProvideCredential as _, Result, SigningCredential as _, StaticEnv,
};
use tokio::sync::Mutex;

use super::{Lifetime, WEEK};

/// How long each source may take: the address of an instance's metadata answers at once or never.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose credentials are those of a chain.
#[derive(Debug)]
pub struct Provider {
    context: Context,
    chain: DefaultCredentialProvider,
    known: Mutex<Option<Credential>>,
    /// When those of variables end, where somebody says so.
    until: Option<Timestamp>,
}

impl Provider {
    /// From these variables, and the files and services they lead to.
    pub fn new(variables: &[(String, String)]) -> Self {
        let envs: HashMap<String, String> = variables.iter().cloned().collect();
        let until = envs
            .get("AWS_CREDENTIAL_EXPIRATION")
            .and_then(|at| at.parse().ok());
        let env = StaticEnv {
            home_dir: envs.get("HOME").map(PathBuf::from),
            envs,
        };
        Self {
            context: Context::new()
                .with_file_read(Files)
                .with_http_send(Http::default())
                .with_command_execute(Commands)
                .with_env(env),
            chain: DefaultCredentialProvider::new(),
            known: Mutex::new(None),
            until,
        }
    }

    /// The credentials, or why there are none.
    async fn credential(&self) -> std::result::Result<Credential, String> {
        let mut known = self.known.lock().await;
        if let Some(credential) = known.as_ref().filter(|known| known.is_valid()) {
            return Ok(credential.clone());
        }
        match self.chain.provide_credential(&self.context).await {
            Ok(Some(credential)) => {
                *known = Some(credential.clone());
                Ok(credential)
            }
            Ok(None) => Err("neither variables nor a profile, an identity token or an \
                             instance's metadata give any"
                .to_owned()),
            Err(error) => Err(format!("{:?}", error.kind())),
        }
    }

    /// How long what they sign is good for; or why there are none.
    pub async fn lifetime(&self) -> std::result::Result<Lifetime, String> {
        let credential = self.credential().await?;
        Ok(match (&credential.session_token, credential.expires_in) {
            (None, _) => Lifetime::UpTo(WEEK),
            (Some(_), until) => Lifetime::Temporary {
                up_to: WEEK,
                until: until
                    .and_then(|at| Timestamp::from_second(at.as_second()).ok())
                    .or(self.until),
            },
        })
    }

    /// What a signed link shows to whoever has it: the key's id, and the token of temporary keys.
    /// The secret key is not among it.
    pub async fn shown_by_links(&self) -> Vec<String> {
        match self.credential().await {
            Ok(credential) => std::iter::once(credential.access_key_id)
                .chain(credential.session_token)
                .collect(),
            Err(_) => Vec::new(),
        }
    }
}

#[async_trait]
impl CredentialProvider for Provider {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credential =
            self.credential()
                .await
                .map_err(|why| object_store::Error::Unauthenticated {
                    path: String::new(),
                    source: why.into(),
                })?;
        Ok(Arc::new(AwsCredential {
            key_id: credential.access_key_id,
            secret_key: credential.secret_access_key,
            token: credential.session_token,
        }))
    }
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>> {
        tokio::fs::read(path)
            .await
            .map_err(|error| Error::new(ErrorKind::Unexpected, error.to_string()))
    }
}

#[derive(Debug, Default)]
struct Http(reqwest::Client);

impl HttpSend for Http {
    async fn http_send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let failed = |error: String| Error::new(ErrorKind::Unexpected, error);
        let mut request = reqwest::Request::try_from(request)
            .map_err(|error| failed(error.without_url().to_string()))?;
        *request.timeout_mut() = Some(PATIENCE);
        let response = self
            .0
            .execute(request)
            .await
            .map_err(|error| failed(error.without_url().to_string()))?;
        let (parts, body) = http::Response::from(response).into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| failed(error.without_url().to_string()))?;
        Ok(http::Response::from_parts(parts, body.to_bytes()))
    }
}

/// For a profile's `credential_process`, which is the user's own program.
#[derive(Debug)]
struct Commands;

impl CommandExecute for Commands {
    async fn command_execute(&self, program: &str, arguments: &[&str]) -> Result<CommandOutput> {
        let output = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let failed = |error: String| Error::new(ErrorKind::Unexpected, error);
        // People may have to confirm on another device.
        let output = tokio::time::timeout(PATIENCE * 12, output)
            .await
            .map_err(|_| failed(format!("`{program}` did not end in time")))?
            .map_err(|error| failed(error.to_string()))?;
        Ok(CommandOutput {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }
}
