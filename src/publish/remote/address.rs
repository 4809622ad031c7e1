//! Where objects go: `s3://bucket/prefix`, and the same from the settings.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::config::model::{CloudStorage, Provider};
use crate::error::{Diagnose, ExitStatus};

/// The longest prefix, in bytes. Keys have 1,024 at most, on every cloud.
const LONGEST_PREFIX: usize = 400;

/// A bucket and a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What holds objects.
    pub place: Place,
    /// What every key begins with; without `/` at its ends, perhaps empty.
    pub prefix: String,
}

/// What holds objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A bucket of Amazon S3 or of a server that speaks like it.
    S3(String),
    /// A bucket of Google Cloud Storage.
    Gcs(String),
    /// A container of Azure Blob Storage.
    Azure(String),
    /// A directory, absolute.
    File(PathBuf),
}

/// A text or a setting that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It does not begin like one.
    #[error("`{0}` is not the address of an object store")]
    Scheme(String),
    /// The bucket has a name that no bucket can have.
    #[error("`{name}` is not the name of a {what}: {reason}")]
    Bucket {
        /// The name.
        name: String,
        /// `bucket` or `container`.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The prefix can't be part of keys.
    #[error("`{prefix}` can't be what keys begin with: {reason}")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It says more than a place.
    #[error("`{0}` holds more than a bucket and a prefix")]
    Decorated(String),
    /// The settings name no store.
    #[error("`export.cloud_storage` names no object store")]
    Unset,
    /// The settings name a provider and no bucket.
    #[error("`export.cloud_storage.bucket` is not set")]
    NoBucket,
}

impl Diagnose for Error {
    fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Scheme(_) | Self::Decorated(_) => ExitStatus::Usage,
            _ => ExitStatus::Validation,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Scheme(_) => {
                "write `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or \
                 `file:///DIRECTORY`"
                    .to_owned()
            }
            Self::Bucket { name, what, .. } if name.contains('/') => {
                let (first, rest) = name.split_once('/').unwrap_or((name, ""));
                format!("the {what} is perhaps `{first}`, and `{rest}` belongs to the prefix")
            }
            Self::Bucket { .. } | Self::Prefix { .. } => return None,
            Self::Decorated(_) => "credentials come from the environment, and the endpoint from \
                 `export.cloud_storage.endpoint`"
                .to_owned(),
            Self::Unset => {
                "give `--upload` an address, or set `export.cloud_storage.provider` and `bucket`"
                    .to_owned()
            }
            Self::NoBucket => "set it to the bucket's name".to_owned(),
        })
    }
}

impl Address {
    /// Reads `s3://bucket/prefix`, `gs://…`, `az://container/…` or `file:///directory`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unknown = || Error::Scheme(without_secrets(text));
        let (scheme, rest) = text.split_once("://").ok_or_else(unknown)?;
        if scheme == "file" {
            return Self::directory(text);
        }
        if rest.contains(['@', '?', '#', ':']) {
            return Err(Error::Decorated(without_secrets(text)));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let bucket = bucket.to_owned();
        let place = match scheme {
            "s3" => Place::S3(bucket),
            "gs" | "gcs" => Place::Gcs(bucket),
            "az" | "azure" => Place::Azure(bucket),
            _ => return Err(unknown()),
        };
        Self::checked(place, prefix)
    }

    /// What the settings name. Relative directories are of the project in `root`.
    pub fn of_settings(settings: &CloudStorage, root: &Path) -> Result<Self, Error> {
        let bucket = match settings.provider {
            Provider::None => return Err(Error::Unset),
            _ => settings.bucket.clone().ok_or(Error::NoBucket)?,
        };
        let place = match settings.provider {
            Provider::S3 => Place::S3(bucket),
            Provider::Gcs => Place::Gcs(bucket),
            Provider::Azure => Place::Azure(bucket),
            Provider::File | Provider::None => Place::File(root.join(bucket)),
        };
        Self::checked(place, &settings.prefix)
    }

    fn directory(text: &str) -> Result<Self, Error> {
        let path = Url::parse(text)
            .ok()
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(|| Error::Scheme(without_secrets(text)))?;
        Self::checked(Place::File(path), "")
    }

    fn checked(place: Place, prefix: &str) -> Result<Self, Error> {
        place.check()?;
        Ok(Self {
            place,
            prefix: clean_prefix(prefix)?,
        })
    }

    /// Makes the directory, if it is one. Buckets are made by others.
    pub fn make_directory(&self) -> Result<(), super::Error> {
        let Place::File(path) = &self.place else {
            return Ok(());
        };
        std::fs::create_dir_all(path).map_err(|error| super::Error::Foreign {
            key: path.display().to_string(),
            why: error.to_string(),
        })
    }

    /// A key below the prefix.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.prefix)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if self.prefix.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(bucket) => write!(f, "s3://{bucket}"),
            Self::Gcs(bucket) => write!(f, "gs://{bucket}"),
            Self::Azure(container) => write!(f, "az://{container}"),
            Self::File(path) => f.write_str(&super::super::local::file_url(path)),
        }
    }
}

