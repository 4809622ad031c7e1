//! The flags of every command that speaks to a Dagster server, and the client that follows from them
//! and from the settings.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::{Context, Failure};
use crate::config::model::{Auth, AuthType, Dagster};
use crate::config::{FlagValue, Loaded, Origin, Settings};
use crate::dagster::credentials::{Credentials, DAGSTER_PLUS_HEADER};
use crate::dagster::gate::Gate;
use crate::dagster::{Client, ClientConfig, Error as DagsterError};
use crate::error::{Diagnose, ExitStatus};

/// The variable that notebooks get from `ci` and `export`, and that leads the commands they call to
/// the same server.
const SERVER_VARIABLE: &str = "DAGLAB_DAGSTER_URL";

/// The variable that Dagster's own tools read the token of Dagster+ from.
const DAGSTER_PLUS_VARIABLE: &str = "DAGSTER_CLOUD_API_TOKEN";

/// Which server, and who asks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server options")]
pub struct ConnectArgs {
    /// The web server's address, with its path prefix [default: `dagster.url`, else host and port]
    #[arg(long, value_name = "URL", conflicts_with = "dagster_port")]
    pub dagster_url: Option<String>,

    /// The web server's port [default: 3000]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub dagster_port: Option<u16>,

    /// The token; other users of this machine can see it here, and not in the variable that
    /// `dagster.auth.token_env` names [default: DAGSTER_GRAPHQL_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    pub auth_token: Option<String>,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The token is missing.
    #[error("the server wants a token, and the variable `{variable}` is not set")]
    NoToken {
        /// Where it was looked for.
        variable: String,
    },
    /// Somebody has perhaps written the token itself there, so it is not shown.
    #[error("`dagster.auth.token_env` is not the name of a variable")]
    NotAVariable,
    /// A token, and the settings that say not to sign in.
    #[error("`--auth-token` is given, and `dagster.auth.type` says `none`")]
    TokenNotWanted,
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoToken { .. } => ExitStatus::Authentication,
            Self::NotAVariable => ExitStatus::Validation,
            Self::TokenNotWanted => ExitStatus::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoToken { variable } => format!("set `{variable}`, or give `--auth-token`"),
            Self::NotAVariable => {
                "it names the variable that holds the token: letters, digits and `_`".to_owned()
            }
            Self::TokenNotWanted => {
                "set `dagster.auth.type` to `bearer`, `basic`, `custom` or `dagster_plus`"
                    .to_owned()
            }
        })
    }
}

impl ConnectArgs {
    /// The flags that are settings, for the topmost layer.
    pub(super) fn flags(&self) -> impl Iterator<Item = FlagValue> {
        let url = FlagValue::given("dagster.url", self.dagster_url.clone(), "--dagster-url");
        let port = FlagValue::given("dagster.port", self.dagster_port, "--dagster-port");
        url.into_iter().chain(port)
    }

    /// A client of the server that flags and settings name. Nothing is sent yet. Relative files are
    /// of the project in `root`.
    pub(super) fn client(
        &self,
        context: &Context,
        loaded: &Loaded,
        root: &Path,
    ) -> Result<Client, Failure> {
        Ok(Client::new(&self.config(context, loaded, root)?)?)
    }

    /// What such a client is made from.
    pub(super) fn config(
        &self,
        context: &Context,
        loaded: &Loaded,
        root: &Path,
    ) -> Result<ClientConfig, Failure> {
        let url = self.address(context, loaded);
        let ca_file = loaded.settings.dagster.ca_file.as_deref();
        Ok(ClientConfig {
            credentials: self.credentials(context, loaded, &url)?,
            ca_file: ca_file.map(|file| root.join(PathBuf::from(file))),
            url,
            ..patience(&loaded.settings)
        })
    }

    /// Whether a flag names a server.
    pub(super) fn is_given(&self) -> bool {
        self.dagster_url.is_some() || self.dagster_port.is_some()
    }

    /// Whether anything but a default names a server.
    pub(super) fn names_a_server(&self, context: &Context, loaded: &Loaded) -> bool {
        let Dagster { url, host, .. } = &loaded.settings.dagster;
        self.is_given()
            || url.is_some()
            || !is_here(host)
            || given_by_variable(context, loaded).is_some()
    }

    fn address(&self, context: &Context, loaded: &Loaded) -> String {
        let Dagster {
            url, host, port, ..
        } = &loaded.settings.dagster;
        let by_port = is_flag(loaded, "dagster.port");
        let named = url.clone().filter(|_| !by_port);
        let given = given_by_variable(context, loaded).map(str::to_owned);
        given.or(named).unwrap_or_else(|| {
            // An IPv6 address needs its brackets.
            let bare = host.contains(':') && !host.starts_with('[');
            let host = if bare {
                format!("[{host}]")
            } else {
                host.clone()
            };
            format!("http://{host}:{port}")
        })
    }

