//! How much memory and time a process takes.

use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What one run of a program cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// From its start to its end.
    pub time: Duration,
    /// The most memory that it held (`VmHWM`), in bytes; 0 when it ended before it could be asked.
    pub peak: u64,
}

/// The most memory that a process has held so far, in bytes (`VmHWM` of proc(5)); `None` when it is gone.
pub fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Runs a program that has to succeed, and looks at its memory every millisecond.
pub fn cost_of(command: &mut Command, limit: Duration) -> Cost {
    let (cost, output) = cost_and_output(command, limit);
    assert!(
        output.status.success(),
        "{command:?}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    cost
}

/// The same for a program that may fail, with what it printed.
pub fn cost_and_output(command: &mut Command, limit: Duration) -> (Cost, Output) {
    let [out, messages] = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out.reopen().unwrap())
        .stderr(messages.reopen().unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut most = 0;
    let status = loop {
        most = most.max(peak(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{command:?} was killed after {limit:?}");
        }
        thread::sleep(Duration::from_millis(1));
    };
    let time = start.elapsed();
    let [stdout, stderr] = [out, messages].map(|file| std::fs::read(file.path()).unwrap());
    let output = Output {
        status,
        stdout,
        stderr,
    };
    (Cost { time, peak: most }, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_what_a_process_held() {
        assert!(peak(std::process::id()).unwrap() > 1 << 20);
        let mut shell = Command::new("sh");
        // The shell holds 32 MiB for a moment, and then waits for its own end.
        shell.args(["-c", "x=$(head -c 33554432 /dev/zero | tr '\\0' x); sleep 0.1"]);
        let cost = cost_of(&mut shell, Duration::from_secs(20));
        assert!(cost.peak > 32 << 20, "{cost:?}");
        assert!(cost.time >= Duration::from_millis(100));
    }
}
