//! What commands need before anything can run: Python, what its children see, and what the parts of
//! a plan share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::children::ChildArgs;
use super::{Context, Failure, connect};
use crate::ci::job::Job;
use crate::ci::plan::Plan;
use crate::config::{self, Loaded, Settings};
use crate::host::instance::{CodeServer, Kind, Location};
use crate::host::{Interpreter, Isolation, package};
use crate::project::detect::{CodeLocation, Project, Target};
use crate::project::environment::{self, EnvironmentRequest, Progress, PythonEnv};
use crate::publish::retention::Policy;
use crate::redact::{self, secrets};
use crate::report::model::ProjectInfo;
use crate::run::Emit;
use crate::supervise::cancel::{Cancel, Reason};
use crate::ui::progress::Event;

/// What a command that runs things starts from.
pub(super) struct Setting<'a> {
    pub(super) context: &'a Context,
    pub(super) project: &'a Project,
    pub(super) loaded: &'a Loaded,
    pub(super) children: &'a ChildArgs,
    pub(super) cancel: Cancel,
    pub(super) emit: Emit,
    pub(super) begun: Begun,
}

/// When a command began.
pub(super) struct Begun {
    at: Instant,
    /// As the calendar has it.
    time: String,
}

impl Begun {
    pub(super) fn now() -> Self {
        Self {
            at: Instant::now(),
            time: jiff::Timestamp::now().to_string(),
        }
    }

    pub(super) fn time(&self) -> &str {
        &self.time
    }
}

impl<'a> Setting<'a> {
    /// Prepares Python and puts together what a plan is carried out with; or says why the command
    /// was asked to end before.
    pub(super) async fn job(
        self,
        plan: Plan,
        instance: Option<Kind>,
    ) -> Result<Result<Job<'a>, Reason>, Failure> {
        let Self {
            context,
            project,
            loaded,
            children,
            cancel,
            emit,
            begun,
        } = self;
        let settings = &loaded.settings;
        let root = &project.root;
        let mut timings =
            BTreeMap::from([("project".to_owned(), begun.at.elapsed().as_secs_f64())]);
        let before = Instant::now();
        let prepared = tokio::select! {
            prepared = python(context, root, children, settings, &*emit) => prepared?,
            reason = cancel.cancelled() => return Ok(Err(reason)),
        };
        timings.insert("environment".to_owned(), before.elapsed().as_secs_f64());
        Ok(Ok(Job {
            plan,
            info: ProjectInfo {
                name: project.name.clone(),
                python: Some(prepared.env.version.clone()),
                ..of_git(root)
            },
            origin: None,
            root: root.clone(),
            locations: locations(project),
            interpreter: prepared.interpreter,
            versions: prepared.env.versions,
            isolation: settings.ci.isolation.map(isolation),
            instance,
            deployment: None,
            attach: true,
            template: prepared.template,
            keep_logs: true,
            keep_pictures: false,
            tag_latest_run: false,
            retention: Policy::from(&settings.export),
            publisher: None,
            metadata_key: settings.defaults.attach_metadata_key.clone(),
            user_env: context.env.iter().cloned().collect(),
            polling: settings.performance.polling_interval.duration(),
            client: connect::patience(settings),
            start_up: settings.performance.max_wait_time.duration(),
            workdir: context
                .workdir
                .as_ref()
                .expect("commands that run things do so under a guard"),
            cancel,
            emit,
            timings,
            begun: begun.at,
            started_at: begun.time,
        }))
    }
}

fn isolation(how: config::ci::Isolation) -> Isolation {
    match how {
        config::ci::Isolation::Fork => Isolation::Fork,
        config::ci::Isolation::Spawn => Isolation::Spawn,
    }
}

/// What a report says of a project, as far as git knows it.
pub(super) fn of_git(root: &Path) -> ProjectInfo {
    ProjectInfo {
        name: root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        commit: git(root, &["rev-parse", "HEAD"]),
        branch: git(root, &["symbolic-ref", "--short", "-q", "HEAD"]),
        ..ProjectInfo::default()
    }
}

/// What git says, if it says anything.
pub(super) fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new("git")
        .args(arguments)
        .current_dir(dir)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// An environment, ready to be used.
struct Prepared {
    /// How Python is called.
    interpreter: Interpreter,
    /// Where the empty databases of this version of Dagster are kept.
    template: PathBuf,
    /// The environment as it was found or made.
    env: PythonEnv,
}

