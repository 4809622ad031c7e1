use super::*;

fn yaml(text: &str) -> Result<Value, String> {
    yaml_to_json(text, Path::new("x.yaml")).map_err(|error| error.to_string())
}

#[test]
fn plain_values_are_read_as_the_core_schema_says() {
    let read = yaml("a: 1\nb: [yes, 'no', 1.5, null, true, 2026-01-05]\nc: {d: '2'}").unwrap();
    assert_eq!(
        read,
        serde_json::json!({"a": 1, "b": ["yes", "no", 1.5, null, true, "2026-01-05"], "c": {"d": "2"}})
    );
    assert_eq!(yaml("# nothing").unwrap(), serde_json::json!({}));
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            [before.as_str(); 10].join(",")
        ));
    }
    assert!(yaml(&text).unwrap_err().contains("more than"));
}

#[test]
fn few_bytes_do_not_become_many() {
    // A long text, again and again.
    let long = "x".repeat(1 << 20);
    let again = "*a,".repeat(1000);
    let error = yaml(&format!("a: &a {long}\nb: [{again}]")).unwrap_err();
    assert!(error.contains("bytes of values"), "{error}");
    // A long name, which is part of the path to everything below.
    let below = "1,".repeat(10_000);
    let error = yaml(&format!("? {long}\n: [{below}]")).unwrap_err();
    assert!(error.contains("bytes of values"), "{error}");
    // Depth that no line has.
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        deep.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(yaml(&deep).unwrap_err().contains("levels deep"));
    let large = format!("a: {}", "x".repeat(LARGEST_FILE as usize));
    assert!(
        yaml(&large)
            .unwrap_err()
            .contains("more than 4194304 bytes")
    );
}

#[test]
fn many_values_are_read_in_no_time() {
    let begun = std::time::Instant::now();
    let pairs: Vec<String> = (0..45_000).map(|n| format!("key_{n}: {n}")).collect();
    for text in [format!("{{{}}}", pairs.join(", ")), pairs.join("\n")] {
        let placed = crate::config::Placed::parse(&text, Path::new("x.yaml")).unwrap();
        assert_eq!(placed.value().len(), 45_000);
        let place = placed.place(&["key_44999".to_owned()]).unwrap();
        assert!(place.snippet().len() < 1000, "{}", place.snippet());
    }
    // Quadratic, it takes minutes and gigabytes.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn a_file_that_never_ends_is_refused() {
    let error = read(Path::new("/dev/zero")).unwrap_err();
    assert!(error.to_string().contains("more than"), "{error}");
}

#[test]
fn what_is_not_data_is_refused() {
    assert!(yaml("a: !!python/object:os.system x").is_err());
    for tagged in [
        "!env X",
        "!env [X]",
        "!env {x: 1}",
        "!!python/tuple [1]",
        "!!set {x}",
    ] {
        let error = yaml(&format!("a: {tagged}")).unwrap_err();
        assert!(error.contains("is not allowed"), "{tagged}: {error}");
    }
    let plain = yaml("a: !!seq [1]\nb: !!map {c: !!str 1}").unwrap();
    assert_eq!(plain, serde_json::json!({"a": [1], "b": {"c": "1"}}));
    assert!(yaml("a: 1\na: 2").unwrap_err().contains("twice"));
    assert!(yaml(&"[".repeat(500)).is_err());
    assert!(yaml("a: [1").is_err());
    assert!(yaml("a:\n\t- 1").is_err());
}
