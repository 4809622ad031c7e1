//! What may be asked of a server: the one place that every operation passes.

use super::error::Error;
use super::operations::{Described, Kind};

/// The operations that are allowed. Reading always is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gate {
    /// In the sandbox, the mutations that are allowed, by their names in Dagster's schema.
    sandbox: Option<Vec<String>>,
}

impl Gate {
    /// A gate that lets through only what reads, and these mutations of Dagster's schema, such as
    /// `launchRun`.
    pub fn sandbox(allowed: Vec<String>) -> Self {
        Self {
            sandbox: Some(allowed),
        }
    }

    /// Lets an operation through, or says why not.
    pub fn pass(&self, operation: &Described) -> Result<(), Error> {
        match operation.kind {
            Kind::Query | Kind::Subscription => Ok(()),
            Kind::Mutation => self.pass_mutation(&operation.field()),
        }
    }

    /// Lets a mutation through by its name in Dagster's schema, or says why not. For what writes to
    /// an instance by another way than GraphQL, too.
    pub fn pass_mutation(&self, name: &str) -> Result<(), Error> {
        match &self.sandbox {
            Some(allowed) if !allowed.iter().any(|allowed| allowed == name) => {
                Err(Error::Sandboxed {
                    operation: name.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dagster::operations::{ALL, LaunchRun, Operation, TerminateRun, Workspace};

    #[test]
    fn the_sandbox_lets_through_what_reads_and_what_is_listed() {
        let launch = &LaunchRun::DESCRIBED;
        let terminate = &TerminateRun::DESCRIBED;
        let read = &Workspace::DESCRIBED;
        assert!(Gate::default().pass(launch).is_ok());
        let closed = Gate::sandbox(vec![]);
        assert!(closed.pass(read).is_ok());
        let refused = closed.pass(launch).expect_err("a refusal").to_string();
        assert!(refused.contains("`launchRun`"), "{refused}");
        assert!(refused.contains("security.sandbox_mode"), "{refused}");
        let partly = Gate::sandbox(vec!["launchRun".to_owned()]);
        assert!(partly.pass(launch).is_ok());
        assert!(partly.pass(terminate).is_err());
    }

    #[test]
    fn whatever_changes_something_is_refused_by_default() {
        let mut mutations = 0;
        for operation in ALL {
            let text = operation.documents[0].text;
            let changes = text.lines().any(|line| line.starts_with("mutation"));
            assert_eq!(
                operation.kind == Kind::Mutation,
                changes,
                "{}",
                operation.name
            );
            let passed = Gate::sandbox(vec![]).pass(operation);
            assert_eq!(passed.is_err(), changes, "{}", operation.name);
            assert!(Gate::default().pass(operation).is_ok());
            if changes {
                mutations += 1;
                // The name that lets it through is the one of the field that is asked for.
                let field = operation.field();
                assert!(text.contains(&format!(" {field}(")), "{field}: {text}");
                assert!(Gate::sandbox(vec![field]).pass(operation).is_ok());
            }
        }
        assert!(mutations >= 5, "{mutations}");
    }
}
