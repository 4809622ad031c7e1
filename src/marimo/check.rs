//! What `marimo check --format json` found.

use std::path::Path;

use serde::Deserialize;

use crate::report::model::{Finding, Severity};

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    issues: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    filename: String,
    message: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    severity: String,
    #[serde(default, deserialize_with = "first_number")]
    line: Option<u32>,
    #[serde(default, deserialize_with = "first_number")]
    column: Option<u32>,
    #[serde(default)]
    fix: Option<String>,
}

/// marimo gives one number, or a list where several places are to blame.
fn first_number<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let number = match &value {
        serde_json::Value::Array(items) => items.first().and_then(serde_json::Value::as_u64),
        other => other.as_u64(),
    };
    Ok(number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0))
}

/// Reads the output of one call. Lines around the JSON are passed over; `None` if there is none.
pub fn parse(output: &str, root: &Path, strict: bool) -> Option<Vec<Finding>> {
    let start = output.match_indices('{').find_map(|(index, _)| {
        let mut stream = serde_json::Deserializer::from_str(&output[index..]).into_iter::<Output>();
        stream
            .next()?
            .ok()
            .filter(|_| output[index..].contains("\"issues\""))
    })?;
    let findings = start.issues.into_iter().map(|issue| {
        let path = Path::new(&issue.filename);
        let path = path.strip_prefix(root).unwrap_or(path);
        // marimo's `breaking` and `runtime` mean that a cell will not run as it should.
        let severity = match issue.severity.as_str() {
            "breaking" | "runtime" | "error" => Severity::Error,
            _ if strict => Severity::Error,
            _ => Severity::Warning,
        };
        Finding {
            source: "marimo".to_owned(),
            code: issue.code,
            severity,
            message: issue.message,
            path: Some(path.to_string_lossy().replace('\\', "/")).filter(|path| !path.is_empty()),
            line: issue.line,
            column: issue.column,
            hint: issue.fix.filter(|fix| !fix.is_empty()),
        }
    });
    Some(findings.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_carry_file_line_and_weight() {
        let output = r#"warning: something {odd}
{"issues": [
 {"type": "diagnostic", "message": "Variable 'x' is defined in multiple cells", "filename": "/p/nb/a.py",
  "line": [9, 4], "column": [1, 1], "severity": "breaking", "code": "MB002", "fix": "rename it"},
 {"type": "diagnostic", "message": "Expected run guard", "filename": "nb/a.py", "line": -1,
  "column": 1, "severity": "formatting", "code": "MF001"}],
 "summary": {"total_files": 1}}"#;
        let found = parse(output, Path::new("/p"), false).unwrap();
        assert_eq!(found[0].path.as_deref(), Some("nb/a.py"));
        assert_eq!(
            (found[0].line, found[0].severity),
            (Some(9), Severity::Error)
        );
        assert_eq!(
            (found[1].line, found[1].severity),
            (None, Severity::Warning)
        );
        let strict = parse(output, Path::new("/p"), true).unwrap();
        assert_eq!(strict[1].severity, Severity::Error);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        assert!(parse("Error: no such command {check}", Path::new("/"), false).is_none());
        assert!(parse("", Path::new("/"), false).is_none());
    }
}
