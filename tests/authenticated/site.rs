//! A Dagster behind an nginx that asks who comes, and a look for the token in all that there is.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::support::dagster::{Server, free_port};
use super::support::listener::Listener;
use super::support::nginx::Nginx;
use super::support::{Project, Run};

/// The token, with characters that are written otherwise in addresses.
pub const TOKEN: &str = "c4n4ry+T0ken/with=signs";
/// A token that is none.
pub const WRONG: &str = "c4n4ry-that-died/in=the+mine";
pub const USER_AND_PASSWORD: &str = "me:c4n4ry+T0ken/with=signs";

pub const DEFINITIONS: &str = r#"import os
import dagster as dg


@dg.op
def fine(context):
    context.log.info("all is well")
    print("printed")


@dg.op
def breaks():
    raise ValueError("this op always fails")


@dg.op
def looks():
    with open(os.environ["SEEN"], "a") as file:
        file.write(repr(dict(os.environ)))


@dg.job
def good_job():
    fine()


@dg.job
def bad_job():
    breaks()


@dg.job
def looking_job():
    looks()


defs = dg.Definitions(jobs=[good_job, bad_job, looking_job])
"#;

const NGINX: &str = include_str!("nginx.conf");

/// Says where in a text a token is, in whichever form.
#[track_caller]
pub fn expect_no_token(text: &str, what: &str) {
    // Wherever in the encoded text it begins.
    let encoded: Vec<String> = ["", "x", "xx"]
        .iter()
        .map(|before| STANDARD.encode(format!("{before}c4n4ry+T0ken"))[4..12].to_owned())
        .collect();
    let lower = text.to_lowercase();
    let found = lower.find("c4n4ry").or_else(|| {
        let mut found = encoded.iter().filter_map(|part| text.find(part));
        found.next()
    });
    if let Some(at) = found {
        let begin = (0..=at.saturating_sub(200)).rfind(|at| text.is_char_boundary(*at));
        panic!("a token in {what}:\n{}", &text[begin.unwrap_or(0)..]);
    }
}

/// The same for all files below a folder.
pub fn expect_no_token_below(dir: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files += expect_no_token_below(&entry.path());
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let what = entry.path().display().to_string();
            expect_no_token(&String::from_utf8_lossy(&bytes), &what);
            files += 1;
        }
    }
    files
}

pub fn expect_clean(run: &Run, what: &str) {
    expect_no_token(&run.stdout(), &format!("stdout of {what}"));
    expect_no_token(&run.stderr(), &format!("stderr of {what}"));
}

/// A Dagster below `/dagster`, and an nginx before it.
pub struct Site {
    pub project: Project,
    pub nginx: Nginx,
    pub ports: BTreeMap<&'static str, u16>,
    pub elsewhere: Listener,
    pub dagster: Server,
}

impl Site {
    pub fn start() -> Self {
        let project = Project::empty();
        project.write("defs.py", DEFINITIONS);
        project.write("workspace.yaml", "load_from: [python_file: defs.py]\n");
        let dagster = Server::with_args(&project.root(), 1, &["--path-prefix", "/dagster"]);
        let elsewhere = Listener::saying("200 OK", "text/plain", "got you");
        let names = [
            "BEARER",
            "NO_WEBSOCKET",
            "BASIC",
            "CUSTOM",
            "PLUS",
            "PREFIX",
            "TLS",
            "ECHO",
        ];
        let ports: BTreeMap<_, _> = names.map(|name| (name, free_port())).into();
        let address = dagster.url.strip_prefix("http://").unwrap();
        let mut conf = NGINX
            .replace("TOKEN", TOKEN)
            .replace("DAGSTER", address.strip_suffix("/dagster").unwrap())
            .replace("PORT_ELSEWHERE", &elsewhere.port.to_string());
        for (name, port) in &ports {
            conf = conf.replace(&format!("PORT_{name};"), &format!("{port};"));
            conf = conf.replace(&format!("PORT_{name} ssl"), &format!("{port} ssl"));
        }
        let listened: Vec<u16> = ports.values().copied().collect();
        let nginx = Nginx::start(&conf, &listened, |dir| {
            let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
            let (user, password) = USER_AND_PASSWORD.split_once(':').unwrap();
            write("users", &format!("{user}:{{PLAIN}}{password}\n"));
            let names = ["localhost", "dagster.test"].map(str::to_owned).to_vec();
            let key = rcgen::generate_simple_self_signed(names).unwrap();
            write("server.pem", &key.cert.pem());
            write("server.key", &key.signing_key.serialize_pem());
            std::fs::write(project.root().join("ca.pem"), key.cert.pem()).unwrap();
        });
        Self {
            project,
            nginx,
            ports,
            elsewhere,
            dagster,
        }
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[name])
    }

    /// `daglab` with variables; proxies of the machine are not the test's.
    pub fn daglab(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let mut command = self.project.daglab(args);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        command.envs(env.iter().copied());
        Run::of(command)
    }
}
