//! `daglab discover` and `daglab run` on a Dagster behind a proxy that wants to know who asks, and
//! where the token is then to be found: nowhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

#[path = "authenticated/site.rs"]
mod site;
mod support;

use site::{
    DEFINITIONS, Site, TOKEN, USER_AND_PASSWORD, WRONG, expect_clean, expect_no_token,
    expect_no_token_below,
};
use support::listener::Listener;
use support::{Project, Run, python};

/// A way to sign in.
struct Way<'a> {
    name: &'a str,
    url: String,
    variable: &'a str,
    token: &'a str,
    env: Vec<(&'a str, &'a str)>,
}

#[test]
fn every_way_to_sign_in_works_and_shows_no_token() {
    let site = Site::start();
    let way = |name, env: &[(&'static str, &'static str)]| Way {
        name,
        url: site.url(name),
        variable: "DAGSTER_GRAPHQL_TOKEN",
        token: TOKEN,
        env: env.to_vec(),
    };
    let tls = format!("https://localhost:{}", site.ports["TLS"]);
    let ca = site.project.root().join("ca.pem");
    let ways = [
        way("BEARER", &[]),
        way("NO_WEBSOCKET", &[("DAGLAB_DAGSTER__AUTH__TYPE", "bearer")]),
        Way {
            token: USER_AND_PASSWORD,
            ..way("BASIC", &[("DAGLAB_DAGSTER__AUTH__TYPE", "basic")])
        },
        Way {
            variable: "MY_KEY",
            ..way(
                "CUSTOM",
                &[
                    ("DAGLAB_DAGSTER__AUTH__TYPE", "custom"),
                    ("DAGLAB_DAGSTER__AUTH__HEADER_NAME", "X-Api-Key"),
                    ("DAGLAB_DAGSTER__AUTH__TOKEN_ENV", "MY_KEY"),
                ],
            )
        },
        Way {
            variable: "DAGSTER_CLOUD_API_TOKEN",
            ..way("PLUS", &[("DAGLAB_DAGSTER__AUTH__TYPE", "dagster_plus")])
        },
        Way {
            url: site.url("PREFIX") + "/dagster",
            ..way("PREFIX", &[])
        },
        Way {
            url: tls.clone(),
            ..way("TLS", &[("DAGLAB_DAGSTER__CA_FILE", "ca.pem")])
        },
        Way {
            url: tls,
            env: vec![("SSL_CERT_FILE", ca.to_str().unwrap())],
            ..way("TLS", &[])
        },
    ];
    for way in &ways {
        let discover = ["discover", "--json", "-vv", "--dagster-url", &way.url];
        let ask = |token: Option<&str>| {
            let mut env = way.env.clone();
            env.push(("DAGLAB_LOG", "trace"));
            env.extend(token.map(|token| (way.variable, token)));
            let run = site.daglab(&discover, &env);
            expect_clean(&run, way.name);
            run
        };
        let found = ask(Some(way.token));
        found.expect_code(0);
        assert!(found.stdout().contains("\"looking_job\""), "{}", way.name);
        ask(None)
            .expect_code(6)
            .expect_stderr("hint:")
            .expect_stderr("variable");
        let wrong = if way.name == "BASIC" {
            format!("me:{WRONG}")
        } else {
            WRONG.to_owned()
        };
        let wrong = ask(Some(&wrong));
        wrong
            .expect_code(6)
            .expect_stderr("refused access: HTTP status 40");
        wrong.expect_stderr("`dagster.auth.type`");
    }

    // Whoever may look may launch. All at once: Dagster takes its time for each.
    let launch = [
        "run",
        "--job",
        "good_job",
        "--timeout",
        "200",
        "-vv",
        "--dagster-url",
    ];
    std::thread::scope(|scope| {
        for way in &ways {
            let (site, launch) = (&site, &launch);
            scope.spawn(move || {
                let mut env = way.env.clone();
                env.extend([(way.variable, way.token), ("DAGLAB_LOG", "trace")]);
                let run = site.daglab(&[&launch[..], &[&way.url]].concat(), &env);
                expect_clean(&run, way.name);
                run.expect_code(0).expect_stderr("all is well");
                let live = matches!(way.name, "BEARER" | "TLS");
                run.expect_stderr(if live { "feed=Live" } else { "feed=Polling" });
            });
        }
    });

    // Whatever is printed, and whatever goes wrong.
    let bearer = site.url("BEARER");
    let token = ("DAGSTER_GRAPHQL_TOKEN", TOKEN);
    for output in ["json", "ndjson", "table"] {
        let args = [
            "run",
            "-o",
            output,
            "-vv",
            "--dagster-url",
            &bearer,
            "--job",
            "bad_job",
        ];
        let failed = site.daglab(&args, &[token, ("DAGLAB_LOG", "trace")]);
        failed.expect_code(4);
        expect_clean(&failed, output);
        assert!(failed.stdout().contains("this op always fails"), "{output}");
    }
    let given = [
        "discover",
        "--dagster-url",
        &bearer,
        "--auth-token",
        TOKEN,
        "-vv",
    ];
    let given = site.daglab(&given, &[("DAGLAB_LOG", "trace")]);
    expect_clean(given.expect_code(0), "--auth-token");
    let in_address = format!(
        "http://me:c4n4ry%2BT0ken%2Fwith%3Dsigns@127.0.0.1:{}",
        site.ports["BASIC"]
    );
    let env = [
        ("DAGLAB_DAGSTER__URL", in_address.as_str()),
        ("DAGLAB_LOG", "trace"),
    ];
    expect_clean(
        site.daglab(&["discover", "-vv"], &env).expect_code(0),
        "an address",
    );
    for args in [
        &["config", "show", "--origin"][..],
        &["config", "show", "-o", "json"],
    ] {
        let shown = site.daglab(args, &[env[0], env[1], token]);
        expect_clean(shown.expect_code(0), "config show");
        assert!(
            shown.stdout().contains("***@127.0.0.1"),
            "{}",
            shown.stdout()
        );
    }
    let mistaken = [("DAGLAB_DAGSTER__AUTH__TOKEN_ENV", TOKEN)];
    expect_clean(
        site.daglab(&["config", "show"], &mistaken).expect_code(0),
        "config show",
    );
    expect_clean(
        site.daglab(&["discover"], &mistaken).expect_code(7),
        "a token for a name",
    );

    // What was left: names for completion, logs and temporary files, Dagster's own, nginx's.
    site.project
        .write("daglab.yaml", "dagster: {auth: {type: bearer}}\n");
    let args = ["discover", "--dagster-url", &bearer];
    site.daglab(&args, &[token]).expect_code(0);
    assert!(
        site.project
            .root()
            .join(".daglab/cache/discovery.json")
            .exists()
    );
    assert!(expect_no_token_below(&site.project.root()) > 3);
    expect_no_token_below(&site.project.tmp());
    assert!(expect_no_token_below(site.dagster.home()) > 3);
    expect_no_token(&site.nginx.log(), "nginx's log");
}

