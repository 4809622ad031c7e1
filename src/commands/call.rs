//! `daglab call`: what the Python helpers ask, for which there is no public command.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::connect::ConnectArgs;
use super::discover::{self, DiscoverArgs};
use super::run::{self, RunArgs};
use super::{Context, Failure};
use crate::call::request::{self, LONGEST};
use crate::call::{Error, answer, files, launch, metadata, runs, texts};
use crate::config::Loaded;
use crate::dagster::Client;
use crate::error::ExitStatus;
use crate::supervise::cancel::Cancel;

/// With this variable set, every command that fails says why as `call` does: as JSON on stdout.
pub const ERRORS_AS_JSON: &str = "DAGLAB_ERRORS_AS_JSON";

/// How long a run is followed if nothing is said, in seconds: as long as can be.
const FOLLOWED: f64 = 30.0 * 24.0 * 60.0 * 60.0;

/// Answer a question of `daglab.helpers`: JSON on stdin, JSON on stdout
#[derive(Debug, Clone, Args)]
pub struct CallArgs {
    /// What is asked
    #[arg(value_name = "METHOD")]
    pub method: Method,
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// The settings in force, as far as notebooks need them
    Settings,
    /// Whether a server answers
    Health,
    /// What a server has
    Discover,
    /// Whether a run config fits
    Validate,
    /// Launch a run
    Submit,
    /// A job's run config where nothing is chosen
    Skeleton,
    /// What happens in a run, a line for each event
    Follow,
    /// What is known of a run
    Run,
    /// Runs that have not ended
    Unfinished,
    /// End a run
    Cancel,
    /// Launch a run again
    Retry,
    /// Attach metadata to an asset
    Attach,
    /// The code that attaches metadata
    Snippet,
    /// Read YAML
    Parse,
    /// Put a file into an object store, with a line for each piece
    Upload,
    /// Remove old exports
    Retention,
}

/// A public command that answers as it does on the command line.
#[derive(Parser)]
struct Following {
    #[command(flatten)]
    args: RunArgs,
}

#[derive(Parser)]
struct Discovering {
    #[command(flatten)]
    args: DiscoverArgs,
}

/// Carries out the command.
pub async fn run(args: &CallArgs, context: &Context) -> Result<ExitStatus, Failure> {
    let text = asked()?;
    let value = match args.method {
        Method::Follow => return follow(&text, context).await,
        Method::Discover => return discover(&text, context).await,
        Method::Upload => upload(&text, context).await?,
        Method::Snippet => metadata::snippet(&request::read(&text)?)?,
        Method::Parse => texts::parse(&request::read(&text)?),
        Method::Retention => files::remove_old(&request::read(&text)?, &context.dir)?,
        method => of_server(method, &text, context).await?,
    };
    let printed = context.printer.result(&answer::line(&value));
    printed.map_err(Failure::output)?;
    Ok(ExitStatus::Success)
}

/// Prints why there is no answer, where the answer would be.
pub fn print_failure(failure: &Failure, context: crate::ui::Printer) {
    // The exit code says it as well.
    let _ = context.result(&answer::error_line(failure.diagnose()));
}

fn asked() -> Result<String, Error> {
    let mut text = String::new();
    let unreadable = |why: String| Error::Request(why);
    std::io::stdin()
        .take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > LONGEST {
        return Err(unreadable(format!("it has more than {LONGEST} bytes")));
    }
    Ok(text)
}

/// The settings' server, with the settings and the project's folder.
fn server(context: &Context) -> Result<(Client, Loaded, PathBuf), Failure> {
    let root = super::config::root(&context.dir, context)?;
    let loaded = context.settings(&root, Vec::new())?;
    let client = ConnectArgs::default().client(context, &loaded, &root)?;
    Ok((client, loaded, root))
}

async fn of_server(method: Method, text: &str, context: &Context) -> Result<Value, Failure> {
    let (client, loaded, root) = server(context)?;
    let settings = &loaded.settings;
    Ok(match method {
        Method::Settings => {
            let request::Nothing {} = request::read(text)?;
            told(&loaded, &client, &root)
        }
        Method::Health => {
            let request::Nothing {} = request::read(text)?;
            runs::health(&client).await?
        }
        Method::Validate => launch::validate(client, settings, &root, request::read(text)?).await?,
        Method::Submit => launch::submit(client, settings, &root, request::read(text)?).await?,
        Method::Skeleton => {
            launch::config_skeleton(&client, settings, &request::read(text)?).await?
        }
        Method::Run => runs::run(&client, &root, &request::read(text)?).await?,
        Method::Unfinished => runs::unfinished(&client, &request::read(text)?).await?,
        Method::Cancel => runs::cancel(&client, &request::read(text)?).await?,
        Method::Retry => runs::retry(&client, &request::read(text)?).await?,
        Method::Attach => metadata::attach(&client, settings, &request::read(text)?).await?,
        Method::Follow
        | Method::Discover
        | Method::Upload
        | Method::Snippet
        | Method::Parse
        | Method::Retention => {
            unreachable!("answered before")
        }
    })
}

