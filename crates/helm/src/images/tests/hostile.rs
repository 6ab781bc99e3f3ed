//! Documents that are made to take long, or much memory.

use std::time::Instant;

use super::super::{Finder, Found, Limits, Source};

/// What is found, if that takes no longer than a slow machine needs for what is not hostile.
fn soon(name: &str, text: &str, limits: Limits) -> Found {
    let start = Instant::now();
    let mut finder = Finder::new(limits);
    finder.manifest(&Source::file("x"), text.as_bytes());
    let found = finder.finish();
    println!("{name}: {:?}, {} findings", start.elapsed(), found.findings.len());
    assert!(start.elapsed().as_secs() < 10, "{name}: {:?}", start.elapsed());
    found
}

/// An object whose text goes on like this.
fn object(rest: &str) -> String {
    format!("apiVersion: v1\nkind: X\nmetadata: {{name: a}}\n{rest}\n")
}

fn many(count: usize, one: impl FnMut(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn hostile_documents_end_soon() {
    let deep = |open: &str, shut: &str, times| format!("{}x{}", open.repeat(times), shut.repeat(times));
    let mut aliases = "a0: &a0 {image: 'quay.io/a/b:1'}\n".to_owned();
    for level in 1..40 {
        let before = format!("*a{}", level - 1);
        aliases.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            [before.as_str(); 9].join(", ")
        ));
    }
    let mut json = "quay.io/a/b:1".to_owned();
    for _ in 0..12 {
        json = serde_json::json!({ "image": json }).to_string();
    }
    let tokens = "quay.io/a/b:1 ".repeat(50_000);
    let hostile = [
        deep("[", "]", 100_000),
        deep("{a: ", "}", 5_000),
        deep("- ", "", 50_000),
        aliases,
        format!(
            "kind: ConfigMap\napiVersion: v1\ndata: {{x: {}}}\n",
            serde_json::json!(json)
        ),
        format!(
            "kind: ConfigMap\napiVersion: v1\ndata: {{x: {}}}\n",
            serde_json::json!(format!("image\n{tokens}"))
        ),
        "\n---".repeat(100_000),
        format!("image: {}\n", "a/".repeat(200_000)),
        format!("{}: x\n", "image.".repeat(100_000)),
    ];
    let limits = Limits {
        steps: 200_000,
        ..Limits::default()
    };
    for (at, text) in hostile.iter().enumerate() {
        let found = soon(&at.to_string(), text, limits);
        assert!(found.findings.len() <= 100_000, "{at}");
    }
}

/// Nothing is looked at again for each of very many neighbours.
#[test]
fn many_neighbours_end_soon() {
    const COUNT: usize = 20_000;
    let variables = many(COUNT, |n| {
        format!("- {{name: A{n}_REPOSITORY, value: quay.io/a/b}}\n- {{name: A{n}_TAG, value: v1}}\n")
    });
    let keys = many(COUNT, |n| format!("  a{n}_repository: a/b\n  a{n}_tag: v1\n"));
    let flags = many(COUNT, |n| {
        format!("- --a{n}-image-repository=a/b\n- --a{n}-image-tag=1\n")
    });
    let line = many(COUNT, |n| format!("quay.io/a/b:{n} "));
    for (name, text, most) in [
        ("variables", format!("env:\n{variables}"), COUNT),
        ("keys", format!("spec:\n{keys}"), COUNT),
        ("lines", format!("spec: |\n{keys}"), COUNT),
        ("flags", format!("args:\n{flags}"), COUNT),
        ("words", format!("spec: {{a: '{line}'}}"), COUNT),
    ] {
        let found = soon(name, &object(&text), Limits::default());
        assert_eq!(found.findings.len(), most, "{name}: {:?}", found.notices);
    }
}

/// What is long is not read or written again for each of very many that are below it, or that name it.
#[test]
fn long_texts_end_soon() {
    const COUNT: usize = 10_000;
    let long = |text: &str| text.repeat(1_000_000 / text.len());
    let proxies = many(COUNT, |n| format!("    k{n}: {{image: proxy}}\n"));
    let images = many(COUNT, |n| format!("  - quay.io/a/b:{n}\n"));
    let weak = many(COUNT, |n| format!("    k{n}Image: proxy\n"));
    let again = "*a, ".repeat(COUNT);
    // As much as unoptimised code can decode in time.
    let limits = Limits {
        bytes: 32 << 20,
        ..Limits::default()
    };
    let plan = "apiVersion: upgrade.cattle.io/v1\nkind: Plan\nspec:\n";
    for (name, text) in [
        (
            "tag of a hub",
            object(&format!(
                "global:\n  hub: a.example/b\n  tag: {}\n  c:\n{proxies}",
                long("x")
            )),
        ),
        (
            "version of a plan",
            format!("{plan}  version: {}\n  c:\n{proxies}", long("x")),
        ),
        ("key", object(&format!("? {}\n:\n{images}", long("k")))),
        (
            "key of words",
            object(&format!("spec:\n  ? {}\n  :\n{weak}", long("kA"))),
        ),
        (
            "text",
            object(&format!("a: &a '{}'\nb: [{again}]", long("quay.io/x:y "))),
        ),
        (
            "secret",
            format!(
                "apiVersion: v1\nkind: Secret\ndata:\n  a: &a {}\n{}",
                long("aW1hZ2U6"),
                many(COUNT, |n| format!("  k{n}: *a\n"))
            ),
        ),
    ] {
        let found = soon(name, &text, limits);
        let bytes: usize = found.findings.iter().map(|one| one.place.path.len()).sum();
        assert!(bytes < 20 << 20, "{name}: {bytes}");
    }
}
