//! marimo writes a notebook as daglab has made it, so that a first save changes no line.

use std::path::Path;
use std::process::Command;

use daglab::scaffold::context::{
    Config, Context, Daglab, Export, Features, Kind, Notebook, Seed, Server, Target,
};
use daglab::scaffold::template::Templates;
use serde_json::json;

use super::{TEMPLATES, support};

/// What is in a notebook on some condition.
#[derive(Clone, Copy)]
struct Case {
    kind: Kind,
    features: Features,
    module: Option<&'static str>,
    has_config: bool,
    is_awkward: bool,
}

/// Every combination.
fn cases() -> Vec<Case> {
    let modules = [
        None,
        Some("assets.orders"),
        Some("company.department.warehouse.assets.orders"),
    ];
    let mut cases = Vec::new();
    for kind in [Kind::Job, Kind::Asset, Kind::Selection] {
        for bits in 0..32_u8 {
            let is_set = |bit: u8| bits & (1 << bit) != 0;
            cases.extend(modules.map(|module| Case {
                kind,
                features: Features {
                    inprocess: is_set(0),
                    attach: is_set(1),
                    seed_data: is_set(2),
                },
                module,
                has_config: is_set(3),
                is_awkward: is_set(4),
            }));
        }
    }
    cases
}

fn context(template: &str, case: Case) -> Context {
    let text =
        |plain: &str, awkward: &str| if case.is_awkward { awkward } else { plain }.to_owned();
    let asset = text(
        "core/orders",
        "a_schema_with_a_long_name/and_a_table_with_a_longer_name",
    );
    let name = match case.kind {
        Kind::Job => text(
            "nightly",
            "everything_that_is_to_be_done_at_night_and_a_bit_more_of_it",
        ),
        Kind::Asset => asset.clone(),
        Kind::Selection => text(
            "group:sales",
            "+key:\"core/orders\" or tag:\"it's\"=\"x\\y\"",
        ),
    };
    let many = (0..9).map(|n| format!("warehouse/table_number_{n}"));
    Context {
        notebook: Notebook {
            title: text(
                "Orders",
                "A \"long\" title that \\ does not fit into a line, it's said",
            ),
            name: text("orders_explore", &"orders_".repeat(12)),
            filename: "orders_explore.py".to_owned(),
            template: template.to_owned(),
            version: "1.0.0".to_owned(),
            author: text("Ada", "Ada \"the first\" Lovelace {braces} <tags>"),
            created: "2026-11-22".to_owned(),
            modified: "2026-11-22".to_owned(),
            marimo_version: "0.25.2".to_owned(),
        },
        target: Target {
            kind: case.kind,
            job: (case.kind == Kind::Job).then(|| name.clone()),
            name,
            assets: match case.kind {
                Kind::Job => Vec::new(),
                Kind::Asset => vec![asset],
                Kind::Selection => many.collect(),
            },
            location: (!case.is_awkward).then(|| "definitions.py".to_owned()),
            repository: (!case.is_awkward).then(|| "__repository__".to_owned()),
            group: None,
            description: case.is_awkward.then(|| {
                "Lines\nof \"\"\"text\"\"\", \\ and {more} of what is to be said.".to_owned()
            }),
            module: case.module.map(str::to_owned),
            attribute: case.module.map(|_| "orders".to_owned()),
            definitions: (!case.is_awkward).then(|| "definitions.py".to_owned()),
            module_directory: case
                .module
                .and_then(|module| (module.len() < 20).then(|| "../..".to_owned())),
        },
        dagster: Server {
            host: "localhost".to_owned(),
            port: 3000,
            version: None,
        },
        config: Config {
            yaml: match (case.has_config, case.is_awkward) {
                (false, _) => String::new(),
                (true, false) => "ops:\n  load:\n    config:\n      limit: 10\n".to_owned(),
                (true, true) => "# \"\"\"\nops:\n\n  a: 'c:\\new' # it's\n  b: \"\"\n".to_owned(),
            },
        },
        features: case.features,
        export: Export {
            metadata_key: text("exploration", "it's \"explored\""),
            retention_days: 30,
            compress: true,
        },
        seed: case.features.seed_data.then(|| Seed {
            columns: [
                "id",
                "a column",
                "one with a name that is rather long",
                "and one more",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: vec![
                vec![json!(1), json!(null), json!(true), json!(2.5)],
                vec![
                    json!(2),
                    json!("it's \"x\""),
                    json!("a text that is long"),
                    json!("and more"),
                ],
            ],
            source: "the columns of its last materialization".to_owned(),
        }),
        vars: std::collections::BTreeMap::default(),
        daglab: Daglab::default(),
    }
}

#[test]
fn by_marimo_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let templates = Templates::of(folder.path());
    let mut count = 0;
    for template in TEMPLATES {
        for (index, case) in cases().into_iter().enumerate() {
            let text = templates
                .render(template, &context(template, case))
                .unwrap();
            let name = format!("{}_{index}.py", template.replace('-', "_"));
            std::fs::write(folder.path().join(name), text).unwrap();
            count += 1;
        }
    }
    assert_eq!(count, TEMPLATES.len() * 288);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebooks/save.py");
    let output = Command::new(support::python())
        .arg(script)
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{problems}");
    assert_eq!(said.trim(), format!("{count} notebooks"));
}
