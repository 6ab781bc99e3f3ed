//! Charts that the helm-controller installs: a HelmChart, its job, and the release that Helm keeps as Secrets.

use std::collections::BTreeMap;

use super::{Seen, unanswered};
use crate::client::{AskError, Client};
use crate::expected::Release;
use crate::finding::{Outcome, count, some};
use crate::object::{HelmChart, Job, Pod, condition};

const CHARTS: &str = "/apis/helm.cattle.io/v1";
const JOBS: &str = "/apis/batch/v1";
/// The label of jobs and pods of the helm-controller.
pub(super) const OF_CHART: &str = "helmcharts.helm.cattle.io/chart";

/// How far a release is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Helm says that it is deployed, and the job is complete.
    Deployed {
        /// Which attempt: the time of the job, and the revision.
        by: String,
    },
    /// Not yet.
    Under(String),
    /// It will not be, unless somebody does something.
    Failed(String),
}

/// How far one release is. An error means that the API server does not tell.
pub(crate) async fn of_release(client: &Client, release: &Release) -> Result<State, AskError> {
    let Some(chart) = written(client, release).await? else {
        return Ok(State::Under("k3s has not applied its manifest".to_owned()));
    };
    if !is_as_written(&chart, release) {
        return Ok(State::Under(
            "k3s has not applied its manifest as it is now".to_owned(),
        ));
    }
    let job = job_of(client, &chart).await?;
    if let (Some(wanted), Some(job)) = (&release.chart, &job)
        && !runs(job, wanted)
    {
        return Ok(State::Under(
            "its job is still the one for another chart".to_owned(),
        ));
    }
    state(client, &chart, job.as_ref(), &[]).await
}

/// The path of a release's job, if that has failed for good, and the release is as it was written.
pub(crate) async fn failed_job(client: &Client, release: &Release) -> Result<Option<String>, AskError> {
    let Some(chart) = written(client, release).await? else {
        return Ok(None);
    };
    if !is_as_written(&chart, release) {
        return Ok(None);
    }
    let job = job_of(client, &chart).await?;
    let has_failed = |job: &Job| {
        condition(&job.status.conditions, "Failed").is_some_and(|failed| failed.status == "True")
            && job.metadata.deletion_timestamp.is_none()
    };
    Ok(job.filter(has_failed).map(|_| job_path(&chart)))
}

