//! Run an installation tool: its lines become progress, its last lines the error.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::Progress;
use crate::project::Error;
use crate::supervise::orphans;

/// How many of the last lines an error shows.
const SHOWN_LINES: usize = 25;

/// What installation tools may see of the environment: where things are, how to reach an index or a
/// git server, and the settings of pip and uv themselves. A trailing `*` stands for any ending.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_*",
    "TMPDIR",
    "XDG_*",
    "PIP_*",
    "UV_*",
    "PYENV_*",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSH_AUTH_SOCK",
    "GIT_SSH*",
    "GIT_SSL_*",
];

/// Of these, what would send an installation elsewhere, or keep it from being compiled.
const REFUSED: &[&str] = &[
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_NO_COMPILE",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_REQUIRE_HASHES",
    "PIP_DRY_RUN",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "UV_COMPILE_BYTECODE",
    "UV_NO_SYNC",
    "UV_FROZEN",
    "UV_LOCKED",
    "UV_ENV_FILE",
    "UV_VENV_CLEAR",
];

/// The variables of `all` that an installation tool may see.
pub(super) fn tool_variables(all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let allowed = |name: &str| {
        ALLOWED
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == *pattern,
            })
            && !REFUSED.contains(&name)
    };
    all.iter()
        .filter(|(name, _)| allowed(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

/// A command line to run.
#[derive(Debug, Clone)]
pub(super) struct ToolCommand {
    pub program: OsString,
    pub args: Vec<OsString>,
    /// Set on top of the allowed variables.
    pub env: Vec<(&'static str, OsString)>,
}

impl ToolCommand {
    pub(super) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(super) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(super) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name, value.as_ref().to_owned()));
        self
    }

    fn shown(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn spawn(&self, cwd: &Path, variables: &BTreeMap<String, String>) -> std::io::Result<Group> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .current_dir(cwd)
            .env_clear()
            .envs(variables)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        orphans::is_own(child.id());
        Ok(Group(child))
    }
}

/// A child that leads a process group, which ends with it: pip and uv start compilers and builds.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // The id is gone once the child was reaped: nothing is left that the number could mean.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// What a command came to.
#[derive(Debug)]
pub(super) struct Output {
    pub success: bool,
    pub stdout: String,
    /// The last lines of both streams, as they came.
    pub tail: String,
}

/// Runs a short command and gives all it wrote to stdout.
pub(super) async fn capture(
    command: &ToolCommand,
    cwd: &Path,
    variables: &BTreeMap<String, String>,
    limit: Duration,
) -> std::io::Result<Output> {
    let run = run(command, cwd, variables, &|_| {});
    match tokio::time::timeout(limit, run).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("no answer within {} s", limit.as_secs()),
        )),
    }
}

/// Runs an installation. `action` completes the sentence "could not …".
pub(super) async fn install(
    command: &ToolCommand,
    cwd: &Path,
    variables: &BTreeMap<String, String>,
    action: &str,
    progress: &dyn Fn(Progress),
) -> Result<Output, Error> {
    let failed = |output: String, hint: &str| Error::InstallFailed {
        action: action.to_owned(),
        command: command.shown(),
        output,
        hint: hint.to_owned(),
    };
    let output = run(command, cwd, variables, progress)
        .await
        .map_err(|error| {
            failed(
                error.to_string(),
                "see whether the program is installed and can be started",
            )
        })?;
    if output.success {
        return Ok(output);
    }
    let hint = advice(&output.tail);
    Err(failed(output.tail, hint))
}

async fn run(
    command: &ToolCommand,
    cwd: &Path,
    variables: &BTreeMap<String, String>,
    progress: &dyn Fn(Progress),
) -> std::io::Result<Output> {
    let mut child = command.spawn(cwd, variables)?;
    let tail = std::cell::RefCell::new(VecDeque::new());
    let mut stdout = String::new();
    let keep = |line: &str| {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        let mut tail = tail.borrow_mut();
        if tail.len() == SHOWN_LINES {
            tail.pop_front();
        }
        tail.push_back(line.to_owned());
        progress(Progress::Output(line.to_owned()));
    };
    let (out, err) = (child.0.stdout.take(), child.0.stderr.take());
    tokio::try_join!(
        lines(out, |line| {
            stdout.push_str(line);
            stdout.push('\n');
            keep(line);
        }),
        lines(err, keep),
    )?;
    let status = child.0.wait().await?;
    let tail = tail.into_inner().into_iter().collect::<Vec<_>>().join("\n");
    Ok(Output {
        success: status.success(),
        stdout,
        tail,
    })
}

