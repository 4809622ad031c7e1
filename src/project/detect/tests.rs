use std::path::Path;

use pretty_assertions::assert_eq;

use super::*;
use crate::error::{Diagnose, ExitStatus};

const DEFINITIONS: &str = "import dagster as dg\ndefs = dg.Definitions()\n";

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().expect("a temporary directory"));
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn root(&self) -> PathBuf {
        self.0.path().canonicalize().expect("it exists")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("inside the tree")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn folder(&self, path: &str) -> PathBuf {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }

    fn detect(&self) -> Result<Project, Error> {
        self.detect_in("", TargetFlags::default())
    }

    fn detect_in(&self, start: &str, flags: TargetFlags) -> Result<Project, Error> {
        let variable = |name: &str| match name {
            "HOME" => Some("/home/u".to_owned()),
            "ETL_HOST" => Some("code.internal".to_owned()),
            "ETL_PORT" => Some("4266".to_owned()),
            _ => None,
        };
        detect(&DetectRequest {
            start: self.0.path().join(start),
            flags,
            variable: &variable,
        })
    }

    fn names(&self) -> Vec<String> {
        let project = self.detect().expect("a project");
        project
            .locations
            .into_iter()
            .map(|location| location.name)
            .collect()
    }

    /// What a user would see, with the tree's path taken out.
    fn failure(&self) -> String {
        let error = self.detect().expect_err("no project");
        let parts = [
            Some(error.to_string()),
            error.detail(),
            error.hint().map(|h| format!("hint: {h}")),
        ];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join("\n");
        text.replace(&*self.root().to_string_lossy(), "ROOT")
    }
}

#[test]
fn every_kind_of_entry_in_a_workspace_file() {
    let tree = Tree::new(&[
        ("etl/defs.py", DEFINITIONS),
        ("ml/defs.py", DEFINITIONS),
        (
            "workspace.yaml",
            "load_from:
  - python_file: etl/defs.py
  - python_file:
      relative_path: ml/defs.py
      attribute: defs
      executable_path: ~/venvs/ml/bin/python
  - python_file: {relative_path: ml/defs.py, working_directory: ml, location_name: ml}
  - python_module: orders.definitions
  - python_module: {module_name: orders.repo, attribute: repo, working_directory: etl}
  - python_package: {package_name: legacy}
  - autoload_defs_module: {module_name: orders.defs}
  - grpc_server: {host: {env: ETL_HOST}, port: {env: ETL_PORT}, ssl: true}
  - grpc_server: {socket: /run/code.sock, location_name: remote}
",
        ),
    ]);
    let root = tree.root();
    let project = tree.detect().expect("a project");
    assert_eq!(project.marker, root.join("workspace.yaml"));
    let names: Vec<_> = project.locations.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "defs.py",
            "defs.py:defs",
            "ml",
            "orders.definitions",
            "orders.repo:repo",
            "legacy",
            "orders.defs",
            "grpc:code.internal:4266",
            "remote",
        ]
    );
    let of = |name: &str| {
        project
            .locations
            .iter()
            .find(|l| l.name == name)
            .expect("a location of that name")
    };
    assert_eq!(
        of("defs.py").target,
        Target::PythonFile {
            path: root.join("etl/defs.py"),
            working_directory: root.clone(),
            attribute: None
        }
    );
    assert_eq!(
        of("defs.py:defs").executable,
        Some("/home/u/venvs/ml/bin/python".into())
    );
    assert_eq!(
        of("ml").target.working_directory(),
        Some(root.join("ml").as_path())
    );
    assert_eq!(
        of("orders.repo:repo").target,
        Target::Module {
            name: "orders.repo".to_owned(),
            working_directory: root.join("etl"),
            attribute: Some("repo".to_owned())
        }
    );
    assert_eq!(
        of("remote").target,
        Target::Grpc {
            host: "localhost".to_owned(),
            port: None,
            socket: Some("/run/code.sock".to_owned()),
            ssl: false
        }
    );
}

