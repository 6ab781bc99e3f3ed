use crate::IgnoreError;

/// Why bytes are not a chart that Airlock can carry.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// There is no `Chart.yaml` where Helm looks for it.
    #[error("there is no Chart.yaml at the top of the chart")]
    NoMetadata,
    /// `Chart.yaml` is not YAML, or not of the right shape.
    #[error("the Chart.yaml is not valid: {0}")]
    Yaml(String),
    /// `Chart.yaml` lacks a field that Helm requires, or has one that Helm refuses.
    #[error("the Chart.yaml is not valid: {field}: {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// One clause, value last.
        problem: String,
    },
    /// A path that leaves the chart, or that two readers could take for two different files.
    #[error("the chart holds a path that is not plain and relative: {0:?}")]
    Path(String),
    /// Two entries with one path.
    #[error("the chart holds the same path twice: {0:?}")]
    Duplicate(String),
    /// The archive is not a gzipped tar, or it is damaged.
    #[error("the chart archive cannot be read")]
    Archive(#[source] std::io::Error),
    /// The archive would take more memory or time than a chart may.
    #[error("the chart archive has more than the {limit} {what} that are allowed")]
    Limit {
        /// What there is too much of: "entries", "bytes".
        what: &'static str,
        /// How much of it is allowed.
        limit: u64,
    },
    /// `Chart.yaml` names dependencies that are not in `charts/`; `helm dependency build` puts them there.
    #[error("the chart names dependencies that its charts folder does not hold: {}", .0.join(", "))]
    MissingDependencies(Vec<String>),
    /// The `.helmignore` file cannot be used.
    #[error("the .helmignore file is not valid")]
    Ignore(#[from] IgnoreError),
}
