//! Answers on stdout, and the callers that no longer wait for them.

use std::os::fd::AsFd as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

use crate::error::Diagnose;
use crate::ui::text::harmless_json;

/// The pause between two looks at whether the caller is there.
const PAUSE: Duration = Duration::from_millis(250);

/// A value as a line.
pub fn line(value: &Value) -> String {
    harmless_json(value.to_string()) + "\n"
}

/// An error as a line: `{"error": {message, hint, exit_code, causes, detail}}`.
pub fn error_line(error: &dyn Diagnose) -> String {
    let mut shown = error.to_string();
    let mut causes = Vec::new();
    let mut source = error.source();
    // Causes form a chain of Rust values, so it ends; the bound keeps a foolish one readable.
    for _ in 0..32 {
        let Some(cause) = source else { break };
        let message = cause.to_string();
        // Many messages already end in their cause's.
        if !shown.ends_with(&message) {
            causes.push(message.clone());
        }
        shown = message;
        source = cause.source();
    }
    line(&json!({ "error": {
        "message": error.to_string(),
        "hint": error.hint(),
        "exit_code": error.exit_status() as u8,
        "causes": causes,
        "detail": error.detail(),
    }}))
}

/// Waits until nobody reads stdout any more; for ever where that can't be told, as of a file.
pub async fn caller_gone() {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    // Nothing is written through it, so it may stay as blocking as stdout is.
    let pipe = stdout.and_then(|stdout| Sender::from_file_unchecked(stdout.into()));
    let Ok(pipe) = pipe else {
        return std::future::pending().await;
    };
    loop {
        match pipe.ready(Interest::WRITABLE).await {
            Ok(ready) if ready.is_write_closed() => return,
            // That it can be written to is no news; it is asked again when something has changed.
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(_) => return std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Error;
    use crate::dagster::Error as DagsterError;

    #[test]
    fn errors_say_what_to_do() {
        let error = Error::Dagster(DagsterError::JobAmbiguous {
            name: "etl".to_owned(),
            places: vec!["a".to_owned(), "b".to_owned()],
            flag: "--location a".to_owned(),
        });
        let said: Value = serde_json::from_str(&error_line(&error)).unwrap();
        let said = &said["error"];
        assert_eq!(
            said["message"],
            "job `etl` exists in several places: `a`, `b`"
        );
        assert_eq!(said["hint"], "say which, such as `location=\"a\"`");
        assert_eq!(
            (&said["exit_code"], &said["causes"]),
            (&json!(7), &json!([]))
        );
    }
}