    fn credentials(
        &self,
        context: &Context,
        loaded: &Loaded,
        url: &str,
    ) -> Result<Option<Credentials>, Failure> {
        let auth = &loaded.settings.dagster.auth;
        let is_set = |path| *loaded.origins.of(path) != Origin::Default;
        let is_plus = auth.kind == AuthType::DagsterPlus
            || (!is_set("dagster.auth.type") && is_dagster_plus(url));
        let variable = if is_plus && !is_set("dagster.auth.token_env") {
            DAGSTER_PLUS_VARIABLE
        } else {
            &auth.token_env
        };
        if !is_variable(variable) {
            return Err(Error::NotAVariable.into());
        }
        let token = self.auth_token.as_deref().or(context.variable(variable));
        if token.is_none() && given_by_variable(context, loaded).is_some() {
            // A notebook speaks to the instance of `ci`, and not to the deployment that the settings
            // are about: its token is none of the notebook's business.
            return Ok(None);
        }
        let kind = if is_plus {
            AuthType::DagsterPlus
        } else if is_set("dagster.auth.type") || token.is_none() {
            auth.kind
        } else {
            AuthType::Bearer
        };
        if kind == AuthType::None {
            return match self.auth_token {
                Some(_) => Err(Error::TokenNotWanted.into()),
                None => Ok(None),
            };
        }
        let token = token.ok_or_else(|| Error::NoToken {
            variable: variable.to_owned(),
        })?;
        let header = if is_plus && !is_set("dagster.auth.header_name") {
            DAGSTER_PLUS_HEADER
        } else {
            &auth.header_name
        };
        Ok(Some(made_of(kind, header, token)?))
    }
}

/// Whether a host is this machine, where a server may be by chance.
fn is_here(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    let is_ours = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(is_ours)
}

fn is_flag(loaded: &Loaded, path: &str) -> bool {
    matches!(loaded.origins.of(path), Origin::Flag(_))
}

/// The server that a notebook is led to, unless a flag names another.
fn given_by_variable<'a>(context: &'a Context, loaded: &Loaded) -> Option<&'a str> {
    let by_flag = is_flag(loaded, "dagster.url") || is_flag(loaded, "dagster.port");
    context.variable(SERVER_VARIABLE).filter(|_| !by_flag)
}

/// Whether a text can be the name of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn made_of(kind: AuthType, header: &str, token: &str) -> Result<Credentials, DagsterError> {
    // Files and variables often end with a line break that nobody meant.
    let token = token.trim();
    match kind {
        AuthType::Bearer => Credentials::bearer(header, token),
        AuthType::Basic => Credentials::basic(header, token),
        AuthType::None | AuthType::Custom | AuthType::DagsterPlus => {
            Credentials::header(header, token)
        }
    }
}

/// Whether an address is one of Dagster+.
fn is_dagster_plus(url: &str) -> bool {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| host.ends_with(".dagster.cloud") || host.ends_with(".dagster.plus"))
}

/// A client's configuration but for the server: how patient it is, and what it may ask.
pub(super) fn patience(settings: &Settings) -> ClientConfig {
    let graphql = &settings.dagster.graphql;
    let security = &settings.security;
    ClientConfig {
        timeout: graphql.timeout.duration(),
        retries: graphql.max_retries,
        gate: match security.sandbox_mode {
            true => Gate::sandbox(security.allowed_operations.clone()),
            false => Gate::default(),
        },
        ..ClientConfig::new("http://127.0.0.1")
    }
}

/// What to do when a server that the user named says no, or says nothing.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct Unanswered(#[from] pub(super) DagsterError);

impl Diagnose for Unanswered {
    fn exit_status(&self) -> ExitStatus {
        self.0.exit_status()
    }

    fn hint(&self) -> Option<String> {
        match &self.0 {
            DagsterError::Unreachable { .. } => Some(
                "start one with `dagster dev`, or name another one with `--dagster-url`".to_owned(),
            ),
            DagsterError::Unauthorized { url, .. } => Some(format!(
                "set the token's variable, `{}` unless `dagster.auth.token_env` names another, and \
                 `dagster.auth.type` to what the server expects",
                match is_dagster_plus(url) {
                    true => DAGSTER_PLUS_VARIABLE.to_owned(),
                    false => Auth::default().token_env,
                }
            )),
            other => other.hint(),
        }
    }

    fn detail(&self) -> Option<String> {
        self.0.detail()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Request};

