//! Where a published page can be opened, and until when.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use object_store::path::Path as Key;
use percent_encoding::utf8_percent_encode;

use super::connect::Connection;
use super::credentials::Lifetime;
use super::error::Error;
use super::store::RemoteStore;
use crate::config::model::{CloudStorage, Links};
use crate::percent::PATH;

/// A page's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it can be opened.
    pub url: String,
    /// When it can't be opened any more; `None` for addresses without a signature.
    pub expires_at: Option<Timestamp>,
}

/// How links are made.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Where they lead to.
    pub(super) kind: Links,
    /// What plain addresses begin with.
    base: String,
    /// How long signatures are to be good for.
    wanted: Duration,
    /// How long they can be.
    lifetime: Lifetime,
    /// What to say of it.
    pub(super) note: Option<String>,
}

impl Policy {
    /// What the settings ask for, as far as the credentials can do it.
    pub(super) fn of(settings: &CloudStorage, connection: &Connection) -> Result<Self, Error> {
        let is_file = !connection.attributes;
        let kind = match settings.links {
            Some(kind) => kind,
            None if settings.base_url.is_some() || is_file => Links::Public,
            None => Links::Signed,
        };
        let base = match settings.base_url.as_deref() {
            Some(url) => web(url)?,
            None => connection.address.clone(),
        };
        let wanted = Duration::from_secs_f64(settings.link_days * 86_400.0);
        let note = match kind {
            Links::Signed => life(wanted, connection.lifetime, settings.links.is_some())?.1,
            Links::Public | Links::Latest => None,
        };
        Ok(Self {
            kind,
            base,
            wanted,
            lifetime: connection.lifetime,
            note,
        })
    }

    /// Refuses a key that no link can be signed for. What signs for Azure takes the encoded key for
    /// the key, and Azure does not. Those of runs are the same in both.
    pub(super) fn check_key(&self, connection: &Connection, key: &str) -> Result<(), Error> {
        let is_signed_encoded = self.kind == Links::Signed && connection.signs_elsewhere;
        if is_signed_encoded && utf8_percent_encode(key, PATH).to_string() != key {
            return Err(Error::Setting {
                what: format!("links to `{key}` can't be signed for Azure"),
                hint: "name it with letters from a to z, digits, `-`, `.`, `_` and `/`, or set \
                       `export.cloud_storage.links` to `public`"
                    .to_owned(),
            });
        }
        Ok(())
    }

    pub(super) fn plain(&self, key: &str) -> String {
        format!("{}/{}", self.base, utf8_percent_encode(key, PATH))
    }
}

fn web(url: &str) -> Result<String, Error> {
    let read = url::Url::parse(url).ok();
    let is_web = |url: &url::Url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.username() == ""
            && url.password().is_none()
    };
    match read.filter(is_web) {
        Some(_) => Ok(url.trim_end_matches('/').to_owned()),
        None => Err(Error::Setting {
            what: "`export.cloud_storage.base_url` is not the address of a web server".to_owned(),
            hint: "write it as in `https://pages.example.com`".to_owned(),
        }),
    }
}

