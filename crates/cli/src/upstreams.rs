//! Flags, environment and the credential files of podman and docker become one upstream client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airlock_content::Reporter;
use airlock_local::Local;
use airlock_types::Host;
use airlock_upstream::{AuthFile, Config, Credentials, Mirror, ProcessHelper, Proxies, Upstream};
use anyhow::Context;

use crate::args::UpstreamArgs;
use crate::failure::{Failure, Result};
use crate::files;
use crate::sources::Sources;

/// How long a credential helper may take; some ask a person.
const HELPER_TIMEOUT: Duration = Duration::from_mins(1);

/// Sources over the network and this machine. Resolver and packer give local paths relative to the
/// working folder.
pub(crate) fn sources(args: &UpstreamArgs, reporter: &Arc<dyn Reporter>) -> Result<Sources> {
    let upstream = Upstream::new(config(args)?, credentials(args)?, Arc::clone(reporter))?;
    Ok(Sources {
        upstream,
        local: Local::new(""),
    })
}

fn config(args: &UpstreamArgs) -> Result<Config> {
    let mut config = Config {
        jobs: args.jobs.into(),
        retries: args.retries,
        stall_timeout: Duration::from_secs(args.timeout.into()),
        ..Config::default()
    };
    for path in &args.ca {
        config
            .authorities
            .push(files::read("the certificate authority", path, 4 << 20)?);
    }
    for text in &args.insecure {
        let host = text.parse::<Host>().map_err(|error| {
            Failure::from(anyhow::Error::new(error).context("--insecure takes a host"))
                .hint("for example --insecure registry.corp:5000")
        })?;
        config.insecure.insert(host);
    }
    for (from, to) in &args.mirror {
        let mirror = Mirror::new(from, to, false).map_err(|error| {
            let error = anyhow::Error::new(error);
            // The cause repeats the text, which may hold a password.
            let error = if to.contains('@') || from.contains('@') {
                anyhow::anyhow!("--mirror takes FROM=TO without credentials")
            } else {
                error.context("--mirror takes FROM=TO")
            };
            Failure::from(error).hint("for example --mirror docker.io=mirror.corp/dockerhub")
        })?;
        config.mirrors.push(mirror);
    }
    config.proxies = proxies()?;
    // Only spreads the waits of many builders; nothing that is made depends on it.
    config.seed = std::process::id().into();
    Ok(config)
}

/// The variables that curl and its like know; the lower-case form wins, as there.
pub(crate) fn proxies() -> Result<Proxies> {
    let variable = |name: &str| {
        std::env::var(name.to_lowercase())
            .or_else(|_| std::env::var(name))
            .ok()
            .filter(|text| !text.is_empty())
    };
    let address = |name: &str| -> Result<Option<url::Url>> {
        let Some(text) = variable(name) else {
            return Ok(None);
        };
        let text = if text.contains("://") {
            text
        } else {
            format!("http://{text}")
        };
        Ok(Some(text.parse().with_context(|| {
            format!("the variable {name} does not hold an address")
        })?))
    };
    Ok(Proxies {
        http: address("HTTP_PROXY")?,
        https: address("HTTPS_PROXY")?,
        direct: variable("NO_PROXY"),
    })
}

fn credentials(args: &UpstreamArgs) -> Result<Credentials> {
    let mut parsed = Vec::new();
    if let Some(path) = &args.authfile {
        // A file that was named must be there; one that is looked for need not.
        parsed.push(auth_file(path)?);
    } else {
        for path in usual_auth_files().into_iter().filter(|path| path.is_file()) {
            parsed.push(auth_file(&path)?);
        }
    }
    Ok(Credentials::new(
        parsed,
        Arc::new(ProcessHelper::new(HELPER_TIMEOUT)),
    ))
}

fn auth_file(path: &Path) -> Result<AuthFile> {
    let text = zeroize::Zeroizing::new(files::read_text("the credentials", path, 16 << 20)?);
    Ok(AuthFile::parse(&text)
        .with_context(|| format!("the credentials could not be read: {}", path.display()))?)
}

/// Where podman and docker keep credentials, in the order in which podman looks.
fn usual_auth_files() -> Vec<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = variable("HOME");
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    [
        variable("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
        variable("XDG_CONFIG_HOME")
            .or_else(|| below_home(".config"))
            .map(|dir| dir.join("containers/auth.json")),
        variable("DOCKER_CONFIG")
            .or_else(|| below_home(".docker"))
            .map(|dir| dir.join("config.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
