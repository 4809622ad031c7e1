//! Who publishes: where credentials are found, and that they are never seen.

use super::site::{BUCKET, Site, page};
use super::support::Run;
use super::support::object_servers::{CLOUDS, Cloud, REGION, open};

/// Neither what is printed nor what is written, here or in the bucket, holds a credential.
#[test]
fn credentials_are_never_seen() {
    for cloud in CLOUDS {
        let mut site = Site::at(cloud);
        if cloud == Cloud::S3 {
            site.variables = site.server.temporary_variables();
        }
        let secrets = site.server.secrets();
        // A notebook may have printed what it found in its environment.
        let printed = secrets.iter().filter(|secret| {
            let mut variables = site.variables.iter();
            variables.any(|(_, value)| value == *secret)
        });
        let printed: Vec<String> = printed.cloned().collect();
        let leaked = format!("<p>{}</p>", printed.join("</p><p>"));
        site.report(&[("sales.html", leaked.as_bytes())]);
        let mut command = site.command(&[]);
        command.env("DAGLAB_LOG", "debug");
        let run = Run::of(command);
        run.expect_code(0);
        site.variables = site.server.wrong_variables();
        let refused = site.publish();
        refused.expect_code(6);
        let mut texts = vec![
            run.stdout(),
            run.stderr(),
            refused.stdout(),
            refused.stderr(),
        ];
        texts.push(site.told().to_string());
        for key in site.keys() {
            let stored = site.server.get(BUCKET, &key);
            texts.push(format!("{key} {:?}", stored.headers));
            texts.push(String::from_utf8_lossy(&stored.unpacked()).into_owned());
        }
        for secret in &secrets {
            let seen: Vec<&String> = texts.iter().filter(|text| text.contains(secret)).collect();
            assert_eq!(seen, Vec::<&String>::new(), "{cloud:?}");
        }
    }
}

/// A profile of the AWS tools' own files.
#[test]
fn a_profile_is_enough() {
    let mut site = Site::at(Cloud::S3);
    let aws = site.project.tmp().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    let key = |name: &str| {
        let found = site.variables.iter().find(|(other, _)| other == name);
        found.unwrap().1.clone()
    };
    let text = format!(
        "[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n\n\
         [pages]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key("AWS_ACCESS_KEY_ID"),
        key("AWS_SECRET_ACCESS_KEY"),
    );
    std::fs::write(aws.join("credentials"), text).unwrap();
    site.variables = vec![("AWS_PROFILE".to_owned(), "pages".to_owned())];
    site.report(&[("sales.html", &page("Sales"))]);
    site.publish().expect_code(0);
    assert_eq!(open(&site.url()).status, 200);
    site.variables.clear();
    site.publish().expect_code(6);
}

/// The variables by which the AWS tools find a server and its region are enough without settings.
#[test]
fn the_endpoint_of_the_environment_is_used() {
    let mut site = Site::at(Cloud::S3);
    site.project.write("daglab.yaml", "");
    let url = site.server.url().to_owned();
    site.variables.push(("AWS_ENDPOINT_URL".to_owned(), url));
    site.variables
        .push(("AWS_REGION".to_owned(), REGION.to_owned()));
    site.report(&[("sales.html", &page("Sales"))]);
    site.publish().expect_code(0);
    assert_eq!(open(&site.url()).status, 200);
}

/// Workload identity: a token of somebody else's is exchanged for one of Google's.
#[test]
fn workload_identity_publishes() {
    let mut site = Site::at(Cloud::Gcs);
    let file = site.server.external_account().display().to_string();
    site.variables = vec![("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), file)];
    site.report(&[("sales.html", &page("Sales"))]);
    // Google signs for such an identity at an address of its own, which is not this server's.
    Run::of(site.command(&["--links", "public"])).expect_code(0);
    let asked: Vec<String> = site
        .server
        .requests()
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert!(asked.iter().any(|path| path == "/v1/token"), "{asked:?}");
    assert!(
        asked
            .iter()
            .any(|path| path.ends_with(":generateAccessToken"))
    );
    assert_eq!(site.runs().len(), 1);
}

/// Without any credentials nothing is tried.
#[test]
fn without_credentials_it_is_said_what_to_set() {
    let mut site = Site::at(Cloud::S3);
    // Nobody asks an instance that is not there.
    site.variables = vec![("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())];
    site.report(&[("sales.html", &page("Sales"))]);
    site.publish()
        .expect_code(6)
        .expect_stderr("AWS_ACCESS_KEY_ID");
    assert_eq!(site.server.requests().len(), 0);
}
