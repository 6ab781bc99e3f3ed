use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::site::Site;

fn environment(pairs: &[(&str, &str)]) -> FromEnvironment {
    let environment = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    from_environment(&environment, Path::new("/srv/site"))
}

fn told(found: &FromEnvironment) -> String {
    let lines: Vec<String> = found
        .settings
        .iter()
        .map(|setting| {
            format!("{}: {:?} {}", setting.name, setting.becomes, setting.about)
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

fn read(draft: &Draft) -> Site {
    let text = draft.render();
    Site::read(&text, Path::new("site.yaml"))
        .unwrap_or_else(|problems| panic!("{}\n{text}", problems.render()))
}

#[test]
fn an_empty_draft_is_a_site() {
    assert_eq!(read(&Draft::default()), Site::default());
    insta::assert_snapshot!(Draft::default().render(), @r##"
    # What is true of this site, and of no other. The bundle says what is installed, this says where.
    # Paths are relative to the folder of this file. Tokens, passwords and keys are never written here, only their files.
    apiVersion: airlock.dev/v1
    kind: Site
    metadata: {name: site}

    # mirror:                                     # airlock serve, or a registry of the site's own
    #   url: https://registry.site:5000
    #   ca: tls/site-ca.pem
    #   auth: {username: node, passwordFile: secrets/mirror-password}

    cluster:
      # server: https://10.0.0.10:6443             # what agents and further servers join
      # tokenFile: secrets/token                   # the token of servers
      # agentTokenFile: secrets/agent-token
      # tlsSan: [k3s.site]                         # names and addresses in the server's certificate
      # clusterCidr: [10.42.0.0/16]                # addresses of pods
      # serviceCidr: [10.43.0.0/16]                # addresses of services
      # clusterDns: 10.43.0.10                     # an address of a service
      # clusterDomain: cluster.local
      # flannelBackend: vxlan                      # wireguard-native, host-gw, none
      # datastore: sqlite                          # etcd, for more than one server
      # disable: [servicelb]                       # components of k3s that are not wanted
      # cis: true                                  # hardening after the CIS benchmark
      # secretsEncryption: true
      # embeddedRegistry: true                     # nodes pass images on to each other
      # dataDir: /var/lib/rancher/k3s
      # selinux: auto                              # on, off
      # namespace: default                         # of charts that name none
      # config: {write-kubeconfig-mode: "0640"}    # any other option of k3s
      # agentConfig: {node-label: [tier=worker]}   # on agents only

    # Charts of the bundle are installed as they are, unless something is said of them here.
    # charts:
    #   - {release: monitoring, after: [cert-manager], values: [values/monitoring.yaml], timeout: 10m}

    # hosts: {10.0.0.5: [registry.site]}          # lines of /etc/hosts
    # packages: [chrony]                          # packages of the bundle, on every node
    # firewall: auto                              # leave: add no rules

    # services:                                   # what a node does for the site besides
    #   ntp: {servers: [10.0.0.1]}
    #   dns: {listen: [10.0.0.5], domain: site, records: {registry.site: [10.0.0.5]}}
    #   ca: {certificate: tls/site-ca.pem}
    "##);
}

#[test]
fn the_settings_of_scripts_become_a_site() {
    let found = environment(&[
        ("HOME", "/root"),
        ("K3S_VERSION", "v1.34.5+k3s1"),
        ("CLUSTER_CIDR", "10.52.0.0/16"),
        ("SERVICE_CIDR", "10.53.0.0/16"),
        ("CLUSTER_DNS", "10.53.0.10"),
        ("CLUSTER_DOMAIN", "edge.local"),
        ("NAMESPACE", "apps"),
        ("K3S_TOKEN", "hunter2"),
        ("K3S_DATA_DIR", "/srv/k3s"),
        ("K3S_KUBECONFIG_MODE", "0644"),
        ("K3S_NODE_NAME", "n1"),
        ("K3S_SELINUX", "true"),
        ("K3S_BRAND_NEW", "1"),
        ("INSTALL_K3S_SKIP_DOWNLOAD", "true"),
        ("REGISTRY", "registry.site:5000/mirror"),
        ("REGISTRY_USER", "node"),
        ("REGISTRY_PASSWORD", "hunter3"),
        ("NTP_SERVER", "10.0.0.1 10.0.0.2"),
        (
            "INSTALL_K3S_EXEC",
            "server --cluster-init --disable traefik,servicelb --disable=cloud --tls-san=k3s.site --tls-san 10.0.0.10 \
             --kubelet-arg 'max-pods=200' --kubelet-arg=v=2 --token hunter2 --vpn-auth name=x,joinKey=hunter4 --brand-new 7 stray -v=3",
        ),
    ]);
    let site = read(&found.draft);
    assert_eq!(site.cluster.data_dir, Path::new("/srv/k3s"));
    assert_eq!(
        site.cluster.config["kubelet-arg"],
        serde_json::json!(["max-pods=200", "v=2"])
    );
    assert_eq!(site.cluster.config["write-kubeconfig-mode"], "0644");
    assert_eq!(site.cluster.tls_san, ["k3s.site", "10.0.0.10"]);
    assert_eq!(
        site.cluster.token_file.as_deref(),
        Some(Path::new("secrets/token"))
    );
    assert_eq!(site.mirror.unwrap().url.as_str(), "https://registry.site:5000/");
    let secrets: Vec<(&str, &str)> = found
        .secrets
        .iter()
        .map(|secret| (secret.path.as_str(), secret.value.as_str()))
        .collect();
    assert_eq!(
        secrets,
        [
            ("secrets/token", "hunter2"),
            ("secrets/mirror-password", "hunter3")
        ]
    );
    let shown = format!("{}\n{:?}\n{}", told(&found), found, found.draft.render());
    assert!(!shown.contains("hunter"), "{shown}");
    insta::assert_snapshot!(told(&found), @r##"
    CLUSTER_CIDR: Field("cluster.clusterCidr")
    CLUSTER_DNS: Field("cluster.clusterDns")
    CLUSTER_DOMAIN: Field("cluster.clusterDomain")
    INSTALL_K3S_EXEC server: Command `airlock install --role server`
    INSTALL_K3S_EXEC --cluster-init: Field("cluster.datastore")
    INSTALL_K3S_EXEC --disable: Field("cluster.disable")
    INSTALL_K3S_EXEC --disable: Field("cluster.disable")
    INSTALL_K3S_EXEC --disable: NotUnderstood `cloud` is no component of k3s
    INSTALL_K3S_EXEC --tls-san: Field("cluster.tlsSan")
    INSTALL_K3S_EXEC --tls-san: Field("cluster.tlsSan")
    INSTALL_K3S_EXEC --kubelet-arg: Field("cluster.config.kubelet-arg")
    INSTALL_K3S_EXEC --kubelet-arg: Field("cluster.config.kubelet-arg")
    INSTALL_K3S_EXEC --token: SecretFile("secrets/token")
    INSTALL_K3S_EXEC --vpn-auth: NotUnderstood give it to the node itself: it is not written into site.yaml (vpn-auth)
    INSTALL_K3S_EXEC --brand-new: Field("cluster.config.brand-new") not known to Airlock, and given to k3s as it is
    INSTALL_K3S_EXEC: NotUnderstood there is a word that belongs to no option
    INSTALL_K3S_EXEC -v: Field("cluster.config.v")
    INSTALL_K3S_SKIP_DOWNLOAD: Own everything comes from the bundle
    K3S_BRAND_NEW: NotUnderstood k3s and its install script may know it, Airlock does not
    K3S_DATA_DIR: Field("cluster.dataDir")
    K3S_KUBECONFIG_MODE: Field("cluster.config.write-kubeconfig-mode")
    K3S_NODE_NAME: Field("cluster.config.node-name") true of one node only; take it out where there are several
    K3S_SELINUX: Field("cluster.selinux")
    K3S_TOKEN: SecretFile("secrets/token") the same as before
    K3S_VERSION: Manifest components[].k3s.version of the manifest: v1.34.5+k3s1
    NAMESPACE: Field("cluster.namespace")
    NTP_SERVER: Field("services.ntp.servers")
    REGISTRY: Field("mirror.url")
    REGISTRY: NotUnderstood the path below the registry is left out: mirror
    REGISTRY_PASSWORD: SecretFile("secrets/mirror-password")
    REGISTRY_USER: Field("mirror.auth.username")
    SERVICE_CIDR: Field("cluster.serviceCidr")
    "##);
}

#[test]
fn agents_have_options_of_their_own() {
    let found = environment(&[
        ("K3S_URL", "https://10.0.0.10:6443"),
        ("K3S_TOKEN_FILE", "token"),
        (
            "INSTALL_K3S_EXEC",
            "--node-label a=b --tls-san x --write-kubeconfig-mode 644",
        ),
    ]);
    let site = read(&found.draft);
    assert_eq!(
        site.cluster.agent_config["node-label"],
        serde_json::json!(["a=b"])
    );
    assert!(site.cluster.config.is_empty());
    assert_eq!(
        site.cluster.token_file.as_deref(),
        Some(Path::new("/srv/site/token"))
    );
    insta::assert_snapshot!(told(&found), @r##"
    INSTALL_K3S_EXEC --node-label: Field("cluster.agentConfig.node-label")
    INSTALL_K3S_EXEC --tls-san: Field("cluster.tlsSan")
    INSTALL_K3S_EXEC --write-kubeconfig-mode: NotUnderstood it is an option of servers, and this is an agent
    K3S_TOKEN_FILE: Field("cluster.tokenFile")
    K3S_URL: Field("cluster.server")
    "##);
}

#[test]
fn every_known_variable_is_told_and_documented() {
    let page = include_str!("../../../../../docs/site.md");
    for name in SETTINGS {
        let found = environment(&[(name, "true")]);
        assert!(!found.settings.is_empty(), "{name}");
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/site.md does not name {name}"
        );
    }
    let mut sorted = SETTINGS;
    sorted.sort_unstable();
    assert_eq!(sorted, SETTINGS);
}

#[test]
fn whatever_is_said_is_read_again_or_refused_and_no_secret_is_shown() {
    use proptest::prelude::*;
    proptest!(|(line in "(--?[a-z-]{1,12}[ =]|'|\"|[a-z0-9:/.,é\\\\ ]{0,6}){0,12}", which in 0..SETTINGS.len())| {
        let environment: BTreeMap<String, String> = [
            (SETTINGS[which].to_owned(), line.clone()),
            ("INSTALL_K3S_EXEC".to_owned(), line),
            ("K3S_TOKEN".to_owned(), "s3cr3t-0123456789".to_owned()),
        ]
        .into();
        let found = from_environment(&environment, Path::new("/"));
        let text = found.draft.render();
        prop_assert!(!text.contains("s3cr3t"));
        // A value may be wrong; the text around it never is.
        if let Err(problems) = Site::read(&text, Path::new("site.yaml")) {
            let shown = problems.render();
            prop_assert!(!shown.contains("not valid YAML") && !shown.contains("unknown field"), "{}\n{}", shown, text);
        }
    });
}

#[test]
fn texts_stay_texts() {
    for text in [
        "true",
        "0644",
        "1e3",
        "a: b",
        "#",
        "",
        "é\u{85}\u{2028}",
        "-",
        "10.0.0.1",
        "fd42::/56",
        "\"\\",
        "null",
        "~",
        "1.5",
        "a\tb\nc",
    ] {
        let draft = Draft {
            config: [
                ("debug".to_owned(), Value::from(text)),
                ("list".to_owned(), Value::from(vec![text])),
            ]
            .into(),
            ..Draft::default()
        };
        let text_again = Site::read(&draft.render(), Path::new("site.yaml"));
        if text.is_empty() {
            continue;
        }
        let site = text_again.unwrap_or_else(|problems| panic!("{}", problems.render()));
        assert_eq!(site.cluster.config["debug"], text);
        assert_eq!(site.cluster.config["list"], serde_json::json!([text]));
    }
}
