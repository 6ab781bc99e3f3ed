use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use zeroize::Zeroizing;

use super::Credential;
use crate::Secret;

/// The answer of a helper, on its way.
pub type HelperFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Credential>, HelperError>> + Send + 'a>>;

/// Runs docker credential helpers.
pub trait CredentialHelper: Send + Sync {
    /// What the helper `docker-credential-<helper>` holds for `server`; `None` where it holds nothing.
    fn get<'a>(&'a self, helper: &'a str, server: &'a str) -> HelperFuture<'a>;
}

/// A credential helper could not be asked. Its output is not repeated: it may be secret.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The program could not be started, or not be talked to.
    #[error("the credential helper cannot be run: {program}")]
    Run {
        /// The program.
        program: String,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The program did not answer.
    #[error("the credential helper does not answer: {program}")]
    Timeout {
        /// The program.
        program: String,
    },
    /// The program failed.
    #[error("the credential helper failed ({status}): {program}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The program said something that is not the helper protocol.
    #[error("the credential helper's answer cannot be read: {program}")]
    Answer {
        /// The program.
        program: String,
    },
}

/// Knows no helpers; asking one is as if it held nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHelpers;

impl CredentialHelper for NoHelpers {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> HelperFuture<'a> {
        Box::pin(async { Ok(None) })
    }
}

/// Runs helpers as programs, found on the search path.
#[derive(Clone, Debug)]
pub struct ProcessHelper {
    prefix: String,
    timeout: Duration,
}

/// More than any credential; a helper that writes on and on is cut off.
const LARGEST_ANSWER: u64 = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: Secret,
}

impl ProcessHelper {
    /// Helpers have so long to answer; after that they are killed.
    pub fn new(timeout: Duration) -> Self {
        Self {
            prefix: "docker-credential-".to_owned(),
            timeout,
        }
    }

    async fn run(&self, program: &str, server: &str) -> Result<Option<Credential>, HelperError> {
        let failed = |source| HelperError::Run {
            program: program.to_owned(),
            source,
        };
        let mut child = Command::new(program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A helper may answer without reading; its exit tells whether that was well.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        let mut output = Zeroizing::new(Vec::new());
        if let Some(stdout) = child.stdout.take() {
            let mut limited = stdout.take(LARGEST_ANSWER);
            limited.read_to_end(&mut output).await.map_err(failed)?;
        }
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            // The protocol has no exit code for "nothing held", only this text.
            let text = String::from_utf8_lossy(&output);
            if text.contains("credentials not found") {
                return Ok(None);
            }
            return Err(HelperError::Failed {
                program: program.to_owned(),
                status,
            });
        }
        let answer: Answer = serde_json::from_slice(&output).map_err(|_| HelperError::Answer {
            program: program.to_owned(),
        })?;
        Ok(match answer.username.as_str() {
            "" => None,
            "<token>" => Some(Credential::IdentityToken(answer.secret)),
            user => Some(Credential::Password {
                user: user.to_owned(),
                password: answer.secret,
            }),
        })
    }
}

impl CredentialHelper for ProcessHelper {
    fn get<'a>(&'a self, helper: &'a str, server: &'a str) -> HelperFuture<'a> {
        Box::pin(async move {
            let program = format!("{}{helper}", self.prefix);
            tokio::time::timeout(self.timeout, self.run(&program, server))
                .await
                .unwrap_or_else(|_| {
                    Err(HelperError::Timeout {
                        program: program.clone(),
                    })
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Writes a shell script as a helper and asks it for `a.example`.
    async fn ask(script: &str, timeout: Duration) -> Result<Option<Credential>, HelperError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker-credential-test");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let helper = ProcessHelper {
            prefix: folder.path().join("docker-credential-").display().to_string(),
            timeout,
        };
        helper.get("test", "a.example").await
    }

    const LONG: Duration = Duration::from_secs(20);

    // One test, since a script that another thread's child still holds open cannot be run.
    #[tokio::test]
    async fn speaks_the_helper_protocol() {
        let echo = r#"read -r s; printf '{"ServerURL":"%s","Username":"for %s","Secret":"x"}' "$s" "$s""#;
        assert_eq!(
            ask(echo, LONG).await.unwrap(),
            Some(Credential::Password {
                user: "for a.example".into(),
                password: Secret::new("x")
            })
        );
        let token = r#"cat >/dev/null; echo '{"Username":"<token>","Secret":"t"}'"#;
        assert_eq!(
            ask(token, LONG).await.unwrap(),
            Some(Credential::IdentityToken(Secret::new("t")))
        );
        let nothing = "echo credentials not found in native keychain; exit 1";
        assert_eq!(ask(nothing, LONG).await.unwrap(), None);

        // Failures are told without the output.
        let error = ask("echo hunter2; exit 3", LONG).await.unwrap_err();
        assert!(matches!(error, HelperError::Failed { .. }));
        assert!(!error.to_string().contains("hunter2"));
        assert!(matches!(
            ask("echo hunter2", LONG).await,
            Err(HelperError::Answer { .. })
        ));
        assert!(matches!(
            ask("exec sleep 60", Duration::from_millis(100)).await,
            Err(HelperError::Timeout { .. })
        ));
        let missing = ProcessHelper::new(Duration::from_secs(1));
        let error = missing.get("airlock-test-that-does-not-exist", "a").await;
        assert!(matches!(error, Err(HelperError::Run { .. })));
    }
}
