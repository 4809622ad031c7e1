//! marimo writes a notebook as daglab has made it, so that a first save changes no line.

use std::collections::BTreeSet;
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

/// Every combination; each of them with names and texts that are awkward, or with plain ones.
fn cases() -> Vec<Case> {
    let modules = [
        None,
        Some("assets.orders"),
        Some("company.department.warehouse.assets.orders"),
    ];
    let mut cases = Vec::new();
    for kind in [Kind::Job, Kind::Asset, Kind::Selection] {
        for bits in 0..16_u32 {
            let is_set = |bit: u32| bits & (1 << bit) != 0;
            for (at, module) in (0..).zip(modules) {
                cases.push(Case {
                    kind,
                    features: Features {
                        inprocess: is_set(0),
                        attach: is_set(1),
                        seed_data: is_set(2),
                    },
                    module,
                    has_config: is_set(3),
                    is_awkward: (bits.count_ones() + at + kind as u32) % 2 == 1,
                });
            }
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
    let mut texts = BTreeSet::new();
    for template in TEMPLATES {
        for case in cases() {
            texts.insert(
                templates
                    .render(template, &context(template, case))
                    .unwrap(),
            );
        }
    }
    // What a template has no part for changes nothing in it.
    let count = texts.len();
    assert!(count > 200, "{count}");
    for (index, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(format!("notebook_{index}.py")), text).unwrap();
    }
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
