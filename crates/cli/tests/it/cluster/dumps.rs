//! Dumps of a cluster, and what is none.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Site, contains, deployment, pod};

#[test]
fn dumps_tell_what_runs_and_is_not_held() {
    let site = Site::new();
    let (image, id) = (site.image(), site.id());
    site.dump(&[pod("a", &image, &id), deployment("a", &image)]);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 0, "{text}");
    let shown = text.replace(&site.host, "[HOST]");
    assert_eq!(
        shown,
        "cluster dump.json: 1 image in 2 objects\n  \
         established       1 image of what runs or is wanted here, 1 with the digest that runs\n  \
         1 image here and not used\n"
    );
    let (_, text) = site.check(&["-v", "--cluster", "dump.json"]);
    contains(&text, &[&format!("    {}/team/tool:1\n", site.host)]);
    // The image of one platform is in the bundle as well as the index.
    let child = site.app.manifests[0].digest;
    site.dump(&[pod("a", &image, &format!("x@{child}"))]);
    assert_eq!(site.check(&["--cluster", "dump.json"]).0, 0);

    let wrong = format!("sha256:{}", "ab".repeat(32));
    let objects = [
        pod("a", &image, &format!("{}/team/app@{wrong}", site.host)),
        deployment("new", "registry.k8s.io/new:2"),
        pod("mirrored", "registry.site:5000/team/app:1", &id),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"images": [{"names": ["docker.io/rancher/mirrored-pause:3.6"]}]}}),
    ];
    site.dump(&objects);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 1, "{text}");
    let shown = text
        .replace(&site.host, "[HOST]")
        .replace(&wrong, "[WRONG]")
        .replace(&site.app.digest().to_string(), "[RIGHT]");
    assert_eq!(
        shown,
        "cluster dump.json: 3 images in 4 objects
  not established   2 images not here
    registry.k8s.io/new:2
      wanted by Deployment shop/new, container main
    registry.site:5000/team/app:1
      run by Pod shop/mirrored, container main: [RIGHT]
      the same content is here as [HOST]/team/app:1
  not established   1 image with another digest than here
    [HOST]/team/app:1, here [RIGHT]
      run by Pod shop/a, container main: [WRONG]
  1 image on nodes, not here and not used
  1 image here and not used
error: of 3 images in the cluster, 2 not here and 1 not as they are here

hint: only exact references count; let nodes pull the upstream names through a mirror, so that they run what is here under its own name
"
    );

    // Drift alone is a no, too.
    site.dump(&objects[..1]);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 1, "{text}");
    contains(&text, &["of 1 image in the cluster, 1 not as they are here"]);
}

#[test]
fn the_report_for_programs_has_a_stable_shape() {
    let site = Site::new();
    let objects = [
        pod("a", &site.image(), &site.id()),
        deployment("new", "registry.k8s.io/new:2"),
    ];
    site.dump(&objects);
    let json = ["--output", "json", "--cluster"];
    let output = site
        .check_command(&[&json[..], &["dump.json"]].concat())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report,
        json!({
            "established": false,
            "deployments": [],
            "cluster": {
                "established": false,
                "source": "dump.json",
                "objects": 2,
                "nodes": 0,
                "images": 2,
                "held": 1,
                "confirmed": 1,
                "missing": [{
                    "reference": "registry.k8s.io/new:2",
                    "usedBy": [{"standing": "wanted", "namespace": "shop", "kind": "Deployment", "name": "new", "container": "main"}],
                }],
                "drifted": [],
                "unjudged": [],
                "idle": [format!("{}/team/tool:1", site.host)],
                "onNodes": [],
                "skipped": [],
            },
        })
    );
}

#[test]
fn dumps_come_in_many_forms() {
    let site = Site::new();
    site.dump(&[
        pod("a", &site.image(), &site.id()),
        deployment("new", "registry.k8s.io/new:2"),
    ]);
    // From a pipe.
    let mut child = site
        .check_command(&["--cluster", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let dump = fs::read(site.path("dump.json")).unwrap();
    child.stdin.take().unwrap().write_all(&dump).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    contains(
        &String::from_utf8(output.stdout).unwrap(),
        &["registry.k8s.io/new:2"],
    );

    // A folder with logs among the objects, as `kubectl cluster-info dump` makes it.
    fs::create_dir_all(site.path("folder/shop/a")).unwrap();
    site.write(
        "folder/nodes.json",
        "{\"kind\": \"NodeList\", \"apiVersion\": \"v1\", \"items\": null}\n",
    );
    site.write("folder/shop/a/logs.txt", "==== START\n{\n");
    site.write(
        "folder/shop/pods.yaml",
        &format!("apiVersion: v1\nkind: PodList\nitems:\n- metadata: {{name: a, namespace: shop}}\n  spec:\n    containers:\n    - name: main\n      image: {}\n", site.image()),
    );
    site.write("folder/other.json", "{\"a\": 1}");
    let (code, text) = site.check(&["--cluster", "folder"]);
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &[
            "1 image in 1 object\n",
            "folder/other.json holds no objects of Kubernetes",
        ],
    );
    std::os::unix::fs::symlink("..", site.path("folder/shop/up")).unwrap();
    assert_eq!(site.check(&["--cluster", "folder"]).0, 0);

    // Nodes alone.
    site.dump(&[json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"images": [{"names": [site.image()]}]}})]);
    let (code, text) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 0, "{text}");
    contains(
        &text,
        &["the dump has nodes only, so that nobody knows what runs"],
    );
}

#[test]
fn what_is_no_dump_is_refused_and_not_repeated() {
    let site = Site::new();
    let deep = format!("{{\"kind\": \"Pod\", \"spec\": {}}}", "[".repeat(1_000_000));
    for (text, wanted) in [
        ("", "nothing of what runs in a cluster is in dump.json"),
        (
            "{\"kind\": \"List\", \"items\": []}",
            "nothing of what runs in a cluster is in dump.json",
        ),
        ("secret: hunter2\n", "this is no object of Kubernetes: document 1"),
        (
            "{\"secret\": hunter2}",
            "this is not valid JSON, or nested too deeply: line 1, column 12",
        ),
        (&deep, "this is not valid JSON, or nested too deeply"),
        ("a: [hunter2\n", "this is not valid YAML, or beyond its limits"),
        ("\u{7f}ELF", "this is no"),
    ] {
        site.write("dump.json", text);
        let (code, said) = site.check(&["--cluster", "dump.json"]);
        assert_eq!(code, 2, "{said}");
        contains(
            &said,
            &[wanted, "hint: make a dump with kubectl get pods,deployments"],
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
    let (code, said) = site.check(&["--cluster", "nowhere.json"]);
    assert_eq!(code, 2, "{said}");
    contains(
        &said,
        &["the dump or kubeconfig of the cluster could not be read: nowhere.json"],
    );
    // Names steer no terminal.
    site.dump(&[deployment("a\u{1b}[2Jb", "registry.k8s.io/new:2")]);
    let (code, said) = site.check(&["--cluster", "dump.json"]);
    assert_eq!(code, 1, "{said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}
