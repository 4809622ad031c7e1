//! Killed or interrupted while it writes, `init` leaves nothing half-written.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::support::Project;
use super::{init, tree};

const ARGS: [&str; 3] = ["--bootstrap", "--name", "shop"];

/// How often it is tried to hit the few milliseconds that writing takes: on a busy machine, one may
/// come too late many times.
const TRIES: u64 = 240;

/// A folder with files of somebody's.
fn folder() -> Project {
    let project = Project::empty();
    project
        .write("README.md", "mine")
        .write(".gitignore", "*.log\r\n");
    project
}

fn journal(project: &Project) -> PathBuf {
    project.root().join(".daglab/changes.json")
}

/// `init` some time after it has begun to write, if it has not ended by then. Sleeps between looks:
/// who never does is made to wait by a busy machine, just when it matters.
fn begun(project: &Project, microseconds: u64) -> Child {
    let mut child = project
        .daglab(&[&["init"], &ARGS[..]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !journal(project).exists() && child.try_wait().unwrap().is_none() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "nothing happens"
        );
        std::thread::sleep(Duration::from_micros(50));
    }
    std::thread::sleep(Duration::from_micros(microseconds));
    child
}

#[test]
fn whoever_is_killed_leaves_nothing_half() {
    let reference = folder();
    init(&reference, &ARGS).expect_code(0);
    let whole = tree(&reference.root());
    let mut half = 0;
    for round in 0..TRIES {
        if round >= 24 && half > 0 {
            return;
        }
        let project = folder();
        let mut child = begun(&project, round % 24 * 150);
        let _ = child.kill();
        child.wait().unwrap();
        half += usize::from(journal(&project).exists());
        init(&project, &ARGS).expect_code(0);
        assert_eq!(tree(&project.root()), whole, "in round {round}");
    }
    panic!("none was killed while it wrote");
}

#[test]
fn whoever_is_interrupted_is_undone_at_once() {
    let mut undone = 0;
    for round in 0..TRIES {
        if round >= 12 && undone > 0 {
            return;
        }
        let project = folder();
        let old = tree(&project.root());
        let mut child = begun(&project, round % 12 * 100);
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        match child.wait().unwrap().code() {
            Some(130) => {
                undone += 1;
                assert_eq!(tree(&project.root()), old, "in round {round}");
            }
            // It had written everything already.
            code => assert!(code == Some(0) || !journal(&project).exists(), "{code:?}"),
        }
    }
    panic!("none was interrupted while it wrote");
}