/// What notebooks need to know of the settings. No token is among it.
fn told(loaded: &Loaded, client: &Client, root: &std::path::Path) -> Value {
    let settings = &loaded.settings;
    let (dagster, export) = (&settings.dagster, &settings.export);
    json!({
        "root": root,
        "files": loaded.files,
        "url": client.url(),
        "repository": dagster.repository_name,
        "location": dagster.repository_location_name,
        "notebooks_dir": settings.notebooks_dir,
        "metadata_key": settings.defaults.attach_metadata_key,
        "validate_config": settings.defaults.validate_config,
        "max_wait_s": settings.performance.max_wait_time.0,
        "polling_interval_s": settings.performance.polling_interval.0,
        "retention_days": export.retention_days,
        "compress": export.compress,
        "cloud": {
            "provider": export.cloud_storage.provider,
            "bucket": export.cloud_storage.bucket,
            "prefix": export.cloud_storage.prefix,
        },
        "sandbox": settings.security.sandbox_mode,
    })
}

/// Follows a run until it ends, or until nobody listens any more.
async fn follow(text: &str, context: &Context) -> Result<ExitStatus, Failure> {
    let asked: request::Follow = request::read(text)?;
    // Whoever is wrong about an id learns that, and not that a run has failed.
    let (client, ..) = server(context)?;
    client
        .run_record(&asked.run_id)
        .await
        .map_err(Error::from)?;
    let seconds = asked.timeout.unwrap_or(FOLLOWED);
    let line = [
        "call".to_owned(),
        format!("--follow={}", asked.run_id),
        format!("--timeout={seconds}"),
        "--output=ndjson".to_owned(),
        "--log-level=off".to_owned(),
    ];
    let command = Following::try_parse_from(line).map_err(|error| wrong(&error))?;
    tokio::select! {
        ended = run::run(&command.args, context) => ended,
        () = answer::caller_gone() => Ok(ExitStatus::Terminated),
    }
}

async fn discover(text: &str, context: &Context) -> Result<ExitStatus, Failure> {
    let asked: request::Discover = request::read(text)?;
    let mut line = vec!["call".to_owned(), "--json".to_owned()];
    for (flag, values) in [
        ("filter", &asked.kinds),
        ("pattern", &asked.patterns),
        ("tags", &asked.tags),
        ("group", &asked.groups),
        ("location", &asked.locations),
    ] {
        line.extend(values.iter().map(|value| format!("--{flag}={value}")));
    }
    line.extend(asked.select.map(|text| format!("--select={text}")));
    line.extend(asked.details.map(|wanted| {
        let flag = if wanted { "--details" } else { "--no-details" };
        flag.to_owned()
    }));
    let command = Discovering::try_parse_from(line).map_err(|error| wrong(&error))?;
    tokio::select! {
        ended = discover::run(&command.args, context) => ended,
        () = answer::caller_gone() => Ok(ExitStatus::Terminated),
    }
}

/// Uploads a file, as long as somebody wants to know what became of it.
async fn upload(text: &str, context: &Context) -> Result<Value, Failure> {
    let asked: request::Upload = request::read(text)?;
    let root = super::config::root(&context.dir, context)?;
    let loaded = context.settings(&root, Vec::new())?;
    super::upload::refuse_foreign_places(context, &loaded)?;
    let cancel = Cancel::on_signals()?;
    let printer = context.printer;
    let told = move |value: Value| {
        if let Err(error) = printer.result(&answer::line(&value)) {
            tracing::warn!("an event could not be written: {error}");
        }
    };
    let settings = &loaded.settings.export.cloud_storage;
    let upload = files::upload(&asked, settings, &context.env, &context.dir, cancel, told);
    let mut upload = std::pin::pin!(upload);
    let uploaded = tokio::select! {
        uploaded = &mut upload => uploaded,
        () = answer::caller_gone() => {
            // As if it had been asked to end, so that no parts are left in the bucket.
            let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::TERM);
            upload.await
        }
    };
    Ok(uploaded?)
}

/// What the parser of flags says, without its usage.
fn wrong(error: &clap::Error) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    Error::Request(first.trim_start_matches("error: ").to_owned())
}
