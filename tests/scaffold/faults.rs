//! What goes wrong, and that it is said.

use crate::shop::Shop;
use crate::support::{Project, Run};

pub fn names(shop: &Shop) {
    let refused = |args: &[&str], code: i32, parts: &[&str]| {
        let run = shop.scaffold(args);
        run.expect_code(code);
        for part in parts {
            run.expect_stderr(part);
        }
        assert_eq!(run.stdout(), "");
    };
    refused(
        &["--asset", "ordesr"],
        7,
        &["there is no asset `ordesr`", "did you mean `orders`?"],
    );
    refused(
        &["--job", "export_ordres"],
        7,
        &["`export_ordres`", "did you mean `export_orders`?"],
    );
    refused(&["--asset", "a//b"], 2, &["`a//b` is not an asset key"]);
    refused(
        &["--job", "plain", "--location", "definition.py"],
        7,
        &["`definition.py`", "did you mean `definitions.py`?"],
    );
    refused(&["--job", "plain", "--repo", "other"], 7, &["`other`"]);
    refused(
        &["--job", "plain", "--template", "defualt"],
        7,
        &["there is no template `defualt`", "did you mean `default`?"],
    );
}

pub fn modules(shop: &Shop) {
    let write = |name: &str, text: &str| {
        shop.project
            .write(&format!("dagster/assets/{name}.py"), text);
    };
    write("missing", "import no_such_package_anywhere\n");
    write("broken", "def f(:\n");
    write(
        "raises",
        "def f():\n    raise ValueError('no\\nway')\n\n\nf()\n",
    );
    write("dies", "import os\nos._exit(7)\n");
    let failing = |module: &str, parts: &[&str]| {
        let args = [
            "--asset",
            "orders",
            "--force",
            "--dry-run",
            "--module",
            module,
        ];
        let run = shop.scaffold(&args);
        run.expect_code(7);
        for part in parts {
            run.expect_stderr(part);
        }
    };
    failing(
        "assets/missing.py",
        &[
            "`import assets.missing` fails: ModuleNotFoundError: No module named",
            "--> dagster/assets/missing.py:1:1",
            "has no package with `no_such_package_anywhere`",
        ],
    );
    failing(
        "assets/broken.py",
        &["SyntaxError", "dagster/assets/broken.py:1"],
    );
    failing(
        "assets.raises",
        &[
            "ValueError: no way",
            "dagster/assets/raises.py:2:5",
            "raise ValueError",
        ],
    );
    failing(
        "assets/dies.py",
        &["`import assets.dies` fails: the process exited with code 7"],
    );
    failing(
        "assets/reports.py",
        &["`assets.reports` has no asset `orders`", "it has `revenue`"],
    );
    for name in ["missing", "broken", "raises", "dies"] {
        shop.remove(&format!("dagster/assets/{name}.py"));
    }
}

/// A module that nothing imports is a mistake.
pub fn modules_for_nothing(shop: &Shop) {
    let args = [
        "--asset",
        "orders",
        "--force",
        "--dry-run",
        "--module",
        "assets/orders.py",
    ];
    let with = |more: &[&str]| shop.scaffold(&[&args[..], more].concat());
    with(&[]).expect_code(0);
    with(&["--no-inprocess"])
        .expect_code(2)
        .expect_stderr("`--module` changes nothing in the notebook")
        .expect_stderr("leave out `--module` or `--no-inprocess`");
    with(&["--template", "short"])
        .expect_code(2)
        .expect_stderr("the template `short` does not name `target.module`");
}

/// `--force` is for notebooks, and for those about the same.
pub fn what_is_not_overwritten(shop: &Shop) {
    let code = "dagster/assets/orders.py";
    let before = shop.read(code);
    for force in [&["--force"][..], &[]] {
        let path = format!("./{code}");
        let args = ["--asset", "orders", "--filename", &path];
        shop.scaffold(&[&args[..], force].concat())
            .expect_code(8)
            .expect_stderr("`dagster/assets/orders.py` is not a marimo notebook")
            .expect_stderr("name another file");
    }
    assert_eq!(shop.read(code), before);
    // Made of the same group by `made::selections`, which is what the file is called after.
    let group = "dagster/notebooks/assets/reports_group_explore.py";
    let before = shop.read(group);
    shop.scaffold(&["--from-selection", "key:\"revenue\"", "--force"])
        .expect_code(8)
        .expect_stderr(&format!("`{group}` belongs to selection `group:reports`"));
    assert_eq!(shop.read(group), before);
    shop.scaffold(&["--from-selection", "group:reports", "--force"])
        .expect_code(0);
}

pub fn templates(shop: &Shop) {
    shop.project.write(
        ".daglab/templates/typo.py.j2",
        "import marimo\n{{ targt.name }}\n",
    );
    let run = shop.scaffold(&["--asset", "orders", "--template", "typo", "--force"]);
    run.expect_code(7)
        .expect_stderr("the template names `targt.name`, which is not defined")
        .expect_stderr("--> .daglab/templates/typo.py.j2:2:4")
        .expect_stderr("did you mean `target`?");
}

pub fn the_sandbox_lets_it_ask(shop: &Shop) {
    shop.project
        .write("daglab.yaml", "security: {sandbox_mode: true}\n");
    shop.scaffold(&["--asset", "orders", "--seed-data", "--force", "--dry-run"])
        .expect_code(0);
    shop.remove("daglab.yaml");
}

pub fn no_project() {
    let project = Project::empty();
    Run::of(project.daglab(&["scaffold", "--asset", "a"]))
        .expect_code(3)
        .expect_stderr("there is no Dagster project here to make notebooks for")
        .expect_stderr("`daglab init --bootstrap`");
}

pub fn no_folder() {
    let project = Project::small();
    Run::of(project.daglab(&["scaffold", "--asset", "numbers"]))
        .expect_code(3)
        .expect_stderr("there is no `dagster/notebooks`, and no `daglab.yaml`")
        .expect_stderr("`daglab init`");
}

pub fn servers_away() {
    let project = Project::small();
    project.write("daglab.yaml", "notebooks_dir: nb\n");
    let url = [
        "scaffold",
        "--asset",
        "numbers",
        "--dagster-url",
        "http://127.0.0.1:9",
    ];
    Run::of(project.daglab(&url))
        .expect_code(5)
        .expect_stderr("could not reach Dagster");
    assert!(!project.root().join("nb").exists());
}

pub fn usage() {
    let project = Project::small();
    for args in [
        &[][..],
        &["--asset", "a", "--job", "b"],
        &["a", "--job", "b"],
        &["a", "b"],
        &["a", "--per", "group"],
        &["--asset", "a", "--per", "group"],
        &["--from-selection", "*", "--module", "a.py"],
        &["--from-selection", "*", "--offline"],
        &["--asset", "a", "--offline", "--ephemeral"],
        &["--asset", "a", "--template-vars", "novalue"],
        &["--asset", "a", "--template-vars", "1a=b"],
    ] {
        let all = [&["scaffold"], args].concat();
        Run::of(project.daglab(&all)).expect_code(2);
    }
    Run::of(project.daglab(&["scaffold", "a b", "--offline"]))
        .expect_code(2)
        .expect_stderr("nobody is asked whether `a b` is an asset or a job")
        .expect_stderr("give `--asset 'a b'` or `--job 'a b'`");
}
