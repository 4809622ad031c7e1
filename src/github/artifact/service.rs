//! The service, as a runner's environment describes it.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::{Host, Url};

use super::error::Error;
use super::patience::Limits;
use super::wire::Ids;
use crate::percent::COMPONENT;

const TOKEN: &str = "ACTIONS_RUNTIME_TOKEN";
const RESULTS_URL: &str = "ACTIONS_RESULTS_URL";
const SERVER_URL: &str = "GITHUB_SERVER_URL";

/// The artifact service of the run that this process is a part of.
pub struct Service {
    pub(super) http: reqwest::Client,
    /// The service's origin, ending in `/`.
    pub(super) base: Url,
    pub(super) token: Token,
    pub(super) ids: Ids,
    /// The page of the workflow run, without `/` at its end.
    pub(super) run_page: String,
    /// The days that the repository allows artifacts to be kept.
    pub(super) retention_days: Option<u32>,
    pub(super) limits: Limits,
    pub(super) on_secret: Box<dyn Fn(&str)>,
    /// Whether the server takes a `mime_type`, until it is known not to.
    pub(super) knows_mime_type: Cell<bool>,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Service")
            .field("base", &self.base.as_str())
            .field("run_page", &self.run_page)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The job's token.
pub(super) struct Token(String);

impl Token {
    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl Service {
    /// Reads what a runner has set. `None` where there is no runner.
    ///
    /// `on_secret` is told each value that must not be seen in a log, before it is used: whoever has
    /// the signature of a signed URL can read or write what it signs.
    pub fn from_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        limits: Limits,
        on_secret: impl Fn(&str) + 'static,
    ) -> Result<Option<Self>, Error> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (token, results) = (get(TOKEN), get(RESULTS_URL));
        let on_runner = get("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        if token.is_none() && results.is_none() && !on_runner {
            return Ok(None);
        }
        let server = server(&get)?;
        let token = token.ok_or(Error::Missing { variable: TOKEN })?;
        let results = results.ok_or(Error::Missing {
            variable: RESULTS_URL,
        })?;
        let needed = |variable: &'static str| get(variable).ok_or(Error::Missing { variable });
        let base = web_address(RESULTS_URL, &results)?
            .join("/")
            .map_err(|error| invalid(RESULTS_URL, error.to_string()))?;
        Ok(Some(Self {
            http: client(&base, &limits)?,
            ids: ids(&token)?,
            token: Token(token),
            run_page: run_page(
                server,
                &needed("GITHUB_REPOSITORY")?,
                &needed("GITHUB_RUN_ID")?,
            )?,
            retention_days: get("GITHUB_RETENTION_DAYS")
                .and_then(|days| days.trim().parse().ok())
                .filter(|days| *days > 0),
            base,
            limits,
            on_secret: Box::new(on_secret),
            knows_mime_type: Cell::new(true),
        }))
    }

    /// The address where a person finds an artifact. A viewable page opens there.
    pub fn page_of(&self, artifact_id: u64) -> String {
        format!("{}/artifacts/{artifact_id}", self.run_page)
    }

    /// Within the time that an operation may take.
    pub(super) async fn in_time<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout(self.limits.total, work)
            .await
            .unwrap_or_else(|_| {
                Err(Error::TooLong {
                    what: what(),
                    limit: self.limits.total,
                })
            })
    }

    /// Tells what must not be seen of a signed URL: its signature, as it stands there, decoded, and
    /// encoded as other programs would.
    pub(super) fn hide(&self, url: &Url) {
        let raw = url.query().unwrap_or_default().split('&');
        for value in raw.filter_map(|pair| pair.strip_prefix("sig=")) {
            self.hide_value(value);
        }
        for (name, value) in url.query_pairs() {
            if name == "sig" {
                self.hide_value(&value);
                // As JavaScript writes it.
                let encoded = percent_encoding::utf8_percent_encode(&value, COMPONENT);
                self.hide_value(&encoded.to_string());
            }
        }
    }

    fn hide_value(&self, value: &str) {
        if !value.is_empty() {
            (self.on_secret)(value);
        }
    }
}

