/// Why files are no chart that can be rendered; where Helm has words for it, in those.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no `Chart.yaml` where Helm looks for it.
    #[error("Chart.yaml file is missing")]
    NoMetadata,
    /// A file of the chart is not of the form it must have.
    #[error("cannot load {file}: {problem}")]
    Document {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// `Chart.yaml` says something that Helm refuses.
    #[error("validation: {0}")]
    Invalid(String),
    /// A chart in `charts/` cannot be loaded.
    #[error("error unpacking subchart {name} in {parent}: {problem}")]
    Subchart {
        /// Its folder or file.
        name: String,
        /// The chart that holds it.
        parent: String,
        /// What is wrong with it.
        problem: Box<LoadError>,
    },
    /// A folder in `charts/` has the name of an archive.
    #[error("error unpacking subchart tar in {parent}: expected {name}, got {found}")]
    SubchartPath {
        /// What was expected.
        name: String,
        /// The chart that holds it.
        parent: String,
        /// What is there.
        found: String,
    },
    /// A path of an archive that Helm refuses.
    #[error("{0}")]
    Path(String),
    /// A path that leaves the chart, or that two readers could take for two different files.
    #[error("the chart holds a path that is not plain and relative: {0:?}")]
    NotPlain(String),
    /// An archive holds two files of one path.
    #[error("the chart holds a file twice: {0:?}")]
    Twice(String),
    /// An archive holds something that is neither file nor folder.
    #[error("the chart holds a link or a device where a file belongs: {0:?}")]
    NotAFile(String),
    /// The chart holds more than Helm takes.
    #[error("decompressed chart is larger than the maximum size {0}")]
    TooLarge(u64),
    /// A file that is larger than Helm takes.
    #[error("decompressed chart file {path:?} is larger than the maximum file size {limit}")]
    FileTooLarge {
        /// The file.
        path: String,
        /// The most that is taken.
        limit: u64,
    },
    /// There is more of something than is allowed.
    #[error("the chart has more than the {limit} {what} that are allowed")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much of it is allowed.
        limit: u64,
    },
    /// The archive holds nothing.
    #[error("no files in chart archive")]
    Empty,
    /// The archive is not a gzipped tar, or it is damaged.
    #[error("the chart archive cannot be read: {0}")]
    Archive(std::io::Error),
    /// The `.helmignore` file cannot be used.
    #[error("the .helmignore file is not valid: {0}")]
    Ignore(#[from] crate::IgnoreError),
    /// A dependency was asked for and is not to be had.
    #[error("the dependency {name} of {parent} cannot be had: {problem}")]
    Fetch {
        /// Its name.
        name: String,
        /// The chart that needs it.
        parent: String,
        /// Why not.
        problem: Box<dyn std::error::Error + Send + Sync>,
    },
}