#[test]
fn tool_dagster_wins_over_a_workspace_file() {
    let tree = Tree::new(&[
        (
            "pyproject.toml",
            "[tool.dagster]\nmodule_name = 'orders.definitions'\n",
        ),
        ("workspace.yaml", "load_from:\n  - python_module: other\n"),
    ]);
    let project = tree.detect().expect("a project");
    assert_eq!(tree.names(), ["orders.definitions"]);
    assert_eq!(project.marker, tree.root().join("pyproject.toml"));
    assert_eq!(project.notes.len(), 1);
    tree.write(
        "pyproject.toml",
        "[tool.dagster]\nmodule_name = 'orders.definitions'\ncode_location_name = 'orders'\n",
    );
    assert_eq!(tree.names(), ["orders"]);
    tree.write(
        "pyproject.toml",
        "[tool.dagster]\nmodules = [{type = 'module', name = 'a'}, {type = 'module', name = 'b'}]\n",
    );
    assert_eq!(tree.names(), ["a", "b"]);
    tree.write("pyproject.toml", "[project]\nname = 'x'\n[tool.ruff]\n");
    assert_eq!(tree.names(), ["other"]);
}

#[test]
fn a_dg_project_in_pyproject_is_named_as_dagster_dev_names_it() {
    let pyproject =
        "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'orders'\n";
    let tree = Tree::new(&[
        ("src/orders/definitions.py", DEFINITIONS),
        ("pyproject.toml", pyproject),
    ]);
    let project = tree.detect().expect("a project");
    assert_eq!(tree.names(), ["orders.definitions"]);
    let source = tree.root().join("src");
    assert_eq!(
        project.locations[0].target.working_directory(),
        Some(source.as_path())
    );
    tree.write(
        "pyproject.toml",
        &format!("{pyproject}code_location_name = 'o'\ncode_location_target_module = 'orders.x'\n"),
    );
    let project = tree.detect().expect("a project");
    assert_eq!(project.locations[0].name, "o");
    assert!(
        matches!(&project.locations[0].target, Target::Module { name, .. } if name == "orders.x")
    );
    tree.write(
        "pyproject.toml",
        &format!("{pyproject}autoload_defs = true\n"),
    );
    assert_eq!(tree.names(), ["orders.defs"]);
}

#[test]
fn dg_toml_is_read_as_dg_dev_reads_it() {
    let tree = Tree::new(&[
        ("orders/__init__.py", ""),
        (
            "dg.toml",
            "directory_type = 'project'\n[project]\nroot_module = 'orders'\n",
        ),
    ]);
    let folder = tree
        .root()
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert_eq!(tree.names(), [folder]);
    tree.write("workspace.yaml", "load_from: [{python_module: orders}]\n");
    assert_eq!(tree.names(), ["orders"]);
}

#[test]
fn whoever_is_in_the_folder_of_the_definitions_is_in_their_project() {
    let tree = Tree::new(&[
        (
            "workspace.yaml",
            "load_from: [{python_file: {relative_path: dagster/definitions.py}}]\n",
        ),
        ("dagster/definitions.py", DEFINITIONS),
        ("dagster/notebooks/README.md", ""),
    ]);
    let root_from = |start: &str| {
        let found = tree.detect_in(start, TargetFlags::default());
        found.expect("a project").root
    };
    assert_eq!(root_from("dagster"), tree.root());
    tree.folder(".git");
    assert_eq!(root_from("dagster/notebooks"), tree.root());
    tree.write(
        "workspace.yaml",
        "load_from: [{python_module: {module_name: definitions, working_directory: dagster}}]\n",
    );
    assert_eq!(root_from("dagster"), tree.root());
    // Another project above says nothing about it, and neither does one that can't be read.
    for other in ["load_from: [{python_file: other.py}]\n", "load_from: ["] {
        tree.write("workspace.yaml", other);
        tree.write("other.py", DEFINITIONS);
        assert_eq!(root_from("dagster"), tree.root().join("dagster"), "{other}");
    }
}

