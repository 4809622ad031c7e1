use super::*;
use crate::error::Diagnose;

/// The project's file as the specification of its format writes it.
const WHOLE: &str = include_str!("../../../tests/fixtures/config/whole.yaml");

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn load(&self, dir: &str, env: &[(&str, &str)]) -> Result<Loaded, Error> {
        load(&Request {
            dir: self.0.path().join(dir),
            flags: Vec::new(),
            env: env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            home: Some(self.0.path().join("home")),
        })
    }
}

#[test]
fn the_whole_file_says_the_defaults() {
    let tree = Tree::new(&[("p/daglab.yaml", WHOLE)]);
    let loaded = tree.load("p", &[]).unwrap();
    let mut expected = Settings::default();
    expected.dagster.repository_name = Some("my_repo".to_owned());
    expected.dagster.repository_location_name = Some("my_code_location".to_owned());
    // Listed there; by default the sandbox lets nothing through that writes.
    expected.security.allowed_operations = ["launchRun", "getRunStatus", "getRepositories"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(loaded.settings, expected);
    let schema = crate::config::model::schema();
    let value = tree::yaml_to_json(WHOLE, Path::new("daglab.yaml")).unwrap();
    assert!(jsonschema::is_valid(&schema, &value));
}

#[test]
fn the_nearest_layer_counts_and_says_so() {
    let tree = Tree::new(&[
        ("r/.git/HEAD", ""),
        ("daglab.yaml", "dagster: {port: 1}"),
        (
            "r/daglab.yaml",
            "dagster:\n  port: 2\n  host: parent\nmarimo: {port: 22}",
        ),
        ("r/p/daglab.yaml", "dagster:\n  port: 3\n"),
        (
            "r/p/pyproject.toml",
            "[tool.daglab]\nnotebooks_dir = 'nb'\ndagster.port = 9\n",
        ),
        (
            "home/.daglab/config.yaml",
            "defaults: {open_browser: false}\nmarimo: {port: 44}",
        ),
    ]);
    let loaded = tree
        .load("r/p", &[("DAGLAB_EXPORT__RETENTION_DAYS", "7")])
        .unwrap();
    let settings = &loaded.settings;
    assert_eq!(
        (settings.dagster.port, settings.dagster.host.as_str()),
        (3, "parent")
    );
    assert_eq!(
        (settings.marimo.port, settings.notebooks_dir.as_str()),
        (22, "nb")
    );
    assert!(!settings.defaults.open_browser);
    assert_eq!(settings.export.retention_days, 7);
    let origin = |path| loaded.origins.of(path).to_string();
    assert!(origin("dagster.port").ends_with("r/p/daglab.yaml:2"));
    assert!(origin("dagster.host").ends_with("r/daglab.yaml:3"));
    assert_eq!(
        origin("export.retention_days"),
        "DAGLAB_EXPORT__RETENTION_DAYS"
    );
    assert_eq!(origin("export.compress"), "default");
    assert_eq!(origin("dagster.graphql.timeout"), "default");
}

#[test]
fn flags_are_strongest_and_lists_replace() {
    let tree = Tree::new(&[("p/daglab.yaml", "ci:\n  concurrency: 2\n  env: [A, B]\n")]);
    let flags = vec![FlagValue {
        path: "ci.concurrency",
        value: 5.into(),
        flag: "--concurrency",
    }];
    let request = Request {
        dir: tree.0.path().join("p"),
        flags,
        env: vec![("DAGLAB_CI__ENV".to_owned(), "[C]".to_owned())],
        home: None,
    };
    let loaded = load(&request).unwrap();
    assert_eq!(loaded.settings.ci.concurrency, Some(5));
    assert_eq!(loaded.settings.ci.env, ["C"]);
    assert_eq!(
        loaded.origins.of("ci.concurrency").to_string(),
        "--concurrency"
    );
}

#[track_caller]
fn mistake(yaml: &str) -> (String, String, Option<String>) {
    let tree = Tree::new(&[("p/daglab.yaml", yaml)]);
    let error = tree.load("p", &[]).unwrap_err();
    assert_eq!(error.exit_status(), crate::error::ExitStatus::Validation);
    (
        error.to_string(),
        error.detail().unwrap_or_default(),
        error.hint(),
    )
}

#[test]
fn mistakes_show_their_line() {
    let (message, detail, hint) = mistake("marimo:\n  prot: 1\n");
    assert_eq!(message, "unknown key `prot`");
    assert!(
        detail.contains("daglab.yaml:2:3") && detail.contains("2 |   prot: 1"),
        "{detail}"
    );
    assert_eq!(hint.as_deref(), Some("did you mean `port`?"));

    let (message, detail, _) = mistake("dagster:\n  port: 70000\n");
    assert!(message.contains("`dagster.port`"), "{message}");
    assert!(detail.contains("port: 70000"), "{detail}");

    let (message, detail, hint) = mistake("ci:\n  jobs:\n    - name: a\n      retriez: 2\n");
    assert_eq!(message, "unknown key `retriez`");
    assert!(detail.contains("daglab.yaml:4:7"), "{detail}");
    assert_eq!(hint.as_deref(), Some("did you mean `retries`?"));

    let (message, detail, _) = mistake("ci:\n  jobs:\n    - b\n    - [build]\n");
    assert_eq!(message, "`ci.jobs.1` must be a mapping of keys to values");
    assert!(detail.contains("daglab.yaml:4:7"), "{detail}");

    let (message, ..) = mistake("one: 1\ntwo: 2\n");
    assert_eq!(message, "unknown key `one` (and 1 more)");
    for text in [
        "ci: []",
        "- a",
        "version: 2.0",
        "ci: {assets: [[a]]}",
        "ci: {notebooks: [null]}",
        "ci: {jobs: build}",
        "ci: {env: [[A]]}",
        "ci: {jobs: [{name: a, run_config: []}]}",
        "ci: {timeout: 0}",
        "ci: {timeout: 1e20}",
        "ci: {concurrency: 0}",
        "ci: {concurrency: 65535}",
        "ci: {executor: fast}",
    ] {
        mistake(text);
    }
}

#[test]
fn variables_are_checked_and_named() {
    let tree = Tree::new(&[]);
    let error = tree
        .load(".", &[("DAGLAB_CI__CONCURENCY", "2")])
        .unwrap_err();
    assert!(error.detail().unwrap().contains("DAGLAB_CI__CONCURENCY"));
    let error = tree
        .load(".", &[("DAGLAB_CI__TIMEOUT", "soon")])
        .unwrap_err();
    assert!(error.detail().unwrap().contains("DAGLAB_CI__TIMEOUT"));
    let loaded = tree
        .load(".", &[("daglab_dagster__port", "81"), ("DAGLAB_LOG", "x")])
        .unwrap();
    assert_eq!(loaded.settings.dagster.port, 81);
    let empty = [
        ("DAGLAB_CI__CONCURRENCY", ""),
        ("DAGLAB_DAGSTER__PORT", " "),
    ];
    let loaded = tree.load(".", &empty).unwrap();
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!(*loaded.origins.of("ci.concurrency"), Origin::Default);
}

#[test]
fn files_that_are_no_text_are_errors() {
    let tree = Tree::new(&[("p/x", "")]);
    std::fs::write(tree.0.path().join("p/daglab.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(tree.load("p", &[]), Err(Error::Read { .. })));
    std::fs::remove_file(tree.0.path().join("p/daglab.yaml")).unwrap();
    std::fs::create_dir(tree.0.path().join("p/daglab.yaml")).unwrap();
    assert!(matches!(tree.load("p", &[]), Err(Error::Read { .. })));
}

#[test]
fn the_published_schema_is_the_models() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/daglab.schema.json");
    let schema = serde_json::to_string_pretty(&crate::config::model::schema()).unwrap() + "\n";
    if std::env::var_os("DAGLAB_TEST_UPDATE").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == schema,
        "run the tests once with DAGLAB_TEST_UPDATE=1"
    );
}
