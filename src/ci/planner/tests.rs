use super::*;

fn notebook(path: &str, text: &str) -> Notebook {
    Notebook {
        path: path.to_owned(),
        file: Path::new("/p").join(path),
        source: crate::marimo::source::parse(&format!("{text}import marimo\napp = marimo.App()\n")),
    }
}

fn loaded(yaml: &str) -> (tempfile::TempDir, Loaded) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("daglab.yaml"), yaml).unwrap();
    let request = config::Request {
        dir: dir.path().to_owned(),
        ..Default::default()
    };
    let loaded = config::load(&request).unwrap();
    (dir, loaded)
}

const YAML: &str = "ci:
  jobs:
    - build
    - name: report
      timeout: 5
  assets:
    - name: daily
      select: daily_orders
      partition: '2026-01-05'
  notebooks:
    - nb/*.py
    - path: nb/b.py
      needs: [daily]
      attach: asset://core/b:2026-01-05
      args: [--day, x]
";

#[test]
fn later_entries_override_earlier_ones() {
    let (dir, loaded) = loaded(YAML);
    let found = [
        notebook("nb/a.py", "# daglab: job=build\n"),
        notebook("nb/b.py", ""),
        notebook("c.py", ""),
    ];
    let plan = plan(dir.path(), &loaded, &found, &Filters::default()).unwrap();
    let names: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["build", "report", "daily"]);
    assert_eq!(plan.runs[1].policy.timeout.as_secs(), 5);
    let [a, b] = plan.notebooks.as_slice() else {
        panic!("{:?}", plan.notebooks)
    };
    assert_eq!(
        a.target,
        Some(Target::Job {
            name: "build".into()
        })
    );
    assert_eq!((b.needs.as_slice(), b.args.len()), (&[2][..], 2));
    assert!(b.needs_dagster && !a.needs_dagster);
}

#[test]
fn notebooks_are_discovered_where_settings_say() {
    let found = [notebook("nb/a.py", ""), notebook("nb2/b.py", "")];
    let paths = |yaml: &str, flags: &[&str]| {
        let (_dir, loaded) = loaded(yaml);
        let filters = Filters {
            notebooks: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            ..Filters::default()
        };
        let plan = plan(Path::new("/p"), &loaded, &found, &filters).unwrap();
        let paths = plan.notebooks.into_iter().map(|planned| planned.path);
        paths.collect::<Vec<String>>()
    };
    assert_eq!(paths("", &[]), ["nb/a.py", "nb2/b.py"]);
    for dir in ["nb", "./nb/"] {
        assert_eq!(paths(&format!("notebooks_dir: {dir}"), &[]), ["nb/a.py"]);
    }
    assert_eq!(paths("notebooks_dir: .", &[]).len(), 2);
    let (_dir, elsewhere) = loaded("notebooks_dir: x");
    let none = plan(Path::new("/p"), &elsewhere, &found, &Filters::default()).unwrap();
    assert!(none.notebooks.is_empty());
    let hint = none.findings[0].hint.as_deref();
    assert_eq!(hint, Some("the project has `nb/a.py`, `nb2/b.py`"));
    let named = "{auto_discover: false, ci: {notebooks: [nb2/*]}}";
    assert_eq!(paths(named, &[]), ["nb2/b.py"]);
    assert!(paths("auto_discover: false", &[]).is_empty());
    assert_eq!(paths("auto_discover: false", &["nb/*"]), ["nb/a.py"]);
}

#[test]
fn flags_choose_and_bring_what_is_needed() {
    let (dir, loaded) = loaded(YAML);
    let found = [
        notebook("nb/a.py", ""),
        notebook("nb/b.py", ""),
        notebook("c.py", ""),
    ];
    let with = |notebooks: &[&str], jobs: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let filters = Filters {
            notebooks: owned(notebooks),
            jobs: owned(jobs),
        };
        plan(dir.path(), &loaded, &found, &filters)
    };
    let plan = with(&["nb/b.py"], &[]).unwrap();
    assert_eq!(
        (plan.runs.len(), plan.notebooks[0].needs.as_slice()),
        (1, &[0][..])
    );
    let plan = with(&["c.py"], &[]).unwrap();
    assert_eq!((plan.runs.len(), plan.notebooks.len()), (0, 1));
    let plan = with(&[], &["report", "other"]).unwrap();
    assert_eq!((plan.runs.len(), plan.notebooks.len()), (2, 0));
    let plan = with(&["nb/b.py"], &["build"]).unwrap();
    let names: Vec<&str> = plan.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["build", "daily"]);
    assert_eq!(plan.notebooks[0].needs, [1]);
    assert!(with(&["nope/*"], &[]).is_err());
}

#[test]
fn every_run_of_a_needed_name_is_waited_for() {
    let (dir, loaded) = loaded(
        "ci:
  jobs:
    - {name: load, partition: a}
    - other
    - {name: load, partition: b}
  notebooks:
    - {path: a.py, needs: [load]}
",
    );
    let found = [notebook("a.py", "")];
    let plan = plan(dir.path(), &loaded, &found, &Filters::default()).unwrap();
    assert_eq!(plan.notebooks[0].needs, [0, 2]);
    let text = plan.describe("p");
    assert!(text.contains("after load\n"), "{text}");
}

#[test]
fn mistakes_point_at_the_line() {
    let (dir, loaded) =
        loaded("ci:\n  jobs: [build]\n  notebooks:\n    - path: a.py\n      needs: [biuld]\n");
    let Err(error) = plan(
        dir.path(),
        &loaded,
        &[notebook("a.py", "")],
        &Filters::default(),
    ) else {
        panic!()
    };
    let detail = crate::error::Diagnose::detail(&error).unwrap();
    assert!(detail.contains("daglab.yaml:5"), "{detail}");
    assert_eq!(
        crate::error::Diagnose::hint(&error).unwrap(),
        "did you mean `build`?"
    );
}

#[test]
fn a_run_config_file_must_be_a_mapping() {
    let (dir, loaded) = loaded("ci:\n  jobs:\n    - {name: a, run_config_file: run.yaml}\n");
    let plan_with = |text: &str| {
        std::fs::write(dir.path().join("run.yaml"), text).unwrap();
        plan(dir.path(), &loaded, &[], &Filters::default())
    };
    assert!(plan_with("").is_ok());
    assert!(plan_with("ops: {}").is_ok());
    for text in ["- ops", "ops"] {
        let error = plan_with(text).unwrap_err();
        assert!(error.to_string().contains("`run.yaml`"), "{error}");
        let detail = crate::error::Diagnose::detail(&error).unwrap();
        assert!(detail.contains("run.yaml:1:1"), "{detail}");
    }
}

#[test]
fn settings_without_effect_are_found() {
    let (dir, loaded) = loaded("logging:\n  file: x.log\n");
    let plan = plan(dir.path(), &loaded, &[], &Filters::default()).unwrap();
    let [found] = plan.findings.as_slice() else {
        panic!("{:?}", plan.findings)
    };
    assert!(found.message.starts_with("`logging.file` is set in "));
    assert!(
        found.message.contains("daglab.yaml:2; "),
        "{}",
        found.message
    );
}

#[test]
fn a_header_that_is_not_understood_is_found() {
    let (dir, loaded) = loaded("");
    let found = [
        notebook("a.py", "# daglab: aset=x\n"),
        notebook("b.py", "# daglab: asset=x\n"),
    ];
    let plan = plan(dir.path(), &loaded, &found, &Filters::default()).unwrap();
    let [found] = plan.findings.as_slice() else {
        panic!("{:?}", plan.findings)
    };
    assert_eq!((found.path.as_deref(), found.line), (Some("a.py"), Some(1)));
    let text = plan.describe("p");
    assert!(
        text.contains(
            "a.py:1: `aset=x` in the header of `a.py` is not understood; did you mean `asset`?"
        ),
        "{text}"
    );
}

#[test]
fn targets_are_read() {
    let asset = |key: &str, partition: Option<&str>| {
        Some(Target::Asset {
            key: key.into(),
            partition: partition.map(str::to_owned),
        })
    };
    assert_eq!(parse_target("asset://a/b"), asset("a/b", None));
    assert_eq!(
        parse_target("asset://a:2026-01-05"),
        asset("a", Some("2026-01-05"))
    );
    for wrong in ["a/b", "asset://", "asset://a:", "asset://a//b"] {
        assert_eq!(parse_target(wrong), None, "{wrong}");
    }
}
