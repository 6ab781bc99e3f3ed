//! The table: by what an operator is known, and what is known of its images.

/// An operator that pulls images which manifests need not name.
pub(super) struct Operator {
    pub(super) name: &'static str,
    /// Ends of the repository of the operator's own image: any of them is evidence.
    pub(super) evidence: &'static [&'static str],
    /// Ends of repositories that, when found, show that the manifests name what it pulls.
    pub(super) settled_by: &'static [&'static str],
    /// What follows from the evidence.
    pub(super) pulls: &'static [Pulls],
    /// There is more than what follows, so that a person has to look in any case.
    pub(super) more: bool,
    /// What a person has to know.
    pub(super) says: &'static str,
}

/// How an image follows.
pub(super) enum Pulls {
    /// Images beside the operator's own, of the same tag.
    Siblings(&'static [&'static str]),
    /// Images beside another that is found, of its tag.
    SiblingsOf(&'static str, &'static [&'static str]),
    /// An image of this repository with the tag of the operator.
    Named(&'static str),
    /// The same for versions from 1.`from` on and before 1.`until`, after which nothing more is needed.
    Between {
        from: u32,
        until: u32,
        name: &'static str,
    },
    /// The helper of GitLab's runner.
    GitlabHelper,
}

/// An object that makes an operator pull an image when it names none itself.
pub(super) struct Wanted {
    pub(super) group: &'static str,
    pub(super) kind: &'static str,
    /// The image, with `{version}` and `{type}` of its `spec`; empty when nobody can tell.
    pub(super) image: &'static str,
    /// What a person has to know when it cannot be told.
    pub(super) says: &'static str,
}

/// An operator of which it is known what it pulls.
const fn known(
    name: &'static str,
    evidence: &'static [&'static str],
    settled_by: &'static [&'static str],
    pulls: &'static [Pulls],
    says: &'static str,
) -> Operator {
    Operator {
        name,
        evidence,
        settled_by,
        pulls,
        more: false,
        says,
    }
}

