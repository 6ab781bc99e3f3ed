//! Two programs that answer the same questions about charts, a JSON object a line: Helm and ours.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo::{cargo, command, root, run, skipped, target};
use crate::peers;

/// Longer than Helm needs for the largest public chart, by far.
const LIMIT: Duration = Duration::from_mins(2);

/// The answer of one program.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// The time that loading and rendering took.
    pub(super) seconds: f64,
    /// Whether RSA keys were made, as far as the program tells.
    pub(super) keys: bool,
}

/// What a rendering gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Files(BTreeMap<String, String>),
    Error(String),
    /// The program ended or was still running after [`LIMIT`].
    Gone(String),
}

/// Helm and ours, both running.
pub(super) struct Judges {
    pub(super) helm: Program,
    pub(super) ours: Program,
}

impl Judges {
    /// Builds ours and starts both. Without Helm this is `None`, said aloud, or a failure where peers are required.
    pub(super) fn start() -> Result<Option<Self>> {
        let Some(python) = peers::helm_python()? else {
            skipped("helm", "helm-python-sdk is not installed (cargo xtask peers)")?;
            return Ok(None);
        };
        run(&mut cargo(&[
            "build",
            "--release",
            "--package",
            "airlock-helm",
            "--example",
            "answers",
            "--example",
            "images",
        ]))?;
        let helm = vec![python, root().join("crates/helm/tests/oracle.py")];
        let ours = vec![target()?.join("release/examples/answers")];
        Ok(Some(Self {
            helm: Program::start("Helm", helm)?,
            ours: Program::start("airlock", ours)?,
        }))
    }

    /// Asks both at once.
    pub(super) fn ask(&mut self, question: &Value) -> Result<(Answer, Answer)> {
        self.helm.send(question)?;
        self.ours.send(question)?;
        Ok((self.helm.receive()?, self.ours.receive()?))
    }

    /// Asks one after the other, to time them: Helm collects garbage on all processors.
    pub(super) fn ask_in_turn(&mut self, question: &Value) -> Result<(Answer, Answer)> {
        Ok((self.helm.ask(question)?, self.ours.ask(question)?))
    }
}

/// A program that answers lines, started again when it ends.
pub(super) struct Program {
    name: &'static str,
    words: Vec<PathBuf>,
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Program {
    pub(super) fn start(name: &'static str, words: Vec<PathBuf>) -> Result<Self> {
        let (child, input, answers) = spawn(&words).with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name,
            words,
            child,
            input,
            answers,
        })
    }

    pub(super) fn send(&mut self, question: &Value) -> Result<()> {
        let line = format!("{question}\n");
        if self.input.write_all(line.as_bytes()).is_err() {
            self.again()?;
            self.input.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn receive(&mut self) -> Result<Answer> {
        Ok(match self.answer()? {
            Ok(value) => Answer {
                seconds: value["seconds"].as_f64().unwrap_or_default(),
                keys: value["keys"].as_bool().unwrap_or_default(),
                outcome: match value["error"].as_str() {
                    Some(text) => Outcome::Error(text.to_owned()),
                    None => Outcome::Files(serde_json::from_value(value["files"].clone())?),
                },
            },
            Err(reason) => Answer {
                outcome: Outcome::Gone(reason),
                seconds: 0.0,
                keys: false,
            },
        })
    }

    /// The object that is answered, or why there is none.
    pub(super) fn answer(&mut self) -> Result<std::result::Result<Value, String>> {
        let reason = match self.answers.recv_timeout(LIMIT) {
            Ok(line) => {
                let value = serde_json::from_str(&line)
                    .with_context(|| format!("{} does not answer in JSON: {line}", self.name))?;
                return Ok(Ok(value));
            }
            Err(RecvTimeoutError::Timeout) => format!("{} is still running", self.name),
            Err(RecvTimeoutError::Disconnected) => format!("{} has ended", self.name),
        };
        self.again()?;
        Ok(Err(reason))
    }

    pub(super) fn ask(&mut self, question: &Value) -> Result<Answer> {
        self.send(question)?;
        self.receive()
    }

    fn again(&mut self) -> Result<()> {
        self.stop();
        let started = spawn(&self.words).with_context(|| format!("cannot start {} again", self.name))?;
        (self.child, self.input, self.answers) = started;
        Ok(())
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(words: &[PathBuf]) -> Result<(Child, ChildStdin, Receiver<String>)> {
    let (program, arguments) = words.split_first().context("no program")?;
    let mut command: Command = command(&program.to_string_lossy());
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let input = child.stdin.take().context("no standard input")?;
    let output = child.stdout.take().context("no standard output")?;
    let (sender, answers) = sync_channel(4);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if !line.is_ok_and(|line| sender.send(line).is_ok()) {
                break;
            }
        }
    });
    Ok((child, input, answers))
}
