//! What is to be searched: a chart, manifests of Kubernetes, or a manifest of Airlock.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::args::ImagesArgs;
use crate::failure::{Failure, Result};
use crate::files;

/// What is enough for a file of manifests.
pub(super) const MAX_FILE: u64 = 64 << 20;
/// What is enough for all files of a folder.
const MAX_ALL: u64 = 512 << 20;
const MAX_FILES: usize = 100_000;

/// How many files without objects are named.
const SHOWN: usize = 3;

/// What CHART|MANIFEST|DIR is.
pub(super) enum Given {
    Chart,
    Files(Found),
    /// A manifest of Airlock.
    Manifest(PathBuf),
}

/// Files with objects of Kubernetes.
#[derive(Default)]
pub(super) struct Found {
    /// Each by its name.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// What may need images and is not searched: its name, and what it is.
    pub(super) left_out: Vec<(String, &'static str)>,
    /// What people may want to know.
    pub(super) notes: Vec<String>,
    without: Vec<String>,
    size: u64,
}

pub(super) fn read(args: &ImagesArgs) -> Result<Given> {
    let what = args.what.as_str();
    let given = read_any(args, what)?;
    let (kind, refused) = match &given {
        Given::Chart => ("a chart", of_manifest(args)),
        Given::Files(_) => {
            let mut refused = [of_manifest(args), of_chart(args), of_all(args)].concat();
            refused.extend(of_cluster(args));
            ("manifests of Kubernetes", refused)
        }
        Given::Manifest(_) => {
            let mut refused = of_chart(args);
            refused.retain(|flag| *flag != "--toggles");
            ("a manifest of Airlock", refused)
        }
    };
    match refused.first() {
        None => Ok(given),
        Some(flag) => {
            let failure = Failure::from(anyhow::anyhow!("{flag} means nothing for {kind}: {what}"));
            Err(match &given {
                Given::Manifest(_) => failure.hint(
                    "a manifest says itself which values its charts get, and where they are installed; --set NAME=VALUE gives one of its variables another value",
                ),
                Given::Chart => failure.hint("leave it out; a manifest of Airlock has components"),
                Given::Files(_) => failure.hint("leave it out; manifests are searched as they are"),
            })
        }
    }
}

/// Flags that only a manifest of Airlock knows.
fn of_manifest(args: &ImagesArgs) -> Vec<&'static str> {
    chosen([("--component", !args.components.is_empty())])
}

/// Flags that only a chart knows that is named by itself.
fn of_chart(args: &ImagesArgs) -> Vec<&'static str> {
    let values = &args.values;
    chosen([
        ("--values", !values.files.is_empty()),
        ("--set-string", !values.set_string.is_empty()),
        ("--set-file", !values.set_file.is_empty()),
        ("--set-json", !values.set_json.is_empty()),
        ("--set-literal", !values.set_literal.is_empty()),
        ("--validate-schema", !values.validate_schema),
        ("--skip-schema-validation", values.skip_schema_validation),
        ("--variant", !args.variants.is_empty()),
        ("--toggles", args.toggles),
        ("--name", args.name.is_some()),
        ("--is-upgrade", args.cluster.is_upgrade),
        ("--version", args.from.version.is_some()),
        ("--devel", args.from.devel),
    ])
}

/// Flags that charts and manifests of Airlock know.
fn of_all(args: &ImagesArgs) -> Vec<&'static str> {
    chosen([
        ("--set", !args.values.set.is_empty()),
        ("--dependency-update", args.from.dependency_update),
        ("--follow-links", args.from.follow_links),
    ])
}

fn of_cluster(args: &ImagesArgs) -> Vec<&'static str> {
    chosen([
        ("--kube-version", args.cluster.kube_version.is_some()),
        ("--api-versions", !args.cluster.api_versions.is_empty()),
    ])
}

