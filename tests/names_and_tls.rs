//! daglab finds a server by its name and speaks TLS to it. `scripts/test static` runs this again with
//! the static binary, where names are not looked up by the C library.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up has failed"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What the server answers to everything.
const ANSWER: &str = r#"{"errors": [{"message": "this is the server of the test"}]}"#;

/// The program that asks: the one that this variable names, or the one that was built with the tests.
const BINARY: &str = "DAGLAB_TEST_BINARY";

#[test]
fn localhost_is_found_and_trusted() {
    let answer = ask("localhost", &Trust::Ours);
    assert!(
        answer.contains("this is the server of the test"),
        "{answer}"
    );
}

#[test]
fn the_name_of_this_machine_is_found() {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let name = name.trim();
    // Where only some other service knows it, that service's address may not be ours.
    if !hosts.lines().any(|line| {
        line.starts_with("127.0.0.1") && line.split_whitespace().any(|word| word == name)
    }) {
        return;
    }
    let answer = ask(name, &Trust::Ours);
    assert!(
        answer.contains("this is the server of the test"),
        "{answer}"
    );
}

#[test]
fn an_unknown_authority_is_refused() {
    let answer = ask("localhost", &Trust::Others);
    assert!(answer.contains("could not reach Dagster"), "{answer}");
    assert!(answer.to_lowercase().contains("certificate"), "{answer}");
}

#[test]
fn a_name_that_does_not_exist_is_an_error() {
    // `.invalid` is reserved for this.
    let answer = ask_url("https://daglab.invalid", None);
    assert!(answer.contains("could not reach Dagster"), "{answer}");
}

/// Whose certificates daglab trusts.
enum Trust {
    Ours,
    Others,
}

/// What daglab says that asks a server of this name.
fn ask(name: &str, trust: &Trust) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (port, authority) = serve(name, dir.path());
    let authority = match trust {
        Trust::Ours => authority,
        Trust::Others => serve(name, &dir.path().join("other")).1,
    };
    ask_url(&format!("https://{name}:{port}"), Some(&authority))
}

fn ask_url(url: &str, authority: Option<&Path>) -> String {
    let binary = std::env::var_os(BINARY).unwrap_or_else(|| env!("CARGO_BIN_EXE_daglab").into());
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary);
    command
        .args(["discover", "--dagster-url", url])
        .current_dir(dir.path())
        .env("HOME", dir.path())
        .env_remove("SSL_CERT_DIR")
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .stdin(Stdio::null());
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority);
    }
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server with a fresh certificate for this name. Its port, and the certificate as a file.
fn serve(name: &str, dir: &Path) -> (u16, PathBuf) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::create_dir_all(dir).unwrap();
    let file = dir.join("authority.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap().port()).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((connection, _)) = listener.accept().await {
                // A client that does not trust us hangs up.
                let Ok(mut stream) = acceptor.accept(connection).await else {
                    continue;
                };
                let mut request = [0; 65_536];
                let _ = stream.read(&mut request).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n",
                    ANSWER.len()
                );
                let _ = stream.write_all(format!("{head}{ANSWER}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
    });
    (receive.recv().unwrap(), file)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
