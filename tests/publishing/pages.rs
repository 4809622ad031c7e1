//! What a browser gets.

use super::site::{BUCKET, LINE, Site, noise, page};
use super::support::object_servers::{CLOUDS, Cloud, open};

/// Each page opens by its link, as a page, compressed, and is what was written.
#[test]
fn pages_open_and_are_what_was_written() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        let (sales, costs) = (page("Sales"), page("Costs & more"));
        site.report(&[
            ("notebooks/sales.html", &sales),
            ("notebooks/übersicht (2) = a+b.html", &costs),
        ]);
        site.file("notebooks/sales/chart.png", &noise(5000));
        site.publish().expect_code(0);
        let told = site.told();
        for (index, body) in [sales, costs].iter().enumerate() {
            let url = told["notebooks"][index]["url"].as_str().unwrap();
            let opened = open(url);
            assert_eq!(opened.status, 200, "{cloud:?} {url} {}", opened.text());
            assert_eq!(opened.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(opened.header("content-encoding"), "gzip", "{cloud:?}");
            assert!(opened.body.len() < body.len() / 2);
            assert_eq!(&opened.unpacked(), body, "{cloud:?}");
        }
        let index = open(told["published"]["index_url"].as_str().unwrap());
        assert_eq!(index.status, 200, "{cloud:?}");
        assert!(
            String::from_utf8(index.unpacked())
                .unwrap()
                .contains("sales")
        );
        let picture = site.server.key_ending(BUCKET, "chart.png");
        let picture = site.server.get(BUCKET, &picture);
        assert_eq!(picture.header("content-type"), "image/png");
        assert_eq!(picture.header("content-encoding"), "");
        assert_eq!(picture.body, noise(5000));
    }
}

/// Everything of a run is in its directory, which says what it holds; beside it is what leads there.
#[test]
fn a_run_has_a_directory_of_its_own() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        site.report(&[("notebooks/sales.html", &page("Sales"))]);
        site.publish().expect_code(0);
        let runs = site.runs();
        assert_eq!(runs.len(), 1, "{:?}", site.keys());
        let run = &runs[0];
        assert!(run.contains("-1a2b3c4d-"), "{run}");
        let mut expected = [
            format!("{LINE}/{run}/daglab-run.json"),
            format!("{LINE}/{run}/index.html"),
            format!("{LINE}/{run}/notebooks/sales.html"),
            format!("{LINE}/{run}/report.json"),
            format!("{LINE}/index.html"),
            format!("{LINE}/latest/notebooks/sales.html"),
            format!("{LINE}/runs.json"),
        ];
        expected.sort();
        assert_eq!(site.keys(), expected);
        let manifest = site.json(&format!("{LINE}/{run}/daglab-run.json"));
        assert_eq!(manifest["complete"], true);
        assert_eq!(manifest["run"], run.as_str());
        assert_eq!(manifest["files"].as_object().unwrap().len(), 3);
        assert_eq!(site.list()["latest"], run.as_str());
        let place = site.told()["published"]["place"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            place,
            site.server.destination(&format!("{BUCKET}/{LINE}/{run}"))
        );
    }
}

/// A file that is sent in parts arrives whole, and a text among them compressed.
#[test]
fn large_files_go_in_parts() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        let bytes = noise(21_000_001);
        site.report(&[]).file("data/table.parquet", &bytes);
        site.publish().expect_code(0);
        let key = site.server.key_ending(BUCKET, "table.parquet");
        let stored = site.server.get(BUCKET, &key);
        assert!(stored.body == bytes, "{cloud:?} {}", stored.body.len());
        let parts = site.server.requests();
        let parts = parts.iter().filter(|it| {
            it.method == "PUT"
                && (it.query.contains("partNumber=") || it.query.contains("comp=block&"))
        });
        assert!(parts.count() >= 3, "{cloud:?}");
        assert_eq!(site.server.uploads(BUCKET), Vec::<String>::new());
    }
}

/// A directory takes the same.
#[test]
fn a_directory_holds_the_same_files() {
    let site = Site::without_a_bucket(Cloud::S3);
    let sales = page("Sales");
    site.report(&[("notebooks/sales.html", &sales)]);
    let directory = site.project.tmp().join("shared pages");
    let url = url::Url::from_directory_path(&directory).unwrap();
    let run = site.prepared(
        site.project
            .daglab(&["ci", "publish", "--upload", url.as_str()]),
    );
    super::support::Run::of(run).expect_code(0);
    let link = url::Url::parse(&site.url()).unwrap();
    assert_eq!(std::fs::read(link.to_file_path().unwrap()).unwrap(), sales);
    assert!(directory.join("project/branches/main/index.html").is_file());
    assert!(
        directory
            .join("project/branches/main/latest/notebooks/sales.html")
            .is_file()
    );
}
