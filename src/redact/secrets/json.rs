//! JSON without secrets, which is still JSON.

use serde::de::IgnoredAny;

use super::Secrets;
use crate::ui::text::harmless_json;

impl Secrets {
    /// JSON, or several values of it after each other, without secrets in its texts; numbers and
    /// structure stay. None if it is something else.
    pub(super) fn remove_from_json(&self, json: &str) -> Option<String> {
        if !json.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<IgnoredAny>();
        if !values.all(|value| value.is_ok()) {
            return None;
        }
        let mut out = String::with_capacity(json.len());
        let mut rest = json;
        while let Some(start) = rest.find('"') {
            let end = end_of_text(&rest[start..])? + start;
            out.push_str(&rest[..start]);
            let text = &rest[start..end];
            rest = &rest[end..];
            out.push_str(&self.clean_text(text, rest.trim_start().starts_with(':')));
        }
        out.push_str(rest);
        Some(out)
    }

    /// A text in its quotes. A name of a field stays.
    fn clean_text(&self, quoted: &str, is_key: bool) -> String {
        let Ok(text) = serde_json::from_str::<String>(quoted) else {
            return "\"***\"".to_owned();
        };
        if is_key && is_a_field(&text) {
            return quoted.to_owned();
        }
        match self.remove(&text) {
            std::borrow::Cow::Borrowed(_) => quoted.to_owned(),
            std::borrow::Cow::Owned(clean) => {
                harmless_json(serde_json::Value::from(clean).to_string())
            }
        }
    }
}

/// Whether this is how fields are named, rather than something a user has named.
pub(super) fn is_a_field(name: &str) -> bool {
    name.len() <= 32
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Where the text in quotes ends that `json` begins with.
fn end_of_text(json: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::secrets;

    #[test]
    fn it_stays_json_under_any_secret() {
        let json = r#"{"status": "a\nhunter", "run_id": 12345678, "x": [12345678901, 0.5],
            "nhunter-1": "12345678", "status_of": "say \"hunter\" \u0000"}"#;
        let before: serde_json::Value = serde_json::from_str(json).unwrap();
        for value in [
            "hunter",
            "nhunter",
            "12345678",
            "status",
            "run_id",
            "\"hunter\"",
            ", \"x\": [",
        ] {
            let clean = secrets(&[value]).remove_from_json(json).unwrap();
            let after: serde_json::Value = serde_json::from_str(&clean).unwrap();
            assert_eq!(after["run_id"], before["run_id"], "{value}");
            assert_eq!(after["x"], before["x"], "{value}");
        }
        let clean = secrets(&["nhunter-1", "12345678"]).remove_from_json(json);
        assert!(clean.unwrap().contains(r#""***": "***""#));
    }

    #[test]
    fn several_values_and_no_json() {
        let secrets = secrets(&["secret-1"]);
        let lines = "{\"a\":\"secret-1\"}\n{\"a\":1}\n";
        let clean = "{\"a\":\"***\"}\n{\"a\":1}\n";
        assert_eq!(secrets.remove_from_json(lines).as_deref(), Some(clean));
        for text in ["[x] secret-1", "{", "\"secret-1\"", "secret-1"] {
            assert_eq!(secrets.remove_from_json(text), None, "{text}");
        }
    }
}
