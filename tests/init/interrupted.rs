//! Killed or interrupted while it writes, `init` leaves nothing half-written.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::support::Project;
use super::{init, tree};

/// How often it is tried to hit the few milliseconds that writing takes: on a busy machine, one may
/// come too late many times.
const TRIES: u64 = 240;

/// Waits until there is a journal, or the process has ended. Sleeps between looks: who never does is
/// made to wait by a busy machine, just when it matters.
fn has_begun(journal: &Path, child: &mut Child) {
    let begun = Instant::now();
    while !journal.exists() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing happens");
        std::thread::sleep(Duration::from_micros(50));
    }
}

#[test]
fn whoever_is_killed_leaves_nothing_half() {
    let reference = Project::empty();
    reference
        .write("README.md", "mine")
        .write(".gitignore", "*.log\r\n");
    init(&reference, &["--bootstrap", "--name", "shop"]).expect_code(0);
    let whole = tree(&reference.root());
    let mut half = 0;
    for round in 0..TRIES {
        if round >= 24 && half > 0 {
            break;
        }
        let project = Project::empty();
        project
            .write("README.md", "mine")
            .write(".gitignore", "*.log\r\n");
        let mut command = project.daglab(&["init", "--bootstrap", "--name", "shop"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = project.root().join(".daglab/changes.json");
        // As soon as it has begun to write, and a little later each time.
        has_begun(&journal, &mut child);
        std::thread::sleep(Duration::from_micros(round % 24 * 150));
        let _ = child.kill();
        child.wait().unwrap();
        half += usize::from(journal.exists());
        init(&project, &["--bootstrap", "--name", "shop"]).expect_code(0);
        assert_eq!(tree(&project.root()), whole, "in round {round}");
    }
    assert!(half > 0, "none was killed while it wrote");
}

#[test]
fn whoever_is_interrupted_is_undone_at_once() {
    let mut undone = 0;
    for round in 0..TRIES {
        if round >= 12 && undone > 0 {
            break;
        }
        let project = Project::empty();
        project
            .write("README.md", "mine")
            .write(".gitignore", "*.log\r\n");
        let old = tree(&project.root());
        let mut command = project.daglab(&["init", "--bootstrap", "--name", "shop"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journal = project.root().join(".daglab/changes.json");
        has_begun(&journal, &mut child);
        std::thread::sleep(Duration::from_micros(round % 12 * 100));
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        match child.wait().unwrap().code() {
            Some(130) => {
                undone += 1;
                assert_eq!(tree(&project.root()), old, "in round {round}");
            }
            // It had written everything already.
            code => assert!(code == Some(0) || !journal.exists(), "{code:?}"),
        }
    }
    assert!(undone > 0, "none was interrupted while it wrote");
}
