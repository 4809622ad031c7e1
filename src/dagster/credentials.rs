//! Who asks: a header that goes with every request, and that is never shown.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use super::error::Error;

/// The header in which Dagster+ wants its token.
pub const DAGSTER_PLUS_HEADER: &str = "Dagster-Cloud-Api-Token";

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// A secret shorter than this is not looked for in texts: it would be found by chance.
const SHORTEST: usize = 4;

/// A header that says who asks. Its value appears neither in `Debug` nor in any log.
#[derive(Clone)]
pub struct Credentials {
    name: HeaderName,
    value: HeaderValue,
    /// What the value is made of, in the forms in which it might be sent back to us; the longest
    /// first.
    secrets: Vec<String>,
}

impl Credentials {
    /// `Authorization: Bearer TOKEN`, or the same in another header.
    pub fn bearer(header: &str, token: &str) -> Result<Self, Error> {
        Self::new(header, &format!("Bearer {token}"), &[token.to_owned()])
    }

    /// `Authorization: Basic …` for `user:password`, or the same in another header.
    pub fn basic(header: &str, user_and_password: &str) -> Result<Self, Error> {
        let password = user_and_password
            .split_once(':')
            .map(|(_, password)| password);
        let password = password.ok_or_else(|| Error::Credentials {
            reason: "for basic authentication it must be `user:password`".to_owned(),
        })?;
        let encoded = STANDARD.encode(user_and_password);
        // Some servers take a token in the place of the user.
        let secret = match password {
            "" => user_and_password.trim_end_matches(':'),
            password => password,
        };
        let secrets = [user_and_password, secret, &encoded].map(str::to_owned);
        Self::new(header, &format!("Basic {encoded}"), &secrets)
    }

    /// The token as it is, in a header of any name.
    pub fn header(header: &str, token: &str) -> Result<Self, Error> {
        Self::new(header, token, &[token.to_owned()])
    }

    /// User and password of an address, which are taken out of it.
    pub(super) fn take_from(url: &mut Url) -> Result<Option<Self>, Error> {
        if url.username().is_empty() && url.password().is_none() {
            return Ok(None);
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = decode(url.username());
        let password = decode(url.password().unwrap_or_default());
        // These fail only for addresses without a host, which were refused before.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        Self::basic(AUTHORIZATION.as_str(), &format!("{user}:{password}")).map(Some)
    }

    fn new(header: &str, value: &str, secrets: &[String]) -> Result<Self, Error> {
        let name = HeaderName::from_bytes(header.as_bytes()).map_err(|_| Error::Credentials {
            reason: format!("`{header}` is not the name of a header"),
        })?;
        // Said without the value: it is the secret.
        let mut value = HeaderValue::from_str(value).map_err(|_| Error::Credentials {
            reason: "it has characters that a header can't hold, such as a line break".to_owned(),
        })?;
        value.set_sensitive(true);
        // Whatever holds another goes first: of `user:password`, nothing but the mark is left.
        let mut secrets: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        secrets.retain(|secret| secret.len() >= SHORTEST);
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        secrets.dedup();
        Ok(Self {
            name,
            value,
            secrets,
        })
    }

    /// Puts the header on a request.
    pub(super) fn sign(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.header(self.name.clone(), self.value.clone())
    }

    /// A foreign text without the secrets, which a server may send back.
    pub(super) fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), HIDDEN));
            }
        }
        text
    }
}

/// A secret as it is, and as pages, addresses, JSON and logs of servers write it.
fn forms(secret: &str) -> [String; 6] {
    let url = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    // Servers differ in what they leave as it is.
    let component = url
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_");
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let encoded = STANDARD.encode(secret);
    [
        secret.to_owned(),
        encoded.trim_end_matches('=').to_owned(),
        html.replace('"', "&quot;"),
        json,
        url,
        component.replace("%7E", "~"),
    ]
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn the_value_is_never_shown() {
        let bearer = Credentials::bearer("Authorization", "s3cret").expect("credentials");
        assert_eq!(bearer.value.as_bytes(), b"Bearer s3cret");
        assert!(!format!("{bearer:?} {:?}", bearer.value).contains("s3cret"));
        assert_eq!(bearer.hide("got Bearer s3cret?"), "got Bearer ***?");
        let basic = Credentials::basic("Authorization", "me:pass:word").expect("credentials");
        assert_eq!(basic.value.as_bytes(), b"Basic bWU6cGFzczp3b3Jk");
        assert_eq!(basic.hide("bWU6cGFzczp3b3Jk pass:word me"), "*** *** me");
    }

    #[test]
    fn the_value_is_found_in_the_forms_that_servers_send_back() {
        let token = Credentials::header("X-Key", "a+b/c=d&e\"f-g").expect("credentials");
        for said in [
            "a+b/c=d&e\"f-g",
            "a%2Bb%2Fc%3Dd%26e%22f-g",
            "a%2Bb%2Fc%3Dd%26e%22f%2Dg",
            "a+b/c=d&amp;e&quot;f-g",
            "a+b/c=d&e\\\"f-g",
        ] {
            assert_eq!(token.hide(said), "***", "{said}");
        }
        let encoded = STANDARD.encode("a+b/c=d&e\"f-g");
        assert!(token.hide(&encoded).starts_with("***"));
        let basic = Credentials::basic("Authorization", "me:pass:word").expect("credentials");
        assert_eq!(basic.hide("me:pass:word"), "***");
        let user = Credentials::basic("Authorization", "t0ken:").expect("credentials");
        assert_eq!(user.hide("no t0ken"), "no ***");
    }

    #[test]
    fn what_a_header_cannot_hold_is_refused_without_showing_it() {
        for refused in [
            Credentials::bearer("Authorization", "s3cret\nx: y"),
            Credentials::header("not a name", "s3cret"),
            Credentials::basic("Authorization", "s3cret"),
        ] {
            let error = refused.expect_err("an error");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_address_gives_up_its_credentials() {
        let mut url = Url::parse("http://me:p%40ss@127.0.0.1:3000/").expect("an address");
        let taken = Credentials::take_from(&mut url)
            .expect("valid")
            .expect("some");
        assert_eq!(url.as_str(), "http://127.0.0.1:3000/");
        assert_eq!(taken.hide("p@ss"), "***");
        assert!(Credentials::take_from(&mut url).expect("valid").is_none());
    }
}