/// The forge's own address. Its name decides, as in GitHub's client, whether there is the service;
/// Gitea and Forgejo have it under any name, and say who they are.
fn server(get: &impl Fn(&str) -> Option<String>) -> Result<Url, Error> {
    let url = match get(SERVER_URL) {
        Some(url) => web_address(SERVER_URL, &url)?,
        None => web_address(SERVER_URL, "https://github.com")?,
    };
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let is_github =
        host == "github.com" || host.ends_with(".ghe.com") || host.ends_with(".localhost");
    let is_other = ["GITEA_ACTIONS", "FORGEJO_ACTIONS"]
        .iter()
        .any(|name| get(name).is_some_and(|value| value == "true"));
    if is_github || is_other {
        Ok(url)
    } else {
        Err(Error::EnterpriseServer { host })
    }
}

fn web_address(variable: &'static str, value: &str) -> Result<Url, Error> {
    let url = Url::parse(value).map_err(|error| invalid(variable, error.to_string()))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(invalid(
            variable,
            "it is not the address of a web server".into(),
        ))
    }
}

fn invalid(variable: &'static str, reason: String) -> Error {
    Error::Invalid { variable, reason }
}

fn run_page(mut server: Url, repository: &str, run: &str) -> Result<String, Error> {
    let parts = repository.split_once('/');
    let (owner, name) = parts
        .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
        .ok_or_else(|| invalid("GITHUB_REPOSITORY", "it is not `owner/name`".into()))?;
    if !run.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("GITHUB_RUN_ID", "it is not a number".into()));
    }
    server.set_query(None);
    server.set_fragment(None);
    if let Ok(mut segments) = server.path_segments_mut() {
        segments
            .pop_if_empty()
            .extend([owner, name, "actions", "runs", run]);
    }
    Ok(server.into())
}

/// The ids that the token names. Its signature is the service's business.
fn ids(token: &str) -> Result<Ids, Error> {
    #[derive(Deserialize)]
    struct Claims {
        scp: String,
    }
    let wrong = |reason: &str| invalid(TOKEN, reason.into());
    let payload = token
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok())
        .ok_or_else(|| wrong("it is not a JSON Web Token"))?;
    let claims: Claims =
        serde_json::from_slice(&payload).map_err(|_| wrong("it has no claim `scp`"))?;
    claims
        .scp
        .split(' ')
        .find_map(|scope| {
            let (run, job) = scope.strip_prefix("Actions.Results:")?.split_once(':')?;
            let good = !run.is_empty() && !job.is_empty() && !job.contains(':');
            good.then(|| Ids {
                run: run.into(),
                job: job.into(),
            })
        })
        .ok_or_else(|| wrong("its claim `scp` has no `Actions.Results` with a run and a job"))
}

