//! Pictures, sound and films that are in the page, as `data:` addresses.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::markup::escape;

/// Formats that a browser shows as a picture and never as a document.
const PICTURES: &[&str] = &[
    "png", "jpeg", "jpg", "gif", "webp", "avif", "bmp", "x-icon", "svg+xml",
];

/// Wider than this, a picture is as wide as the page.
const WIDEST: u32 = 4000;

/// The address of a picture that is in the page, if it is one.
pub(super) fn picture(address: &str) -> Option<Cow<'_, str>> {
    let address = address.trim();
    let kind = address.strip_prefix("data:image/")?;
    let (head, body) = kind.split_once(',')?;
    let format = head.split(';').next()?;
    let fits = match head.ends_with(";base64") {
        true => is_base64(body),
        // An SVG may be text; what is in it needs no check, since it can't leave the picture.
        false => format == "svg+xml" && !body.is_empty(),
    };
    (fits && PICTURES.contains(&format)).then_some(Cow::Borrowed(address))
}

fn is_base64(body: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    !body.is_empty() && body.bytes().all(plain)
}

/// Whether an address is sound or a film that is in the page.
pub(super) fn is_playable(address: &str) -> bool {
    let kind = address
        .strip_prefix("data:audio/")
        .or_else(|| address.strip_prefix("data:video/"));
    kind.and_then(|kind| kind.split_once(";base64,"))
        .is_some_and(|(format, body)| !format.contains([',', ';']) && is_base64(body))
}

/// An SVG file as an address.
pub(super) fn svg(text: &str) -> String {
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(text))
}

/// A width in pixels: `50`, `50px`, `50.5`.
pub(super) fn pixels(text: &str) -> Option<u32> {
    let text = text.trim();
    let text = text.strip_suffix("px").unwrap_or(text);
    let whole = text.split('.').next()?;
    let pixels: u32 = whole.parse().ok()?;
    (1..=WIDEST).contains(&pixels).then_some(pixels)
}

/// A picture's element. `address` is one that [`picture`] or [`svg`] gave.
pub(super) fn img(address: &str, alt: &str, width: Option<u32>) -> String {
    let class = match address.starts_with("data:image/svg") {
        true => " class=\"svg\"",
        false => "",
    };
    let width = width
        .map(|width| format!(" width=\"{width}\""))
        .unwrap_or_default();
    // Of a picture that nobody has described, no more can be said than that it is one.
    let alt = if alt.is_empty() { "output" } else { alt };
    format!(
        "<img{class} src=\"{}\" alt=\"{}\"{width}>",
        escape(address),
        escape(alt)
    )
}

/// The address of a picture given as an output of its own: an address already, or the file itself,
/// SVG as text and other formats as Base64.
pub(super) fn of_output(kind: &str, value: &str) -> Option<String> {
    if value.starts_with("data:") {
        return picture(value).map(Cow::into_owned);
    }
    let format = kind.strip_prefix("image/")?;
    if !PICTURES.contains(&format) {
        return None;
    }
    if format == "svg+xml" {
        return value.contains("<svg").then(|| svg(value));
    }
    let body: String = value.split_ascii_whitespace().collect();
    is_base64(&body).then(|| format!("data:{kind};base64,{body}"))
}

/// The bytes of a `data:` address as text.
pub(super) fn text_of(address: &str) -> Option<String> {
    let (head, body) = address.strip_prefix("data:")?.split_once(',')?;
    if head.ends_with(";base64") {
        let bytes = STANDARD.decode(body).ok()?;
        return Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    let decoded = percent_encoding::percent_decode_str(body).decode_utf8_lossy();
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_pictures() {
        for good in [
            "data:image/png;base64,AA==",
            "data:image/svg+xml,%3Csvg/%3E",
        ] {
            assert!(picture(good).is_some(), "{good}");
        }
        for bad in [
            "data:text/html,<script>",
            "data:image/png",
            "data:image/html,x",
            "https://example.org/x.png",
            "javascript:alert(1)",
            "",
        ] {
            assert!(picture(bad).is_none(), "{bad}");
        }
        assert_eq!(
            of_output("image/png", "AA\nBB").unwrap(),
            "data:image/png;base64,AABB"
        );
        assert!(of_output("image/png", "\"><script>").is_none());
        assert!(of_output("image/tiff", "AAAA").is_none());
        assert_eq!(
            (pixels("50.5px"), pixels("100%"), pixels("99999")),
            (Some(50), None, None)
        );
        assert_eq!(text_of("data:text/csv;base64,YSxi").unwrap(), "a,b");
        assert_eq!(text_of("data:text/csv,a%2Cb").unwrap(), "a,b");
    }
}
