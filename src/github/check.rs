//! A check run: the result beside the commit, for those who ask for it.
//!
//! It is created with its conclusion and the first annotations; the others are added to it. Adding is
//! not repeated before GitHub was asked how many there are.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Api, Error};
use super::context::Repository;

/// How many annotations one request may bring.
const BATCH: usize = 50;
/// How many are brought in all; a reader looks at none beyond.
const MOST: usize = 1_000;
/// The longest summary, in bytes, which are never fewer than GitHub's characters.
const SUMMARY: usize = 65_535;
/// The longest message of an annotation, in bytes.
const MESSAGE: usize = 60_000;
/// The longest title of an annotation, in bytes.
const TITLE: usize = 255;
/// How often a lost request is sent again.
const ATTEMPTS: u32 = 3;

/// How a check run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// All is well.
    Success,
    /// Something has failed.
    Failure,
    /// It was stopped.
    Cancelled,
}

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Notice,
    /// Worth a look.
    Warning,
    /// Must be changed.
    Failure,
}

/// What is said about lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// The file inside the repository, with `/`.
    pub path: String,
    /// Counts from 1.
    pub start_line: u32,
    /// Not before `start_line`.
    pub end_line: u32,
    /// How loud.
    pub level: Level,
    /// What is said.
    pub message: String,
    /// What stands above it.
    pub title: Option<String>,
}

/// A check run to be published.
#[derive(Debug, Clone)]
pub struct CheckRun<'a> {
    /// What is checked, as it stands in the list of checks.
    pub name: &'a str,
    /// The commit.
    pub head_sha: &'a str,
    /// Where there is more to see.
    pub details_url: Option<&'a str>,
    /// Tells this run from all others, so that it can be found if GitHub's answer is lost: the
    /// workflow run, its attempt and the comment's key.
    pub external_id: &'a str,
    /// How it ended.
    pub conclusion: Conclusion,
    /// One line.
    pub title: &'a str,
    /// At most a thousand of them are shown.
    pub annotations: &'a [Annotation],
}

/// A published check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its number.
    pub id: u64,
    /// Its page.
    pub url: String,
}

#[derive(Debug, Deserialize)]
struct Created {
    id: u64,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    output: Counted,
}

#[derive(Debug, Default, Deserialize)]
struct Counted {
    #[serde(default)]
    annotations_count: usize,
}

#[derive(Debug, Deserialize)]
struct Listed {
    check_runs: Vec<Created>,
}

#[derive(Serialize)]
struct Sent<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    annotation_level: Level,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

/// A check run, and the Markdown that stands below its title.
struct Written<'a> {
    run: &'a CheckRun<'a>,
    summary: String,
}

/// Publishes a check run with all its annotations.
///
/// `render` writes the summary in at most that many characters. It is called again with less until
/// its text is short enough in bytes.
pub async fn publish(
    api: &Api,
    repository: &Repository,
    run: &CheckRun<'_>,
    render: &dyn Fn(usize) -> String,
) -> Result<Published, Error> {
    let written = Written {
        run,
        summary: within(SUMMARY, render),
    };
    let shown = &run.annotations[..run.annotations.len().min(MOST)];
    let first = shown.chunks(BATCH).next().unwrap_or_default();
    let created = create(api, repository, &written, first).await?;
    let path = format!("/repos/{repository}/check-runs/{}", created.id);
    let mut there = first.len();
    for batch in shown.chunks(BATCH).skip(1) {
        add(api, &path, &written, batch, there).await?;
        there += batch.len();
    }
    Ok(Published {
        id: created.id,
        url: created.html_url.unwrap_or_default(),
    })
}

/// A text of at most `most` bytes.
fn within(most: usize, render: &dyn Fn(usize) -> String) -> String {
    // No character has more than four bytes.
    let least = most / 4;
    let mut budget = most;
    loop {
        let text = render(budget);
        if text.len() <= most {
            return text;
        }
        if budget <= least {
            return cut(&text, most).to_owned();
        }
        // In proportion, but in steps that end soon.
        let fitting = budget * most / text.len();
        budget = fitting.min(budget - budget / 8).max(least);
    }
}

/// Creates it. If the answer is lost, it is looked for before it is created again.
async fn create(
    api: &Api,
    repository: &Repository,
    written: &Written<'_>,
    annotations: &[Annotation],
) -> Result<Created, Error> {
    let run = written.run;
    let path = format!("/repos/{repository}/check-runs");
    let mut body = json!({
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "status": "completed",
        "conclusion": run.conclusion,
        "output": output(written, annotations),
    });
    if let Some(url) = run.details_url {
        body["details_url"] = json!(url);
    }
    let mut attempt = 1;
    loop {
        let error = match api.post(&path, &body).await {
            Ok(created) => return Ok(created),
            Err(error) => error,
        };
        if !error.may_have_acted() || attempt >= ATTEMPTS {
            return Err(error);
        }
        api.pause(attempt).await;
        if let Some(found) = find(api, repository, run).await? {
            return Ok(found);
        }
        attempt += 1;
    }
}

async fn find(
    api: &Api,
    repository: &Repository,
    run: &CheckRun<'_>,
) -> Result<Option<Created>, Error> {
    let path = format!(
        "/repos/{repository}/commits/{}/check-runs?filter=all&per_page=100",
        run.head_sha
    );
    let listed: Listed = api.get(&path).await?;
    let found = listed
        .check_runs
        .into_iter()
        .find(|found| found.external_id.as_deref() == Some(run.external_id));
    Ok(found)
}

/// Adds annotations to the `there` that there are. If the answer is lost, they are counted.
async fn add(
    api: &Api,
    path: &str,
    written: &Written<'_>,
    batch: &[Annotation],
    there: usize,
) -> Result<(), Error> {
    let body = json!({ "output": output(written, batch) });
    let mut attempt = 1;
    loop {
        let error = match api.patch::<_, Created>(path, &body).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !error.may_have_acted() || attempt >= ATTEMPTS {
            return Err(error);
        }
        api.pause(attempt).await;
        let now: Created = api.get(path).await?;
        if now.output.annotations_count > there {
            return Ok(());
        }
        attempt += 1;
    }
}

fn output(written: &Written<'_>, annotations: &[Annotation]) -> Value {
    let mut output = json!({
        "title": written.run.title,
        "summary": written.summary,
    });
    if !annotations.is_empty() {
        let sent: Vec<Sent<'_>> = annotations.iter().map(sent).collect();
        output["annotations"] = json!(sent);
    }
    output
}

fn sent(annotation: &Annotation) -> Sent<'_> {
    let start_line = annotation.start_line.max(1);
    Sent {
        path: &annotation.path,
        start_line,
        end_line: annotation.end_line.max(start_line),
        annotation_level: annotation.level,
        message: match annotation.message.as_str() {
            // GitHub takes no empty one.
            "" => "no message",
            message => cut(message, MESSAGE),
        },
        title: annotation.title.as_deref().map(|title| cut(title, TITLE)),
    }
}

/// The beginning of a text, in whole characters.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
