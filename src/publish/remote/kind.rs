//! What a browser must know of a file to show it.

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// `Content-Type`.
    pub(super) content_type: &'static str,
    /// Whether it is worth compressing.
    pub(super) is_text: bool,
}

impl Kind {
    /// By a name's extension.
    pub(super) fn of(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let (content_type, is_text) = match extension.to_ascii_lowercase().as_str() {
            "html" | "htm" => ("text/html; charset=utf-8", true),
            "json" | "ipynb" => ("application/json", true),
            "md" => ("text/markdown; charset=utf-8", true),
            "txt" | "log" | "py" => ("text/plain; charset=utf-8", true),
            "xml" => ("application/xml", true),
            "csv" => ("text/csv; charset=utf-8", true),
            "css" => ("text/css; charset=utf-8", true),
            "js" => ("text/javascript; charset=utf-8", true),
            "svg" => ("image/svg+xml", true),
            "png" => ("image/png", false),
            "jpg" | "jpeg" => ("image/jpeg", false),
            "gif" => ("image/gif", false),
            "webp" => ("image/webp", false),
            "pdf" => ("application/pdf", false),
            "zip" => ("application/zip", false),
            _ => ("application/octet-stream", false),
        };
        Self {
            content_type,
            is_text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_are() {
        assert_eq!(
            Kind::of("a/b.HTML").content_type,
            "text/html; charset=utf-8"
        );
        assert!(Kind::of("x.svg").is_text);
        assert!(!Kind::of("x.png").is_text);
        assert_eq!(Kind::of("LICENSE").content_type, "application/octet-stream");
    }
}
