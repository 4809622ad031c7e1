//! The way to the server: private authorities, and proxies.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use daglab::error::Diagnose as _;
use daglab::github::api::{Api, Config, Error, Token};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::support::listener::Listener;
use super::{limits, server, wait};

const PULL: &str = "/repos/octo-org/data/pulls/7";
/// The address and the token for the half of a test that runs in a process of its own, where
/// variables can be set.
const URL: &str = "DAGLAB_TEST_GITHUB_URL";
const TOKEN: &str = "DAGLAB_TEST_GITHUB_TOKEN";

fn get(url: &str, token: &str, ca_file: Option<PathBuf>) -> Result<Value, Error> {
    let config = Config {
        api_url: url.to_owned(),
        graphql_url: None,
        token: Token::new(token).unwrap(),
        ca_file,
        limits: limits(),
    };
    wait(async { Api::new(&config)?.get(PULL).await })
}

/// What [`in_another_process`] prints with these variables.
fn elsewhere(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "network::in_another_process", "--nocapture"])
        .stdin(Stdio::null());
    for name in [
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn in_another_process() {
    let (Ok(url), Ok(token)) = (std::env::var(URL), std::env::var(TOKEN)) else {
        return;
    };
    match get(&url, &token, None) {
        Ok(pull) => println!("answer: {}", pull["number"]),
        Err(error) => println!("error: {error}"),
    }
}

#[test]
fn a_private_authority_is_trusted_if_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (port, authority) = serve(dir.path());
    let url = format!("https://localhost:{port}");
    assert_eq!(
        get(&url, "ghs_some_token", Some(authority.clone())).unwrap()["number"],
        7
    );
    let error = get(&url, "ghs_some_token", None).unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("certificate"),
        "{error}"
    );
    assert!(!error.may_have_acted());
    assert!(error.hint().unwrap().contains("SSL_CERT_FILE"));

    let file = authority.to_str().unwrap();
    let printed = elsewhere(&[
        (URL, &url),
        (TOKEN, "ghs_some_token"),
        ("SSL_CERT_FILE", file),
    ]);
    assert!(printed.contains("answer: 7"), "{printed}");

    let none = dir.path().join("none.pem");
    std::fs::write(&none, "no certificate").unwrap();
    for file in [none, dir.path().join("missing.pem")] {
        let error = get(&url, "ghs_some_token", Some(file)).unwrap_err();
        assert!(matches!(error, Error::Authorities { .. }), "{error}");
    }
}

#[test]
fn a_proxy_is_used() {
    let server = server();
    let proxy = Listener::proxy(server.address.port(), None);
    // `.invalid` is reserved for this: only the proxy knows it.
    let url = "http://api.github.invalid";
    let token = server.token();
    let proxied = [
        (URL, url),
        (TOKEN, &token),
        ("HTTP_PROXY", &proxy.url()),
        ("http_proxy", &proxy.url()),
    ];
    let printed = elsewhere(&proxied);
    assert!(printed.contains("answer: 7"), "{printed}");
    assert_eq!(proxy.heads().len(), 1);
    let printed = elsewhere(&proxied[..2]);
    assert!(
        printed.contains("error: no answer from GitHub at `api.github.invalid`"),
        "{printed}"
    );
}

/// A server with a fresh certificate for `localhost`. Its port, and the certificate as a file.
fn serve(dir: &Path) -> (u16, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = dir.join("authority.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        wait(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap().port()).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((connection, _)) = listener.accept().await {
                // A client that does not trust us hangs up.
                let Ok(mut stream) = acceptor.accept(connection).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 65_536]).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                              content-length: 12\r\nconnection: close\r\n\r\n{\"number\":7}";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
    });
    (receive.recv().unwrap(), file)
}