fn client(base: &Url, limits: &Limits) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("daglab/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(limits.call.min(Duration::from_secs(30)))
        .read_timeout(limits.block)
        .redirect(reqwest::redirect::Policy::none())
        // Digests are over the bytes as they are stored.
        .no_gzip();
    let is_loopback = match base.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_loopback {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| Error::Setup(super::call::innermost(&error)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use pretty_assertions::assert_eq;

    use super::*;
    use crate::error::{Diagnose as _, ExitStatus};

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn good() -> Vec<(&'static str, String)> {
        let scope = r#"{"scp":"Actions.Example Actions.Results:run-1:job-2"}"#;
        vec![
            ("GITHUB_ACTIONS", "true".into()),
            (TOKEN, token(scope)),
            (
                RESULTS_URL,
                "https://results.example.com/some/path?x=1".into(),
            ),
            (SERVER_URL, "https://github.com".into()),
            ("GITHUB_REPOSITORY", "octo/hello".into()),
            ("GITHUB_RUN_ID", "42".into()),
        ]
    }

    fn service(variables: &[(&str, String)]) -> Result<Option<Service>, Error> {
        let get = |name: &str| {
            let found = variables.iter().rev().find(|(key, _)| *key == name)?;
            Some(found.1.clone())
        };
        Service::from_environment(&get, Limits::default(), |_| {})
    }

    fn with(name: &'static str, value: &str) -> Result<Option<Service>, Error> {
        let mut variables = good();
        variables.push((name, value.into()));
        service(&variables)
    }

    #[test]
    fn what_a_runner_sets_is_read() {
        let service = service(&good()).unwrap().unwrap();
        assert_eq!(service.base.as_str(), "https://results.example.com/");
        assert_eq!(
            (service.ids.run.as_str(), service.ids.job.as_str()),
            ("run-1", "job-2")
        );
        assert_eq!(
            service.page_of(7),
            "https://github.com/octo/hello/actions/runs/42/artifacts/7"
        );
        assert!(!format!("{service:?}").contains("e30"));
    }

    #[test]
    fn without_a_runner_there_is_no_service() {
        assert!(service(&[]).unwrap().is_none());
        assert!(
            service(&[(SERVER_URL, "https://git.example.com".into())])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for missing in [TOKEN, RESULTS_URL, "GITHUB_REPOSITORY", "GITHUB_RUN_ID"] {
            let error = with(missing, "").unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
            assert_eq!(error.exit_status(), ExitStatus::Environment);
            assert!(error.hint().is_some());
        }
        let no_scope = token(r#"{"scp":"Actions.Results:only-one"}"#);
        for (name, value) in [
            (TOKEN, "secret-but-no-token"),
            (TOKEN, &token("{}")),
            (TOKEN, &no_scope),
            (RESULTS_URL, "ftp://example.com"),
            (RESULTS_URL, "not an address"),
            ("GITHUB_REPOSITORY", "../../x/y"),
            ("GITHUB_RUN_ID", "1/../2"),
        ] {
            let error = with(name, value).unwrap_err();
            assert!(matches!(&error, Error::Invalid { variable, .. } if *variable == name));
            assert!(
                name != TOKEN || !error.to_string().contains(value),
                "{error}"
            );
        }
    }

    #[test]
    fn only_servers_with_the_service_are_asked() {
        for url in [
            "https://GITHUB.com",
            "https://octo.ghe.com",
            "http://github.localhost",
        ] {
            assert!(with(SERVER_URL, url).unwrap().is_some(), "{url}");
        }
        for url in [
            "https://github.example.com",
            "https://ghe.com",
            "https://notgithub.com",
        ] {
            let error = with(SERVER_URL, url).unwrap_err();
            assert!(matches!(error, Error::EnterpriseServer { .. }), "{url}");
        }
        let mut gitea = good();
        gitea.push((SERVER_URL, "https://git.example.com/forge/".into()));
        gitea.push(("GITEA_ACTIONS", "true".into()));
        assert_eq!(
            service(&gitea).unwrap().unwrap().page_of(1),
            "https://git.example.com/forge/octo/hello/actions/runs/42/artifacts/1"
        );
    }

    #[test]
    fn signatures_are_told_in_each_way_they_can_be_written() {
        let told = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&told);
        let mut variables = good();
        variables.reverse();
        let get = |name: &str| Some(variables.iter().find(|(key, _)| *key == name)?.1.clone());
        let keep = move |value: &str| kept.borrow_mut().push(value.to_owned());
        let service = Service::from_environment(&get, Limits::default(), keep);
        let url = Url::parse("https://blob.example.com/a?se=1&sig=a/b%2Bc%3d&x=2").unwrap();
        service.unwrap().unwrap().hide(&url);
        assert_eq!(*told.borrow(), ["a/b%2Bc%3d", "a/b+c=", "a%2Fb%2Bc%3D"]);
    }
}
