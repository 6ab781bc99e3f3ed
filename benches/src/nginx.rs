//! nginx, which sends files as fast as anything does.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use airlock_tests::{Daemon, free_port, http};

/// A running nginx over a folder of files.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    pub(crate) daemon: Daemon,
}

impl Nginx {
    /// Serves the files in `folder/files`; everything that it writes goes below `folder`.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        for _ in 0..3 {
            let address = free_port();
            let config = folder.join("nginx.conf");
            fs::write(&config, configuration(folder, address)).unwrap();
            let argv = [
                "nginx".into(),
                "-p".into(),
                folder.into(),
                "-c".into(),
                config.into(),
                "-e".into(),
                folder.join("error.log").into(),
            ];
            let mut daemon = Daemon::start(&argv, folder, &folder.join("nginx.log"), None);
            let ready = || http::get(address, "/manifest").is_ok_and(|answer| answer.status == 200);
            if daemon.wait_until(Duration::from_secs(10), ready) {
                return Some(Self { address, daemon });
            }
            eprintln!("{}", daemon.log());
        }
        None
    }
}

fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    // Root's workers must be root to read below a private folder; for others the line is a mere warning.
    format!(
        "user root;\nworker_processes auto;\ndaemon off;\npid {folder}/nginx.pid;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 100000000;\n\
         \x20 default_type application/octet-stream;\n\
         \x20 client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;\n\
         \x20 uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;\n\
         \x20 server {{ listen {address}; root {folder}/files; }}\n}}\n"
    )
}
