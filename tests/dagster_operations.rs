//! Every GraphQL operation is valid for every Dagster that is supported.
//!
//! The schemas were introspected from released versions; a field that one of them lacks must not
//! be asked for.

use std::path::Path;

use apollo_compiler::{ExecutableDocument, Schema};
use daglab::dagster::operations;

#[test]
fn every_operation_is_valid_in_every_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas/dagster");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        let path = entry.path();
        let text = std::fs::read_to_string(&path).unwrap();
        // Dagster's own schema has descriptions that no validator minds, and nothing else odd.
        let schema =
            Schema::parse_and_validate(&text, &path).unwrap_or_else(|error| panic!("{error}"));
        for operation in operations::ALL {
            let document = ExecutableDocument::parse_and_validate(
                &schema,
                operation.document(),
                operation.name,
            );
            if let Err(error) = document {
                wrong.push(format!(
                    "{} in {}:\n{error}",
                    operation.name,
                    path.display()
                ));
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(checked >= 6 * operations::ALL.len(), "schemas are missing");
}
