//! Who can open what, and until when.

use std::time::{SystemTime, UNIX_EPOCH};

use super::site::{LINE, Site, page};
use super::support::Run;
use super::support::object_servers::{CLOUDS, Cloud, altered, open};

/// Seconds from now until an RFC 3339 time.
fn seconds_until(time: &str) -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let then: jiff::Timestamp = time.parse().unwrap();
    then.as_second() - i64::try_from(now).unwrap()
}

/// A signed link opens until the time that the report names, and then no more; with another
/// signature, for another page and without a signature it opens nothing.
#[test]
fn signed_links_end_when_they_say() {
    for cloud in CLOUDS {
        let site = Site::at(cloud);
        let (sales, costs) = (page("Sales"), page("Costs"));
        site.report(&[("sales.html", &sales), ("costs.html", &costs)]);
        Run::of(site.command(&["--link-days", "0.5"])).expect_code(0);
        let told = site.told();
        let url = site.url();
        assert_eq!(open(&url).unpacked(), sales, "{cloud:?}");
        let refused = |url: &str| {
            let opened = open(url);
            assert!(
                [400, 401, 403].contains(&opened.status),
                "{cloud:?} {} {url}",
                opened.status
            );
            assert!(!opened.text().contains("<p>"));
        };
        refused(&altered(&url));
        refused(&url.replace("sales.html", "costs.html"));
        refused(url.split('?').next().unwrap());

        let end = seconds_until(told["notebooks"][0]["url_expires_at"].as_str().unwrap());
        assert!((0..=12 * 3600).contains(&end), "{cloud:?} {end}");
        let of_all = seconds_until(told["published"]["links_expire_at"].as_str().unwrap());
        assert!((end - of_all).abs() < 60);
        site.server.set_clock(end - 120);
        assert_eq!(open(&url).status, 200, "{cloud:?}");
        site.server.set_clock(end + 1);
        refused(&url);
    }
}

/// Links that temporary credentials sign end with them, which nobody knows: it is said.
#[test]
fn temporary_credentials_shorten_links() {
    let mut site = Site::at(Cloud::S3);
    site.variables = site.server.temporary_variables();
    site.report(&[("sales.html", &page("Sales"))]);
    site.publish().expect_code(0);
    assert_eq!(open(&site.url()).status, 200);
    let told = site.told();
    let note = told["published"]["note"].as_str().unwrap();
    assert!(note.contains("temporary credentials"), "{note}");

    // Where somebody knows when they end, so do links.
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1800);
    site.variables
        .push(("AWS_CREDENTIAL_EXPIRATION".to_owned(), end.to_string()));
    site.publish().expect_code(0);
    let told = site.told();
    let left = seconds_until(told["notebooks"][0]["url_expires_at"].as_str().unwrap());
    assert!((0..=1800).contains(&left), "{left}");
    let url = site.url();
    assert_eq!(open(&url).status, 200);
    site.server.set_clock(1801);
    assert_eq!(open(&url).status, 403);
}

/// In a bucket that everybody may read, links are plain, and lead on to the newest page.
#[test]
fn public_links_are_plain() {
    for cloud in CLOUDS {
        let site = Site::without_a_bucket(cloud);
        site.server.create_public_bucket(super::site::BUCKET);
        let sales = page("Sales");
        site.report(&[("notebooks/sales.html", &sales)]);
        Run::of(site.command(&["--links", "public"])).expect_code(0);
        let url = site.url();
        assert!(!url.contains('?'), "{url}");
        assert_eq!(open(&url).unpacked(), sales, "{cloud:?} {url}");

        Run::of(site.command(&["--links", "latest"])).expect_code(0);
        let url = site.url();
        assert!(
            url.ends_with(&format!("{LINE}/latest/notebooks/sales.html")),
            "{url}"
        );
        let leads = String::from_utf8(open(&url).unpacked()).unwrap();
        let newest = site.runs().pop().unwrap();
        assert!(leads.contains(&newest), "{leads}");
    }
}

/// What serves the bucket has an address of its own.
#[test]
fn a_base_url_stands_before_every_link() {
    let site = Site::at(Cloud::S3);
    site.report(&[("sales.html", &page("Sales"))]);
    Run::of(site.command(&["--base-url", "https://pages.example.com/"])).expect_code(0);
    let newest = site.runs().pop().unwrap();
    assert_eq!(
        site.url(),
        format!("https://pages.example.com/{LINE}/{newest}/sales.html")
    );
}