#[test]
fn what_a_server_sends_back_is_not_shown() {
    let site = Site::start();
    let echo = site.url("ECHO");
    let env = [("DAGSTER_GRAPHQL_TOKEN", TOKEN), ("DAGLAB_LOG", "trace")];
    for (path, code, said) in [
        ("unauthorized", 6, "HTTP status 401: you sent Bearer ***"),
        ("forbidden", 6, "HTTP status 403: not Bearer ***"),
        ("gateway", 5, "HTTP status 502: Bad Bearer ***"),
        ("text", 5, "hello Bearer ***"),
        ("missing", 5, "no Bearer ***"),
        ("refusal", 5, "not for Bearer ***"),
        ("data", 5, "Bearer ***"),
        // And is not followed, wherever it leads.
        ("redirect", 5, "HTTP status 302"),
    ] {
        let url = format!("{echo}/{path}/");
        for command in [
            &["discover", "-vv", "--dagster-url", &url][..],
            &[
                "run",
                "--job",
                "x",
                "-o",
                "ndjson",
                "-vv",
                "--dagster-url",
                &url,
            ],
        ] {
            let run = site.daglab(command, &env);
            run.expect_code(code).expect_stderr(said);
            expect_clean(&run, path);
        }
    }
    assert_eq!(site.elsewhere.heads(), Vec::<String>::new());
}

