//! What k3s makes of the files in `server/manifests`: addons, HelmCharts, their jobs, and the releases that Helm keeps.
//!
//! The steps are those of helm-controller v0.17 and klipper-helm: a job is made for a HelmChart, and made anew a moment after
//! the resource has changed, never because a failed one is asked for again; a failed release is left alone (`abort`) or
//! installed anew (`reinstall`). All of it is kept below the data folder, as k3s keeps it in its database.
//!
//! `/run/stub-k3s/charts` says which charts go wrong, and how slow they are:
//! `{"app": {"fail": "render"}, "db": {"fail": "release"}, "web": {"slow": 3000}}` (before there is a release, or
//! after; milliseconds). `/run/stub-k3s/applied` tells when each file was seen, and what was deployed then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::record;

/// The label of jobs and pods.
pub(crate) const OF_CHART: &str = "helmcharts.helm.cattle.io/chart";
/// How often files and jobs are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a run of Helm takes, and what passes until a changed HelmChart has its new job.
const RUN: Duration = Duration::from_millis(200);
const REPLACE: Duration = Duration::from_millis(800);
/// How often a job is tried again where the HelmChart does not say it.
const BACK_OFF_LIMIT: u64 = 1000;

/// The cluster, as far as it is one.
#[derive(Default)]
pub(crate) struct Cluster {
    data: PathBuf,
    /// `addons`: file → digest. `objects`: `KIND/NAME` → object. `jobs` and `releases`: name → what is known.
    kept: Value,
    /// What each chart's controller waits for.
    since: BTreeMap<String, Instant>,
}

pub(crate) type Shared = Arc<Mutex<Cluster>>;

