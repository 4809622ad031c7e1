//! What a step says to its runner: annotations, masks, outputs, the summary.
//!
//! The runner reads commands from the step's log and the rest from files whose names it gives to
//! the step. Children are not told these names, but code that runs as the same user can find the
//! files; so what was in them before anything foreign ran is what is in them in the end, with what
//! daglab adds.
//! See <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::report::annotations::Annotation;
use crate::report::model::Severity;
use crate::supervise::left;
use crate::ui::runner::{self, harmless};

/// More of one kind are dropped by the runner.
const OF_A_KIND: usize = 10;

/// A longer message is cut by GitHub, in characters.
const LONGEST_MESSAGE: usize = 4_096;

/// A larger summary is not shown at all, in bytes.
const LARGEST_SUMMARY: usize = 1024 * 1024;

/// A file of the runner that is larger than this is not one that steps have written.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Variables that name the runner's files.
const FILES: [&str; 5] = [
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
];

/// The files by which a step speaks to its runner, as they were when nothing foreign had run.
#[derive(Debug, Default)]
pub struct Files(Vec<RunnerFile>);

#[derive(Debug)]
struct RunnerFile {
    variable: &'static str,
    path: PathBuf,
    before: Vec<u8>,
}

impl Files {
    /// Reads them. A file that can't be read is left alone.
    pub fn take(variable: impl Fn(&str) -> Option<String>) -> Self {
        let files = FILES.into_iter().filter_map(|name| {
            let path = PathBuf::from(variable(name)?);
            let before = left::read(&path, LARGEST_FILE).ok()?;
            Some(RunnerFile {
                variable: name,
                path,
                before,
            })
        });
        Self(files.collect())
    }

    /// Makes them what they were, where something else is in them now.
    pub fn restore(&self) {
        for file in &self.0 {
            file.restore();
        }
    }

    /// Makes those what they were to which daglab adds nothing.
    pub fn restore_others(&self) {
        let ours = ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"];
        for file in self.0.iter().filter(|file| !ours.contains(&file.variable)) {
            file.restore();
        }
    }

    /// Sets the step's outputs.
    pub fn set_outputs(&self, outputs: &[(&str, String)]) -> std::io::Result<()> {
        let Some(file) = self.find("GITHUB_OUTPUT") else {
            return Ok(());
        };
        let mut text = String::new();
        for (name, value) in outputs {
            let delimiter = delimiter(value)?;
            text.push_str(&format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
        }
        file.write(text.as_bytes())
    }

    /// Writes the step's summary: what `render` makes of so many characters, in as many bytes as
    /// are shown.
    pub fn set_summary(&self, render: impl Fn(usize) -> String) -> std::io::Result<()> {
        let Some(file) = self.find("GITHUB_STEP_SUMMARY") else {
            return Ok(());
        };
        let room = LARGEST_SUMMARY.saturating_sub(file.before.len() + 1);
        let mut budget = room;
        let mut text = render(budget);
        // A character may take four bytes.
        while text.len() > room && budget > 0 {
            budget /= 2;
            text = render(budget);
        }
        file.write(text.as_bytes())
    }

    fn find(&self, variable: &str) -> Option<&RunnerFile> {
        self.0.iter().find(|file| file.variable == variable)
    }
}

impl RunnerFile {
    fn restore(&self) {
        let now = left::read(&self.path, LARGEST_FILE);
        if now.is_ok_and(|now| now == self.before) {
            return;
        }
        tracing::warn!(
            "something else has written to `{}`; it is undone",
            self.variable
        );
        if let Err(error) = self.write(b"") {
            tracing::warn!("`{}` could not be written: {error}", self.path.display());
        }
    }

    /// Replaces the file by what it was and `more`. The runner finds it by its name.
    fn write(&self, more: &[u8]) -> std::io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&self.before)?;
        if !more.is_empty() && !self.before.is_empty() && !self.before.ends_with(b"\n") {
            file.write_all(b"\n")?;
        }
        file.write_all(more)?;
        // The runner reads it as another user than a container's.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        file.as_file().set_permissions(mode)?;
        if std::fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.is_dir()) {
            std::fs::remove_dir_all(&self.path)?;
        }
        file.persist(&self.path)
            .map(drop)
            .map_err(|error| error.error)
    }
}

/// A line that a value does not hold.
fn delimiter(value: &str) -> std::io::Result<String> {
    let mut random = [0; 18];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut random)?;
    let delimiter = format!("daglab-{}", URL_SAFE_NO_PAD.encode(random));
    if value.contains(&delimiter) {
        let problem = "the value holds its own delimiter";
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            problem,
        ));
    }
    Ok(delimiter)
}

/// Has the runner annotate lines, as many as it shows. The last of a kind says how many there are
/// beyond.
pub fn annotate(annotations: &[Annotation]) {
    for command in commands(annotations) {
        runner::command(&command);
    }
}

/// Has the runner hide these values in the log of this job.
pub fn mask<'a>(values: impl IntoIterator<Item = &'a str>) {
    for value in values {
        runner::mask(&format!("::add-mask::{}", escaped(value)));
    }
}

