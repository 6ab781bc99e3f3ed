//! A program between rendering and printing (Helm 3, `pkg/postrender/exec.go`).

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// What the program makes of `manifest`; the error is one of Helm 3's, as far as the system's words are Go's.
pub(super) fn render(program: &Path, arguments: &[OsString], manifest: Vec<u8>) -> Result<Vec<u8>, String> {
    let name = program.display();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("unable to find binary at {name}: {error}"))?;
    let stdin = child.stdin.take();
    // It may print before it has read everything.
    let feeding = thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // A program that does not care for what comes may close its end.
            let _ = stdin.write_all(&manifest);
        }
    });
    let output = child.wait_with_output();
    let _ = feeding.join();
    let output = output.map_err(|error| format!("error while running command {name}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let status = match output.status.code() {
            Some(code) => format!("exit status {code}"),
            None => output.status.to_string(),
        };
        return Err(format!(
            "error while running command {name}. error output:\n{said}: {status}"
        ));
    }
    Ok(output.stdout)
}
