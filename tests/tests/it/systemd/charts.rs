//! Charts on a host: wave by wave, what fails and what then happens, and what is left after a kill.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use airlock_tests::command::{Output, run_within};
use serde_json::Value;

use super::release::{CHARTS, Release};
use super::{LIMIT, Machine, SITE, journal_aside, killed, said, succeeds};

/// Waves: base and extra, then app, then front. `MORE` stands for more about `app`.
const ORDER: &str = "charts:\n- {release: app, after: [base]MORE}\n- {release: base, backOffLimit: 2}\n\
    - {release: front, after: [app]}\n";
/// How the files of the server begin, and in which wave they come.
const FILES: [(&str, usize); 5] = [
    ("airlock-manifest-apps-settings", 0),
    ("airlock-chart-base.", 0),
    ("airlock-chart-extra.", 0),
    ("airlock-chart-app.", 1),
    ("airlock-chart-front.", 2),
];

impl Machine {
    fn with_charts() -> Option<Self> {
        let machine = Self::of(Release::with_charts)?;
        machine.write_charts("");
        Some(machine)
    }

    fn write_charts(&self, app: &str) {
        self.write(
            "site.yaml",
            &(SITE.to_owned() + &ORDER.replace("MORE", app)),
            0o644,
        );
    }

    /// Which file of manifests k3s took over, and which releases were deployed then.
    fn applied(&self) -> Vec<(String, Vec<String>)> {
        let all = self.told("applied").into_iter().filter_map(|line| {
            let file = line["file"].as_str()?.to_owned();
            let deployed = line["deployed"].as_array()?;
            let deployed = deployed.iter().map(|name| name.as_str().unwrap().to_owned());
            Some((file, deployed.collect()))
        });
        all.collect()
    }

    fn has_applied(&self, file: &str) -> bool {
        self.applied().iter().any(|(applied, _)| applied == file)
    }

    fn health(&self) -> (Output, Value) {
        let words = [
            "--output",
            "json",
            "health",
            "/srv/share/store",
            "--config",
            "/srv/share/site.yaml",
        ];
        let output = run_within(&mut self.airlock(&words), Stdio::null(), LIMIT);
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
        (output, report)
    }

    /// Everything is well, and all charts are deployed.
    #[track_caller]
    fn is_healthy(&self) {
        let (output, report) = self.health();
        assert!(output.status.success(), "{}", said(&output));
        let checks = report["checks"].as_array().unwrap();
        let of = |status: &str| -> Vec<&Value> {
            checks.iter().filter(|check| check["status"] == status).collect()
        };
        assert_eq!(
            (of("fail").len(), of("warn").len(), of("not-established").len()),
            (0, 0, 0),
            "{report:#}"
        );
        let evidence = |id: &str| {
            let check = of("ok").into_iter().find(|check| check["id"] == id);
            check.unwrap_or_else(|| panic!("{id}: {report:#}"))["evidence"].clone()
        };
        assert_eq!(evidence("charts.deployed"), "4 charts deployed");
        assert_eq!(evidence("pods.running"), "4 pods running or done");
        evidence("images.present");
    }

    /// The charts came one wave after the other: when a file was seen, all of earlier waves was deployed.
    #[track_caller]
    fn is_in_order(&self) {
        let waves = [vec![], vec!["base", "extra"], vec!["app", "base", "extra"]];
        let applied = self.applied();
        for (file, wave) in FILES {
            let (_, deployed) = applied
                .iter()
                .find(|(name, _)| name.starts_with(file))
                .unwrap_or_else(|| panic!("{file} was not applied: {applied:?}"));
            let early: Vec<_> = waves[wave]
                .iter()
                .filter(|name| !deployed.iter().any(|one| one == *name))
                .collect();
            assert!(early.is_empty(), "{file} came before {early:?}: {applied:?}");
        }
    }
}

