//! Addresses that the page may point to.

use std::fmt::Write as _;

/// A relative link to `path` inside the artifacts directory, every other character encoded. A path
/// that leads out of the directory is no link.
pub(super) fn relative(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    if segments
        .iter()
        .any(|segment| matches!(*segment, "" | "." | ".."))
    {
        return None;
    }
    Some(
        segments
            .into_iter()
            .map(encode)
            .collect::<Vec<_>>()
            .join("/"),
    )
}

/// `url`, if it is one that a browser may follow from a report.
pub(super) fn web(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

fn encode(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'@' => {
                out.push(char::from(byte));
            }
            byte => {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_and_stay_inside() {
        assert_eq!(
            relative("a b/ü?#.html").as_deref(),
            Some("a%20b/%C3%BC%3F%23.html")
        );
        assert_eq!(
            relative("javascript:alert(1)").as_deref(),
            Some("javascript%3Aalert%281%29")
        );
        for outside in ["../x", "/etc/passwd", "a/../../x", "", "//host/x", "a//b"] {
            assert_eq!(relative(outside), None, "{outside}");
        }
    }

    #[test]
    fn only_web_addresses_are_followed() {
        assert_eq!(web("https://x.org/a").as_deref(), Some("https://x.org/a"));
        assert_eq!(web("javascript:alert(1)"), None);
        assert_eq!(web("data:text/html,x"), None);
    }
}
