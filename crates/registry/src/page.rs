//! The page for people.

use std::fmt::Write;

use airlock_types::Tag;
use http::{HeaderValue, header};

use crate::catalog::Catalog;
use crate::client_config::{self, Mirror};
use crate::reply::{self, Reply};

/// A page lists this many repositories; `_catalog` lists all.
const MOST: usize = 2000;

/// Repositories, tags and client configuration, without scripts or anything from elsewhere.
pub(crate) fn render(catalog: &Catalog, seen_as: &str, tls: bool) -> Reply {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Airlock registry</title><style>\
         body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
         pre,code{font:14px/1.4 ui-monospace,monospace;background:#f4f4f4}pre{padding:.8rem;overflow:auto}\
         td{padding:.2rem 1rem .2rem 0;vertical-align:top}summary{cursor:pointer;font-weight:600}\
         </style></head><body><h1>Airlock registry</h1>\n",
    );
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<p>Generation <code>{}</code>: {} names in {} repositories. \
         See also <a href=\"/charts/index.yaml\">charts</a>, <a href=\"/files/\">files</a>, \
         <a href=\"/k3s/\">k3s</a>, \
         <a href=\"/apt/\">packages</a>, \
         <a href=\"/v2/_catalog\">catalog</a>, <a href=\"/metrics\">metrics</a>.</p>",
        catalog.generation.id,
        catalog.generation.roots.len(),
        catalog.repositories.len()
    );
    configuration(catalog, seen_as, tls, &mut out);
    out.push_str("<h2>Repositories</h2>\n<table>\n");
    for repo in catalog.repositories.iter().take(MOST) {
        let tags: Vec<&str> = repo.tags().map(Tag::as_str).collect();
        let _ = writeln!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td></tr>",
            escape(&repo.address),
            escape(&tags.join(", "))
        );
    }
    out.push_str("</table>\n");
    if catalog.repositories.len() > MOST {
        let _ = writeln!(
            out,
            "<p>{} more are listed in the catalog.</p>",
            catalog.repositories.len() - MOST
        );
    }
    out.push_str("</body></html>\n");
    let mut reply = reply::ok(HeaderValue::from_static("text/html; charset=utf-8"), out);
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
    headers.insert(header::CACHE_CONTROL, reply::REVALIDATE);
    reply
}

fn configuration(catalog: &Catalog, seen_as: &str, tls: bool, out: &mut String) {
    let scheme = if tls { "https" } else { "http" };
    let Ok(mirror) = format!("{scheme}://{seen_as}").parse::<Mirror>() else {
        return;
    };
    let mut hosts: Vec<_> = catalog
        .repositories
        .iter()
        .map(|repo| repo.repository.host.clone())
        .collect();
    hosts.sort();
    hosts.dedup();
    out.push_str("<h2>Client configuration</h2>\n");
    for (title, below, files) in [
        (
            "containerd",
            "/etc/containerd",
            client_config::containerd(&mirror, &hosts, None),
        ),
        (
            "k3s",
            "/etc/rancher/k3s",
            client_config::k3s(&mirror, &hosts, None),
        ),
        (
            "podman, skopeo, buildah",
            "/etc/containers",
            client_config::podman(&mirror, &hosts, None),
        ),
    ] {
        let _ = writeln!(out, "<details><summary>{title}</summary>");
        for (path, text) in files {
            let _ = writeln!(
                out,
                "<p><code>{below}/{}</code></p><pre>{}</pre>",
                escape(&path.display().to_string()),
                escape(&text)
            );
        }
        out.push_str("</details>\n");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
