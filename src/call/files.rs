//! Exported files: uploaded, and removed when they have been kept long enough.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::Error;
use super::request::{Retention, Upload};
use crate::config::model::{CloudStorage, Provider};
use crate::publish;
use crate::publish::remote::{Address, RemoteStore};
use crate::publish::retention::{self, Policy};
use crate::supervise::cancel::Cancel;

/// The longest key of an object, in bytes: what S3 allows.
const LONGEST_KEY: usize = 1024;

/// Uploads a file, and says how far it is by `told` on the way. The settings of the store are those
/// of the project, as far as they are about the same provider.
pub async fn upload(
    asked: &Upload,
    settings: &CloudStorage,
    variables: &[(String, String)],
    dir: &Path,
    cancel: Cancel,
    told: impl Fn(Value) + 'static,
) -> Result<Value, Error> {
    check_key(&asked.key)?;
    let file = dir.join(&asked.file);
    let total = length(&file)?;
    let settings = store(asked, settings)?;
    let address = Address::of_settings(&settings, dir)?;
    address.make_directory()?;
    let store = RemoteStore::open(address, &settings, variables, false, cancel).await?;
    let store = store.counted(move |bytes| {
        told(json!({ "type": "progress", "bytes": bytes, "total": total }));
    });
    let (link, bytes) = store.upload(&settings, &file, &asked.key).await?;
    Ok(json!({
        "type": "uploaded",
        "url": link.url,
        "expires_at": link.expires_at.map(|end| end.to_string()),
        "bytes": bytes,
        "address": format!("{}/{}", store.address(), asked.key),
    }))
}

/// What leads to the bucket that was asked for.
fn store(asked: &Upload, settings: &CloudStorage) -> Result<CloudStorage, Error> {
    let provider = match asked.provider.as_str() {
        "s3" => Provider::S3,
        "gcs" | "gs" => Provider::Gcs,
        "azure" | "az" => Provider::Azure,
        "file" => Provider::File,
        other => return Err(Error::Provider(other.to_owned())),
    };
    let own = match provider == settings.provider || settings.provider == Provider::None {
        true => settings.clone(),
        // An endpoint of another provider would be sent this one's credentials.
        false => CloudStorage {
            link_days: settings.link_days,
            timeout: settings.timeout,
            max_retries: settings.max_retries,
            ..CloudStorage::default()
        },
    };
    Ok(CloudStorage {
        provider,
        bucket: Some(asked.bucket.clone()),
        prefix: String::new(),
        ..own
    })
}

fn check_key(key: &str) -> Result<(), Error> {
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if key.len() > LONGEST_KEY || key.chars().any(char::is_control) || key.split('/').any(bad) {
        return Err(Error::ObjectKey(key.to_owned()));
    }
    Ok(())
}

fn length(file: &Path) -> Result<u64, Error> {
    let unreadable = |source| Error::File {
        path: file.to_owned(),
        source,
    };
    let found = std::fs::metadata(file).map_err(unreadable)?;
    match found.is_file() {
        true => Ok(found.len()),
        false => Err(unreadable(io::Error::other("it is not a regular file"))),
    }
}

/// Removes exports that have been kept long enough: only what daglab wrote and nobody has written
/// to since.
pub fn remove_old(asked: &Retention, dir: &Path) -> Result<Value, publish::Error> {
    let root = dir.join(&asked.directory);
    if !root.is_dir() {
        return Err(publish::Error::NotADirectory { path: root });
    }
    let policy = Policy {
        days: Some(asked.days),
        count: None,
    };
    let removed = match root.join(retention::MANIFEST).is_file() {
        true => retention::apply(&root, policy, &[])?,
        // Nothing was ever written here.
        false => Vec::new(),
    };
    Ok(json!({ "removed": removed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(provider: &str) -> Upload {
        Upload {
            file: "page.html".into(),
            provider: provider.to_owned(),
            bucket: "reports".to_owned(),
            key: "a/b.html".to_owned(),
        }
    }

    #[test]
    fn an_endpoint_is_only_that_of_its_provider() {
        let settings = CloudStorage {
            provider: Provider::S3,
            endpoint: Some("https://minio.example".to_owned()),
            ..CloudStorage::default()
        };
        let endpoint = |provider| store(&asked(provider), &settings).unwrap().endpoint;
        assert_eq!(endpoint("s3").as_deref(), Some("https://minio.example"));
        assert_eq!(endpoint("gcs"), None);
        assert!(store(&asked("ftp"), &settings).is_err());
    }

    #[test]
    fn keys_stay_in_their_bucket() {
        assert!(check_key("a/b.html").is_ok());
        for key in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/./b",
            "a\nb",
            &"a".repeat(1025),
        ] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }
}
