//! Ending processes below this one: all of them, or those of one task.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

/// How long to insist before giving up: on a process that even SIGKILL does not end (one in
/// uninterruptible sleep), or on processes that multiply faster than they are found.
const PATIENCE: Duration = Duration::from_secs(4);

/// The processes below this one, nearest first. Empty where there is no `/proc`.
pub fn list() -> Vec<Pid> {
    below(rustix::process::getpid(), &children())
}

/// All processes, by their parents.
fn children() -> HashMap<Pid, Vec<Pid>> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return children;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // The file is gone when the process is; that is an answer, too.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let parent = parent_of(&stat).and_then(Pid::from_raw);
        if let (Some(parent), Some(pid)) = (parent, Pid::from_raw(pid)) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The children of this process that have ended and were not waited for yet.
pub fn dead_children() -> HashSet<Pid> {
    let own = rustix::process::getpid();
    let children = children().remove(&own).unwrap_or_default();
    children.into_iter().filter(|pid| is_dead(*pid)).collect()
}

fn is_dead(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    // The state follows the name.
    stat.is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| rest.starts_with(" Z"))
    })
}

fn below(root: Pid, children: &HashMap<Pid, Vec<Pid>>) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut queue = vec![root];
    while let Some(parent) = queue.pop() {
        let next = children.get(&parent).map_or(&[][..], Vec::as_slice);
        found.extend(next);
        queue.extend(next);
    }
    found
}

/// The parent's id in a line of `/proc/PID/stat`. The second field is the program's name in
/// parentheses and may itself hold blanks and parentheses.
fn parent_of(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Kills the processes of one task: its first process, as long as that is known to live, those below
/// this process that were started with a variable, given as `NAME=value`, and all below them.
///
/// A process that has lost its parent is found by the variable, one that has dropped the variable
/// by its parent.
pub fn end_task(first: Option<Pid>, variable: &str) {
    let doomed = stop(|| {
        let children = children();
        below(rustix::process::getpid(), &children)
            .into_iter()
            .filter(|pid| Some(*pid) == first || started_with(*pid, variable))
            .flat_map(|pid| [vec![pid], below(pid, &children)].concat())
            .collect()
    });
    for pid in doomed {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Whether the environment that a process was started with holds a variable.
fn started_with(pid: Pid, variable: &str) -> bool {
    std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).is_ok_and(|environment| {
        environment
            .split(|byte| *byte == 0)
            .any(|found| found == variable.as_bytes())
    })
}

/// Stops processes until no new ones are found, so that none can start another while they are
/// killed. Returns all that are stopped now.
fn stop(find: impl Fn() -> Vec<Pid>) -> HashSet<Pid> {
    let deadline = Instant::now() + PATIENCE;
    let mut stopped = HashSet::new();
    loop {
        let before = stopped.len();
        for pid in find() {
            if stopped.insert(pid) {
                // It may have ended since it was found.
                let _ = rustix::process::kill_process(pid, Signal::STOP);
            }
        }
        if stopped.len() == before || Instant::now() > deadline {
            return stopped;
        }
    }
}

/// Kills every process below this one, those that appear meanwhile included, and reaps them.
///
/// Only to be called by a child subreaper that no longer waits for any child of its own: it reaps
/// them all.
pub fn end_all() {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let alive = stop(list);
        for pid in &alive {
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        if alive.is_empty() || Instant::now() > deadline {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_a_hostile_name() {
        assert_eq!(parent_of("71 (a) b (c)) S 42 71 71 0"), Some(42));
        assert_eq!(parent_of("nonsense"), None);
    }

    #[test]
    fn a_child_is_listed_while_it_lives() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(list().contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!list().contains(&pid));
    }
}
