//! What a server has said: an answer to the operation, a refusal, or something that is not Dagster.

use reqwest::StatusCode;
use serde::Deserialize;

use super::client::Client;
use super::error::Error;

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    errors: Option<Vec<GraphQlError>>,
}

#[derive(Deserialize)]
struct GraphQlError {
    message: String,
}

impl Client {
    /// Tells a GraphQL answer from all else that a server may say.
    pub(super) fn read<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        status: StatusCode,
        body: &[u8],
    ) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let unread = match serde_path_to_error::deserialize::<_, Answer<T>>(&mut json) {
            Ok(Answer {
                data: Some(data),
                errors: None,
                // Newer servers say 500 where the data tells of an exception, which says more.
            }) if status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR => {
                return Ok(data);
            }
            Ok(answer) => {
                if let Some(error) = self.graphql_error(operation, answer.errors) {
                    return Err(error);
                }
                None
            }
            // The data may have failed to parse because of holes that the errors explain.
            Err(error) => {
                if let Ok(answer) = serde_json::from_slice::<Answer<serde::de::IgnoredAny>>(body) {
                    if let Some(error) = self.graphql_error(operation, answer.errors) {
                        return Err(error);
                    }
                    answer.data.map(|_| error.to_string())
                } else {
                    None
                }
            }
        };
        self.check_status(status, body)?;
        if let Some(reason) = unread {
            return Err(Error::BrokenAnswer {
                url: self.url().to_owned(),
                operation,
                reason,
            });
        }
        if body.trim_ascii_start().starts_with(b"{\"data\"") {
            return Err(Error::BrokenAnswer {
                url: self.url().to_owned(),
                operation,
                reason: "it is not valid JSON".to_owned(),
            });
        }
        Err(self.not_dagster(status, body, "GraphQL"))
    }

    /// The error of a status that says no.
    pub(super) fn check_status(&self, status: StatusCode, body: &[u8]) -> Result<(), Error> {
        let url = self.url().to_owned();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Unauthorized {
                url,
                message: format!("HTTP status {}{}", status.as_u16(), self.after_colon(body)),
            },
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                self.not_dagster(status, body, "Dagster's paths")
            }
            status if status.is_redirection() => {
                self.not_dagster(status, body, "Dagster's paths itself")
            }
            status if !status.is_success() => Error::Http {
                url,
                status: status.as_u16(),
                body: self.excerpt(body),
            },
            _ => return Ok(()),
        })
    }

    pub(super) fn not_dagster(&self, status: StatusCode, body: &[u8], what: &str) -> Error {
        Error::NotDagster {
            url: self.url().to_owned(),
            reason: format!(
                "it does not answer {what} (HTTP status {}{})",
                status.as_u16(),
                self.after_colon(body)
            ),
        }
    }

    fn graphql_error(
        &self,
        operation: &'static str,
        errors: Option<Vec<GraphQlError>>,
    ) -> Option<Error> {
        let errors = errors.filter(|errors| !errors.is_empty())?;
        Some(Error::GraphQl {
            operation,
            messages: errors
                .iter()
                .map(|error| self.excerpt(error.message.as_bytes()))
                .collect(),
        })
    }

    /// An excerpt to follow what is said about it; nothing if there is none.
    fn after_colon(&self, body: &[u8]) -> String {
        let text = self.excerpt(body);
        if text.is_empty() {
            text
        } else {
            format!(": {text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::ClientConfig;
    use super::*;

    fn client(url: &str) -> Client {
        Client::new(&ClientConfig::new(url)).expect("a client")
    }

    #[test]
    fn answers_are_told_apart() {
        let client = client("http://127.0.0.1:1");
        let read = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("a status");
            client.read::<super::super::operations::wire::ServerVersionData>(
                "Op",
                status,
                body.as_bytes(),
            )
        };
        assert_eq!(
            read(200, r#"{"data": {"version": "1.2.3"}}"#)
                .expect("data")
                .version,
            "1.2.3"
        );
        assert!(read(500, r#"{"data": {"version": "1.2.3"}}"#).is_ok());
        let refused = read(
            400,
            r#"{"data": null, "errors": [{"message": "no such field"}]}"#,
        );
        assert!(
            matches!(&refused, Err(Error::GraphQl { messages, .. }) if messages == &["no such field"])
        );
        let holes = read(
            200,
            r#"{"data": {"version": null}, "errors": [{"message": "failed"}]}"#,
        );
        assert!(matches!(holes, Err(Error::GraphQl { .. })));
        let wrong = read(200, r#"{"data": {"version": 3}}"#);
        assert!(
            matches!(&wrong, Err(Error::BrokenAnswer { reason, .. }) if reason.contains("data.version"))
        );
        assert!(matches!(
            read(200, r#"{"data": {"vers"#),
            Err(Error::BrokenAnswer { .. })
        ));
        assert!(matches!(read(200, "<html>"), Err(Error::NotDagster { .. })));
        assert!(matches!(
            read(200, r#"{"hello": 1}"#),
            Err(Error::NotDagster { .. })
        ));
        assert!(matches!(
            read(404, "nothing"),
            Err(Error::NotDagster { .. })
        ));
        assert!(matches!(read(302, ""), Err(Error::NotDagster { .. })));
        assert!(matches!(read(401, ""), Err(Error::Unauthorized { .. })));
        assert!(matches!(read(403, "{}"), Err(Error::Unauthorized { .. })));
        assert!(matches!(
            read(502, "<html>"),
            Err(Error::Http { status: 502, .. })
        ));
    }
}