fn commands(annotations: &[Annotation]) -> Vec<String> {
    let kinds = [Severity::Error, Severity::Warning, Severity::Info];
    let mut commands = Vec::new();
    for kind in kinds {
        let of_kind: Vec<&Annotation> = annotations
            .iter()
            .filter(|annotation| annotation.severity == kind)
            .collect();
        let shown = match of_kind.len() {
            n if n > OF_A_KIND => OF_A_KIND - 1,
            n => n,
        };
        commands.extend(
            of_kind[..shown]
                .iter()
                .map(|annotation| command(annotation)),
        );
        if of_kind.len() > shown {
            let rest = of_kind.len() - shown;
            commands.push(format!(
                "::{} title=daglab::{rest} more of these are in the summary and the report",
                name(kind)
            ));
        }
    }
    commands
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    }
}

fn command(annotation: &Annotation) -> String {
    let mut properties = Vec::new();
    if let Some(path) = &annotation.path {
        properties.push(format!("file={}", property(path)));
        properties.extend(annotation.line.map(|line| format!("line={line}")));
    }
    properties.push(format!("title={}", property(&annotation.title)));
    let message: String = annotation.message.chars().take(LONGEST_MESSAGE).collect();
    format!(
        "::{} {}::{}",
        name(annotation.severity),
        properties.join(","),
        data(&message)
    )
}

/// A command's message, if it is ours. A mark of the older commands would be read inside it, too.
fn data(text: &str) -> String {
    escaped(&harmless(text))
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(title: &str, message: &str) -> Annotation {
        Annotation {
            severity: Severity::Error,
            path: Some("a,b:c\n.py".to_owned()),
            line: Some(3),
            title: title.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn nothing_leaves_its_command() {
        let hostile = annotation("x::y,line=9", "50%\r\n::set-env name=PATH::x");
        assert_eq!(
            commands(&[hostile]),
            [
                "::error file=a%2Cb%3Ac%0A.py,line=3,title=x%3A%3Ay%2Cline=9::50%25%0D%0A\
              ::set-env name=PATH::x"
            ]
        );
    }

    #[test]
    fn no_more_than_are_shown() {
        let long = "é".repeat(5_000);
        let many: Vec<Annotation> = (0..23)
            .map(|index| annotation(&format!("{index}"), &long))
            .collect();
        let commands = commands(&many);
        assert_eq!(commands.len(), 10);
        assert!(commands[9].contains("14 more"), "{}", commands[9]);
        let message = commands[0].rsplit("::").next().unwrap();
        assert_eq!(message.chars().count(), LONGEST_MESSAGE);
        assert_eq!(super::commands(&many[..10]).len(), 10);
    }

    fn files(dir: &Path, contents: &[(&'static str, &str)]) -> Files {
        let paths: Vec<(&str, PathBuf)> = contents
            .iter()
            .map(|(name, _)| (*name, dir.join(name)))
            .collect();
        for ((_, text), (_, path)) in contents.iter().zip(&paths) {
            std::fs::write(path, text).unwrap();
        }
        Files::take(|name| {
            let path = paths.iter().find(|(other, _)| *other == name);
            path.map(|(_, path)| path.to_str().unwrap().to_owned())
        })
    }

    #[test]
    fn what_others_wrote_is_undone() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), &[("GITHUB_ENV", "A=1\n"), ("GITHUB_PATH", "")]);
        std::fs::write(dir.path().join("GITHUB_ENV"), "A=1\nLD_PRELOAD=x\n").unwrap();
        std::fs::remove_file(dir.path().join("GITHUB_PATH")).unwrap();
        std::fs::create_dir(dir.path().join("GITHUB_PATH")).unwrap();
        files.restore_others();
        assert_eq!(
            std::fs::read_to_string(dir.path().join("GITHUB_ENV")).unwrap(),
            "A=1\n"
        );
        assert_eq!(std::fs::read(dir.path().join("GITHUB_PATH")).unwrap(), b"");
    }

    #[test]
    fn outputs_follow_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), &[("GITHUB_OUTPUT", "earlier=1")]);
        std::fs::write(dir.path().join("GITHUB_OUTPUT"), "result=passed\n").unwrap();
        files
            .set_outputs(&[("result", "failed".to_owned()), ("urls", "{\n}".to_owned())])
            .unwrap();
        let text = std::fs::read_to_string(dir.path().join("GITHUB_OUTPUT")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "earlier=1");
        assert!(lines[1].starts_with("result<<daglab-"), "{text}");
        assert_eq!(lines[2], "failed");
        assert_eq!(format!("result<<{}", lines[3]), lines[1]);
        assert_eq!(lines.len(), 8, "{text}");
    }

    #[test]
    fn a_summary_is_never_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let before = "x".repeat(1000);
        let files = files(dir.path(), &[("GITHUB_STEP_SUMMARY", &before)]);
        files.set_summary(|budget| "€".repeat(budget)).unwrap();
        let size = std::fs::metadata(dir.path().join("GITHUB_STEP_SUMMARY"))
            .unwrap()
            .len();
        assert!(size <= LARGEST_SUMMARY as u64 && size > 500_000, "{size}");
    }
}
