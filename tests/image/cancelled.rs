//! A job that the runner ends.

use std::time::{Duration, Instant};

use super::*;
use crate::support::eventually;
use crate::support::github_server::{Fault, What};

/// Hears no signal but the last, and has left processes behind: some that are dead, and one that
/// nobody waits for.
const HANGING: &str = r#"import os
import signal
import time

import dagster as dg


@dg.op
def hangs():
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os.setsid()
            os.fork()
            os._exit(0)
        os.waitpid(child, 0)
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    open("/github/workspace/started", "w").close()
    while True:
        time.sleep(600)


@dg.job
def hanging_job():
    hangs()


defs = dg.Definitions(jobs=[hanging_job])
"#;

/// The states of all processes of a container, one a line, as the kernel calls them.
const STATES: &str = "for dir in /proc/[0-9]*; do \
    sed -n 's/^State:[[:space:]]*\\([A-Z]\\).*/\\1/p' $dir/status 2>/dev/null; done; true";

/// Starts it and waits for it to hang.
fn hanging(services: &Services) -> (Step, runner::Running) {
    let step = Step::new().with_services(services);
    step.write("definitions.py", HANGING);
    step.write("daglab.yaml", &ONE_JOB.replace("NAME", "hanging_job"));
    let running = step.start(ARGUMENTS);
    let started = step.workspace().join("started");
    let up = eventually(Duration::from_secs(120), || started.exists());
    assert!(up, "the job did not start:\n{}", running.output());
    (step, running)
}

/// The runner signals the client, which passes it on: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s
/// later.
fn cancel(running: &mut runner::Running) {
    let begun = Instant::now();
    running.signal("INT");
    let ended = eventually(Duration::from_millis(7500), || running.has_ended());
    if !ended {
        running.signal("TERM");
        let ended = eventually(Duration::from_millis(2500), || running.has_ended());
        assert!(ended, "it still runs:\n{}", running.output());
    }
    eprintln!("cancelled in {:?}", begun.elapsed());
    assert_eq!(running.code(), 130, "{}", running.output());
}

#[test]
fn cancelling_ends_everything_in_time_and_is_told() {
    let services = Services::start();
    let (step, mut running) = hanging(&services);
    // Process 1 buries the dead while it works.
    let clean = eventually(Duration::from_secs(20), || {
        let states = running.shell(STATES);
        assert!(states.lines().count() > 3, "{states}");
        !states.contains('Z')
    });
    assert!(clean, "{}", running.shell(STATES));

    cancel(&mut running);
    assert_eq!(step.containers(), "");
    let report = std::fs::read_to_string(step.artifacts().join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["result"], "cancelled");
    let comment = services.comment();
    assert!(comment.contains("daglab cancelled"), "{comment}");
    assert!(step.told("step_summary").contains("daglab cancelled"));
    assert_eq!(step.output("result"), "cancelled");
    assert_eq!(step.unreadable(), "");
}

#[test]
fn cancelling_does_not_wait_for_github() {
    let services = Services::start();
    services.github.fault(Fault::always("GET", "/", What::Hang));
    let (step, mut running) = hanging(&services);
    cancel(&mut running);
    assert_eq!(step.containers(), "");
    assert_eq!(step.output("result"), "cancelled");
    let summary = step.told("step_summary");
    assert!(summary.contains("did not answer in time"), "{summary}");
}
