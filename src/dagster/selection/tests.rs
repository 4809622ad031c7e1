use pretty_assertions::assert_eq;

use super::*;
use crate::dagster::AssetKey;
use crate::dagster::catalog::Asset;
use crate::dagster::discover::Found;

fn asset(key: &str, dependencies: &[&str]) -> Asset {
    let read = |text: &str| AssetKey::parse(text).unwrap();
    Asset {
        key: read(key),
        group: "default".to_owned(),
        description: None,
        is_executable: true,
        is_materializable: true,
        jobs: vec![],
        dependencies: dependencies.iter().map(|text| read(text)).collect(),
        partitions: vec![],
        has_checks: false,
        tags: Some([("tier".to_owned(), "1".to_owned())].into()),
        owners: Some(vec!["team:sales".to_owned()]),
        kinds: None,
    }
}

/// `raw → clean → daily → report`, and `clean → weekly`.
fn chain() -> Vec<Asset> {
    vec![
        asset("raw", &[]),
        asset("core/clean", &["raw"]),
        asset("core/daily", &["core/clean", "core/daily"]),
        asset("core/weekly", &["core/clean"]),
        asset("report", &["core/daily", "elsewhere"]),
    ]
}

fn select(text: &str) -> Result<String, Untold> {
    let assets = chain();
    let placed = assets.iter().map(|item| Found {
        location: "shop.py",
        repository: "__repository__",
        item,
    });
    let graph = Graph::new(placed);
    let found = Selection::parse(text).unwrap().evaluate(&graph)?;
    let keys: Vec<String> = found.iter().map(ToString::to_string).collect();
    Ok(keys.join(" "))
}

#[test]
fn selections_follow_the_graph() {
    for (text, expected) in [
        ("key:raw", "raw"),
        ("key:core/*", "core/clean core/daily core/weekly"),
        ("key:\"*ly\"", "core/daily core/weekly"),
        ("key:core/clean+1", "core/clean core/daily core/weekly"),
        ("1+key:core/daily", "core/clean core/daily"),
        ("+key:core/daily and not key:raw", "core/clean core/daily"),
        ("1 + key:core/daily + 1", "core/clean core/daily report"),
        ("roots(key:core/*)", "core/clean"),
        ("sinks(key:core/*)", "core/daily core/weekly"),
        ("sinks(*)", "core/weekly report"),
        ("not key:core/* and not key:raw", "report"),
        ("key:raw or key:report and key:core/daily", "raw"),
        ("(key:raw or key:report) AND NOT key:raw", "report"),
        ("0+key:report", "report"),
        ("key:raw+99999999999999999999999 and key:report", "report"),
        ("tag:tier=1 and owner:team:sales and key:raw", "raw"),
        ("tag:tier", ""),
        ("code_location:shop.py and key:raw", "raw"),
        (
            "code_location:\"__repository__@shop.py\" and key:raw",
            "raw",
        ),
        ("group:def* and key:raw", "raw"),
        ("is:external", ""),
        ("partitions:none and key:raw", "raw"),
    ] {
        assert_eq!(select(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_the_server_does_not_tell_is_not_guessed() {
    let untold = select("key:raw or kind:dbt").unwrap_err();
    assert_eq!(untold.attribute, "kinds");
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let shown: Vec<String> = [
        "",
        "orders/daily",
        "key:",
        "key:a and",
        "key:a key:b",
        "(key:a or key:b",
        "key:a)",
        "key:\"a",
        "key:a++",
        "2key:a",
        "+not key:a",
        "+*",
        "groups:a",
        "status:missing",
        "is:new",
        "tag:<null>",
        "größe:x and key:ä or -",
        "key:and",
        "roots key:a",
    ]
    .iter()
    .map(|text| {
        let error = Selection::parse(text).unwrap_err();
        let hint = error
            .hint
            .as_deref()
            .map_or(String::new(), |hint| format!(" ({hint})"));
        format!("{error}{hint}\n{}", error.excerpt())
    })
    .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn nothing_is_nested_too_deeply() {
    for deep in ["(", "not ", "roots("] {
        let text = deep.repeat(100_000);
        let error = Selection::parse(&text).unwrap_err();
        assert!(error.message.contains("levels"), "{error}");
    }
    let wide = vec!["key:raw"; 5_000].join(" or ");
    assert_eq!(select(&wide).unwrap(), "raw");
}
