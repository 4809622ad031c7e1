//! The client of GitHub's REST API: octocrab over the one HTTP stack of the program.
//!
//! Octocrab writes the requests, reads the answers and knows about pages; how a request reaches
//! GitHub, how often and with which patience is said in [`Limits`] and done by a service of ours.

mod error;
mod limits;
mod token;
mod transport;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder, Page};
use reqwest::Certificate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::OnceCell;
use url::{Host, Url};

pub use error::Error;
pub use limits::Limits;
pub use token::Token;

use crate::dagster::address::shown;
use error::excerpt;
use transport::{Transport, innermost};

/// The API of github.com.
pub const PUBLIC_API: &str = "https://api.github.com";
/// How many items are asked for at once; GitHub gives no more.
const PAGE: usize = 100;
/// GraphQL's question who asks.
const VIEWER: &str = "query { viewer { login } }";
/// Whose the token is that a workflow is given.
const WORKFLOW_BOT: &str = "github-actions[bot]";

/// Which GitHub, and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of the REST API as it is in `GITHUB_API_URL`: `https://api.github.com`, or
    /// `https://host/api/v3`.
    pub api_url: String,
    /// The address of GraphQL as it is in `GITHUB_GRAPHQL_URL`. Without one it follows from the
    /// REST API's.
    pub graphql_url: Option<String>,
    /// Who asks.
    pub token: Token,
    /// A file of certificates, in PEM, of authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long and how often.
    pub limits: Limits,
}

impl Config {
    /// The GitHub that the runner's variables name, with the usual limits.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>, token: Token) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        Self {
            api_url: set("GITHUB_API_URL").unwrap_or_else(|| PUBLIC_API.to_owned()),
            graphql_url: set("GITHUB_GRAPHQL_URL"),
            token,
            ca_file: None,
            limits: Limits::default(),
        }
    }
}

/// A client of one GitHub, as one of its users, apps or workflows.
pub struct Api {
    crab: Octocrab,
    transport: Arc<Transport>,
    graphql: Url,
    viewer: OnceCell<Viewer>,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// A user, or the bot of an app, whose login ends in `[bot]`.
    Login(String),
    /// Some bot: the server does not tell a bot who it is. Without being told, it takes itself for
    /// that of a workflow's token.
    SomeBot,
}

impl Viewer {
    /// Whether an author with this login and type (`User`, `Bot`) is who asks.
    pub fn is(&self, login: &str, kind: &str) -> bool {
        match self {
            Self::Login(own) => own.eq_ignore_ascii_case(login),
            Self::SomeBot => kind == "Bot" && login.eq_ignore_ascii_case(WORKFLOW_BOT),
        }
    }
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct ViewerData {
    viewer: User,
}

#[derive(Deserialize)]
struct Answered<T> {
    data: Option<T>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// Prepares a client. Nothing is sent yet.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, where octocrab's queue of requests could not be served.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let base = address(&config.api_url)?;
        let graphql = match &config.graphql_url {
            Some(url) => address(url)?,
            None => graphql_beside(&base)?,
        };
        let transport = Arc::new(Transport::new(
            http_client(&base, config.ca_file.as_deref())?,
            base,
            graphql.clone(),
            config.token.clone(),
            config.limits.clone(),
        ));
        let carrier = Arc::clone(&transport);
        let service = tower::service_fn(move |request: http::Request<OctoBody>| {
            let carrier = Arc::clone(&carrier);
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes().to_vec();
                let answer = carrier.exchange(parts, body).await?;
                Ok::<_, tower::BoxError>(answer.map(Full::from))
            }
        });
        let built = OctocrabBuilder::new_empty()
            .with_service(service)
            .with_auth(AuthState::None)
            .build();
        let crab = match built {
            Ok(crab) => crab,
            Err(never) => match never {},
        };
        Ok(Self {
            crab,
            transport,
            graphql,
            viewer: OnceCell::new(),
        })
    }

    /// Reads what is at a path such as `/repos/o/r/pulls/1`, whose variable parts are encoded.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = self.crab.get(path, None::<&()>).await;
        answer.map_err(|error| failure("GET", path, error))
    }

    /// Reads a list to its end, or to the limit of pages, beyond which it fails.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Error> {
        let size = PAGE.to_string();
        let mut query = query.to_vec();
        query.push(("per_page", &size));
        let failed = |error| failure("GET", path, error);
        let mut page: Page<T> = self.crab.get(path, Some(&query)).await.map_err(failed)?;
        let mut items = page.take_items();
        for _ in 1..self.transport.limits().pages {
            let Some(mut next) = self.crab.get_page::<T>(&page.next).await.map_err(failed)? else {
                return Ok(items);
            };
            items.append(&mut next.take_items());
            page = next;
        }
        match page.next {
            None => Ok(items),
            Some(_) => Err(Error::Answer {
                request: format!("GET {path}"),
                reason: format!("it has more than {} pages", self.transport.limits().pages),
            }),
        }
    }

    /// Sends something new.
    pub async fn post<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Error> {
        let answer = self.crab.post(path, Some(body)).await;
        answer.map_err(|error| failure("POST", path, error))
    }

    /// Changes something.
    pub async fn patch<B: Serialize + ?Sized, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Error> {
        let answer = self.crab.patch(path, Some(body)).await;
        answer.map_err(|error| failure("PATCH", path, error))
    }

    /// Removes something.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.crab._delete(path, None::<&()>).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failure("DELETE", path, error)),
        }
    }

    /// Whose token it is, asked once.
    ///
    /// REST tells users only; GraphQL tells bots as well, but is not everywhere.
    pub async fn viewer(&self) -> Result<&Viewer, Error> {
        self.viewer.get_or_try_init(|| self.ask_viewer()).await
    }

    async fn ask_viewer(&self) -> Result<Viewer, Error> {
        let question = json!({ "query": VIEWER });
        let asked: Result<Answered<ViewerData>, Error> =
            self.post(self.graphql.as_str(), &question).await;
        match asked {
            Ok(Answered { data: Some(data) }) => return Ok(Viewer::Login(data.viewer.login)),
            Ok(_) => {}
            Err(error) => match error {
                Error::NotFound { .. }
                | Error::Forbidden { .. }
                | Error::Answer { .. }
                | Error::Validation { .. }
                | Error::Unexpected { .. } => {
                    tracing::debug!(%error, "GraphQL does not tell whose token it is");
                }
                error => return Err(error),
            },
        }
        match self.get::<User>("/user").await {
            Ok(user) => Ok(Viewer::Login(user.login)),
            Err(Error::Forbidden { .. } | Error::NotFound { .. }) => Ok(Viewer::SomeBot),
            Err(error) => Err(error),
        }
    }

    /// Waits a little, and longer for each further attempt, before looking whether a lost request
    /// has been carried out.
    pub(super) async fn pause(&self, attempt: u32) {
        self.transport.pause(attempt).await;
    }
}

