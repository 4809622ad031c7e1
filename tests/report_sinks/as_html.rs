//! The HTML page: complete, closed to the outside, and safe with foreign text.

use super::*;

/// Values of attributes that make a browser load or follow something.
fn addresses(page: &str) -> Vec<String> {
    let after = |name: &'static str| page.split(name).skip(1);
    let values = [
        " src=\"",
        " href=\"",
        " srcset=\"",
        " action=\"",
        " data=\"",
    ];
    values
        .into_iter()
        .flat_map(after)
        .map(|rest| {
            rest.split('"')
                .next()
                .unwrap_or_default()
                .replace("&#x2f;", "/")
        })
        .collect()
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for report in [fixture("green.json"), fixture("broken.json"), hostile()] {
        let page = html::render(&report);
        for address in addresses(&page) {
            let inside = address.starts_with('#') || address.starts_with("data:image/svg+xml,");
            let relative = !address.contains(':') && !address.starts_with('/');
            assert!(inside || relative, "{address}");
            assert!(!address.split('/').any(|part| part == ".."), "{address}");
        }
        let style = page
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        assert!(!style.contains("url(") && !style.contains("@import"));
        assert!(!page.contains("<script") && !page.contains("style=\""));
    }
}

#[test]
fn the_policy_knows_the_style_sheet() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = html::render(&fixture("green.json"));
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    let hash =
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style.as_bytes()));
    let escaped = hash.replace('/', "&#x2f;");
    let known = page.contains(&format!("sha256-{escaped}"));
    assert!(known, "the policy does not allow the page's own style");
}

#[test]
fn hostile_text_is_escaped() {
    let page = html::render(&hostile());
    assert!(!page.contains("<script>") && !page.contains("</details><script"));
    assert!(!page.contains(['\u{1b}', '\u{202e}', '\u{0}']));
    assert!(!page.contains("javascript:alert(1)\""));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_same_report_is_the_same_page() {
    let report = fixture("broken.json");
    assert_eq!(html::render(&report), html::render(&report));
}

#[test]
fn elements_are_closed() {
    for report in [
        fixture("green.json"),
        fixture("broken.json"),
        hostile(),
        large(),
    ] {
        let page = html::render(&report);
        for tag in [
            "article", "section", "div", "details", "table", "ul", "svg", "a", "p",
        ] {
            let opened = page.matches(&format!("<{tag} ")).count()
                + page.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert!(page.trim_end().ends_with("</html>"));
    }
}

#[test]
fn links_lead_to_places_on_the_page() {
    let page = html::render(&fixture("broken.json"));
    for address in addresses(&page)
        .iter()
        .filter(|address| address.starts_with('#'))
    {
        assert!(
            page.contains(&format!("id=\"{}\"", &address[1..])),
            "{address}"
        );
    }
}

#[test]
fn everything_is_told() {
    let page = html::render(&fixture("green.json"));
    for told in [
        "<strong>Passed</strong>",
        "5 notebooks, 3 runs in 4.21 s",
        "images/orders_explore/orders_per_day-1.png",
        "href=\"notebooks/orders_explore.html\"",
        "href=\"notebooks/orders_explore.interactive.html\"",
        "asset daily_orders[2026-01-05]",
        "6 January 2026, 08:15:30 UTC",
    ] {
        assert!(page.replace("&#x2f;", "/").contains(told), "{told}");
    }
}

/// Writes the pages to look at: `DAGLAB_TEST_PAGES=DIR cargo test --test report_sinks pages`.
#[test]
fn pages() {
    let Some(dir) = std::env::var_os("DAGLAB_TEST_PAGES") else {
        return;
    };
    let dir = Path::new(&dir);
    let reports = [
        ("green", fixture("green.json")),
        ("broken", fixture("broken.json")),
    ];
    for (name, report) in reports
        .into_iter()
        .chain([("large", large()), ("hostile", hostile())])
    {
        std::fs::write(dir.join(format!("{name}.html")), html::render(&report)).unwrap();
        let text = markdown::render(&report, markdown::DEFAULT_BUDGET);
        std::fs::write(dir.join(format!("{name}.md")), text).unwrap();
    }
}
