//! The address of a web server, as it is configured, used and shown.

use url::{Host, Url};

use super::error::Error;

/// The web server's root with a final `/`, without what does not belong into a server's address.
pub(super) fn base_url(text: &str) -> Result<Url, Error> {
    let wrong = |reason: String| Error::Url {
        url: shown(text),
        reason,
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with `http://` or `https://`".into()));
    }
    if url.host().is_none() {
        return Err(wrong("it names no host".into()));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/graphql").unwrap_or(path);
    let path = format!("{path}/");
    url.set_path(&path);
    Ok(url)
}

/// An address as it was configured, without user and password.
pub fn shown(text: &str) -> String {
    let has_none =
        |url: Url| url.has_host() && url.username().is_empty() && url.password().is_none();
    let at = text.rfind('@');
    match at {
        // One that can't be read may hold them anywhere before.
        Some(at) if !Url::parse(text.trim()).is_ok_and(has_none) => {
            let begin = text.find("://").map_or(0, |begin| begin + "://".len());
            format!("{}***{}", &text[..begin.min(at)], &text[at..])
        }
        _ => text.to_owned(),
    }
}

/// Whether a server is on this machine, where no proxy can be meant.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        for (configured, expected) in [
            ("http://me:s3cret@host/x", "http://***@host/x"),
            ("http://s3cret@host", "http://***@host"),
            ("http://me:s3/cret@host:1", "http://***@host:1"),
            ("me:s3cret@host", "***@host"),
            ("http://host/@team", "http://host/@team"),
            ("http://host", "http://host"),
        ] {
            assert_eq!(shown(configured), expected);
        }
        for wrong in ["ftp://me:s3cret@host", "http://me:s3cret@", "s3cret@"] {
            let error = base_url(wrong).expect_err("a refusal").to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
