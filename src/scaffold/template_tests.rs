use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use ruff_python_ast::token::TokenKind;
use ruff_text_size::Ranged as _;
use serde_json::json;

use super::*;
use crate::scaffold::context::{
    Config, Daglab, Export, Features, Notebook, Seed, Server, Target as About,
};
use crate::ui::render_error;

fn context() -> Context {
    Context {
        notebook: Notebook {
            title: "Orders: \"all\" of them".to_owned(),
            name: "orders_explore".to_owned(),
            filename: "orders_explore.py".to_owned(),
            template: "default".to_owned(),
            version: "1.0.0".to_owned(),
            author: "Ada \\ O'Neil".to_owned(),
            created: "2026-11-22".to_owned(),
            modified: "2026-11-22".to_owned(),
            marimo_version: "0.25.2".to_owned(),
        },
        target: About {
            kind: Kind::Asset,
            name: "core/orders".to_owned(),
            job: None,
            assets: vec!["core/orders".to_owned()],
            location: Some("definitions.py".to_owned()),
            repository: Some("__repository__".to_owned()),
            group: Some("core".to_owned()),
            description: None,
            module: Some("assets.orders".to_owned()),
            attribute: Some("orders".to_owned()),
            definitions: Some("dagster/definitions.py".to_owned()),
            module_directory: Some("../..".to_owned()),
        },
        dagster: Server {
            host: "localhost".to_owned(),
            port: 3000,
            version: None,
        },
        config: Config {
            yaml: "ops:\n  orders:\n    config:\n      limit: 10  # Int, required: \"\"\"\n"
                .to_owned(),
        },
        features: Features {
            inprocess: true,
            attach: true,
            seed_data: true,
        },
        export: Export {
            metadata_key: "exploration".to_owned(),
            retention_days: 30,
            compress: true,
        },
        seed: Some(Seed {
            columns: vec!["id".to_owned()],
            rows: vec![vec![json!(1)], vec![json!(null)]],
            source: "made up".to_owned(),
        }),
        vars: BTreeMap::from([("team".to_owned(), "data".to_owned())]),
        daglab: Daglab::default(),
    }
}

struct Project(tempfile::TempDir);

impl Project {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        Self(dir)
    }

    fn render(&self, name: &str) -> Result<String, Error> {
        Templates::of(self.0.path()).render(name, &context())
    }

    fn error(&self, name: &str) -> String {
        render_error(&self.render(name).unwrap_err(), false)
    }
}

const HEAD: &str = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n";

fn cell(body: &str) -> String {
    format!("{HEAD}    {body}\n")
}

#[test]
fn each_of_ours_makes_a_notebook_whatever_is_wanted() {
    let templates = Templates::of(Path::new("/nowhere"));
    let names = templates.names();
    assert_eq!(names, ["default", "feature-store", "minimal", "ml"]);
    for name in names {
        for wanted in 0..16 {
            let mut context = context();
            context.features.inprocess = wanted & 1 == 0;
            context.features.attach = wanted & 2 == 0;
            if wanted & 4 != 0 {
                context.seed = None;
                context.features.seed_data = false;
                context.target.module = None;
                context.target.attribute = None;
            }
            if wanted & 8 != 0 {
                context.target.kind = Kind::Selection;
                context.target.description = Some("'''\"\"\"\\{{ x }}".to_owned());
                context.target.definitions = None;
                context.target.location = None;
                context.config.yaml = String::new();
            }
            let text = templates.render(&name, &context).unwrap();
            let mark = mark::read(&text).unwrap();
            assert_eq!((mark.template, mark.intact), (name.clone(), true));
            let source = source::parse(&text).unwrap();
            let target = source.target.map(|it| format!("{it:?}"));
            assert_eq!(target.is_some(), wanted & 8 == 0, "{target:?}");
        }
    }
}

#[test]
fn no_value_gets_out_of_its_literal() {
    let awkward = "\"; import os; os.abort() #'\\\"\"\"'''";
    let text = || awkward.to_owned();
    for name in ["default", "feature-store", "minimal", "ml"] {
        let mut context = context();
        context.notebook.title = text();
        context.notebook.name = text();
        context.notebook.version = text();
        context.notebook.author = text();
        context.notebook.created = text();
        context.notebook.modified = text();
        context.notebook.marimo_version = text();
        context.target.name = text();
        context.target.job = Some(text());
        context.target.assets = vec![text()];
        context.target.location = Some(text());
        context.target.repository = Some(text());
        context.target.group = Some(text());
        context.target.description = Some(text());
        context.target.module = None;
        context.target.definitions = Some(text());
        context.dagster.host = text();
        context.config.yaml = text();
        context.export.metadata_key = text();
        context.seed = Some(Seed {
            columns: vec![text()],
            rows: vec![vec![json!(awkward)]],
            source: text(),
        });
        let templates = Templates::of(Path::new("/nowhere"));
        let made = templates.render(name, &context).unwrap();
        let parsed = ruff_python_parser::parse_module(&made).unwrap();
        let tokens = parsed.tokens().iter();
        let names = tokens.filter(|it| it.kind() == TokenKind::Name);
        assert!(
            !names.map(|it| &made[it.range()]).any(|it| it == "abort"),
            "{made}"
        );
        if name == "default" {
            let own = "app_title=\"'; import os; os.abort() #'\\\\''''''\"";
            assert!(made.contains(own), "{made}");
        }
    }
}

