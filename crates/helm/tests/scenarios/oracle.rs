//! Helm itself, as a child process that answers line by line; see `../oracle.py`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use airlock_tests::peer;
use serde_json::{Value, json};

use crate::expected::Answer;
use crate::scenario::{Case, Scenario};

/// The Python that has Helm; where there is none, the test is reported as skipped.
pub(crate) fn python() -> Option<PathBuf> {
    let python = match std::env::var_os("AIRLOCK_HELM_PYTHON") {
        Some(python) => Some(PathBuf::from(python)),
        None => peer::find("python3"),
    };
    let works = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import helm_python"]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let python = python.filter(works);
    if python.is_none() {
        peer::skip("peer helm-python-sdk is not installed");
    }
    python
}

/// A running oracle.
pub(crate) struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    pub(crate) fn start(python: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// What Helm makes of a case of a scenario whose chart is in this folder.
    pub(crate) fn ask(&mut self, chart: &Path, scenario: &Scenario, case: &Case) -> Answer {
        let values: Vec<&String> = case.values.iter().collect();
        let question = json!({ "chart": chart, "values": values, "options": case.options });
        writeln!(self.input, "{question}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the oracle ended at {}", scenario.name);
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer["error"].as_str() {
            Some(error) => Answer::Error(error.to_owned()),
            None => Answer::Files(serde_json::from_value(answer["files"].clone()).unwrap()),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
