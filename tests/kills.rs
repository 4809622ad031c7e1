//! Whatever ends daglab, nothing of it is left: no process, no port, no private directory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

mod support;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Project, eventually, processes_of, python};

/// The specification's limit.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// A project that keeps daglab busy at every stage: a run and notebooks that hang, and processes
/// that try to get away.
fn busy() -> Project {
    let project = Project::small();
    project
        .write(
            "daglab.yaml",
            "ci:\n  concurrency: 3\n  jobs: [hanging_job]\n  notebooks:\n    - path: notebooks/*.py\n",
        )
        .notebook("notebooks/hangs.py", &["import time\ntime.sleep(600)"])
        .notebook(
            "notebooks/leaves.py",
            &["import subprocess, time\n\
               subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
               time.sleep(600)"],
        );
    project
}

fn start(project: &Project) -> Child {
    let python = python();
    let mut command: Command = project.daglab(&[
        "ci",
        "--output",
        "json",
        "--python",
        python.to_str().unwrap(),
    ]);
    // A group of its own, as a shell gives it: signals to the group must not reach the test.
    command
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// The process that does the work; the one that was started is its guard.
fn worker_of(guard: &Child) -> Pid {
    let guard = guard.id();
    let workers = std::fs::read_to_string(format!("/proc/{guard}/task/{guard}/children")).unwrap();
    let worker = workers.split_ascii_whitespace().next().unwrap();
    Pid::from_raw(worker.parse().unwrap()).unwrap()
}

#[track_caller]
fn assert_nothing_left(project: &Project, what: &str) {
    let begun = Instant::now();
    let left = || {
        let mut left = processes_of(&project.tmp());
        left.retain(|(_, command)| !command.is_empty());
        let directories: Vec<_> = std::fs::read_dir(project.tmp())
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect();
        (left, directories)
    };
    let gone = eventually(GONE_WITHIN, || {
        let (processes, directories) = left();
        processes.is_empty() && directories.is_empty()
    });
    assert!(
        gone,
        "{what}: after {:?} there is still {:?}",
        begun.elapsed(),
        left()
    );
}

/// Waits until the hanging notebooks and the hanging run have their processes.
fn until_busy(project: &Project) {
    let busy = eventually(Duration::from_secs(60), || {
        processes_of(&project.tmp())
            .iter()
            .any(|(_, command)| command.starts_with("sleep 600"))
    });
    assert!(busy, "the notebooks never started");
}

#[test]
fn sigint_and_sigterm_end_everything_and_say_so() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let project = busy();
        let mut child = start(&project);
        until_busy(&project);
        kill_process(pid(&child), signal).unwrap();
        let begun = Instant::now();
        let status = child.wait().unwrap();
        assert!(
            begun.elapsed() < GONE_WITHIN,
            "it took {:?}",
            begun.elapsed()
        );
        assert_eq!(status.code(), Some(code));
        assert_nothing_left(&project, "after the signal");
        let report = std::fs::read_to_string(project.artifacts().join("report.json")).unwrap();
        assert!(
            report.contains("\"cancelled\""),
            "the report of what was done is kept"
        );
    }
}

#[test]
fn sigkill_when_all_is_busy_leaves_nothing() {
    let project = busy();
    let mut child = start(&project);
    until_busy(&project);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_left(&project, "after SIGKILL");
}

#[test]
fn sigkill_of_the_worker_is_cleaned_up_by_the_guard() {
    let project = busy();
    let mut child = start(&project);
    until_busy(&project);
    kill_process(worker_of(&child), Signal::KILL).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(137));
    assert_nothing_left(&project, "after SIGKILL of the worker");
}

/// Random moments, from before the first child to well into the notebooks. `DAGLAB_TEST_KILLS`
/// sets how many.
fn at_random_moments(kills: u32, signals: &[Signal]) {
    let kills = std::env::var("DAGLAB_TEST_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(kills);
    let project = busy();
    // A fixed seed: a failure can be repeated.
    let mut state: u64 = 0x5eed;
    for round in 0..kills {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Every other one in the first moments, when nothing is set up yet.
        let longest = if round % 2 == 0 { 5_000 } else { 150 };
        let pause = Duration::from_millis((state >> 33) % longest);
        let signal = signals[round as usize % signals.len()];
        let mut child = start(&project);
        std::thread::sleep(pause);
        kill_process(pid(&child), signal).unwrap();
        let ended = eventually(GONE_WITHIN, || child.try_wait().unwrap().is_some());
        let what = format!("round {round}, {signal:?} after {pause:?}");
        assert!(ended, "{what}: it is still running");
        assert_nothing_left(&project, &what);
    }
}

#[test]
fn sigkill_at_random_moments_leaves_nothing() {
    at_random_moments(8, &[Signal::KILL]);
}

#[test]
fn sigint_and_sigterm_at_random_moments_leave_nothing() {
    at_random_moments(6, &[Signal::INT, Signal::TERM, Signal::HUP]);
}

#[test]
fn what_does_not_listen_is_killed_with_the_rest() {
    let project = busy();
    let mut child = start(&project);
    until_busy(&project);
    // A worker that can't run its handlers stands for one that something foreign holds up.
    kill_process(worker_of(&child), Signal::STOP).unwrap();
    kill_process(pid(&child), Signal::TERM).unwrap();
    assert!(eventually(GONE_WITHIN, || child
        .try_wait()
        .unwrap()
        .is_some()));
    assert_nothing_left(&project, "after SIGTERM with a worker that is stuck");
}

/// The processes that nobody has asked for how they ended, below one: their parents' ids lead there.
fn zombies_below(root: i32) -> usize {
    let stats: Vec<(i32, i32, bool)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut rest = stat.rsplit_once(')')?.1.split_ascii_whitespace();
            let dead = rest.next()? == "Z";
            Some((pid, rest.next()?.parse().ok()?, dead))
        })
        .collect();
    let mut below = vec![root];
    let mut index = 0;
    while index < below.len() {
        let parent = below[index];
        below.extend(stats.iter().filter(|it| it.1 == parent).map(|it| it.0));
        index += 1;
    }
    stats
        .iter()
        .filter(|(pid, _, dead)| *dead && below.contains(pid))
        .count()
}

#[test]
fn what_detached_itself_is_reaped_while_others_run() {
    let project = Project::small();
    project.notebook(
        "notebooks/leaves.py",
        &["import os, time\n\
           for _ in range(20):\n    \
               if os.fork() == 0:\n        \
                   os.setsid()\n        \
                   if os.fork() == 0:\n            \
                       open('grandchild', 'a').write('x')\n        \
                   os._exit(0)\n    \
               os.wait()\n\
           open('began', 'w')\n\
           time.sleep(600)"],
    );
    let mut child = start(&project);
    let size =
        |name: &str| std::fs::metadata(project.root().join(name)).map_or(0, |meta| meta.len());
    let began = project.root().join("began");
    assert!(eventually(Duration::from_secs(120), || began.exists()
        && size("grandchild") == 20));
    let root = pid(&child).as_raw_nonzero().get();
    assert!(eventually(Duration::from_secs(30), || zombies_below(root) == 0));
    assert!(child.try_wait().unwrap().is_none(), "it is still at work");
    kill_process(pid(&child), Signal::TERM).unwrap();
    assert!(eventually(GONE_WITHIN, || child
        .try_wait()
        .unwrap()
        .is_some()));
}