#[test]
fn proxies_are_asked_for_other_machines_alone() {
    let site = Site::start();
    let http = Listener::proxy(site.ports["BEARER"], None);
    let token = ("DAGSTER_GRAPHQL_TOKEN", TOKEN);
    let env = |proxy: &'static str, url: &str| [(proxy, url.to_owned())];
    let discover = |url: &str, proxy: &[(&'static str, String)], more: &[(&str, &str)]| {
        let mut all = vec![token, ("DAGLAB_LOG", "trace")];
        all.extend(proxy.iter().map(|(name, value)| (*name, value.as_str())));
        all.extend(more);
        let run = site.daglab(&["discover", "-vv", "--json", "--dagster-url", url], &all);
        expect_clean(&run, url);
        run
    };

    // HTTP: the proxy gets the whole address, and the token unencrypted, which is said.
    let plain = discover("http://dagster.test", &env("HTTP_PROXY", &http.url()), &[]);
    plain.expect_code(0).expect_stderr("unencrypted");
    let heads = http.heads();
    assert!(
        heads[0].starts_with("POST http://dagster.test/graphql "),
        "{heads:?}"
    );

    // Not for this machine, and not where NO_PROXY says so.
    let asked = http.heads().len();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}", site.ports["BEARER"]);
        let here = discover(&url, &env("HTTP_PROXY", &http.url()), &[]);
        here.expect_code(0);
        assert!(!here.stderr().contains("unencrypted"), "{}", here.stderr());
        discover(&url, &env("ALL_PROXY", &http.url()), &[]).expect_code(0);
    }
    let none = [("NO_PROXY", "dagster.invalid")];
    let direct = discover(
        "http://dagster.invalid",
        &env("HTTP_PROXY", &http.url()),
        &none,
    );
    direct.expect_code(5).expect_stderr("could not reach");
    assert_eq!(http.heads().len(), asked);

    // HTTPS goes through a tunnel: the proxy sees the host and nothing else.
    let secret = "Basic bWU6Y2FuYXJ5LTJAcHJveHk=";
    let tunnel = Listener::proxy(site.ports["TLS"], Some(secret));
    let with_password = format!("http://me:canary-2%40proxy@127.0.0.1:{}", tunnel.port);
    let ca = [("DAGLAB_DAGSTER__CA_FILE", "ca.pem")];
    let through = discover(
        "https://dagster.test",
        &env("HTTPS_PROXY", &with_password),
        &ca,
    );
    through.expect_code(0);
    let wrong = format!("http://me:canary-3@127.0.0.1:{}", tunnel.port);
    let refused = discover("https://dagster.test", &env("HTTPS_PROXY", &wrong), &ca);
    refused.expect_code(5);
    for run in [&through, &refused] {
        for secret in ["canary-", "bWU6Y2FuYXJ5"] {
            assert!(!run.stderr().contains(secret), "{}", run.stderr());
        }
    }
    let heads = tunnel.heads();
    assert!(
        heads
            .iter()
            .all(|head| head.starts_with("CONNECT dagster.test:443 ")),
        "{heads:?}"
    );
    heads
        .iter()
        .for_each(|head| expect_no_token(head, "what a proxy gets"));

    // Live, too.
    let all = [token, ("HTTPS_PROXY", with_password.as_str()), ca[0]];
    let args = [
        "run",
        "--job",
        "good_job",
        "-vv",
        "--dagster-url",
        "https://dagster.test",
    ];
    let run = site.daglab(&args, &all);
    run.expect_code(0).expect_stderr("feed=Live");
    expect_clean(&run, "a run through a tunnel");
}

#[test]
fn children_see_no_token() {
    let project = Project::empty();
    project.write("definitions.py", DEFINITIONS);
    project.write("daglab.yaml", "ci: {jobs: [looking_job]}\n");
    let look = "import os\nopen(os.environ['SEEN'], 'a').write(repr(dict(os.environ)))";
    project.notebook("look.py", &[look]);
    let seen = project.root().join("seen.txt");
    let kept = project.root().join("kept");
    let python = python();
    let python = ["--python", python.to_str().unwrap(), "--env", "SEEN", "-vv"];
    let kept_dir = kept.to_str().unwrap();
    let ci = ["ci", "--output", "json", "--keep-instance", kept_dir];
    let ephemeral = [
        "run",
        "--ephemeral",
        "--job",
        "looking_job",
        "--output",
        "json",
    ];
    for (command, times) in [(&ci[..], 2), (&ephemeral, 1)] {
        let _ = std::fs::remove_file(&seen);
        let mut daglab = project.daglab(&[command, &python].concat());
        daglab
            .env("SEEN", &seen)
            .env("DAGLAB_LOG", "trace")
            .env("DAGSTER_GRAPHQL_TOKEN", TOKEN)
            .env("DAGSTER_CLOUD_API_TOKEN", WRONG)
            .env(
                "DAGLAB_DAGSTER__URL",
                format!("http://{USER_AND_PASSWORD}@127.0.0.1"),
            );
        let run = Run::of(daglab);
        run.expect_code(0);
        expect_clean(&run, command[0]);
        let seen = std::fs::read_to_string(&seen).unwrap();
        assert_eq!(seen.matches("'SEEN'").count(), times, "{seen}");
        for name in [
            "DAGSTER_GRAPHQL_TOKEN",
            "DAGSTER_CLOUD_API_TOKEN",
            "DAGLAB_DAGSTER__URL",
        ] {
            assert!(!seen.contains(name), "{name} in {seen}");
        }
        expect_no_token(&seen, "what children see");
    }
    assert!(expect_no_token_below(&kept) > 3);
    assert!(expect_no_token_below(&project.artifacts()) > 2);
    expect_no_token_below(&project.tmp());
}