/// What octocrab says, as one of our own errors: that of the service if it has one inside.
fn failure(method: &str, path: &str, error: octocrab::Error) -> Error {
    let path = match Url::parse(path) {
        Ok(url) => url.path().to_owned(),
        Err(_) => path.to_owned(),
    };
    let request = format!("{method} {path}");
    match error {
        octocrab::Error::Service { source, .. } => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::Setup(innermost(other.as_ref())),
        },
        // Its own words begin with the type's name.
        octocrab::Error::Json { source, .. } => Error::Answer {
            request,
            reason: excerpt(&source.to_string(), ""),
        },
        other => Error::Answer {
            request,
            reason: excerpt(&innermost(&other), ""),
        },
    }
}

fn address(text: &str) -> Result<Url, Error> {
    let wrong = |reason: &str| Error::Url {
        url: shown(text),
        reason: reason.to_owned(),
    };
    let url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with `https://`"));
    }
    if url.host().is_none() {
        return Err(wrong("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("user and password do not belong there"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it must end with its path"));
    }
    Ok(url)
}

/// GraphQL's address: `…/api/graphql` beside `…/api/v3`, and below the public API.
fn graphql_beside(base: &Url) -> Result<Url, Error> {
    let path = base.path().trim_end_matches('/');
    let path = path.strip_suffix("/v3").unwrap_or(path);
    let mut url = base.clone();
    url.set_path(&format!("{path}/graphql"));
    address(url.as_str())
}

fn http_client(base: &Url, ca_file: Option<&Path>) -> Result<reqwest::Client, Error> {
    let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let loopback6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("daglab/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(std::time::Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        // `localhost` is this machine whatever the resolver thinks; port 0 stands for the URL's.
        .resolve_to_addrs("localhost", &[loopback, loopback6]);
    let here = match base.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if here {
        builder = builder.no_proxy();
        if base.scheme() == "http" {
            // Reading the system's certificates takes milliseconds that need not be paid.
            builder = builder.tls_certs_only([]);
        }
    } else if base.scheme() == "http" {
        tracing::warn!("the GitHub token goes to `{base}` unencrypted");
    }
    if let Some(file) = ca_file {
        builder = builder.tls_certs_merge(authorities(file)?);
    }
    builder
        .build()
        .map_err(|error| Error::Setup(innermost(&error)))
}

/// The certificates in a file.
fn authorities(file: &Path) -> Result<Vec<Certificate>, Error> {
    let wrong = |reason: String| Error::Authorities {
        file: file.to_owned(),
        reason,
    };
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(innermost(&error)))?;
    if found.is_empty() {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}