/// An operator of which only its existence is known.
const fn baked(
    name: &'static str,
    evidence: &'static [&'static str],
    settled_by: &'static [&'static str],
    says: &'static str,
) -> Operator {
    Operator {
        more: true,
        ..known(name, evidence, settled_by, &[], says)
    }
}

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        name: "calico",
        evidence: &["tigera/operator"],
        settled_by: &["calico/node"],
        // The chart's values name calicoctl with the version of Calico, which the operator's own tag does not tell.
        pulls: &[Pulls::SiblingsOf(
            "calico/ctl",
            &[
                "node",
                "cni",
                "typha",
                "kube-controllers",
                "apiserver",
                "csi",
                "node-driver-registrar",
                "pod2daemon-flexvol",
            ],
        )],
        more: true,
        says: "the images of Calico are named in the program of tigera-operator; `operator --print-images=list` prints them",
    },
    known(
        "istio",
        &[
            "istio/pilot",
            "istio-release/pilot",
            "istio-testing/pilot",
            "release/pilot",
            "testing/pilot",
        ],
        &["proxyv2"],
        &[Pulls::Siblings(&["proxyv2"])],
        "istiod puts a proxy beside pods, whose image its configuration names",
    ),
    known(
        "kubevirt",
        &["kubevirt/virt-operator"],
        &["virt-launcher"],
        &[Pulls::Siblings(&[
            "virt-api",
            "virt-controller",
            "virt-handler",
            "virt-launcher",
            "virt-exportproxy",
            "virt-exportserver",
        ])],
        "virt-operator pulls its parts with its own version",
    ),
    known(
        "prometheus-operator",
        &["prometheus-operator/prometheus-operator"],
        &["prometheus-config-reloader"],
        &[Pulls::Named(
            "quay.io/prometheus-operator/prometheus-config-reloader",
        )],
        "it puts prometheus-config-reloader beside Prometheus, of its own version unless an argument names it",
    ),
    known(
        "cert-manager",
        &["cert-manager-controller"],
        &["cert-manager-acmesolver"],
        &[Pulls::Named("quay.io/jetstack/cert-manager-acmesolver")],
        "it runs cert-manager-acmesolver for ACME, of its own version unless an argument names it",
    ),
    known(
        "argo-workflows",
        &["argoproj/workflow-controller"],
        &["argoexec"],
        &[Pulls::Named("quay.io/argoproj/argoexec")],
        "every step of a workflow runs argoexec, of the controller's version unless an argument names it",
    ),
    known(
        "velero",
        &["velero/velero"],
        &["velero-restore-helper"],
        &[Pulls::Between {
            from: 10,
            until: 16,
            name: "docker.io/velero/velero-restore-helper",
        }],
        "restores with file system backups run a helper; it is velero/velero-restore-helper from 1.10 to 1.15, another image before, and its own since",
    ),
    Operator {
        name: "gitlab-runner",
        evidence: &["gitlab-org/gitlab-runner", "gitlab/gitlab-runner"],
        settled_by: &["gitlab-runner-helper"],
        pulls: &[Pulls::GitlabHelper],
        more: true,
        says: "every job runs gitlab-runner-helper, with a tag for each architecture (x86_64-, arm64-), unless helper_image names it",
    },
    baked(
        "rook",
        &["rook/ceph"],
        &["cephcsi/cephcsi", "cephcsi"],
        "the images of its CSI drivers are named in its program unless ROOK_CSI_* variables name them",
    ),
    baked(
        "cloudnative-pg",
        &["cloudnative-pg/cloudnative-pg"],
        &["cloudnative-pg/postgresql", "postgresql"],
        "the default image of PostgreSQL is named in its program unless POSTGRES_IMAGE_NAME or a Cluster names it",
    ),
    baked(
        "strimzi",
        &["strimzi/operator"],
        &["strimzi/kafka"],
        "the images of Kafka come from variables STRIMZI_*_IMAGES, none of which is set",
    ),
    baked(
        "longhorn",
        &["longhorn/longhorn-manager", "longhornio/longhorn-manager"],
        &["longhorn-engine"],
        "it needs an engine, an instance manager, a share manager and CSI drivers, which arguments name",
    ),
    baked(
        "eck",
        &["eck/eck-operator"],
        &[],
        "Elasticsearch, Kibana and the others are pulled from docker.elastic.co by the spec.version of their objects",
    ),
    baked(
        "opentelemetry-operator",
        &[
            "opentelemetry-operator/opentelemetry-operator",
            "opentelemetry-operator",
        ],
        &["autoinstrumentation-java"],
        "the images that it puts into pods to instrument them, and its default collector, are named in its program",
    ),
    baked(
        "jaeger-operator",
        &["jaegertracing/jaeger-operator"],
        &[],
        "the images of Jaeger are named in its program",
    ),
    baked(
        "grafana-operator",
        &["grafana-operator"],
        &["grafana/grafana"],
        "the image of Grafana is named in its program unless RELATED_IMAGE_GRAFANA or a Grafana names it",
    ),
    baked(
        "postgres-operator",
        &["postgres-operator"],
        &["spilo*", "crunchy-postgres*"],
        "the images of PostgreSQL are named in its program unless its configuration names them",
    ),
    baked(
        "minio-operator",
        &["minio/operator"],
        &["operator-sidecar"],
        "the sidecar of tenants is named in its program unless OPERATOR_SIDECAR_IMAGE names it",
    ),
    baked(
        "rabbitmq-cluster-operator",
        &["rabbitmq-cluster-operator", "cluster-operator"],
        &["rabbitmq"],
        "the default image of RabbitMQ is named in its program unless DEFAULT_RABBITMQ_IMAGE names it",
    ),
    baked(
        "mysql-operator",
        &["mysql/mysql-operator", "mysql/community-operator"],
        &["mysql/community-server", "community-server"],
        "the images of MySQL Server and Router are named in its program",
    ),
    baked(
        "datadog-operator",
        &["datadog/operator"],
        &[],
        "the images of the agents are named in its program unless a DatadogAgent names them",
    ),
    baked(
        "envoy-gateway",
        &["envoyproxy/gateway"],
        &["envoyproxy/envoy"],
        "the image of Envoy is named in its program unless its configuration or an EnvoyProxy names it",
    ),
    baked(
        "trivy-operator",
        &["aquasecurity/trivy-operator", "trivy-operator"],
        &["aquasecurity/trivy", "aquasec/trivy"],
        "its configuration names the scanner by trivy.repository and trivy.tag, which are not there",
    ),
    baked(
        "fleet",
        &["rancher/fleet"],
        &["rancher/fleet-agent"],
        "it installs fleet-agent in every cluster, which its configuration names",
    ),
    baked(
        "rancher",
        &["rancher/rancher"],
        &[],
        "Rancher installs charts of its own and pulls hundreds of images, which the rancher-images.txt of its release lists",
    ),
    baked(
        "gpu-operator",
        &["nvidia/gpu-operator"],
        &["nvidia/k8s-device-plugin"],
        "driver, toolkit and plugins are named by a ClusterPolicy, which is not there",
    ),
];

