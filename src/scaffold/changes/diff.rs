//! A plan as a unified diff, as git writes it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use similar::TextDiff;

use super::Step;
use crate::ui::style::{Paint, Role};
use crate::ui::text;

/// After this, a difference is right and no longer the smallest one.
const PATIENCE: Duration = Duration::from_secs(2);

/// The diff as a program reads it.
pub(super) fn exact<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut diff = String::new();
    for step in steps {
        write(step, &mut |_, line| diff.push_str(line));
    }
    diff
}

/// The diff as a person reads it.
pub(super) fn shown<'a>(steps: impl Iterator<Item = &'a Step>, paint: Paint) -> String {
    let mut diff = String::new();
    for step in steps {
        write(step, &mut |kind, line| {
            let line = text::sanitize(line.strip_suffix('\n').unwrap_or(line));
            let line = line.trim_end_matches('\r');
            match kind.role() {
                Some(role) => diff.push_str(&paint.paint(role, line)),
                None => diff.push_str(line),
            }
            diff.push('\n');
        });
    }
    diff
}

/// What a line of a diff is.
#[derive(Clone, Copy)]
enum Kind {
    Header,
    Hunk,
    Added,
    Removed,
    Context,
}

impl Kind {
    fn role(self) -> Option<Role> {
        match self {
            Self::Header => Some(Role::Heading),
            Self::Hunk => Some(Role::Name),
            Self::Added => Some(Role::Good),
            Self::Removed => Some(Role::Bad),
            Self::Context => None,
        }
    }
}

fn write(step: &Step, line: &mut impl FnMut(Kind, &str)) {
    let (a, b) = (name("a/", &step.place), name("b/", &step.place));
    line(Kind::Header, &format!("diff --git {a} {b}\n"));
    let before = step.before.as_deref();
    if before.is_none() {
        line(Kind::Header, "new file mode 100644\n");
    }
    let old: Vec<&str> = before.unwrap_or_default().split_inclusive('\n').collect();
    let new: Vec<&str> = step.after.split_inclusive('\n').collect();
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .newline_terminated(true)
        .diff_slices(&old, &new);
    let a = if before.is_some() { &a } else { "/dev/null" };
    let mut headed = false;
    for hunk in diff.unified_diff().iter_hunks() {
        if !headed {
            line(Kind::Header, &format!("--- {a}{}\n", tab(a)));
            line(Kind::Header, &format!("+++ {b}{}\n", tab(&b)));
            headed = true;
        }
        line(Kind::Hunk, &format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let (kind, sign) = match change.tag() {
                similar::ChangeTag::Insert => (Kind::Added, '+'),
                similar::ChangeTag::Delete => (Kind::Removed, '-'),
                similar::ChangeTag::Equal => (Kind::Context, ' '),
            };
            let value = change.value();
            if value.ends_with('\n') {
                line(kind, &format!("{sign}{value}"));
            } else {
                line(kind, &format!("{sign}{value}\n"));
                line(Kind::Context, "\\ No newline at end of file\n");
            }
        }
    }
}

/// git ends names with blanks by a tab, so that they are not taken for a name and a date.
fn tab(name: &str) -> &'static str {
    if name.contains(' ') { "\t" } else { "" }
}

/// A path as git writes it: quoted, where it holds anything unusual.
fn name(side: &str, path: &Path) -> String {
    let path = path.as_os_str().as_encoded_bytes();
    let usual = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
    if path.iter().all(usual) {
        return format!("{side}{}", String::from_utf8_lossy(path));
    }
    let mut quoted = format!("\"{side}");
    for byte in path {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(*byte)]),
            byte if usual(byte) => quoted.push(char::from(*byte)),
            // Writing to a String cannot fail.
            byte => drop(write!(quoted, "\\{byte:03o}")),
        }
    }
    quoted.push('"');
    quoted
}
