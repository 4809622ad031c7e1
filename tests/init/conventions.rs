//! Projects of every shape, and what each has settled already.

use serde_json::Value;

use super::support::{Project, Run};
use super::{init, tree};

#[test]
fn projects_keep_to_their_conventions() {
    const DEFS: &str = "import dagster as dg\ndefs = dg.Definitions()\n";
    type Files = &'static [(&'static str, &'static str)];
    let cases: &[(Files, &str, &str)] = &[
        (
            &[("definitions.py", DEFS)],
            "dagster/notebooks",
            "definitions.py",
        ),
        (
            &[
                (
                    "pyproject.toml",
                    "[tool.dagster]\nmodule_name = 'shop.definitions'\n",
                ),
                ("shop/definitions.py", DEFS),
            ],
            "shop/notebooks",
            "shop.definitions",
        ),
        (
            &[
                (
                    "pyproject.toml",
                    "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'shop'\n",
                ),
                ("src/shop/definitions.py", DEFS),
            ],
            "src/shop/notebooks",
            "shop.definitions",
        ),
        (
            &[
                (
                    "dg.toml",
                    "directory_type = 'project'\n[project]\nroot_module = 'shop'\ncode_location_name = 'on'\n",
                ),
                ("shop/definitions.py", DEFS),
            ],
            "shop/notebooks",
            "on",
        ),
        (
            &[
                (
                    "workspace.yaml",
                    "load_from:\n  - python_file: code/repo.py\n",
                ),
                ("code/repo.py", DEFS),
            ],
            "code/notebooks",
            "repo.py",
        ),
        (
            &[
                (
                    "workspace.yaml",
                    "load_from:\n  - python_file: a/a.py\n  - python_file: b/b.py\n",
                ),
                ("a/a.py", DEFS),
                ("b/b.py", DEFS),
            ],
            "dagster/notebooks",
            "",
        ),
        (
            &[
                (
                    "dg.toml",
                    "directory_type = 'workspace'\n[[workspace.projects]]\npath = 'one'\n",
                ),
                (
                    "one/pyproject.toml",
                    "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'one'\n",
                ),
                ("one/src/one/definitions.py", DEFS),
            ],
            "one/src/one/notebooks",
            "one",
        ),
        (
            &[(
                "pyproject.toml",
                "[project]\nname = 'x'\ndependencies = ['dagster>=1.9']\n",
            )],
            "dagster/notebooks",
            "",
        ),
        (&[("dagster.yaml", "")], "dagster/notebooks", ""),
        (
            &[
                ("definitions.py", DEFS),
                ("daglab.yaml", "notebooks_dir: nb # mine\r\n"),
            ],
            "nb",
            "",
        ),
        (
            &[
                ("definitions.py", DEFS),
                (
                    "pyproject.toml",
                    "[tool.daglab]\nnotebooks_dir = 'explore'\n",
                ),
            ],
            "explore",
            "",
        ),
    ];
    for (files, notebooks, location) in cases {
        let project = Project::empty();
        for (path, text) in *files {
            project.write(path, text);
        }
        let run = init(&project, &["--output", "json"]);
        run.expect_code(0);
        let said: Value = serde_json::from_str(&run.stdout()).unwrap();
        assert_eq!(said["notebooks_dir"], *notebooks, "{files:?}");
        let after = tree(&project.root());
        for (path, text) in *files {
            assert_eq!(after[*path].as_deref(), Some(text.as_bytes()), "{path}");
        }
        assert!(after.contains_key(&format!("{notebooks}/examples/quickstart_explore.py")));
        assert!(!after.contains_key("dagster/__init__.py"));
        let show = Run::of(project.daglab(&["config", "show", "--output", "json"]));
        show.expect_code(0);
        let settings: Value = serde_json::from_str(&show.stdout()).unwrap();
        assert_eq!(settings["notebooks_dir"], *notebooks);
        let named = settings["dagster"]["repository_location_name"]
            .as_str()
            .unwrap_or("");
        // `dg dev` and `dagster dev` call the same location by different names.
        assert_eq!(named, "", "{files:?}");
        let locations = said["project"]["locations"].to_string();
        assert!(locations.contains(*location), "{locations}");
        let again = init(&project, &[]);
        again.expect_code(0);
        assert!(
            again.stdout().starts_with("nothing to change"),
            "{}",
            again.stdout()
        );
        assert_eq!(tree(&project.root()), after);
        let bootstrap = init(&project, &["--bootstrap", "--force"]);
        bootstrap.expect_code(
            if location.is_empty() && files.len() == 1 && !files[0].0.contains("space") {
                0
            } else {
                8
            },
        );
    }
}
