//! `--watch`: a change, an export, and the next.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Project, eventually, processes_of};
use crate::{command, read};

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A command that goes on until it is interrupted.
struct Watching {
    child: Child,
    files: Receiver<String>,
    said: Receiver<String>,
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Watching {
    fn start(project: &Project, notebooks: &[&str], rest: &[&str]) -> Self {
        let rest = [&["--watch", "--no-compress"], rest].concat();
        let mut command = command(project, notebooks, &rest);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            files: lines(child.stdout.take().unwrap()),
            said: lines(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The next file that was written.
    #[track_caller]
    fn file(&self) -> String {
        let line = self.files.recv_timeout(LIMIT);
        let line = line.unwrap_or_else(|error| panic!("{error}: {:?}", self.rest()));
        line.rsplit('/').next().unwrap().to_owned()
    }

    /// Waits for a line on stderr.
    #[track_caller]
    fn hears(&self, part: &str) {
        let deadline = std::time::Instant::now() + LIMIT;
        let mut heard = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) if line.contains(part) => return,
                Ok(line) => heard.push(line),
                Err(error) => panic!("{error}: no {part:?} in {heard:#?}"),
            }
        }
    }

    fn rest(&self) -> Vec<String> {
        self.said.try_iter().collect()
    }

    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).unwrap();
        let mut status = None;
        assert!(eventually(LIMIT, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        }));
        (status.unwrap().code(), self.files.iter().collect())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_has_changed_is_exported_again_until_ctrl_c() {
    let project = Project::small();
    project.write("rates.py", "RATE = 2\n");
    project.write("unrelated.py", "x = 1\n");
    project.notebook("nb/a.py", &["print('first')"]);
    project.notebook("nb/b.py", &["import rates\nprint('rate', rates.RATE)"]);
    let watching = Watching::start(&project, &["nb/*.py"], &[]);
    assert_eq!([watching.file(), watching.file()], ["a.html", "b.html"]);
    watching.hears("waiting for changes of 2 notebooks");

    // An editor that writes beside and renames.
    let (new, old) = (
        project.root().join("nb/.a.py.new"),
        project.root().join("nb/a.py"),
    );
    std::fs::write(&new, crate::support::notebook(&["print('second')"])).unwrap();
    std::fs::rename(&new, &old).unwrap();
    assert_eq!(watching.file(), "a.html");
    watching.hears("waiting for changes");
    assert!(read(&project, "nb/a.html").contains("second"));

    // A module concerns only those that import it, and what nobody imports concerns nobody.
    project.write("unrelated.py", "x = 2\n");
    project.write("rates.py", "RATE = 3\n");
    assert_eq!(watching.file(), "b.html");
    watching.hears("waiting for changes");

    // What fails is said, and the next change tries again.
    project.write("nb/a.py", &crate::support::notebook(&["1 / 0"]));
    watching.hears("ZeroDivisionError");
    assert_eq!(watching.file(), "a.html");
    watching.hears("waiting for changes");

    // One that comes later, and matches.
    project.notebook("nb/c.py", &["print('third')"]);
    assert_eq!(watching.file(), "c.html");
    watching.hears("waiting for changes of 3 notebooks");

    let (code, rest) = watching.end();
    assert_eq!(code, Some(130));
    assert!(rest.is_empty(), "{rest:?}");
    let gone = || processes_of(&project.tmp()).is_empty();
    assert!(
        eventually(LIMIT, gone),
        "{:?}",
        processes_of(&project.tmp())
    );
}

#[test]
fn a_change_during_an_export_leads_to_one_more() {
    let project = Project::empty();
    let slow = |word: &str| {
        let cell = format!(
            "import pathlib, time\npathlib.Path('began').touch()\n\
             while not pathlib.Path('go').exists(): time.sleep(0.02)\nprint('{word}')"
        );
        crate::support::notebook(&[&cell])
    };
    project.write("a.py", &slow("one"));
    let watching = Watching::start(&project, &["a.py"], &["--json"]);
    let began = project.root().join("began");
    assert!(
        eventually(LIMIT, || began.exists()),
        "{:?}",
        watching.rest()
    );
    project.write("a.py", &slow("two"));
    project.write("go", "");
    for _ in 0..2 {
        let line = watching.files.recv_timeout(LIMIT).unwrap();
        let result: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(result["result"], "passed", "{line}");
    }
    assert!(read(&project, "a.html").contains("two"));
    watching.hears("waiting for changes");
    watching.hears("waiting for changes");
    let (code, rest) = watching.end();
    assert_eq!((code, rest.len()), (Some(130), 0), "{rest:?}");
}

#[test]
fn ctrl_c_ends_a_watch_in_the_middle_of_an_export() {
    let project = Project::empty();
    project.notebook(
        "a.py",
        &["import pathlib, time\npathlib.Path('began').touch()\ntime.sleep(600)"],
    );
    let watching = Watching::start(&project, &["a.py"], &[]);
    let began = project.root().join("began");
    assert!(
        eventually(LIMIT, || began.exists()),
        "{:?}",
        watching.rest()
    );
    let (code, _) = watching.end();
    assert_eq!(code, Some(130));
}

#[test]
fn a_mistake_in_the_flags_ends_a_watch_at_once() {
    let project = Project::small();
    project.notebook("nb/a.py", &["print(1)"]);
    project.notebook("nb/b.py", &["print(2)"]);
    let export = |rest: &[&str]| crate::export(&project, &["nb/*.py"], rest);
    export(&["--watch", "--output", "x.html"]).expect_code(2);
    export(&["--watch", "--attach", "numbers"]).expect_code(2);
    export(&["--watch", "--attach", "asset://numbers"]).expect_code(3);
}
