//! Which lines of a Python traceback are the user's.

use crate::ui::text::sanitize;

/// Parts of a path that say that a file came with Python or was installed.
const FOREIGN: [&str; 7] = [
    "/site-packages/",
    "/dist-packages/",
    "/lib/python3",
    "/lib64/python3",
    "/marimo/_",
    "<frozen ",
    "/daglab/_host/",
];

/// The last user frames of a traceback: at most `frames` of them, each with its source lines. Where
/// no frame is the user's, the last frame there is; where there is none at all, the last lines.
pub fn user_frames(traceback: &str, frames: usize) -> Vec<String> {
    let clean = sanitize(traceback);
    // After "During handling…" the last part is the exception that ended the cell.
    let last = clean
        .rfind("Traceback (most recent call last)")
        .map_or(&*clean, |at| &clean[at..]);
    let blocks = blocks(last);
    let own: Vec<&Vec<&str>> = blocks.iter().filter(|block| is_own(block[0])).collect();
    let chosen = match (own.is_empty(), blocks.last()) {
        (false, _) => own[own.len().saturating_sub(frames)..].to_vec(),
        (true, Some(block)) => vec![block],
        (true, None) => return tail(last, 3),
    };
    chosen
        .into_iter()
        .flatten()
        .map(|line| (*line).to_owned())
        .collect()
}

/// The last `lines` lines that are not empty.
fn tail(text: &str, lines: usize) -> Vec<String> {
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// Frames, each a `File` line and the more indented lines below it, without common indentation.
fn blocks(traceback: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let mut open = false;
    for line in traceback.lines() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed.starts_with("File ") && indent <= 4 {
            blocks.push(vec![trimmed]);
            open = true;
        } else if open && indent >= 4 {
            if let Some(block) = blocks.last_mut() {
                block.push(line.get(2..).unwrap_or(trimmed));
            }
        } else {
            open = false;
        }
    }
    blocks
}

fn is_own(file_line: &str) -> bool {
    let path = file_line
        .split('"')
        .nth(1)
        .unwrap_or(file_line)
        .replace('\\', "/");
    !FOREIGN.iter().any(|part| path.contains(part))
}

/// Whose a line of a traceback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A frame of the user's code.
    Own,
    /// A frame of Python, or of an installed package.
    Library,
    /// Not in a frame: the exception, and what joins it to another.
    Message,
}

/// Every line of a traceback with its origin.
pub fn lines(traceback: &str) -> Vec<(Origin, String)> {
    let clean = sanitize(traceback);
    let mut origin = Origin::Message;
    let label = |line: &str| {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if trimmed.starts_with("File ") && indent <= 4 {
            origin = if is_own(trimmed) {
                Origin::Own
            } else {
                Origin::Library
            };
        } else if indent < 4 && !trimmed.is_empty() {
            origin = Origin::Message;
        }
        (origin, line.to_owned())
    };
    clean.trim_end().lines().map(label).collect()
}

/// `text` without more than `lines` lines and `chars` characters, counted from its end, which is
/// where a traceback says what went wrong. What was cut is said in the first line.
pub fn keep_end(text: &str, lines: usize, chars: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let mut first = all.len();
    let mut used = 0;
    while first > 0 && all.len() - first < lines {
        used += all[first - 1].chars().count() + 1;
        if used > chars {
            break;
        }
        first -= 1;
    }
    match (first, all.last()) {
        (0, _) => text.trim_end_matches('\n').to_owned(),
        (_, Some(last)) if first == all.len() => {
            let end: String = last.chars().take(chars).collect();
            format!("… cut to {chars} characters\n{end}")
        }
        _ => format!(
            "… {first} lines above are left out\n{}",
            all[first..].join("\n")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANDAS: &str = r#"Traceback (most recent call last):
  File "notebooks/a.py", line 27, in totals
    totals = orders["totl"]
             ~~~~~~^^^^^^^^
  File "/v/lib/python3.12/site-packages/pandas/core/base.py", line 244, in __getitem__
    raise KeyError(key)
KeyError: 'totl'
"#;

    #[test]
    fn the_users_frame_is_found_below_a_library() {
        let frames = user_frames(PANDAS, 2);
        assert_eq!(
            frames,
            [
                r#"File "notebooks/a.py", line 27, in totals"#,
                r#"  totals = orders["totl"]"#,
                "           ~~~~~~^^^^^^^^",
            ]
        );
    }

    #[test]
    fn only_the_last_of_chained_exceptions_counts() {
        let chained = format!(
            "Traceback (most recent call last):\n  File \"first.py\", line 1, in f\n    x\n\
             ValueError: x\n\nDuring handling of the above exception, another exception \
             occurred:\n\n{PANDAS}"
        );
        assert_eq!(user_frames(&chained, 2), user_frames(PANDAS, 2));
    }

    #[test]
    fn the_last_frames_win() {
        let deep = "  File \"a.py\", line 1, in a\n    b()\n  File \"b.py\", line 2, in b\n    c()\n  \
                    File \"c.py\", line 3, in c\n    1/0\nZeroDivisionError\n";
        let frames = user_frames(deep, 2);
        assert_eq!(frames[0], "File \"b.py\", line 2, in b");
        assert_eq!(frames.len(), 4);
    }

    #[test]
    fn without_own_frames_the_last_frame_is_shown() {
        let foreign = "Traceback (most recent call last):\n  File \"/usr/lib/python3.12/x.py\", \
                       line 3, in f\n    g()\nOSError: x\n";
        assert_eq!(user_frames(foreign, 2).len(), 2);
        assert_eq!(user_frames("a\nb\n\nc\nd\n", 2), ["b", "c", "d"]);
        assert!(user_frames("", 2).is_empty());
    }

    #[test]
    fn every_line_has_an_origin() {
        let origins: Vec<Origin> = lines(PANDAS)
            .into_iter()
            .map(|(origin, _)| origin)
            .collect();
        use Origin::{Library, Message, Own};
        assert_eq!(origins, [Message, Own, Own, Own, Library, Library, Message]);
    }

    #[test]
    fn long_text_keeps_its_end() {
        assert_eq!(keep_end("a\nb\nc\n", 5, 100), "a\nb\nc");
        assert_eq!(
            keep_end("a\nb\nc", 2, 100),
            "… 1 lines above are left out\nb\nc"
        );
        assert_eq!(
            keep_end("a\nbbbb\ncc", 9, 8),
            "… 1 lines above are left out\nbbbb\ncc"
        );
        assert_eq!(keep_end("aaaaaaaaaa", 9, 4), "… cut to 4 characters\naaaa");
    }
}
