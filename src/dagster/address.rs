//! The address of a web server, as it is configured, used and shown.

use url::{Host, Url};

use super::error::Error;

/// The web server's root with a final `/`, without what does not belong into a server's address.
pub(super) fn base_url(text: &str) -> Result<Url, Error> {
    let wrong = |reason: String| Error::Url {
        url: text.to_owned(),
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

/// Whether a server is on this machine, where no proxy can be meant.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
