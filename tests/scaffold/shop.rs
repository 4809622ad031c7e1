//! A project that has what notebooks are made for.

use daglab::scaffold::mark;
use serde_json::Value;

use crate::support::dagster::Server;
use crate::support::{Project, Run, python};

const DEFINITIONS: &str = r#"import dagster as dg
from assets import orders, reports
from jobs import exports

defs = dg.Definitions(
    assets=[*dg.load_assets_from_modules([orders, reports]), orders.outside],
    jobs=[exports.export_orders, exports.plain, exports.outside],
    resources={"store": exports.Store(path="data")},
)
"#;

const ORDERS: &str = r#"import dagster as dg

COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("id", "int", constraints=dg.TableColumnConstraints(nullable=False)),
        dg.TableColumn("customer", "string"),
        dg.TableColumn("total", "float"),
    ]
)

outside = dg.AssetSpec("outside", group_name="shop")


class Limits(dg.Config):
    limit: int = 10


@dg.asset(group_name="shop", metadata={"dagster/column_schema": COLUMNS})
def orders(config: Limits) -> None:
    """What was ordered."""


@dg.asset(key=["shop", "items"], group_name="shop", deps=[orders])
def shop_items() -> list[int]:
    return [1]


@dg.asset(
    group_name="shop",
    partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
)
def parted() -> None: ...
"#;

const REPORTS: &str = r##"import dagster as dg


@dg.asset(group_name="reports", deps=["orders"])
def revenue(context) -> dg.MaterializeResult:
    table = "|    | country | total |\n|---:|:--------|------:|\n|  0 | DE | 1.5 |\n"
    return dg.MaterializeResult(metadata={"preview": dg.MetadataValue.md(table)})
"##;

const EXPORTS: &str = r#"import dagster as dg


class Store(dg.ConfigurableResource):
    path: str


class Export(dg.Config):
    target: str
    rows: int = 100


@dg.op
def send(config: Export, store: Store) -> None: ...


@dg.job(description="Sends orders away.")
def export_orders() -> None:
    send()


@dg.op
def nothing() -> None: ...


@dg.job
def plain() -> None:
    nothing()


@dg.job
def outside() -> None:
    nothing()
"#;

/// A template that needs no helpers.
pub const TEMPLATE: &str = r#"import marimo

__generated_with = {{ notebook.marimo_version|py }}
app = marimo.App(app_title={{ notebook.title|py }})


@app.cell
def facts():
    NOTEBOOK_VERSION = {{ notebook.version|py }}
    NOTEBOOK_CREATED = {{ notebook.created|py }}
    NOTEBOOK_MODIFIED = {{ notebook.modified|py }}
    config = {{ config.yaml|pystring(indent=4) }}
    print(NOTEBOOK_VERSION, NOTEBOOK_CREATED, NOTEBOOK_MODIFIED, config)
    return


if __name__ == "__main__":
    app.run()
"#;

/// A template that shows the whole context.
const EVERYTHING: &str = r#"import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def everything():
    # context: {{ {"notebook": notebook, "target": target, "dagster": dagster, "config": config, "features": features, "export": export, "seed": seed, "vars": vars, "daglab": daglab}|yaml }}
    NOTEBOOK_CREATED = {{ notebook.created|py }}
    NOTEBOOK_MODIFIED = {{ notebook.modified|py }}
    print(NOTEBOOK_CREATED, NOTEBOOK_MODIFIED)
    return


if __name__ == "__main__":
    app.run()
"#;

pub struct Shop {
    pub project: Project,
    server: Option<Server>,
}

impl Shop {
    pub fn new() -> Self {
        let project = Project::empty();
        project
            .write("dagster/definitions.py", DEFINITIONS)
            .write("dagster/assets/__init__.py", "")
            .write("dagster/assets/orders.py", ORDERS)
            .write("dagster/assets/reports.py", REPORTS)
            .write("dagster/jobs/__init__.py", "")
            .write("dagster/jobs/exports.py", EXPORTS)
            .write("dagster/notebooks/assets/.gitkeep", "")
            .write(".daglab/templates/short.py.j2", TEMPLATE)
            .write(".daglab/templates/everything.py.j2", EVERYTHING)
            .write(
                "workspace.yaml",
                "load_from:\n  - python_file:\n      relative_path: dagster/definitions.py\n      \
                 working_directory: dagster\n",
            );
        Self {
            project,
            server: None,
        }
    }

    pub fn with_server() -> Self {
        let mut shop = Self::new();
        shop.server = Some(Server::of(&shop.project.root(), 1));
        shop
    }

    pub fn url(&self) -> &str {
        &self.server.as_ref().unwrap().url
    }

    /// `daglab scaffold` with the server, if there is one.
    pub fn scaffold(&self, args: &[&str]) -> Run {
        let mut all = vec!["scaffold"];
        if let Some(server) = &self.server {
            all.extend(["--dagster-url", &server.url]);
        }
        let python = python();
        all.extend(["--python", python.to_str().unwrap()]);
        all.extend(args);
        Run::of(self.project.daglab(&all))
    }

    /// The context that a template of a notebook got; nothing is written.
    #[track_caller]
    pub fn context(&self, args: &[&str]) -> Value {
        let all = [args, &["--template", "everything", "--dry-run", "--force"]].concat();
        let run = self.scaffold(&all);
        run.expect_code(0);
        let stdout = run.stdout();
        let context = stdout
            .lines()
            .find_map(|line| line.split_once("# context: "));
        let (_, json) =
            context.unwrap_or_else(|| panic!("no context in {stdout}\n{}", run.stderr()));
        serde_json::from_str(json).unwrap()
    }

    pub fn read(&self, path: &str) -> String {
        let path = self.project.root().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    pub fn is_there(&self, path: &str) -> bool {
        self.project.root().join(path).exists()
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.project.root().join(path)).unwrap();
    }
}

/// Whether a notebook has its mark, and is as it was made from this template.
#[track_caller]
pub fn expect_intact(text: &str, template: &str) {
    let mark = mark::read(text).unwrap_or_else(|| panic!("no mark in {text}"));
    assert!(mark.intact && mark.template == template, "{mark:?}");
}