#[test]
fn a_dg_workspace_lists_its_projects() {
    let member = "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'm'\n";
    let tree = Tree::new(&[
        (
            "dg.toml",
            "directory_type = 'workspace'\n[[workspace.projects]]\npath = 'projects/one'\n\
             [[workspace.projects]]\npath = 'projects/two'\n",
        ),
        ("projects/one/pyproject.toml", member),
        ("projects/one/src/m/__init__.py", ""),
        (
            "projects/one/.env",
            "A=1\nDG_PROJECT_PYTHON_EXECUTABLE=\"../venv/bin/python\"\n",
        ),
        (
            "projects/two/dg.toml",
            "directory_type = 'project'\n[project]\nroot_module = 'm'\n",
        ),
        ("projects/two/m.py", ""),
        ("projects/two/.venv/bin/python", ""),
    ]);
    let root = tree.root();
    let project = tree.detect().expect("a project");
    assert_eq!(tree.names(), ["one", "two"]);
    let executables: Vec<_> = project
        .locations
        .iter()
        .map(|l| l.executable.clone())
        .collect();
    assert_eq!(
        executables,
        [
            Some(root.join("projects/one/../venv/bin/python")),
            Some(root.join("projects/two/.venv/bin/python"))
        ]
    );
    // From inside a member, the member is the project.
    let member = tree.detect_in("projects/one/src/m", TargetFlags::default());
    assert!(
        member.is_err(),
        "without git the search stays in its folder"
    );
    tree.folder(".git");
    let member = tree
        .detect_in("projects/one/src/m", TargetFlags::default())
        .expect("a project");
    assert_eq!(member.root, root.join("projects/one"));
    assert_eq!(member.locations[0].name, "m.definitions");
}

#[test]
fn a_definitions_file_is_the_last_resort() {
    let tree = Tree::new(&[("definitions.py", DEFINITIONS)]);
    assert_eq!(tree.names(), ["definitions.py"]);
    let tree = Tree::new(&[("dagster/definitions.py", DEFINITIONS)]);
    let project = tree.detect().expect("a project");
    assert_eq!(
        project.locations[0].target.working_directory(),
        Some(tree.root().as_path())
    );
    let tree = Tree::new(&[("repository.py", "class OrderRepository: ...\n")]);
    assert!(matches!(tree.detect(), Err(Error::NotAProject { .. })));
}

#[test]
fn inside_a_package_the_project_is_further_up() {
    let tree = Tree::new(&[
        (
            "pyproject.toml",
            "[tool.dagster]\nmodule_name = 'orders.definitions'\n",
        ),
        ("orders/__init__.py", ""),
        ("orders/definitions.py", DEFINITIONS),
    ]);
    tree.folder(".git");
    let project = tree
        .detect_in("orders", TargetFlags::default())
        .expect("a project");
    assert_eq!(project.root, tree.root());
    std::fs::remove_file(tree.root().join("pyproject.toml")).expect("it was there");
    let project = tree
        .detect_in("orders", TargetFlags::default())
        .expect("a project");
    assert_eq!(project.marker, tree.root().join("orders/definitions.py"));
}

#[test]
fn flags_replace_the_search() {
    let tree = Tree::new(&[
        (
            "workspace.yaml",
            "load_from: [{python_module: a}, {python_module: b}]\n",
        ),
        (
            "more.yaml",
            "load_from: [{python_module: {module_name: c, location_name: b}}]\n",
        ),
        ("defs.py", DEFINITIONS),
        ("pyproject.toml", "[tool.dagster]\nmodule_name = 'm'\n"),
    ]);
    let root = tree.root();
    let workspace = vec![root.join("workspace.yaml"), root.join("more.yaml")];
    let flags = TargetFlags {
        workspace,
        ..TargetFlags::default()
    };
    let project = tree.detect_in("", flags.clone()).expect("a project");
    let names: Vec<_> = project.locations.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(matches!(&project.locations[1].target, Target::Module { name, .. } if name == "c"));

    let file = TargetFlags {
        python_file: vec![root.join("defs.py")],
        attribute: Some("defs".to_owned()),
        ..TargetFlags::default()
    };
    let project = tree.detect_in("", file).expect("a project");
    assert_eq!(project.locations[0].name, "defs.py:defs");

    let both = TargetFlags {
        module_name: vec!["m".to_owned()],
        ..flags
    };
    let error = tree.detect_in("", both).expect_err("both -w and -m");
    assert_eq!(error.to_string(), "only one of -w, -m can be used");
    assert_eq!(error.exit_status(), ExitStatus::Usage);

    let missing = TargetFlags {
        python_file: vec![root.join("none.py")],
        ..TargetFlags::default()
    };
    assert!(matches!(
        tree.detect_in("", missing),
        Err(Error::MissingTarget { what: "file", .. })
    ));
    let twice = TargetFlags {
        module_name: vec!["m".to_owned(); 2],
        ..TargetFlags::default()
    };
    assert!(matches!(
        tree.detect_in("", twice),
        Err(Error::DuplicateLocation { .. })
    ));
    let alone = TargetFlags {
        attribute: Some("a".to_owned()),
        ..TargetFlags::default()
    };
    assert!(matches!(
        tree.detect_in("", alone),
        Err(Error::Flags { .. })
    ));
}

