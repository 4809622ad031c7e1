//! Every GraphQL operation fits the schema of every Dagster release it may be sent to.

use std::path::Path;

use apollo_compiler::{ExecutableDocument, Schema};
use daglab::dagster::operations::{ALL, Kind, OLDEST};
use daglab::dagster::version::Version;

/// Operations that old releases lack, which are told so before anything is sent.
const NEWER: &[&str] = &["ReportAssetCheckEvaluations"];

const SCHEMAS: &str = "tests/schemas/dagster";

fn schemas() -> Vec<(Version, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMAS);
    let mut schemas: Vec<_> = std::fs::read_dir(&folder)
        .expect("the schemas are committed")
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let version = Version::parse(&name).expect("named after a version");
            (version, std::fs::read_to_string(&path).expect("a schema"))
        })
        .collect();
    schemas.sort();
    assert!(schemas.len() >= 7, "only {} schemas", schemas.len());
    schemas
}

#[test]
fn every_operation_fits_every_schema_it_is_meant_for() {
    for (version, text) in schemas() {
        let schema = Schema::parse_and_validate(text, format!("{version}.graphql"))
            .unwrap_or_else(|error| panic!("schema {version}: {error}"));
        for operation in ALL {
            // A server gets the newest document it understands, and no other.
            let document = match operation.document_for(version) {
                Some(document) => document,
                None if NEWER.contains(&operation.name) => continue,
                None => panic!("`{}` has no document for {version}", operation.name),
            };
            let parsed = ExecutableDocument::parse_and_validate(
                &schema,
                document.text,
                format!("{}.graphql", operation.name),
            )
            .unwrap_or_else(|error| panic!("`{}` on {version}: {error}", operation.name));
            let (name, only) = {
                let mut named = parsed.operations.named.iter();
                let first = named.next().expect("a named operation");
                assert!(named.next().is_none() && parsed.operations.anonymous.is_none());
                first
            };
            assert_eq!(name.as_str(), operation.name);
            let kind = if only.is_mutation() {
                Kind::Mutation
            } else if only.is_subscription() {
                Kind::Subscription
            } else {
                Kind::Query
            };
            assert_eq!(kind, operation.kind, "{name}");
            if kind == Kind::Mutation {
                // The sandbox goes by this name.
                let asked = only.root_fields(&parsed);
                let asked: Vec<_> = asked.map(|field| field.name.to_string()).collect();
                assert_eq!(asked, [operation.field()], "{name}");
            }
        }
    }
}

#[test]
fn every_operation_begins_with_the_oldest_release_and_grows() {
    for operation in ALL {
        let since: Vec<Version> = operation.documents.iter().map(|d| d.since).collect();
        let is_newer = NEWER.contains(&operation.name);
        assert_eq!(since[0] > OLDEST, is_newer, "{}", operation.name);
        assert!(since.is_sorted(), "{}", operation.name);
    }
}

#[test]
fn newer_documents_are_needed() {
    // A variant that the oldest schema accepts too should be the only one.
    let (oldest, text) = schemas().remove(0);
    let schema = Schema::parse_and_validate(text, "oldest.graphql").expect("a schema");
    for operation in ALL {
        for document in operation.documents.iter().filter(|d| d.since > oldest) {
            let parsed =
                ExecutableDocument::parse_and_validate(&schema, document.text, operation.name);
            assert!(parsed.is_err(), "`{}` {}", operation.name, document.since);
        }
    }
}