#[test]
fn charts_are_installed_in_the_order_of_what_they_need() {
    let Some(machine) = Machine::with_charts() else {
        return;
    };
    let before = machine.snapshot();
    // Whatever waits for nothing would come too early.
    machine.tell("charts", r#"{"base": {"slow": 3000}, "app": {"slow": 1500}}"#);
    succeeds(&machine.install(&[]));
    machine.is_in_order();
    assert_eq!(machine.applied().len(), FILES.len(), "{:?}", machine.applied());
    machine.is_healthy();
    assert_eq!(machine.told("failed"), Vec::<Value>::new());

    let installed = machine.snapshot();
    let pid = machine.main_pid();
    let text = succeeds(&machine.install(&[]));
    assert!(text.contains(": 0 changes made"), "{text}");
    assert_eq!(installed.diff(&machine.snapshot()), "");
    assert_eq!(machine.main_pid(), pid);
    assert_eq!(machine.applied().len(), FILES.len());

    // Another value is one file, and one more revision; the old job is not taken for the new one.
    machine.write("app.yaml", "replicas: 3\n", 0o600);
    machine.write_charts(", values: [app.yaml]");
    let (output, report) = machine.health();
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let text = report.to_string();
    assert!(
        text.contains("app: k3s has not applied its manifest as it is now") && !text.contains("base: k3s"),
        "{report:#}"
    );
    let text = succeeds(&machine.install(&[]));
    assert!(text.contains(": 1 change made"), "{text}");
    assert_eq!(machine.applied().len(), FILES.len() + 1);
    assert_eq!(machine.applied().last().unwrap().0, "airlock-chart-app.yaml");
    assert_eq!(machine.main_pid(), pid);
    let kept = std::fs::read(machine.host.path("/var/lib/rancher/k3s/server/db/stub.json")).unwrap();
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let revisions = CHARTS.map(|name| (name, kept["releases"][name]["revision"].as_u64().unwrap()));
    assert_eq!(revisions, [("app", 2), ("base", 1), ("extra", 1), ("front", 1)]);
    machine.is_healthy();

    // One that is not wanted any more is not taken away behind anyone's back.
    let site = SITE.to_owned() + &ORDER.replace("MORE", ", values: [app.yaml]");
    let without = site.replace(
        "{release: front, after: [app]}",
        "{release: front, enabled: false}",
    );
    machine.write("site.yaml", &without, 0o644);
    let output = machine.install(&[]);
    succeeds(&output);
    let text = said(&output);
    assert!(
        text.contains("the chart front is not installed any more, and stays")
            && text.contains("kubectl -n kube-system delete helmchart front"),
        "{text}"
    );
    machine.is_healthy();

    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
}

#[test]
fn a_chart_that_fails_ends_it_and_is_tried_again() {
    let Some(machine) = Machine::with_charts() else {
        return;
    };
    let before = machine.snapshot();
    machine.tell("charts", r#"{"base": {"fail": "render"}}"#);
    for _ in 0..2 {
        let output = machine.install(&[]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        for words in [
            "the release base has failed: Job failed: Job has reached configured number of retries",
            "logs job/helm-install-",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        // What needs nothing of it is there; what does is not even written.
        assert!(machine.has_applied("airlock-chart-extra.yaml"));
        for later in ["app", "front"] {
            assert!(
                !machine
                    .host
                    .path(&format!(
                        "/var/lib/rancher/k3s/server/manifests/airlock-chart-{later}.yaml"
                    ))
                    .exists()
            );
        }
        let (output, report) = machine.health();
        assert_eq!(output.status.code(), Some(1));
        let text = report.to_string();
        assert!(text.contains("base: Job failed"), "{text}");
        assert!(text.contains("app: there is no HelmChart for it"), "{text}");
    }
    // Each run has tried, as often as the chart says.
    let failures = machine.told("failed");
    assert_eq!(failures.len(), 6, "{failures:?}");

    // The cause is mended, and nothing of the site has changed. Now Helm itself records a failure, further on.
    machine.tell("charts", r#"{"app": {"fail": "release"}}"#);
    let output = machine.install(&[]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("the release base: it had failed, and is tried again"),
        "{text}"
    );
    assert!(
        text.contains(
            "the release app has failed: Helm has failed to install it, and its failurePolicy is abort"
        ),
        "{text}"
    );
    assert!(!machine.has_applied("airlock-chart-front.yaml"));
    // With that policy it stays so, whatever is mended, and that is told again.
    machine.tell("charts", "{}");
    let output = machine.install(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(!machine.has_applied("airlock-chart-front.yaml"));
    machine.write_charts(", failurePolicy: reinstall");
    succeeds(&machine.install(&[]));
    machine.is_in_order();
    machine.is_healthy();
    let text = succeeds(&machine.install(&[]));
    assert!(text.contains(": 0 changes made"), "{text}");
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
}

#[test]
fn a_chart_that_takes_too_long_is_told_with_what_it_does() {
    let Some(machine) = Machine::with_charts() else {
        return;
    };
    machine.tell("charts", r#"{"extra": {"slow": 600000}}"#);
    let output = machine.install(&["--wait", "8s"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("not there within 8 s: the release extra: its job is under way"),
        "{text}"
    );
    assert!(!machine.has_applied("airlock-chart-app.yaml"));
    machine.tell("charts", "{}");
    succeeds(&machine.install(&[]));
    machine.is_in_order();
    machine.is_healthy();
}

/// Ends the command as nothing can prevent; what has started it follows.
fn kill(machine: &Machine, mut child: Child) {
    let all = machine.host.processes();
    let found: Vec<_> = all
        .iter()
        .filter(|process| process.command.starts_with("/srv/share/airlock "))
        .collect();
    assert_eq!(found.len(), 1, "{all:?}");
    machine
        .host
        .succeed(&["kill", "-KILL", &found[0].number.to_string()]);
    assert!(!child.wait().unwrap().success());
}

#[test]
fn killed_between_waves_it_goes_on() {
    let Some(machine) = Machine::with_charts() else {
        return;
    };
    let before = machine.snapshot();
    machine.tell("charts", r#"{"base": {"slow": 4000}, "app": {"slow": 4000}}"#);
    for (seen, not_yet) in [("base", "app"), ("app", "front")] {
        let mut command: Command = machine.install_command(&[]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = format!("airlock-chart-{seen}.yaml");
        assert!(
            machine
                .host
                .wait_until(Duration::from_mins(1), |_| machine.has_applied(&file))
        );
        kill(&machine, child);
        assert!(!machine.has_applied(&format!("airlock-chart-{not_yet}.yaml")));
    }
    succeeds(&machine.install(&[]));
    machine.is_in_order();
    machine.is_healthy();
    let whole = machine.snapshot();
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");

    // Killed again and again in the middle of its changes, each run goes a little further.
    machine.tell("charts", "{}");
    succeeds(&machine.install(&["--no-charts"]));
    let mut kills = 0;
    while killed(&mut machine.install_command(&[]), 4) {
        kills += 1;
        assert!(kills < 40, "it does not come further");
    }
    assert!(kills > 2, "only {kills} kills");
    machine.is_in_order();
    machine.is_healthy();
    let diff = journal_aside(&whole.diff(&machine.snapshot()));
    let diff: Vec<&str> = diff
        .lines()
        .filter(|line| !line.contains("/server/db/stub.json"))
        .collect();
    assert!(diff.is_empty(), "{diff:?}");
    succeeds(&machine.uninstall());
    assert_eq!(before.diff(&machine.snapshot()), "");
}
