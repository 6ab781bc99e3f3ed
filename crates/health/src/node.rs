//! Commands on the node that this runs on, for what the API server does not know.

use std::path::PathBuf;
use std::sync::Arc;

use airlock_node::Runner;

/// What a command said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed as errors.
    pub stderr: String,
}

/// Runs commands on a node; a trait, so that a test is a node too.
pub trait Commands: Send + Sync {
    /// Runs a command to its end. The error is one clause.
    fn run(&self, program: &str, args: &[&str]) -> Result<Said, String>;
}

impl Commands for Runner {
    fn run(&self, program: &str, args: &[&str]) -> Result<Said, String> {
        let output = Self::run(self, program, args).map_err(|error| error.to_string())?;
        Ok(Said {
            code: output.code,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }
}

/// The node that this runs on.
#[derive(Clone)]
pub struct ThisNode {
    /// Its name in the cluster.
    pub name: String,
    /// How commands are run.
    pub commands: Arc<dyn Commands>,
    /// Where its k3s keeps its data, where that is known.
    pub data: Option<PathBuf>,
}

impl std::fmt::Debug for ThisNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThisNode")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ThisNode {
    /// Runs `k3s` on a thread that may wait.
    pub(crate) async fn k3s(&self, args: &[&str]) -> Result<Said, String> {
        let commands = Arc::clone(&self.commands);
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let run = move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            commands.run("k3s", &args)
        };
        tokio::task::spawn_blocking(run)
            .await
            .unwrap_or_else(|_| Err("the command was ended".to_owned()))
    }
}