const fn elastic(kind: &'static str, group: &'static str, image: &'static str) -> Wanted {
    Wanted {
        group,
        kind,
        image,
        says: "the image follows spec.version, which is not there",
    }
}

pub(super) const KINDS: &[Wanted] = &[
    elastic(
        "Elasticsearch",
        "elasticsearch.k8s.elastic.co",
        "docker.elastic.co/elasticsearch/elasticsearch:{version}",
    ),
    elastic(
        "Kibana",
        "kibana.k8s.elastic.co",
        "docker.elastic.co/kibana/kibana:{version}",
    ),
    elastic(
        "ApmServer",
        "apm.k8s.elastic.co",
        "docker.elastic.co/apm/apm-server:{version}",
    ),
    elastic(
        "Beat",
        "beat.k8s.elastic.co",
        "docker.elastic.co/beats/{type}:{version}",
    ),
    elastic(
        "Logstash",
        "logstash.k8s.elastic.co",
        "docker.elastic.co/logstash/logstash:{version}",
    ),
    Wanted {
        group: "agent.k8s.elastic.co",
        kind: "Agent",
        image: "",
        says: "the image of Elastic Agent follows spec.version, in a repository that differs between major versions",
    },
    Wanted {
        group: "monitoring.coreos.com",
        kind: "Prometheus",
        image: "quay.io/prometheus/prometheus:{version}",
        says: "without image and version, prometheus-operator takes the Prometheus that its program names",
    },
    Wanted {
        group: "monitoring.coreos.com",
        kind: "PrometheusAgent",
        image: "quay.io/prometheus/prometheus:{version}",
        says: "without image and version, prometheus-operator takes the Prometheus that its program names",
    },
    Wanted {
        group: "monitoring.coreos.com",
        kind: "Alertmanager",
        image: "quay.io/prometheus/alertmanager:{version}",
        says: "without image and version, prometheus-operator takes the Alertmanager that its program names",
    },
    Wanted {
        group: "monitoring.coreos.com",
        kind: "ThanosRuler",
        image: "quay.io/thanos/thanos:{version}",
        says: "without image and version, prometheus-operator takes the Thanos that its program names",
    },
    Wanted {
        group: "postgresql.cnpg.io",
        kind: "Cluster",
        image: "",
        says: "without imageName, the operator takes the PostgreSQL that it is configured with",
    },
    Wanted {
        group: "jaegertracing.io",
        kind: "Jaeger",
        image: "",
        says: "the images of Jaeger are named in the program of jaeger-operator",
    },
    Wanted {
        group: "operator.tigera.io",
        kind: "Installation",
        image: "",
        says: "the images of Calico are named in the program of tigera-operator; `operator --print-images=list` prints them",
    },
];
