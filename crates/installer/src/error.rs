/// Why there is no plan for this node.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The bundle has no binary for this machine.
    #[error("the bundle holds k3s for {held}, and this machine is {wanted}")]
    Platform {
        /// What this machine is.
        wanted: String,
        /// What the bundle has.
        held: String,
    },
    /// An agent joins a cluster, and needs to know which.
    #[error("an agent needs {0}")]
    Agent(&'static str),
    /// A server that joins others needs their token.
    #[error("a server that joins a cluster needs the token of its servers")]
    Join,
    /// SELinux is on, and the bundle has no policy for this distribution.
    #[error("SELinux is on, and the bundle has no k3s policy for this distribution: {0}")]
    Selinux(String),
    /// A token that would break its file, or nothing at all.
    #[error("the {0} is empty, or has more than one line")]
    Token(&'static str),
    /// apt's file of passwords takes words only.
    #[error("the mirror's user or password is empty or has white space in it, which apt cannot be told")]
    MirrorPassword,
    /// A file of the cluster's authorities that k3s does not know.
    #[error("this is no file of a cluster's authorities: {0}")]
    Authority(String),
    /// A certificate without its key, or the other way round.
    #[error("a file of the cluster's authorities is missing: {0}")]
    AuthorityMissing(String),
    /// An option in `cluster.config` would undo what another field says.
    #[error("this option of `cluster.config` is Airlock's own matter: {0}")]
    Option(String),
    /// The mirror needs packages of a distribution that nothing is known of.
    #[error("packages cannot be installed on this distribution yet: {0}")]
    Distribution(String),
}

impl PlanError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Platform { .. } => {
                "add the platform to `platforms` of the manifest, and build the bundle again"
            }
            Self::Agent(_) | Self::Join => {
                "give `cluster.server` and `cluster.tokenFile` in site.yaml, or --server and --token-file"
            }
            Self::Selinux(_) => {
                "add the distribution to `k3s.selinux` of the manifest and build the bundle again, or set `cluster.selinux: off` in site.yaml"
            }
            Self::Token(_) => "a token is one line of text",
            Self::MirrorPassword => "give the mirror another password, or leave `packages` out of site.yaml",
            Self::Authority(_) | Self::AuthorityMissing(_) => {
                "the folder holds server-ca, client-ca and request-header-ca, etcd/server-ca and etcd/peer-ca, each as .crt and .key, and service.key"
            }
            Self::Option(_) => "use the field of `cluster` that says so",
            Self::Distribution(_) => "leave `packages` out of site.yaml, and install them by hand",
        }
    }
}