/// How long a signature is good for, and what to say where that is less than was asked for.
fn life(
    wanted: Duration,
    lifetime: Lifetime,
    asked_for: bool,
) -> Result<(Duration, Option<String>), Error> {
    let capped = |up_to: u64| {
        let most = Duration::from_secs(up_to);
        let note = (wanted > most).then(|| {
            let hours = up_to / 3600;
            format!("links end after {hours} hours: nothing longer can be signed")
        });
        (wanted.min(most), note)
    };
    match lifetime {
        Lifetime::UpTo(up_to) => Ok(capped(up_to)),
        Lifetime::Temporary { up_to, until: None } => {
            let note = "links end with the temporary credentials that sign them, if that is \
                        earlier than they say";
            Ok((capped(up_to).0, Some(note.to_owned())))
        }
        Lifetime::Temporary {
            up_to,
            until: Some(until),
        } => {
            let (life, note) = capped(up_to);
            let left = until.duration_since(Timestamp::now());
            let left = Duration::try_from(left).unwrap_or_default();
            if left < life {
                let note = format!("links end at {until:.0}, with the credentials that sign them");
                // Nothing is signed for no time at all.
                Ok((left.max(Duration::from_secs(1)), Some(note)))
            } else {
                Ok((life, note))
            }
        }
        Lifetime::Never(why) => Err(Error::Setting {
            what: format!("links can't be signed: {why}"),
            hint: if asked_for {
                "set `export.cloud_storage.links` to `public` or `latest`".to_owned()
            } else {
                "set `export.cloud_storage.base_url`, or `links` to `public` or `latest`".to_owned()
            },
        }),
    }
}

impl RemoteStore {
    /// The address of an object, signed or plain.
    pub(super) async fn link(&self, policy: &Policy, key: &str) -> Result<Link, Error> {
        let Some(signer) = self
            .connection
            .signer
            .as_ref()
            .filter(|_| policy.kind == Links::Signed)
        else {
            return Ok(Link {
                url: policy.plain(key),
                expires_at: None,
            });
        };
        let path = Key::parse(key).map_err(|error| Error::Source {
            path: key.to_owned(),
            why: error.to_string(),
        })?;
        let now = Timestamp::now();
        // Less is left of temporary credentials than when the run began.
        let (life, _) = life(policy.wanted, policy.lifetime, true)?;
        let signed = signer.signed_url(http::Method::GET, &path, life);
        let url = self.or_cancelled(signed, key, "sign a link to").await?;
        let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
        // Signatures count whole seconds, from the second that has begun.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let url = match url.query().filter(|_| self.connection.signs_elsewhere) {
            Some(query) => {
                let key = utf8_percent_encode(key, PATH);
                format!("{}/{key}?{query}", self.connection.address)
            }
            None => url.to_string(),
        };
        Ok(Link {
            url,
            expires_at: now.checked_add(life).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_signature_lasts_no_longer_than_it_can() {
        let (life_of, note) = life(HOUR, Lifetime::UpTo(7200), false).unwrap();
        assert_eq!((life_of, note), (HOUR, None));
        let (life_of, note) = life(HOUR * 48, Lifetime::UpTo(12 * 3600), false).unwrap();
        assert_eq!(life_of, HOUR * 12);
        assert!(note.unwrap().contains("after 12 hours"));
    }

    #[test]
    fn temporary_credentials_take_their_links_along() {
        let until = Timestamp::now() + SignedDuration::from_mins(10);
        let temporary = Lifetime::Temporary {
            up_to: 604_800,
            until: Some(until),
        };
        let (life_of, note) = life(HOUR, temporary, false).unwrap();
        assert!(life_of <= HOUR / 6 && life_of > HOUR / 7);
        assert!(
            note.unwrap()
                .contains("with the credentials that sign them")
        );
        let unknown = Lifetime::Temporary {
            up_to: 604_800,
            until: None,
        };
        let (life_of, note) = life(HOUR, unknown, false).unwrap();
        assert_eq!(life_of, HOUR);
        assert!(note.unwrap().contains("temporary credentials"));
    }

    #[test]
    fn what_can_not_be_signed_is_said_before_anything_is_sent() {
        let error = life(HOUR, Lifetime::Never("it is a Sunday"), false).unwrap_err();
        assert_eq!(error.to_string(), "links can't be signed: it is a Sunday");
    }

    #[test]
    fn a_base_is_the_address_of_a_server() {
        assert_eq!(web("https://x.example/p/").unwrap(), "https://x.example/p");
        for url in [
            "x.example",
            "file:///x",
            "https://u:p@x.example",
            "https://x/?a=b",
        ] {
            assert!(web(url).is_err(), "{url}");
        }
    }
}
