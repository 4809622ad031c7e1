//! A real nginx on 127.0.0.1 with a configuration of the test's, ended when it goes out of scope.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Nginx {
    child: Child,
    dir: tempfile::TempDir,
}

impl Nginx {
    /// Starts it with what belongs into `http { … }`, and waits until it listens on these ports.
    /// Relative files of the configuration are those that `prepare` leaves in its folder.
    pub fn start(http: &str, ports: &[u16], prepare: impl Fn(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let conf = format!(
            "daemon off; master_process off; pid nginx.pid;
            events {{ worker_connections 256; }}
            http {{
                access_log off;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                {http}
            }}"
        );
        std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("nginx");
        command
            .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
            .arg(dir.path())
            // Debian keeps it where only root looks.
            .env("PATH", format!("{path}:/usr/sbin"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("error.log")).unwrap());
        let child = command.spawn().expect("nginx; `scripts/test` installs it");
        let mut nginx = Self { child, dir };
        let listens = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_ok();
        let up = super::eventually(Duration::from_secs(30), || {
            nginx.child.try_wait().unwrap().is_some() || ports.iter().all(listens)
        });
        let ended = nginx.child.try_wait().unwrap();
        assert!(up && ended.is_none(), "{ended:?}\n{}", nginx.log());
        nginx
    }

    /// What it has complained of.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
