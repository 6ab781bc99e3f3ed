//! `airlock cluster init`: a site.yaml from flags, and from the settings of install scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::desk::{Desk, Said, finish};

fn with(desk: &Desk, words: &[&str], environment: &[(&str, &str)]) -> Said {
    let mut command = desk.command(words);
    command.envs(environment.iter().copied());
    finish(command)
}

#[test]
fn a_site_from_flags_and_no_second_one_over_it() {
    let desk = Desk::new();
    let flags = [
        "cluster",
        "init",
        "--name",
        "edge",
        "--mirror",
        "https://m.site:5000",
        "--tls-san",
        "a.site,b.site",
    ];
    let (code, said) = desk.run(&flags);
    assert_eq!((code, said.as_str()), (0, "wrote site.yaml\n"));
    let text = fs::read_to_string(desk.path("site.yaml")).unwrap();
    assert!(text.contains("\n  tlsSan: [a.site, b.site]"), "{text}");
    let (code, said) = desk.run(&flags);
    assert_eq!(code, 2);
    assert!(said.contains("there is a file already: site.yaml"), "{said}");
    assert_eq!(desk.run(&[&flags[..], &["--force"]].concat()).0, 0);

    let (code, said) = desk.run(&[
        "cluster",
        "init",
        "--cluster-cidr",
        "10.43.0.0/16",
        "--out",
        "other.yaml",
    ]);
    assert_eq!(code, 2);
    assert!(said.contains("pods and services share addresses"), "{said}");
    assert!(!desk.path("other.yaml").exists());
}

#[test]
fn a_site_from_the_settings_of_a_script() {
    let desk = Desk::new();
    let environment = [
        ("K3S_TOKEN", "hunter2"),
        ("K3S_URL", "https://10.0.0.10:6443"),
        ("INSTALL_K3S_EXEC", "agent --node-label a=b"),
        ("CLUSTER_CIDR", "10.52.0.0/16"),
        ("REGISTRY", "registry.site:5000"),
        ("REGISTRY_PASSWORD", "hunter3"),
    ];
    let init = ["cluster", "init", "--from-env", "--out", "conf/site.yaml"];
    fs::create_dir(desk.path("conf")).unwrap();
    let (code, said) = with(&desk, &init, &environment);
    assert_eq!(code, 0, "{said}");
    for line in [
        "CLUSTER_CIDR                   cluster.clusterCidr\n",
        "K3S_TOKEN                      the file secrets/token\n",
        "wrote conf/site.yaml\n",
        "wrote conf/secrets/mirror-password\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let text = fs::read_to_string(desk.path("conf/site.yaml")).unwrap();
    assert!(
        !said.contains("hunter") && !text.contains("hunter"),
        "{said}{text}"
    );
    let mode = |name: &str| fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("conf/secrets/token"), 0o600);
    assert_eq!(mode("conf/secrets"), 0o700);
    assert_eq!(
        fs::read_to_string(desk.path("conf/secrets/token")).unwrap(),
        "hunter2\n"
    );

    // Again, and with another token.
    let again = [&init[..], &["--force"]].concat();
    assert_eq!(with(&desk, &again, &environment).0, 0);
    let (code, said) = with(&desk, &again, &[("K3S_TOKEN", "hunter4")]);
    assert_eq!(code, 2);
    assert!(
        said.contains("there is another secret already: conf/secrets/token") && !said.contains("hunter"),
        "{said}"
    );
}

#[test]
fn what_is_not_understood_is_told() {
    let desk = Desk::new();
    let environment = [
        ("K3S_BRAND_NEW", "1"),
        ("INSTALL_K3S_NAME", "edge"),
        ("INSTALL_K3S_SKIP_DOWNLOAD", "true"),
    ];
    let (code, said) = with(&desk, &["cluster", "init", "--from-env"], &environment);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("K3S_BRAND_NEW              NOT TAKEN OVER: "),
        "{said}"
    );
    assert!(said.contains("settings that were not taken over: 2"), "{said}");
    assert!(desk.path("site.yaml").exists());

    let (code, said) = with(
        &desk,
        &[
            "--output",
            "json",
            "cluster",
            "init",
            "--from-env",
            "--out",
            "b.yaml",
        ],
        &environment[2..],
    );
    assert_eq!(code, 0, "{said}");
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["settings"][0]["name"], "INSTALL_K3S_SKIP_DOWNLOAD");
    assert_eq!(told["file"], "b.yaml");

    let (code, said) = with(
        &desk,
        &["cluster", "init", "--from-env", "--out", "-"],
        &[("K3S_TOKEN", "hunter2")],
    );
    assert_eq!(code, 3);
    assert!(said.contains("kind: Site") && !said.contains("hunter"), "{said}");
}
