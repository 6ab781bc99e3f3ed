//! `airlock serve`: the mirror, over a store or straight over a bundle file.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use airlock_content::GenerationView;
use airlock_registry::{AccessRecord, Config, KeySource, Server};
use airlock_types::Host;

use crate::args::{Global, ServeArgs};
use crate::failure::{Failure, Result};
use crate::opened::{self, Verify};
use crate::{interrupt, print, repository_key, tls};

pub(crate) fn run(args: &ServeArgs, global: &Global) -> Result {
    // The whole content is checked before the first byte of it is served.
    let view = opened::open(&args.path, &args.bundle, "served", Verify::Content(global))?;
    let tls_dir = match view.store() {
        Some(_) => Some(args.path.join("airlock/tls")),
        None => args.tls_dir.clone(),
    };
    serve(args, global, Arc::new(view), tls_dir.as_deref())
}

fn serve<V: GenerationView + 'static>(
    args: &ServeArgs,
    global: &Global,
    view: Arc<V>,
    default_tls_dir: Option<&Path>,
) -> Result {
    let mut config = Config::new(args.listen);
    let mut lines = Vec::new();
    if let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) {
        config.tls = Some(tls::given(cert, key)?);
    } else if !args.listen.ip().is_loopback() && !args.insecure_plain_http {
        let dir = args.tls_dir.as_deref().or(default_tls_dir).ok_or_else(|| {
            Failure::from(anyhow::anyhow!(
                "TLS is needed outside loopback, and there is no folder to keep its authority in"
            ))
            .hint("add --tls-dir DIR, or --tls-cert and --tls-key")
        })?;
        let made = tls::made(dir, args.listen, &args.tls_name)?;
        lines.push(format!("CA for clients   {}", made.ca.display()));
        lines.push(format!(
            "valid for        {} (more with --tls-name)",
            made.names.join(", ")
        ));
        config.tls = Some(made.config);
    }
    config.own_names = args
        .tls_name
        .iter()
        .filter_map(|name| format!("{name}:{}", args.listen.port()).parse::<Host>().ok())
        .collect();
    if !global.quiet {
        let each = global.verbose > 0;
        config.access_log = Some(Arc::new(move |record: &AccessRecord<'_>| {
            if each || record.status >= 400 || record.failed {
                print::line(&access(record));
            }
        }));
    }
    if let (Some(name), Some(file)) = (&args.username, &args.password_file) {
        config.verify = Some(access::of(name, file)?);
    }
    config.repository_key = Some(repository_key(args));
    let roots = view.generation()?.roots.len();
    interrupt::serving(async move {
        let server = Server::bind(config)
            .await
            .map_err(|error| listen_failure(error, args.listen))?;
        print::note(
            global,
            &format!(
                "serving {roots} roots of {} on {}",
                args.path.display(),
                server.base_url()
            ),
        );
        for line in &lines {
            print::note(global, line);
        }
        print::note(
            global,
            "Ctrl-C stops it; `airlock config --help` shows how to point clients here",
        );
        server.serve(view, interrupt::requested()).await;
        Ok(())
    })
}

/// Who may read.
mod access {
    use std::path::Path;
    use std::sync::Arc;

    use airlock_content::digest_of;
    use airlock_registry::VerifyPassword;

    use crate::failure::{Failure, Result};
    use crate::files;

    /// More than any password.
    const LIMIT: u64 = 64 << 10;

    /// One user, whose password is the first line of a file.
    pub(super) fn of(name: &str, file: &Path) -> Result<VerifyPassword> {
        let text = files::read_text("the password", file, LIMIT)?;
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            let message = format!("the password is empty: {}", file.display());
            return Err(Failure::from(anyhow::anyhow!(message)).hint("its first line is the password"));
        }
        // Hashes are compared, so that the time it takes says nothing about how much of a guess is right.
        let wanted = (digest_of(name.as_bytes()), digest_of(password.as_bytes()));
        Ok(Arc::new(move |name, password| {
            (digest_of(name.as_bytes()), digest_of(password.as_bytes())) == wanted
        }))
    }
}

/// The key for OS packages. Without it all but these are served, as from a store that cannot be written to.
fn repository_key(args: &ServeArgs) -> KeySource {
    let path = args.path.clone();
    Arc::new(move || {
        if path.is_dir() {
            repository_key::of_store(&path).map_err(|failure| format!("{:#}", failure.error))
        } else {
            Err(
                "OS packages are served from a store only, whose key signs them: import the bundle first"
                    .to_owned(),
            )
        }
    })
}

fn access(record: &AccessRecord<'_>) -> String {
    let broken = match record {
        AccessRecord { failed: true, .. } => " (broke off: the content could not be read)",
        AccessRecord { complete: true, .. } => "",
        _ => " (client left)",
    };
    format!(
        "{} {} {} {} {} bytes {} ms{broken}",
        record.peer.ip(),
        record.method,
        record.target.escape_debug(),
        record.status,
        record.bytes,
        record.duration.as_millis()
    )
}

fn listen_failure(error: airlock_registry::BindError, address: SocketAddr) -> Failure {
    let hint = match error.source.kind() {
        std::io::ErrorKind::AddrInUse => Some(format!(
            "something listens on port {} already; choose another with --listen",
            address.port()
        )),
        std::io::ErrorKind::PermissionDenied => Some("ports below 1024 need root".to_owned()),
        std::io::ErrorKind::AddrNotAvailable => Some("the address is not one of this machine's".to_owned()),
        _ => None,
    };
    let mut failure = Failure::from(error);
    failure.hint = hint;
    failure
}
