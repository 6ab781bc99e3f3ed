use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start of the server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By the first digit of the status.
    pub(crate) requests: [AtomicU64; 6],
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) aborted: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) connections_total: AtomicU64,
    pub(crate) manifest_hits: AtomicU64,
    pub(crate) manifest_reads: AtomicU64,
    pub(crate) blob_opens: AtomicU64,
    pub(crate) generations: AtomicU64,
    pub(crate) refresh_failures: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Metrics {
    /// The Prometheus text format.
    pub(crate) fn render(&self, cache_bytes: usize, roots: usize, repositories: usize) -> String {
        let mut out = String::with_capacity(2048);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "# HELP airlock_registry_requests_total Requests answered, by class of status.\n\
             # TYPE airlock_registry_requests_total counter"
        );
        for (class, counter) in self.requests.iter().enumerate().skip(2) {
            let _ = writeln!(
                out,
                "airlock_registry_requests_total{{class=\"{class}xx\"}} {}",
                get(counter)
            );
        }
        let counters = [
            ("sent_bytes_total", "Bytes of bodies sent.", get(&self.bytes_sent)),
            (
                "aborted_total",
                "Answers that the client did not take to the end.",
                get(&self.aborted),
            ),
            (
                "connections_total",
                "Connections accepted.",
                get(&self.connections_total),
            ),
            (
                "manifest_cache_hits_total",
                "Manifests served from memory.",
                get(&self.manifest_hits),
            ),
            (
                "manifest_reads_total",
                "Manifests read from the store to be served.",
                get(&self.manifest_reads),
            ),
            (
                "blob_opens_total",
                "Blobs opened to be served.",
                get(&self.blob_opens),
            ),
            (
                "generation_changes_total",
                "Generations taken up.",
                get(&self.generations),
            ),
            (
                "refresh_failures_total",
                "Failures to read the current generation.",
                get(&self.refresh_failures),
            ),
        ];
        let gauges = [
            ("connections", "Connections open now.", get(&self.connections)),
            (
                "manifest_cache_bytes",
                "Bytes of manifests in memory.",
                cache_bytes as u64,
            ),
            ("roots", "Roots of the current generation.", roots as u64),
            (
                "repositories",
                "Repositories of the current generation.",
                repositories as u64,
            ),
        ];
        let all = counters
            .iter()
            .map(|metric| ("counter", metric))
            .chain(gauges.iter().map(|metric| ("gauge", metric)));
        for (kind, (name, help, value)) in all {
            let _ = writeln!(
                out,
                "# HELP airlock_registry_{name} {help}\n\
                 # TYPE airlock_registry_{name} {kind}\n\
                 airlock_registry_{name} {value}"
            );
        }
        out
    }
}