/// Finds or makes the project's environment and puts daglab's package on its path.
async fn python(
    context: &Context,
    root: &Path,
    children: &ChildArgs,
    settings: &Settings,
    emit: &dyn Fn(Event),
) -> Result<Prepared, Failure> {
    let request = EnvironmentRequest::new(root, children.python.clone());
    let progress = |progress| match progress {
        Progress::Step(text) => emit(Event::Phase(text)),
        Progress::Output(text) => emit(Event::Progress {
            title: String::new(),
            text,
        }),
    };
    let env = environment::prepare(&request, &progress).await?;
    for note in &env.notes {
        emit(Event::Message(note.clone()));
    }
    let ours = package::install(&request.cache_dir)?;
    let named = [settings.ci.env.as_slice(), &children.env].concat();
    let mut variables = redact::allowed(context.env.iter().cloned(), &named);
    // As `dagster dev` does, and weaker than what is set outside.
    for (name, value) in dotenv(root) {
        if !redact::may_be_named(&name) {
            tracing::warn!("`{name}` in `.env` is left out: the instance is daglab's to choose");
            continue;
        }
        variables.entry(name).or_insert(value);
    }
    // What is in `.env` is no less secret for being in a file.
    secrets::keep_variables(
        variables.iter().map(|(name, value)| (&**name, &**value)),
        &settings.security.secrets,
    );
    variables.extend(env.env.clone());
    variables.extend(redact::sandbox(&settings.security));
    // What children import from the package asks this very binary.
    if let Some(binary) = std::env::current_exe().ok().filter(|file| file.is_file()) {
        variables.insert("DAGLAB_BIN".to_owned(), binary.display().to_string());
    }
    let mut path: Vec<String> = env
        .pythonpath
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    // Last: a project that has installed the package uses its own.
    let theirs: Vec<String> = variables
        .get("PYTHONPATH")
        .cloned()
        .into_iter()
        .chain([ours.display().to_string()])
        .collect();
    path.extend(theirs.iter().cloned());
    variables.insert("PYTHONPATH".to_owned(), path.join(":"));
    let interpreter = Interpreter {
        python: env.python.clone(),
        env: variables,
        cwd: root.to_owned(),
        foreign_pythonpath: theirs.join(":"),
        package: ours,
    };
    let version = env
        .versions
        .get("dagster")
        .map_or("unknown", String::as_str);
    let template = request.cache_dir.join("instances").join(version);
    Ok(Prepared {
        interpreter,
        template,
        env,
    })
}

/// The project's `.env`, as far as it is plain: `NAME=value`, quotes and comments removed. Nothing is
/// put in for `${NAME}`: the file is the project's, the variables around daglab are not.
fn dotenv(root: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root.join(".env")).unwrap_or_default();
    text.lines()
        .map(|line| line.trim().trim_start_matches("export "))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            let value = value.trim();
            let bare = ['"', '\'']
                .iter()
                .find_map(|quote| Some(value.strip_prefix(*quote)?.split_once(*quote)?.0))
                .unwrap_or_else(|| value.split(" #").next().unwrap_or_default().trim_end());
            (name.trim().to_owned(), bare.to_owned())
        })
        .filter(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
        .collect()
}

/// The project's code locations as the instance serves them.
fn locations(project: &Project) -> Vec<Location> {
    project.locations.iter().map(location).collect()
}

fn location(location: &CodeLocation) -> Location {
    if let Some(load) = location.grpc_args() {
        return Location::Code(CodeServer {
            name: location.name.clone(),
            load,
            python: location.executable.clone(),
        });
    }
    let Target::Grpc {
        host,
        port,
        socket,
        ssl,
    } = &location.target
    else {
        unreachable!("whatever is not served yet has arguments to serve it with");
    };
    let mut entry = serde_json::json!({ "host": host, "location_name": location.name });
    if let Some(port) = port {
        entry["port"] = (*port).into();
    }
    if let Some(socket) = socket {
        entry["socket"] = socket.as_str().into();
    }
    if *ssl {
        entry["ssl"] = true.into();
    }
    Location::Remote(serde_json::json!({ "grpc_server": entry }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_of_a_dotenv_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(".env"),
            "# no\nA=1 # one\nexport B='two # words' # two\n C = \"x=y\" \nD=a#b\nnot a line\n9 bad=1\n",
        )
        .unwrap();
        let read = dotenv(dir.path());
        let expected = [("A", "1"), ("B", "two # words"), ("C", "x=y"), ("D", "a#b")];
        assert_eq!(
            read,
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
    }
}