#[test]
fn a_notebook_is_paired_below_its_mark() {
    let project = Project::with(&[
        ("own.py.j2", &cell("team = {{ vars.team|py }}")),
        (
            "paired.py.j2",
            &format!("# daglab: job=other\n{}", cell("return")),
        ),
    ]);
    let text = project.render("own").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("# Generated by daglab "), "{text}");
    assert_eq!(lines[1], "# daglab: asset=core/orders");
    assert_eq!(lines.last(), Some(&"    team = \"data\""));
    let text = project.render("paired").unwrap();
    assert_eq!(text.lines().nth(1), Some("# daglab: job=other"));
}

#[test]
fn own_templates_come_first_and_build_on_ours() {
    let project = Project::with(&[
        (
            "minimal.py.j2",
            "{% include 'parts/header.txt' %}\n{% include 'daglab/minimal.py.j2' %}",
        ),
        ("parts/header.txt", "# © {{ vars.team }}\n"),
    ]);
    let text = project.render("minimal").unwrap();
    assert!(text.contains("# © data\n"), "{text}");
    assert!(mark::read(&text).unwrap().intact);
}

#[test]
fn what_is_wrong_with_a_template_is_said_at_its_line() {
    let project = Project::with(&[
        ("typo.py.j2", &cell("x = {{ targt.name|py }}")),
        ("vars.py.j2", &cell("x = {{ vars.owner|py }}")),
        ("field.py.j2", &cell("x = {{ notebook.titel|py }}")),
        ("syntax.py.j2", &cell("{% if target %}x = 1")),
        ("filter.py.j2", &cell("x = {{ target|python }}")),
        ("python.py.j2", &cell("x = {{ target.name }} oops")),
        ("plain.py.j2", "x = 1\n"),
        ("missing.py.j2", "{% include 'nothing.txt' %}\n"),
        ("outside.py.j2", "{% include '../../secret.txt' %}\n"),
        ("nested.py.j2", "\n{% include 'part.txt' %}\n"),
        ("part.txt", "a\n{{ nothing }}\n"),
        (
            "loop.py.j2",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        ),
        (
            "large.py.j2",
            "{% for a in range(90000) %}{{ '# ' ~ 'x' * 1000 }}\n{% endfor %}",
        ),
    ]);
    std::fs::write(project.0.path().join("secret.txt"), "secret").unwrap();
    let names = [
        "typo",
        "vars",
        "field",
        "syntax",
        "filter",
        "python",
        "plain",
        "missing",
        "outside",
        "nested",
        "loop",
        "large",
        "defualt",
        "nothing-like-it",
    ];
    let said: Vec<String> = names
        .iter()
        .map(|name| format!("== {name}\n{}", project.error(name)))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn links_out_are_neither_followed_nor_passed_over() {
    use std::os::unix::fs::symlink;
    let project = Project::with(&[("own.py.j2", &cell("return"))]);
    let outside = tempfile::tempdir().unwrap();
    let (root, folder) = (project.0.path(), project.0.path().join(FOLDER));
    std::fs::write(outside.path().join("far.py.j2"), cell("return")).unwrap();
    std::fs::write(root.join("near.j2"), cell("return")).unwrap();
    // One that daglab has, too, would be taken instead without a word.
    symlink(
        outside.path().join("far.py.j2"),
        folder.join("minimal.py.j2"),
    )
    .unwrap();
    symlink(root.join("near.j2"), folder.join("near.py.j2")).unwrap();
    symlink("nothing", folder.join("gone.py.j2")).unwrap();
    symlink("own.py.j2", folder.join("alias.py.j2")).unwrap();
    let includes = "{% include 'near.py.j2' %}";
    std::fs::write(folder.join("includes.py.j2"), includes).unwrap();
    for (name, why) in [
        ("minimal", "a link that leads out of the project"),
        ("near", "a link that leads out of the folder of templates"),
        ("gone", "a link that leads nowhere"),
        (
            "includes",
            "a link that leads out of the folder of templates",
        ),
    ] {
        let said = project.error(name);
        assert!(said.contains(why), "{said}");
    }
    assert!(Templates::of(root).find("minimal").is_err());
    project.render("alias").unwrap();

    let linked = tempfile::tempdir().unwrap();
    std::fs::create_dir(linked.path().join(".daglab")).unwrap();
    symlink(outside.path(), linked.path().join(FOLDER)).unwrap();
    let error = Templates::of(linked.path()).render("far", &context());
    let said = render_error(&error.unwrap_err(), false);
    assert!(said.contains("leads out of the project"), "{said}");
    assert!(
        Templates::of(linked.path())
            .render("default", &context())
            .is_ok()
    );
}