/// Reads what is there, and goes on with it.
pub(crate) fn start(data: &Path) -> Shared {
    let kept = std::fs::read(data.join("server/db/stub.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_else(|| json!({"addons": {}, "objects": {}, "jobs": {}, "releases": {}}));
    let shared = Arc::new(Mutex::new(Cluster {
        data: data.to_owned(),
        kept,
        since: BTreeMap::new(),
    }));
    let cluster = Arc::clone(&shared);
    thread::spawn(move || {
        loop {
            lock(&cluster).tick();
            thread::sleep(TICK);
        }
    });
    shared
}

pub(crate) fn lock(cluster: &Shared) -> MutexGuard<'_, Cluster> {
    cluster.lock().unwrap()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

impl Cluster {
    fn tick(&mut self) {
        let before = self.kept.clone();
        self.apply();
        let charts: Vec<Value> = self.charts().cloned().collect();
        let faults = faults();
        for chart in charts {
            self.control(&chart, &faults);
        }
        if self.kept != before {
            let path = self.data.join("server/db/stub.json");
            let new = path.with_extension("new");
            std::fs::write(&new, self.kept.to_string()).unwrap();
            std::fs::rename(new, path).unwrap();
        }
    }

    fn charts(&self) -> impl Iterator<Item = &Value> {
        entries(&self.kept["objects"])
            .map(|(_, object)| object)
            .filter(|object| object["kind"] == "HelmChart")
    }

    /// Takes over the files that are new or have changed; removing a file removes nothing.
    fn apply(&mut self) {
        for path in crate::state::manifests(&self.data.join("server/manifests")) {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let Ok(bytes) = std::fs::read(&path) else { continue };
            let digest = airlock_tests::digest(&bytes);
            if self.kept["addons"][&file] == digest.as_str() {
                continue;
            }
            let Ok(objects) = crate::state::objects(&path) else {
                // Tried again, as k3s does.
                continue;
            };
            let names: Vec<String> = objects.iter().map(name_of).collect();
            record::applied(&json!({"file": file, "objects": names, "deployed": self.deployed()}));
            for (name, object) in names.into_iter().zip(objects) {
                self.kept["objects"][name] = object;
            }
            self.kept["addons"][file] = digest.into();
        }
    }

    fn deployed(&self) -> Vec<&String> {
        let all = entries(&self.kept["releases"]);
        all.filter(|(_, release)| release["status"] == "deployed")
            .map(|(name, _)| name)
            .collect()
    }

    /// One chart's controller and its job.
    fn control(&mut self, chart: &Value, faults: &Value) {
        let name = chart["metadata"]["name"].as_str().unwrap().to_owned();
        let hash = self.hash(chart);
        let job = self.kept["jobs"][&name].clone();
        if job.is_null() {
            self.kept["jobs"][&name] = json!({"hash": hash, "created": record::now(), "failed": 0,
                "chart": chart["spec"]["chart"], "is_complete": false, "has_failed": false});
            self.since.insert(name, Instant::now());
            return;
        }
        let waited = self
            .since
            .entry(name.clone())
            .or_insert_with(Instant::now)
            .elapsed();
        if job["hash"] != hash.as_str() {
            // The old one is still to be seen for a moment, with all that it says.
            if job["replaced"].is_null() {
                self.kept["jobs"][&name]["replaced"] = true.into();
                self.since.insert(name, Instant::now());
            } else if waited >= REPLACE {
                self.remove_job(&name);
            }
            return;
        }
        let is_over = job["is_complete"] == true || job["has_failed"] == true;
        let slow = faults[&name]["slow"].as_u64().map(Duration::from_millis);
        if is_over || waited < slow.unwrap_or(RUN) {
            return;
        }
        let result = self.helm(chart, &hash, faults[&name]["fail"].as_str());
        let job = &mut self.kept["jobs"][&name];
        match result {
            Ok(()) => job["is_complete"] = true.into(),
            Err(said) => {
                let failed = job["failed"].as_u64().unwrap() + 1;
                let limit = chart["spec"]["backOffLimit"].as_u64().unwrap_or(BACK_OFF_LIMIT);
                job["failed"] = failed.into();
                job["has_failed"] = (failed > limit).into();
                record::failed(&json!({"chart": name, "said": said}));
            }
        }
        self.since.insert(name, Instant::now());
    }

    /// What a change of means another job: the resource, and the Secrets that it takes values from.
    fn hash(&self, chart: &Value) -> String {
        let secrets = chart["spec"]["valuesSecrets"].as_array().into_iter().flatten();
        let data: Vec<&Value> = secrets
            .map(|secret| &self.kept["objects"][format!("Secret/{}", secret["name"].as_str().unwrap())]["data"])
            .collect();
        airlock_tests::digest(json!([chart["spec"], data]).to_string().as_bytes())
    }

    /// One run of Helm in the pod of a job.
    fn helm(&mut self, chart: &Value, hash: &str, fault: Option<&str>) -> Result<(), String> {
        let name = chart["metadata"]["name"].as_str().unwrap();
        let release = self.kept["releases"][name].clone();
        if release["status"] == "failed" {
            if chart["spec"]["failurePolicy"] == "abort" {
                return Err("Release status is 'failed' and failure policy is 'abort'".to_owned());
            }
            self.kept["releases"].as_object_mut().unwrap().remove(name);
        }
        self.packaged(chart["spec"]["chart"].as_str().unwrap_or_default())?;
        let values = chart["spec"]["valuesSecrets"].as_array().into_iter().flatten();
        for secret in values {
            let secret = format!("Secret/{}", secret["name"].as_str().unwrap());
            if self.kept["objects"][&secret].is_null() {
                return Err(format!("there is no {secret}"));
            }
        }
        if fault == Some("render") {
            return Err("Error: execution error at (templates/deployment.yaml:1:1)".to_owned());
        }
        let revision = self.kept["releases"][name]["revision"].as_u64().unwrap_or(0) + 1;
        let status = if fault == Some("release") {
            "failed"
        } else {
            "deployed"
        };
        self.kept["releases"][name] = json!({"revision": revision, "status": status, "hash": hash,
            "namespace": chart["spec"]["targetNamespace"]});
        match fault {
            Some("release") => {
                Err("Error: failed post-install: timed out waiting for the condition".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether the API server has this chart for its pod, as `helm package` makes one.
    fn packaged(&self, chart: &str) -> Result<(), String> {
        let file = chart
            .strip_prefix("https://%{KUBERNETES_API}%/static/charts/")
            .ok_or_else(|| format!("the stub takes charts from the server alone: {chart}"))?;
        let path = self.data.join("server/static/charts").join(file);
        let bytes = std::fs::read(&path).map_err(|_| format!("failed to fetch {chart} : 404 Not Found"))?;
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*bytes));
        let mut entries = archive.entries().map_err(|error| error.to_string())?;
        let is_there = entries.any(|entry| {
            entry.is_ok_and(|entry| entry.path().is_ok_and(|path| path.ends_with("Chart.yaml")))
        });
        if is_there {
            Ok(())
        } else {
            Err("Chart.yaml file is missing".to_owned())
        }
    }

    /// As if somebody had deleted it: the controller makes another one.
    pub(crate) fn remove_job(&mut self, name: &str) -> bool {
        self.kept["jobs"].as_object_mut().unwrap().remove(name).is_some()
    }

    /// HelmCharts as the API shows them.
    pub(crate) fn helm_charts(&self) -> Vec<Value> {
        let mut all: Vec<Value> = self.charts().cloned().collect();
        for chart in &mut all {
            let name = chart["metadata"]["name"].as_str().unwrap().to_owned();
            let job = &self.kept["jobs"][&name];
            if job.is_null() {
                continue;
            }
            let failed = if job["has_failed"] == true {
                json!({"type": "Failed", "status": "True", "reason": "Job failed",
                    "message": "Job has reached configured number of retries without succeeding"})
            } else {
                json!({"type": "Failed", "status": "False"})
            };
            chart["status"] = json!({"jobName": format!("helm-install-{name}"), "conditions": [
                {"type": "JobCreated", "status": "True", "reason": "Job created",
                 "message": format!("Applying HelmChart using Job kube-system/helm-install-{name}")}, failed]});
        }
        all
    }

    /// Jobs as the API shows them.
    pub(crate) fn jobs(&self) -> Vec<Value> {
        let job = |(name, job): (&String, &Value)| {
            let mut conditions = Vec::new();
            if job["is_complete"] == true {
                conditions.push(json!({"type": "Complete", "status": "True", "reason": "", "message": ""}));
            }
            if job["has_failed"] == true {
                conditions.push(
                    json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit"}),
                );
            }
            json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": format!("helm-install-{name}"), "namespace": "kube-system",
                    "creationTimestamp": job["created"], "labels": {OF_CHART: name}},
                "spec": {"template": {"spec": {"containers": [{"name": "helm", "env": [
                    {"name": "NAME", "value": name}, {"name": "CHART", "value": job["chart"]}]}]}}},
                "status": {"conditions": conditions, "failed": job["failed"]},
            })
        };
        entries(&self.kept["jobs"]).map(job).collect()
    }

    /// The Secrets in which Helm keeps its releases.
    pub(crate) fn releases(&self) -> Vec<Value> {
        let secret = |(name, release): (&String, &Value)| {
            let revision = release["revision"].as_u64().unwrap();
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
                "metadata": {"name": format!("sh.helm.release.v1.{name}.v{revision}"), "namespace": release["namespace"],
                    "labels": {"owner": "helm", "name": name, "status": release["status"],
                        "version": revision.to_string()}},
            })
        };
        entries(&self.kept["releases"]).map(secret).collect()
    }

    /// The pods of jobs, and one of each release that is deployed.
    pub(crate) fn pods(&self) -> Vec<Value> {
        let of_job = |(name, job): (&String, &Value)| {
            let phase = match (job["is_complete"] == true, job["has_failed"] == true) {
                (true, _) => "Succeeded",
                (_, true) => "Failed",
                _ => "Running",
            };
            pod(
                &format!("helm-install-{name}-stub0"),
                "kube-system",
                phase,
                &json!({"labels": {OF_CHART: name},
                    "ownerReferences": [{"kind": "Job", "name": format!("helm-install-{name}")}]}),
            )
        };
        let of_release = |(name, release): (&String, &Value)| {
            let namespace = release["namespace"].as_str().unwrap_or("default");
            pod(&format!("{name}-0"), namespace, "Running", &json!({}))
        };
        let releases = entries(&self.kept["releases"]).filter(|(_, release)| release["status"] == "deployed");
        entries(&self.kept["jobs"])
            .map(of_job)
            .chain(releases.map(of_release))
            .collect()
    }
}

fn pod(name: &str, namespace: &str, phase: &str, more: &Value) -> Value {
    let mut metadata = more.clone();
    metadata["name"] = name.into();
    metadata["namespace"] = namespace.into();
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"nodeName": crate::api::host(), "containers": [{"name": "main"}]},
        "status": {"phase": phase, "containerStatuses": [{"name": "main", "ready": phase == "Running",
            "restartCount": 0, "state": {}, "lastState": {}}]},
    })
}

fn name_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

fn faults() -> Value {
    std::fs::read(format!("{}/charts", record::FOLDER))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}