async fn lines(
    stream: Option<impl AsyncRead + Unpin>,
    mut each: impl FnMut(&str),
) -> std::io::Result<()> {
    let Some(stream) = stream else { return Ok(()) };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await? > 0 {
        each(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
    Ok(())
}

const NETWORK: &[&str] = &[
    "error sending request",
    "failed to fetch",
    "dns error",
    "name resolution",
    "connection refused",
    "connection reset",
    "connection error",
    "newconnectionerror",
    "network is unreachable",
    "timed out",
    "timeout",
    "proxyerror",
    "tunnel",
    "certificate",
    "could not fetch url",
];

/// Whether a tool's output says that an index could not be reached.
pub(super) fn is_network_trouble(output: &str) -> bool {
    let output = output.to_lowercase();
    NETWORK.iter().any(|sign| output.contains(sign))
}

fn advice(output: &str) -> &'static str {
    let lower = output.to_lowercase();
    if is_network_trouble(output) {
        "see whether the package index can be reached; a mirror or a proxy is taken from `UV_INDEX_URL`, `PIP_INDEX_URL` and `HTTPS_PROXY`"
    } else if lower.contains("ensurepip") || lower.contains("python3-venv") {
        "this Python cannot make environments: install its `venv` package (`apt install python3-venv`), or uv"
    } else if lower.contains("no space left") || lower.contains("disk quota") {
        "make room, or name another cache with `DAGLAB_CACHE_DIR`"
    } else if lower.contains("requires-python") || lower.contains("requires a different python") {
        "name a Python that the packages accept with `--python 3.12`"
    } else if lower.contains("unsatisfiable")
        || lower.contains("resolutionimpossible")
        || lower.contains("conflict")
    {
        "the requirements exclude each other: change them as the tool's message says"
    } else {
        "install the project's requirements yourself and name that environment with `--python`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_see_an_allow_list() {
        let all = [
            "PATH",
            "UV_INDEX_URL",
            "UV_PROJECT_ENVIRONMENT",
            "PIP_TARGET",
            "PIP_FIND_LINKS",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "PYTHONPATH",
            "PYTHONDONTWRITEBYTECODE",
            "https_proxy",
            "LC_ALL",
            "INPUT_TOKEN",
        ];
        let all = all
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()))
            .collect();
        let seen = tool_variables(&all);
        let names: Vec<&str> = seen.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "LC_ALL",
                "PATH",
                "PIP_FIND_LINKS",
                "UV_INDEX_URL",
                "https_proxy"
            ]
        );
    }

    #[test]
    fn advice_follows_the_output() {
        assert!(advice("error: Failed to fetch: `https://index`").contains("index"));
        assert!(advice("ensurepip is not available").contains("venv"));
        assert!(advice("your requirements are unsatisfiable.").contains("exclude"));
        assert!(advice("gcc: not found").contains("--python"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_failure_keeps_the_last_lines() {
        let script = "for i in $(seq 40); do echo line $i >&2; done; exit 3";
        let command = ToolCommand::new("sh").arg("-c").arg(script);
        let seen = std::cell::Cell::new(0);
        let variables = tool_variables(&std::env::vars().collect());
        let error = install(&command, Path::new("/"), &variables, "count", &|_| {
            seen.set(seen.get() + 1);
        })
        .await
        .expect_err("it exits 3");
        assert_eq!(seen.get(), 40);
        let Error::InstallFailed { action, output, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(action, "count");
        assert!(
            output.starts_with("line 16\n") && output.ends_with("line 40"),
            "{output}"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_command_that_hangs_is_ended_with_its_children() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "sleep 300 & echo $! > child; wait";
        let command = ToolCommand::new("sh").arg("-c").arg(script);
        let variables = tool_variables(&std::env::vars().collect());
        let limit = Duration::from_millis(500);
        let error = capture(&command, folder.path(), &variables, limit)
            .await
            .expect_err("too slow");
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let child = std::fs::read_to_string(folder.path().join("child")).expect("it was started");
        let status = std::path::PathBuf::from(format!("/proc/{}/stat", child.trim()));
        for _ in 0..50 {
            let ended = std::fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z"));
            if ended {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the grandchild lives");
    }
}