    fn context(env: &[(&str, &str)]) -> Vec<(String, String)> {
        env.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// The server and the `Debug` of the credentials, for flags, variables and a `daglab.yaml`.
    fn resolve(
        args: &ConnectArgs,
        env: &[(&str, &str)],
        yaml: &str,
    ) -> Result<(String, String), String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("daglab.yaml"), yaml).unwrap();
        let context = Context::for_tests(context(env), dir.path());
        let loaded = config::load(&Request {
            dir: dir.path().to_owned(),
            flags: args.flags().collect(),
            env: context.env.clone(),
            home: None,
        })
        .unwrap();
        let url = args.address(&context, &loaded);
        let credentials = args.credentials(&context, &loaded, &url);
        let credentials = credentials.map_err(|failure| failure.diagnose().to_string())?;
        Ok((url, format!("{credentials:?}")))
    }

    #[test]
    fn a_host_elsewhere_is_named() {
        for (yaml, is_named) in [
            ("", false),
            ("dagster: {port: 4000}\n", false),
            ("dagster: {host: LOCALHOST}\n", false),
            ("dagster: {host: 127.0.0.2}\n", false),
            ("dagster: {host: '[::1]'}\n", false),
            ("dagster: {host: 0.0.0.0}\n", false),
            ("dagster: {host: dagster.internal}\n", true),
            ("dagster: {host: 10.0.0.7}\n", true),
            ("dagster: {url: 'http://localhost:1'}\n", true),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("daglab.yaml"), yaml).unwrap();
            let context = Context::for_tests(Vec::new(), dir.path());
            let loaded = config::load(&Request {
                dir: dir.path().to_owned(),
                ..Request::default()
            })
            .unwrap();
            let args = ConnectArgs::default();
            assert_eq!(args.names_a_server(&context, &loaded), is_named, "{yaml}");
        }
    }

    #[test]
    fn the_nearest_address_wins() {
        let flag = |url: &str| ConnectArgs {
            dagster_url: Some(url.to_owned()),
            ..ConnectArgs::default()
        };
        let port = ConnectArgs {
            dagster_port: Some(3001),
            ..ConnectArgs::default()
        };
        let none = ConnectArgs::default();
        let yaml = "dagster: {host: box, url: 'https://x/y'}\n";
        let notebook = [("DAGLAB_DAGSTER_URL", "http://127.0.0.1:5")];
        for (args, env, yaml, expected) in [
            (&none, &[][..], "", "http://localhost:3000"),
            (&none, &[], "dagster: {host: '::1'}\n", "http://[::1]:3000"),
            (&none, &[], yaml, "https://x/y"),
            (&none, &notebook, yaml, "http://127.0.0.1:5"),
            (&port, &notebook, yaml, "http://box:3001"),
            (&flag("http://z"), &notebook, yaml, "http://z"),
        ] {
            assert_eq!(resolve(args, env, yaml).unwrap().0, expected);
        }
    }

    #[test]
    fn a_token_is_sent_where_it_belongs() {
        let none = ConnectArgs::default();
        let token = [("DAGSTER_GRAPHQL_TOKEN", "t0ken")];
        let header = |args: &ConnectArgs, env: &[(&str, &str)], yaml: &str| {
            resolve(args, env, yaml).map(|(_, credentials)| credentials)
        };
        assert_eq!(header(&none, &[], "").unwrap(), "None");
        let bearer = header(&none, &token, "").unwrap();
        assert!(bearer.contains("authorization"), "{bearer}");
        assert_eq!(
            header(&none, &token, "dagster: {auth: {type: none}}").unwrap(),
            "None"
        );
        let missing = header(&none, &[], "dagster: {auth: {type: bearer, token_env: T}}");
        assert!(missing.unwrap_err().contains("`T` is not set"));
        let custom = "dagster: {auth: {type: custom, header_name: X-Key}}";
        assert!(header(&none, &token, custom).unwrap().contains("x-key"));
        let plus = "dagster: {url: 'https://acme.dagster.cloud/prod'}";
        let in_a_notebook = [("DAGLAB_DAGSTER_URL", "http://127.0.0.1:5")];
        let bearer = "dagster: {auth: {type: bearer}}";
        assert_eq!(header(&none, &in_a_notebook, bearer).unwrap(), "None");
        let mistaken = header(&none, &[], "dagster: {auth: {token_env: 'agent:s3cret'}}");
        let mistaken = mistaken.unwrap_err();
        assert!(mistaken.contains("`dagster.auth.token_env`"), "{mistaken}");
        assert!(!mistaken.contains("s3cret"), "{mistaken}");
        let cloud = [("DAGSTER_CLOUD_API_TOKEN", "t0ken")];
        assert!(
            header(&none, &cloud, plus)
                .unwrap()
                .contains("dagster-cloud-api-token")
        );
        assert!(
            header(&none, &token, plus)
                .unwrap_err()
                .contains("DAGSTER_CLOUD_API_TOKEN")
        );
        let given = ConnectArgs {
            auth_token: Some("t0ken".to_owned()),
            ..ConnectArgs::default()
        };
        assert!(header(&given, &[], "").unwrap().contains("authorization"));
        assert!(header(&given, &[], "dagster: {auth: {type: none}}").is_err());
    }
}
