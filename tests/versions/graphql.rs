//! What Dagster's GraphQL tells about assets.

use std::collections::BTreeSet;

use crate::support::printed_by;
use crate::{Release, Row};

/// Prints the fields of some types of the schema that this release serves.
const FIELDS: &str = "
from dagster_graphql.schema import create_schema
schema = create_schema().graphql_schema
for name in ('AssetCheck', 'TimestampMetadataEntry'):
    kind = schema.get_type(name)
    for field in kind.fields if kind else ():
        print(f'{name}.{field}')
";

pub fn assets(release: &Release) -> Vec<Row> {
    let printed = printed_by(&release.python, FIELDS);
    let fields: BTreeSet<&str> = printed.lines().collect();
    let row = |what, since, names: &[&str]| {
        let all = names.iter().all(|name| fields.contains(name));
        let any = names.iter().any(|name| fields.contains(name));
        assert_eq!(all, any, "{names:?} came together");
        Row::works_since(what, since, release, all)
    };
    vec![
        row(
            "Points in time as metadata",
            (1, 6),
            &["TimestampMetadataEntry.timestamp"],
        ),
        row(
            "Asset checks that are partitioned",
            (1, 12),
            &["AssetCheck.partitionDefinition"],
        ),
    ]
}