#[test]
fn not_a_project() {
    let tree = Tree::new(&[("README.md", "")]);
    insta::assert_snapshot!(tree.failure(), @r"
    no Dagster project in `ROOT`
    hint: looked for `[tool.dagster]` or `[tool.dg]` in `pyproject.toml`, `workspace.yaml`, `dg.toml`, `definitions.py` in `ROOT`; name the project's folder, or its definitions with `-f FILE` or `-m MODULE`
    ");
    tree.write("orders/definitions.py", DEFINITIONS);
    assert!(
        tree.failure()
            .contains("if `orders/definitions.py` is it, say `-f orders/definitions.py`")
    );
    let missing = tree.detect_in("nowhere", TargetFlags::default());
    assert!(matches!(missing, Err(Error::NoSuchFolder { .. })));
}

#[test]
fn what_is_wrong_in_a_workspace_file_is_shown() {
    let failure = |text: &str| Tree::new(&[("workspace.yaml", text)]).failure();
    insta::assert_snapshot!(failure("load_from:\n  - python_fil: defs.py\n"), @r"
    unknown key `python_fil` in an entry of `load_from`
     --> ROOT/workspace.yaml:2:5
      |
    2 |   - python_fil: defs.py
      |     ^
    hint: did you mean `python_file`
    ");
    insta::assert_snapshot!(failure("load_from:\n  - python_file: gone/defs.py\n"), @r"
    there is no file `ROOT/gone/defs.py`
     --> ROOT/workspace.yaml:2:18
      |
    2 |   - python_file: gone/defs.py
      |                  ^
    hint: correct the path, or remove the entry from `ROOT/workspace.yaml`
    ");
    insta::assert_snapshot!(failure(
        "load_from:\n  - grpc_server:\n      port: {env: NOT_SET}\n"
    ));
    insta::assert_snapshot!(failure("load_from: [\n"));
    insta::assert_snapshot!(failure("load_from:\n  - python_module: {attribute: a}\n"));
    insta::assert_snapshot!(failure(
        "load_from:\n  - python_module: a\n  - python_module: a\n"
    ));
    insta::assert_snapshot!(failure(""));
}

#[test]
fn what_is_wrong_in_a_toml_file_is_shown() {
    let failure = |text: &str| Tree::new(&[("pyproject.toml", text)]).failure();
    insta::assert_snapshot!(failure("[tool.dagster]\nmodule_name = 7\n"));
    insta::assert_snapshot!(failure("[tool.dagster\n"));
    insta::assert_snapshot!(failure("[tool.dagster]\n"));
    insta::assert_snapshot!(failure(
        "[tool.dg]\ndirectory_type = 'project'\n[tool.dg.project]\nroot_module = 'gone'\n"
    ));
    insta::assert_snapshot!(failure(
        "[tool.dg]\ndirectory_type = 'workspace'\n[[tool.dg.workspace.projects]]\npath = 'gone'\n"
    ));
}

#[test]
fn a_dagster_package_in_the_project_is_refused() {
    let tree = Tree::new(&[
        ("dagster/definitions.py", DEFINITIONS),
        ("dagster/__init__.py", ""),
    ]);
    insta::assert_snapshot!(tree.failure());
    let shadow = tree.detect().expect_err("shadowed");
    assert_eq!(shadow.exit_status(), ExitStatus::Validation);
}

#[test]
fn the_git_root_is_the_nearest() {
    let tree = Tree::new(&[("a/b/c.txt", "")]);
    tree.folder("a/.git");
    let root = tree.root();
    assert_eq!(git_root(&root.join("a/b")), Some(root.join("a").as_path()));
    assert_eq!(git_root(Path::new("/")), None);
}
