//! The API server of a cluster, asked for everything that runs something, page by page.

use std::time::Duration;

use airlock_upstream::{Api, ApiError, Config};
use url::Url;

use super::Cluster;
use super::kubeconfig::Access;
use crate::failure::{Failure, Result};
use crate::upstreams;

/// What is asked for, with the names that people know.
const KINDS: [(&str, &str); 6] = [
    ("pods", "/api/v1/pods"),
    ("deployments", "/apis/apps/v1/deployments"),
    ("daemonsets", "/apis/apps/v1/daemonsets"),
    ("statefulsets", "/apis/apps/v1/statefulsets"),
    ("jobs", "/apis/batch/v1/jobs"),
    ("cronjobs", "/apis/batch/v1/cronjobs"),
];
/// Objects of one page.
const PAGE: u32 = 500;
/// Pages of one kind: more objects than are read at all.
const MAX_PAGES: usize = 2000;
/// The longest page; an object has at most 1.5 MiB, and far less in nearly all cases.
const MAX_PAGE: usize = 256 << 20;
/// How long all of it may take.
const DEADLINE: Duration = Duration::from_mins(15);

/// Asks for all kinds. One that is denied or not known is told; nothing else is passed over.
pub(super) async fn ask(cluster: &mut Cluster, access: &Access) -> Result {
    let config = Config {
        proxies: upstreams::proxies()?,
        ..Config::default()
    };
    let api = Api::new(&config, &access.access).map_err(|error| {
        let hint = match &error {
            ApiError::Authority => "`certificate-authority-data` is a PEM file in base64",
            ApiError::Identity => "certificate and key must be PEM, and belong together",
            _ => "compare the kubeconfig with one that kubectl takes",
        };
        Failure::from(error).hint(hint)
    })?;
    let all = async {
        for (kind, path) in KINDS {
            if let Some(skipped) = each(cluster, &api, &access.server, path).await? {
                cluster.skipped.push(format!("{kind}: {skipped}"));
            }
        }
        Ok(())
    };
    match tokio::time::timeout(DEADLINE, all).await {
        Ok(result) => result,
        Err(_) => Err(anyhow::anyhow!(
            "the cluster has not told everything in {} minutes",
            DEADLINE.as_secs() / 60
        )
        .into()),
    }
}

/// All pages of one kind; why it is skipped, if it is.
async fn each(cluster: &mut Cluster, api: &Api, server: &Url, path: &str) -> Result<Option<&'static str>> {
    let mut next: Option<String> = None;
    let mut is_again = false;
    for _ in 0..MAX_PAGES {
        let mut url = server.clone();
        // Clusters behind another server have a path of their own.
        url.set_path(&format!("{}{path}", server.path().trim_end_matches('/')));
        url.set_query(None);
        url.set_fragment(None);
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        if let Some(next) = &next {
            url.query_pairs_mut().append_pair("continue", next);
        }
        let answer = api.get(&url, MAX_PAGE).await?;
        match answer.status {
            200 => {}
            401 => {
                return Err(
                    Failure::from(anyhow::anyhow!("the cluster does not know who asks (401)"))
                        .hint("the token or certificate of the kubeconfig may have expired"),
                );
            }
            403 => return Ok(Some("the cluster denies access (403)")),
            404 => return Ok(Some("the cluster does not know them (404)")),
            // A list that took too long goes on nowhere; what was seen is only seen again.
            410 if next.is_some() && !is_again => {
                next = None;
                is_again = true;
                continue;
            }
            status => {
                return Err(
                    Failure::from(anyhow::anyhow!("the cluster answers {status} to {path}"))
                        .hint("check that `server` of the kubeconfig is that of a cluster, and try again"),
                );
            }
        }
        let listed = cluster.running.read(&answer.body).map_err(|error| {
            Failure::from(
                anyhow::Error::new(error)
                    .context(format!("the answer of the cluster to {path} could not be read")),
            )
            .hint("check that `server` of the kubeconfig is that of a cluster")
        })?;
        if listed.next.is_none() {
            return Ok(None);
        }
        if listed.next == next {
            break;
        }
        next = listed.next;
    }
    Err(
        Failure::from(anyhow::anyhow!("the cluster answers without end: {path}"))
            .hint("check that `server` of the kubeconfig is that of a cluster"),
    )
}
