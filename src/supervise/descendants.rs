//! Ending every process below this one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

/// How long [`end_all`] insists before it gives up on a process that even SIGKILL does not end
/// (one in uninterruptible sleep).
const PATIENCE: Duration = Duration::from_secs(4);

/// The processes below this one, nearest first. Empty where there is no `/proc`.
pub fn list() -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // The file is gone when the process is; that is an answer, too.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some(parent) = parent_of(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut queue = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(parent) = queue.pop() {
        for pid in children.remove(&parent).unwrap_or_default() {
            found.extend(Pid::from_raw(pid));
            queue.push(pid);
        }
    }
    found
}

/// The parent's id in a line of `/proc/PID/stat`. The second field is the program's name in
/// parentheses and may itself hold blanks and parentheses.
fn parent_of(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Kills every process below this one, those that appear meanwhile included, and reaps them.
///
/// Only to be called by a child subreaper that no longer waits for any child of its own: it reaps
/// them all.
pub fn end_all() {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let alive = list();
        for pid in &alive {
            // It may have ended since it was listed.
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