impl Place {
    fn check(&self) -> Result<(), Error> {
        let (name, what, longest) = match self {
            Self::S3(name) => (name, "bucket", 63),
            // Parts of a domain, up to 63 each.
            Self::Gcs(name) => (name, "bucket", 222),
            Self::Azure(name) => (name, "container", 63),
            Self::File(path) => return check_directory(path),
        };
        let dashes = |byte: u8| byte == b'-' || byte == b'$';
        let dots = |byte: u8| byte == b'.' || byte == b'_';
        let is_azure = matches!(self, Self::Azure(_));
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || dashes(byte)
                || (!is_azure && dots(byte))
        };
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.contains('/') {
            "it is a path"
        } else if name.len() > longest {
            "it is too long"
        } else if name.len() < 3 {
            "it is too short"
        } else if !name.bytes().all(allowed) {
            "it may have small letters, digits and hyphens"
        } else if name.starts_with(['.', '-']) || name.contains("..") {
            "it begins with a dot or a hyphen, or has two dots in a row"
        } else {
            return Ok(());
        };
        Err(Error::Bucket {
            name: name.clone(),
            what,
            reason,
        })
    }
}

fn check_directory(path: &Path) -> Result<(), Error> {
    let reason = if path.components().any(|part| part == Component::ParentDir) {
        "it has `..` in it"
    } else if path.parent().is_none() {
        "it is the root of all directories"
    } else {
        return Ok(());
    };
    Err(Error::Bucket {
        name: path.display().to_string(),
        what: "directory",
        reason,
    })
}

/// A text that was to be an address, without what may be a password or a signature: what stands
/// before an `@`, behind a `?` or `#`, and behind a colon.
fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains([':', '@', '?', '#']) => (scheme, rest),
        _ => ("", text),
    };
    let shown = rest.split(['?', '#']).next().unwrap_or_default();
    let shown = shown.rsplit('@').next().unwrap_or_default();
    let shown = shown.split(':').next().unwrap_or_default();
    let ellipsis = if shown == rest { "" } else { "…" };
    match scheme {
        "" => format!("{shown}{ellipsis}"),
        scheme => format!("{scheme}://{shown}{ellipsis}"),
    }
}

/// A prefix without `/` at its ends. Addresses may have it encoded.
fn clean_prefix(prefix: &str) -> Result<String, Error> {
    let refused = |reason| Error::Prefix {
        prefix: prefix.to_owned(),
        reason,
    };
    let decoded = percent_decode_str(prefix)
        .decode_utf8()
        .map_err(|_| refused("it is not text"))?;
    let clean = decoded.trim_matches('/');
    if clean.len() > LONGEST_PREFIX {
        return Err(refused("it is too long"));
    }
    if clean.chars().any(char::is_control) {
        return Err(refused("it has control characters"));
    }
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if !clean.is_empty() && clean.split('/').any(bad) {
        return Err(refused("it has an empty part, `.` or `..` in it"));
    }
    Ok(clean.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, shown) in [
            ("s3://reports", "s3://reports"),
            ("s3://reports/a/b/", "s3://reports/a/b"),
            ("gs://my.domain_x/a%20b", "gs://my.domain_x/a b"),
            ("az://pages/x", "az://pages/x"),
            ("az://$web/x", "az://$web/x"),
            ("file:///srv/a%20b", "file:///srv/a%20b"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
        let address = Address::parse("s3://reports/a").unwrap();
        assert_eq!(address.key("b/c.html"), "a/b/c.html");
        assert_eq!(Address::parse("s3://reports").unwrap().key("b"), "b");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, message) in [
            ("reports", "`reports` is not the address"),
            ("ftp://reports", "`ftp://reports` is not the address"),
            ("file://reports", "`file://reports` is not the address"),
            ("file:///", "root of all directories"),
            ("s3:///a", "it is empty"),
            ("s3://Reports/a", "small letters"),
            ("s3://../a", "too short"),
            ("az://a.b.c", "small letters"),
            ("s3://key:secret@reports/a", "`s3://reports/a…` holds more"),
            ("az://reports/a?sig=secret", "`az://reports/a…` holds more"),
            ("s3:key:secret@reports", "`reports…` is not the address"),
            (
                "file://user:secret@host/x",
                "`file://host/x…` is not the address",
            ),
            ("s3://reports/a?x=1", "holds more"),
            ("s3://reports//a/../b", "an empty part, `.` or `..`"),
            ("s3://reports/a%2F..%2Fb", "an empty part, `.` or `..`"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn settings_name_a_bucket_and_not_a_path() {
        let mut settings = CloudStorage::default();
        let root = Path::new("/project");
        let of = |settings: &CloudStorage| Address::of_settings(settings, root);
        assert_eq!(of(&settings), Err(Error::Unset));
        settings.provider = Provider::S3;
        assert_eq!(of(&settings), Err(Error::NoBucket));
        settings.bucket = Some("reports/team".to_owned());
        let error = of(&settings).unwrap_err();
        assert!(error.to_string().contains("it is a path"), "{error}");
        assert_eq!(error.exit_status(), ExitStatus::Validation);
        assert_eq!(
            error.hint().unwrap(),
            "the bucket is perhaps `reports`, and `team` belongs to the prefix"
        );
        settings.bucket = Some("reports".to_owned());
        assert_eq!(
            of(&settings).unwrap().to_string(),
            "s3://reports/daglab-exports"
        );
        settings.provider = Provider::File;
        assert_eq!(
            of(&settings).unwrap().to_string(),
            "file:///project/reports/daglab-exports"
        );
    }
}
