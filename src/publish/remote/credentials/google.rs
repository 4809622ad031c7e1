//! Google: identities of other clouds and of CI servers, for which the store's client has nothing.
//! Keys of service accounts, users and instances it finds by itself.

use std::sync::Arc;

use async_trait::async_trait;
use google_cloud_auth::credentials::{AccessTokenCredentials, external_account, impersonated};
use object_store::CredentialProvider;
use object_store::gcp::{GcpCredential, GcpSigningCredential};
use serde_json::Value;

/// What a program may do with objects.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.full_control";
const CLOUD: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Tokens that are exchanged for those of another identity.
#[derive(Debug)]
pub struct Exchanged(AccessTokenCredentials);

/// What a file with credentials holds, as far as it is ours to deal with.
#[derive(Debug)]
pub struct Federated {
    /// Tokens for requests.
    pub tokens: Arc<Exchanged>,
    /// The service account that signs links, if there is one.
    pub email: Option<String>,
}

/// Reads a file's contents; `None` for kinds that the store's client knows.
pub fn federated(contents: &str) -> Result<Option<Federated>, String> {
    let json: Value = serde_json::from_str(contents).map_err(|_| "it is not JSON".to_owned())?;
    let account = json["service_account_impersonation_url"]
        .as_str()
        .and_then(service_account)
        .map(str::to_owned);
    let scopes = [SCOPE, CLOUD];
    let built = match json["type"].as_str() {
        Some("external_account") => external_account::Builder::new(json)
            .with_scopes(scopes)
            .build_access_token_credentials(),
        Some("impersonated_service_account") => impersonated::Builder::new(json)
            .with_scopes(scopes)
            .build_access_token_credentials(),
        Some("service_account" | "authorized_user") => return Ok(None),
        Some(other) => return Err(format!("its type `{other}` is not known")),
        None => return Err("it does not say its type".to_owned()),
    };
    let credentials = built.map_err(|error| error.to_string())?;
    Ok(Some(Federated {
        tokens: Arc::new(Exchanged(credentials)),
        email: account,
    }))
}

/// The account's address inside that of the call that gives its tokens.
fn service_account(url: &str) -> Option<&str> {
    let after = url.rsplit_once("/serviceAccounts/")?.1;
    after.split(':').next().filter(|email| email.contains('@'))
}

#[async_trait]
impl CredentialProvider for Exchanged {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        let token = self.0.access_token().await.map_err(|error| {
            // Its text has what the server said, which may quote what was sent.
            let why = if error.is_transient() {
                "the service that gives tokens does not answer"
            } else {
                "the service that gives tokens refused"
            };
            object_store::Error::Unauthenticated {
                path: String::new(),
                source: why.into(),
            }
        })?;
        Ok(Arc::new(GcpCredential {
            bearer: token.token,
        }))
    }
}

/// An account whose key Google keeps: it signs when asked.
#[derive(Debug)]
pub struct SignedByGoogle(pub String);

#[async_trait]
impl CredentialProvider for SignedByGoogle {
    type Credential = GcpSigningCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpSigningCredential>> {
        Ok(Arc::new(GcpSigningCredential {
            email: self.0.clone(),
            private_key: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_read_from_the_call() {
        let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/\
                   ci@shop.iam.gserviceaccount.com:generateAccessToken";
        assert_eq!(
            service_account(url),
            Some("ci@shop.iam.gserviceaccount.com")
        );
        assert_eq!(service_account("https://sts.googleapis.com/v1/token"), None);
    }

    #[test]
    fn files_that_are_no_credentials_are_refused() {
        for (contents, why) in [
            ("", "not JSON"),
            ("{}", "does not say its type"),
            (r#"{"type": "pigeon"}"#, "`pigeon` is not known"),
        ] {
            assert!(federated(contents).unwrap_err().contains(why), "{contents}");
        }
        assert!(
            federated(r#"{"type": "service_account"}"#)
                .unwrap()
                .is_none()
        );
    }
}