/// The HelmChart of a release, if there is one.
async fn written(client: &Client, release: &Release) -> Result<Option<HelmChart>, AskError> {
    let path = format!(
        "{CHARTS}/namespaces/{}/helmcharts/{}",
        release.chart_namespace, release.name
    );
    match client.get(&path, "HelmChart").await {
        Ok(chart) => Ok(Some(chart)),
        Err(AskError::Absent) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_as_written(chart: &HelmChart, release: &Release) -> bool {
    release
        .written
        .as_ref()
        .is_none_or(|(key, value)| chart.metadata.annotations.get(key) == Some(value))
}

fn job_path(chart: &HelmChart) -> String {
    format!(
        "{JOBS}/namespaces/{}/jobs/{}",
        chart.metadata.namespace,
        job_name(chart)
    )
}

async fn job_of(client: &Client, chart: &HelmChart) -> Result<Option<Job>, AskError> {
    match client.get(&job_path(chart), "job").await {
        Ok(job) => Ok(Some(job)),
        Err(AskError::Absent) => Ok(None),
        Err(error) => Err(error),
    }
}

fn job_name(chart: &HelmChart) -> String {
    if chart.status.job_name.is_empty() {
        format!("helm-install-{}", chart.metadata.name)
    } else {
        chart.status.job_name.clone()
    }
}

/// Whether the job is for this chart, as its environment says.
fn runs(job: &Job, chart: &str) -> bool {
    let containers = job.spec.template.spec.containers.iter();
    let mut all = containers.flat_map(|container| container.env.as_deref().unwrap_or_default());
    // A job that says nothing is none of the helm-controller's, and not judged.
    all.find(|env| env.name == "CHART")
        .is_none_or(|env| env.value == chart)
}

async fn state(
    client: &Client,
    chart: &HelmChart,
    job: Option<&Job>,
    pods: &[&Pod],
) -> Result<State, AskError> {
    if let Some(failed) = condition(&chart.status.conditions, "Failed")
        && failed.status == "True"
    {
        return Ok(State::Failed(format!("{}: {}", failed.reason, failed.message)));
    }
    let Some(job) = job else {
        return Ok(State::Under("there is no job for it yet".to_owned()));
    };
    let is = |kind: &str| condition(&job.status.conditions, kind).filter(|found| found.status == "True");
    if let Some(failed) = is("Failed") {
        return Ok(State::Failed(format!(
            "its job has failed: {} ({})",
            failed.reason, failed.message
        )));
    }
    let namespace = if chart.spec.target_namespace.is_empty() {
        &chart.metadata.namespace
    } else {
        &chart.spec.target_namespace
    };
    let release = release(client, namespace, &chart.metadata.name).await?;
    if is("Complete").is_none() {
        if release.as_ref().is_some_and(|(_, status)| status == "failed")
            && chart.spec.failure_policy == "abort"
        {
            return Ok(State::Failed(
                "Helm has failed to install it, and its failurePolicy is abort".to_owned(),
            ));
        }
        let mut why = "its job is under way".to_owned();
        let restarts: i64 = pods
            .iter()
            .flat_map(|pod| &pod.status.container_statuses)
            .map(|one| one.restart_count)
            .sum();
        if job.status.failed + restarts > 0 {
            why = format!("its job has failed {} times so far", job.status.failed + restarts);
        }
        let waits = pods.iter().flat_map(|pod| &pod.status.container_statuses);
        for waiting in waits.filter_map(|status| status.state.waiting.as_ref()) {
            why.push_str(&format!(", and waits: {} {}", waiting.reason, waiting.message));
        }
        return Ok(State::Under(why));
    }
    Ok(match release {
        Some((revision, status)) if status == "deployed" => State::Deployed {
            by: format!(
                "{} {revision}",
                job.metadata.creation_timestamp.as_deref().unwrap_or_default()
            ),
        },
        Some((_, status)) if status == "failed" => State::Failed("Helm says that it has failed".to_owned()),
        Some((_, status)) => State::Under(format!("Helm says that it is {status}")),
        None => State::Under(format!(
            "its job is complete, and Helm has no release of it in {namespace}"
        )),
    })
}

/// The last revision of a release and its status, as the labels of Helm's Secrets say.
async fn release(client: &Client, namespace: &str, name: &str) -> Result<Option<(u64, String)>, AskError> {
    let path = format!("/api/v1/namespaces/{namespace}/secrets?labelSelector=owner%3Dhelm%2Cname%3D{name}");
    let secrets = match client.list_bare(&path, "list of secrets").await {
        Err(AskError::Absent) => Vec::new(),
        secrets => secrets?,
    };
    let revisions = secrets.into_iter().filter_map(|secret| {
        let mut labels = secret.metadata.labels;
        let revision = labels.get("version")?.parse().ok()?;
        Some((revision, labels.remove("status").unwrap_or_default()))
    });
    Ok(revisions.max_by_key(|(revision, _): &(u64, String)| *revision))
}

pub(super) async fn deployed(seen: &Seen<'_>) -> Outcome {
    let expected = &seen.question.expected.releases;
    let all: Vec<HelmChart> = match seen
        .client
        .list(&format!("{CHARTS}/helmcharts"), "list of HelmCharts")
        .await
    {
        Ok(all) => all,
        Err(AskError::Absent) if expected.is_empty() => {
            return Outcome::skipped("the cluster has no helm-controller, and no chart is to be installed");
        }
        Err(AskError::Absent) => {
            return Outcome::fail(
                "the cluster has no HelmCharts, as k3s without its helm-controller",
                "take `disable-helm-controller` out of k3s' options",
            );
        }
        Err(error) => return unanswered(&error),
    };
    let path = format!("{JOBS}/jobs?labelSelector={}", OF_CHART.replace('/', "%2F"));
    let jobs: Vec<Job> = match seen.client.list(&path, "list of jobs").await {
        Ok(jobs) => jobs,
        Err(error) => return unanswered(&error),
    };
    let jobs: BTreeMap<(&str, &str), &Job> = jobs
        .iter()
        .map(|job| ((job.metadata.namespace.as_str(), job.metadata.name.as_str()), job))
        .collect();
    // They only tell more; without them the states are known all the same.
    let pods = seen.pods().await.unwrap_or_default();
    let (mut bad, mut good) = (Vec::new(), 0_usize);
    for chart in &all {
        let (namespace, name) = (&chart.metadata.namespace, &chart.metadata.name);
        let pods: Vec<&Pod> = pods
            .iter()
            .filter(|pod| {
                pod.metadata.namespace == *namespace && pod.metadata.labels.get(OF_CHART) == Some(name)
            })
            .collect();
        let job = jobs.get(&(namespace.as_str(), job_name(chart).as_str())).copied();
        match state(seen.client, chart, job, &pods).await {
            Ok(State::Deployed { .. }) => good += 1,
            Ok(State::Under(why) | State::Failed(why)) => bad.push(format!("{name}: {why}")),
            Err(error) => return unanswered(&error),
        }
    }
    for release in expected {
        let found = all.iter().find(|chart| {
            chart.metadata.name == release.name && chart.metadata.namespace == release.chart_namespace
        });
        match found {
            None => bad.push(format!("{}: there is no HelmChart for it", release.name)),
            Some(chart) if !is_as_written(chart, release) => {
                bad.push(format!(
                    "{}: k3s has not applied its manifest as it is now",
                    release.name
                ));
            }
            _ => {}
        }
    }
    if bad.is_empty() {
        Outcome::ok(format!("{} deployed", count(good, "chart")))
    } else {
        Outcome::fail(
            format!("not deployed: {}", some(&bad)),
            "`kubectl -n kube-system logs job/helm-install-NAME` tells what Helm says; --wait 10m waits for what is under way; `airlock install` with this site.yaml tries again what has failed, and writes manifests that are not as it has them",
        )
    }
}
