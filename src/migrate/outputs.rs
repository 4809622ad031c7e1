//! What cells came to, as comments.

use std::collections::BTreeMap;

use super::read::{Cell, Output};
use crate::redact::secrets;
use crate::ui::text;

/// How much of one output is kept.
const MOST_LINES: usize = 40;
const MOST_COLUMNS: usize = 200;
const MOST_OUTPUTS: usize = 20;

/// Comments that say what a cell came to, and how many outputs they tell of.
pub fn comments(cell: &Cell) -> (String, usize) {
    if cell.outputs.is_empty() {
        return (String::new(), 0);
    }
    let count = cell
        .execution_count
        .map(|count| format!(" [{count}]"))
        .unwrap_or_default();
    let mut lines = vec![format!("# Output{count}:")];
    let kept = cell.outputs.len().min(MOST_OUTPUTS);
    for output in &cell.outputs[..kept] {
        match output {
            Output::Stream(name, printed) if name == "stderr" => {
                add(&mut lines, "stderr: ", printed);
            }
            Output::Stream(_, printed) => add(&mut lines, "", printed),
            Output::Error(error) => add(&mut lines, "raised ", error),
            Output::Data(forms) => data(&mut lines, forms),
        }
    }
    if kept < cell.outputs.len() {
        lines.push(format!("#   … and {} more", cell.outputs.len() - kept));
    }
    (lines.join("\n"), kept)
}

/// The plain text of a value, and what else it was shown as.
fn data(lines: &mut Vec<String>, forms: &BTreeMap<String, String>) {
    for (mime, data) in forms {
        let main = mime.split('/').next().unwrap_or_default();
        match (&**mime, main) {
            ("text/plain", _) => {}
            (_, "image" | "video" | "audio") | ("application/pdf", _) => {
                let size = match &**mime {
                    "image/svg+xml" => data.len() as u64,
                    _ => data.len() as u64 * 3 / 4,
                };
                lines.push(format!(
                    "#   ({}, {})",
                    text::one_line(mime),
                    text::bytes(size)
                ));
            }
            _ => lines.push(format!(
                "#   ({}, {}, not kept)",
                text::one_line(mime),
                text::bytes(data.len() as u64)
            )),
        }
    }
    if let Some(plain) = forms.get("text/plain") {
        add(lines, "", plain);
    }
}

fn add(lines: &mut Vec<String>, lead: &str, printed: &str) {
    // Enough for what is kept; an output may have hundreds of megabytes.
    let most = MOST_LINES * MOST_COLUMNS * 8;
    let cut = printed
        .char_indices()
        .nth(most)
        .map_or(printed, |(end, _)| &printed[..end]);
    let known = secrets::known();
    let clean = known.remove(cut);
    let clean = text::sanitize(&clean);
    let all: Vec<&str> = clean.lines().collect();
    for (index, line) in all.iter().take(MOST_LINES).enumerate() {
        let lead = if index == 0 { lead } else { "" };
        let line = text::truncate(line.trim_end(), MOST_COLUMNS);
        lines.push(format!("#   {lead}{line}").trim_end().to_owned());
    }
    if all.len() > MOST_LINES || cut.len() < printed.len() {
        lines.push("#   … cut".to_owned());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn outputs_are_short_comments() {
        let json = serde_json::json!({"nbformat": 4, "metadata": {}, "cells": [{
            "cell_type": "code", "source": "x", "execution_count": 3, "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["one\n", "\u{1b}[31mtwo\u{1b}[0m\r\n"]},
                {"output_type": "stream", "name": "stderr", "text": "w".repeat(500)},
                {"output_type": "execute_result", "data": {"text/plain": "1\n".repeat(100), "image/png": "aaaa", "text/html": "<b>"}},
                {"output_type": "error", "ename": "E", "evalue": "v"}]}]});
        let notebook = crate::migrate::read::read(json.to_string().as_bytes()).unwrap();
        let (comments, kept) = super::comments(&notebook.cells[0]);
        assert_eq!(kept, 4);
        assert!(comments.lines().all(|line| line.starts_with('#')));
        assert_eq!(comments.lines().count(), 1 + 2 + 1 + 2 + 41 + 1);
        assert!(comments.contains("#   two\n") && comments.contains("#   (image/png, 3 B)"));
        assert!(comments.ends_with("#   raised E: v"));
    }
}