fn chosen<const N: usize>(flags: [(&'static str, bool); N]) -> Vec<&'static str> {
    let chosen = flags.into_iter().filter(|(_, given)| *given);
    chosen.map(|(flag, _)| flag).collect()
}

fn read_any(args: &ImagesArgs, what: &str) -> Result<Given> {
    if args.from.repo.is_some() {
        return Ok(Given::Chart);
    }
    if what == "-" {
        let bytes = files::read_stdin(MAX_ALL)?;
        if !holds_objects(&bytes) {
            let failure = Failure::from(anyhow::anyhow!("standard input holds no objects of Kubernetes"));
            return Err(failure.hint("each has apiVersion and kind, in YAML or JSON"));
        }
        return Ok(Given::Files(Found {
            files: vec![("-".to_owned(), bytes)],
            ..Found::default()
        }));
    }
    let path = Path::new(what);
    if !files::exists("the chart or manifest", path)? {
        if ["oci://", "http://", "https://"]
            .iter()
            .any(|start| what.starts_with(start))
        {
            return Ok(Given::Chart);
        }
        let failure = Failure::from(anyhow::anyhow!("there is no such chart or manifest: {what}"));
        return Err(failure.hint(
            "name a chart (a folder with Chart.yaml, a .tgz, oci://HOST/PATH, or --repo URL and a name there), manifests of Kubernetes (a file, a folder, or - for standard input), or a manifest of Airlock",
        ));
    }
    if path.is_dir() {
        return folder(path);
    }
    file(path)
}

fn file(path: &Path) -> Result<Given> {
    let is_archive = path.extension().is_some_and(|end| end == "tgz");
    if is_archive || begins_as_gzip(path)? {
        return Ok(Given::Chart);
    }
    let bytes = files::read("the manifest", path, MAX_FILE)?;
    if is_of_airlock(&bytes) {
        return Ok(Given::Manifest(path.to_owned()));
    }
    if !holds_objects(&bytes) {
        let failure = Failure::from(anyhow::anyhow!(
            "this is neither a chart nor a manifest: {}",
            path.display()
        ));
        let is = |name: &str| path.file_name().is_some_and(|file| file == name);
        return Err(failure.hint(if is("Chart.yaml") {
            "name the folder that it is in"
        } else {
            "objects of Kubernetes have apiVersion and kind; a chart is a folder with Chart.yaml or a .tgz, and its values are given with --values"
        }));
    }
    Ok(Given::Files(Found {
        files: vec![(path.display().to_string(), bytes)],
        ..Found::default()
    }))
}

fn begins_as_gzip(path: &Path) -> Result<bool> {
    let about = || format!("the chart or manifest could not be read: {}", path.display());
    let mut start = Vec::new();
    let file = fs::File::open(path).with_context(about)?;
    file.take(2).read_to_end(&mut start).with_context(about)?;
    Ok(start == [0x1f, 0x8b])
}

fn folder(path: &Path) -> Result<Given> {
    if path.join("Chart.yaml").is_file() {
        return Ok(Given::Chart);
    }
    let mut found = Found::default();
    // Names are told relative to the folder.
    let mut stack = vec![(path.to_owned(), String::new())];
    while let Some((folder, prefix)) = stack.pop() {
        let mut entries = list(&folder)?;
        entries.sort();
        let mut below = Vec::new();
        for name in entries {
            let here = folder.join(&name);
            let shown = format!("{prefix}{}", name.to_string_lossy());
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            // A folder that is a link may lead back to where it is.
            let is_link = here.is_symlink();
            if here.is_dir() {
                if is_link {
                    found.left_out.push((shown, "a link to a folder"));
                } else if here.join("Chart.yaml").is_file() {
                    found
                        .left_out
                        .push((shown, "a chart, which is searched when it is named"));
                } else {
                    below.push((here, format!("{shown}/")));
                }
            } else if is_manifest(&here) {
                found.take(&here, shown)?;
            }
        }
        below.reverse();
        stack.append(&mut below);
    }
    if found.files.is_empty() {
        let failure = Failure::from(anyhow::anyhow!(
            "the folder holds neither a chart nor manifests: {}",
            path.display()
        ));
        return Err(match found.left_out.first() {
            Some((name, what)) => failure.hint(format!("there is {name}: {what}")),
            None => failure.hint(
                "a chart has Chart.yaml; manifests are files that end in .yaml, .yml or .json, with apiVersion and kind in them",
            ),
        });
    }
    if !found.without.is_empty() {
        let mut shown = found.without.clone();
        shown.truncate(SHOWN);
        if found.without.len() > SHOWN {
            shown.push("…".to_owned());
        }
        found.notes.push(format!(
            "files without objects of Kubernetes are not searched: {} ({})",
            found.without.len(),
            shown.join(", ")
        ));
    }
    Ok(Given::Files(found))
}

fn list(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let about = || format!("the folder could not be read: {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(about)? {
        names.push(entry.with_context(about)?.file_name());
    }
    Ok(names)
}

fn is_manifest(path: &Path) -> bool {
    let end = path.extension().unwrap_or_default();
    ["yaml", "yml", "json"]
        .iter()
        .any(|one| end.eq_ignore_ascii_case(one))
}

impl Found {
    fn take(&mut self, path: &Path, shown: String) -> Result {
        let bytes = files::read("the manifest", path, MAX_FILE)?;
        if is_of_airlock(&bytes) {
            let what = "a manifest of Airlock, which is searched when it is named";
            self.left_out.push((shown, what));
            return Ok(());
        }
        if !holds_objects(&bytes) {
            self.without.push(shown);
            return Ok(());
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.files.push((shown, bytes));
        if self.size > MAX_ALL || self.files.len() > MAX_FILES {
            let failure = Failure::from(anyhow::anyhow!(
                "there is more in the folder than {MAX_FILES} manifests or {MAX_ALL} bytes"
            ));
            return Err(failure.hint("search the folders in it one after the other"));
        }
        Ok(())
    }
}

/// Whether a document is a manifest of Airlock.
fn is_of_airlock(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().any(|line| {
        value_of(line, "apiVersion").is_some_and(|value| value.trim_start().starts_with("airlock.dev/"))
    })
}

/// Whether there are objects of Kubernetes in a file: `apiVersion` and `kind` where documents, items of lists and JSON
/// have them. Deeper, they are settings for something else.
fn holds_objects(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let has = |key: &str| {
        text.lines().any(|line| {
            let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("  "));
            value_of(line, key).is_some()
                || (text.starts_with("- ") || text.contains("\n- "))
                    && item.is_some_and(|item| value_of(item, key).is_some())
        })
    };
    if has("apiVersion") && has("kind") {
        return true;
    }
    // JSON, and YAML that is written like it.
    let mut starts = text.split("\n---").map(|document| {
        let document = document.trim_start_matches('-').trim_start();
        document.starts_with(['{', '['])
    });
    starts.any(|is| is) && text.contains("apiVersion") && text.contains("kind")
}

/// The value behind a key at the start of a line, without quotes around the key and before the value.
fn value_of<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let line = line.trim_start_matches(['{', '"', '\'']);
    let rest = line.strip_prefix(key)?.trim_start_matches(['"', '\'']);
    let rest = rest.trim_start().strip_prefix(':')?;
    Some(rest.trim_start().trim_start_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_known_by_two_keys() {
        for text in [
            "apiVersion: v1\nkind: Pod\n",
            "# text\n---\nkind: Pod\napiVersion: v1\n",
            "---\n\"kind\" : Pod\n'apiVersion': v1\n",
            "- apiVersion: v1\n  kind: Pod\n",
            "{\"apiVersion\": \"v1\", \"items\": [], \"kind\": \"List\"}",
            "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\"\n}",
            "a: 1\n--- {apiVersion: v1, kind: Pod}\n",
            "{\"a.yaml\": {\"apiVersion\": \"v1\", \"kind\": \"Pod\"}}",
        ] {
            assert!(holds_objects(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "kind: Pod\n",
            "image: nginx\n",
            "issuer:\n  kind: Issuer\n  apiVersion: v1\n",
            "{\"kind\": \"a\"}",
            "kinds: []\napiVersions: []\n",
            "\u{0}\u{ff}",
        ] {
            assert!(!holds_objects(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn manifests_of_airlock_are_known_by_their_version() {
        for text in [
            "apiVersion: airlock.dev/v1\nkind: Manifest\n",
            "{\"apiVersion\": \"airlock.dev/v1\"}",
            "apiVersion: 'airlock.dev/v9'",
        ] {
            assert!(is_of_airlock(text.as_bytes()), "{text}");
        }
        assert!(!is_of_airlock(
            b"apiVersion: v1\nkind: A\nspec:\n  apiVersion: airlock.dev/v1\n"
        ));
        assert!(!is_of_airlock(b"apiVersion: apps/v1\n# airlock.dev/v1\n"));
    }
}
