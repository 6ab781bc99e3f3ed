//! A machine on which k3s would not run is left as it is.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use airlock_tests::command::run_within;
use airlock_tests::peer;

use super::{INSTALL, LIMIT, Machine, outfit, said, succeeds};

#[test]
fn a_machine_that_is_not_ready_is_left_alone() {
    if !peer::require(&["python3"]) {
        return;
    }
    let Some(machine) = Machine::start() else { return };
    let host = &machine.host;
    // Somebody has k3s' port.
    let taken = "import socket, time; s = socket.socket(); s.bind(('', 10250)); s.listen(); time.sleep(600)";
    let mut holder = host
        .command(&["python3", "-c", taken])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let is_held = |host: &airlock_tests::Host| {
        host.run(&["ss", "-Hltn", "sport = 10250"])
            .stdout()
            .contains("10250")
    };
    assert!(host.wait_until(Duration::from_secs(20), is_held));
    // And there is a k3s that Airlock knows nothing of.
    let unit = host.path("/etc/systemd/system/k3s.service");
    fs::write(&unit, "[Service]\nExecStart=/usr/local/bin/k3s server\n").unwrap();
    host.succeed(&["systemctl", "daemon-reload"]);
    let before = machine.snapshot();
    let install = |more: &[&str]| {
        run_within(
            &mut machine.airlock(&[&INSTALL[..], more].concat()),
            Stdio::null(),
            LIMIT,
        )
    };
    let output = install(&[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for words in [
        "ports.node",
        "10250",
        "others.runtimes",
        "k3s.service",
        "--no-preflight",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert_eq!(before.diff(&machine.snapshot()), "");

    // Whoever knows better goes on, and gets back what was there.
    succeeds(&install(&["--no-preflight"]));
    assert_eq!(host.property("k3s", "ActiveState"), "active");
    // From then on, it is Airlock's own.
    succeeds(&install(&[]));
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
    for process in host.processes() {
        if process.command.contains("s.bind") {
            host.succeed(&["kill", &process.number.to_string()]);
        }
    }
    holder.wait().unwrap();

    // One that is as it should be is not kept waiting.
    fs::remove_file(unit).unwrap();
    host.succeed(&["systemctl", "daemon-reload"]);
    outfit(host);
    succeeds(&install(&[]));
    succeeds(&machine.uninstall());
}
