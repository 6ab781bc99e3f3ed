//! The API server itself.

use jiff::Timestamp;

use super::{Seen, unanswered};
use crate::certificate;
use crate::client::AskError;
use crate::finding::{Outcome, count, some};
use crate::object::Version;

/// k3s renews what expires within 120 days when it starts; so less than this means that it does not.
const SOON: i64 = 30 * DAY;
const DAY: i64 = 86_400;

pub(super) fn answers(seen: &Seen<'_>, first: &Result<Version, AskError>) -> Outcome {
    let server = &seen.client.access.server;
    match first {
        Ok(version) => Outcome::ok(format!("{server} is {}", version.git_version)),
        Err(error) => {
            let remedy = match error {
                AskError::Unknown => {
                    "the certificate or token of the kubeconfig may have expired: take the one that k3s has written last"
                }
                AskError::Unreachable(_) | AskError::TooSlow(_) => {
                    "see whether k3s runs (`systemctl status k3s`, `journalctl -u k3s`), and whether `server` of the kubeconfig is right"
                }
                _ => "check that `server` of the kubeconfig is that of a cluster",
            };
            Outcome::fail(error.to_string(), remedy)
        }
    }
}

/// `[-]etcd failed: reason withheld`, one line for each part (Kubernetes, API health endpoints).
pub(super) async fn ready(seen: &Seen<'_>) -> Outcome {
    let (status, body) = match seen.client.text("/readyz?verbose").await {
        Ok(answer) => answer,
        Err(error) => return unanswered(&error),
    };
    let text = String::from_utf8_lossy(&body);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let (mut good, mut bad) = (0_usize, Vec::new());
    for line in text.lines().take(1000) {
        if line.starts_with("[+]") {
            good += 1;
        } else if let Some(rest) = line.strip_prefix("[-]") {
            // Only its name: whatever else is there, nobody needs it here.
            let name: String = rest.chars().take_while(|c| is_name(*c)).take(100).collect();
            bad.push(name);
        }
    }
    match (status, bad.is_empty()) {
        (200, true) if good > 0 => Outcome::ok(format!("{} ready", count(good, "part"))),
        (200, true) => Outcome::unknown("the API server does not tell its parts"),
        (_, false) => Outcome::fail(
            format!("not ready: {}", some(&bad)),
            "`journalctl -u k3s` on the servers tells why; etcd and informers need a while after a start",
        ),
        (status, true) => Outcome::fail(
            format!("the API server answers {status}, and names no part that is not ready"),
            "`journalctl -u k3s` on the servers tells why",
        ),
    }
}

pub(super) async fn certificate(seen: &Seen<'_>) -> Outcome {
    if seen.client.access.server.scheme() != "https" {
        return Outcome::skipped("the API server is asked without TLS");
    }
    let validity = match certificate::shown(&seen.client.access).await {
        Ok(validity) => validity,
        Err(error) => return Outcome::unknown(error),
    };
    let now = seen.question.now;
    let left = (validity.until - now) / DAY;
    let until = day(validity.until);
    let restart = "restart k3s on the servers, which renews what is about to expire";
    if now > validity.until {
        Outcome::fail(format!("it expired on {until}"), restart)
    } else if now < validity.from {
        Outcome::fail(
            format!("it is not valid before {}", day(validity.from)),
            "set the clocks of this machine and of the servers",
        )
    } else if validity.until - now < SOON {
        Outcome::warn(format!("it expires on {until}, in {left} days"), restart)
    } else {
        Outcome::ok(format!("valid until {until}, for {left} days"))
    }
}

fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(
        |_| format!("{seconds} s after 1970"),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}
