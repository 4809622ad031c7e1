//! What the processes of a run have printed.

use super::client::Client;
use super::error::Error;
use super::operations::CapturedLogs;
use super::operations::wire::CapturedLogsVariables;
use super::outcome::RunOutcome;

/// What a run's processes have printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedOutput {
    /// The steps that the process ran.
    pub steps: Vec<String>,
    /// Its standard output, from the beginning.
    pub stdout: String,
    /// Its standard error, from the beginning.
    pub stderr: String,
    /// Whether there was more than was asked for.
    pub truncated: bool,
}

impl Client {
    /// What the processes of a run have printed, at most `limit` bytes of each stream of each.
    pub async fn captured_output(
        &self,
        run: &RunOutcome,
        limit: u64,
    ) -> Result<Vec<CapturedOutput>, Error> {
        let mut outputs = Vec::with_capacity(run.log_keys.len());
        for log in &run.log_keys {
            let variables = CapturedLogsVariables {
                log_key: vec![
                    run.run_id.clone(),
                    "compute_logs".to_owned(),
                    log.key.clone(),
                ],
                cursor: None,
                limit,
            };
            let data = self
                .execute::<CapturedLogs>(&variables)
                .await?
                .captured_logs;
            let stdout = data.stdout.unwrap_or_default();
            let stderr = data.stderr.unwrap_or_default();
            // A cut inside a character may leave the text a few bytes short of the limit.
            let cut = |text: &str| text.len() as u64 + 4 > limit;
            outputs.push(CapturedOutput {
                steps: log.steps.clone(),
                truncated: cut(&stdout) || cut(&stderr),
                stdout,
                stderr,
            });
        }
        Ok(outputs)
    }
}
