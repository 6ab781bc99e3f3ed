//! What `helm template` makes of rendered files (`pkg/action`, `pkg/cmd/template.go`).

use std::sync::Arc;

use super::{Options, RenderError, Rendered, Renderer, ValueSources, order};
use crate::ChartFile;
use crate::call::Budget;
use crate::chart::{Chart, Profile};
use crate::value::{Map, Value};

/// What is printed of a templated chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateOptions {
    /// `--include-crds`.
    pub include_crds: bool,
    /// `--no-hooks`.
    pub no_hooks: bool,
    /// `--skip-tests`: hooks that are tests are left out.
    pub skip_tests: bool,
    /// `--show-only`: patterns of the only templates that are printed.
    pub show_only: ShowOnly,
}

/// Patterns of templates, relative to the chart: `templates/*.yaml`. None means all.
pub type ShowOnly = Vec<String>;

/// One document of a rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The path of the file.
    pub path: String,
    /// Its text.
    pub text: Vec<u8>,
    /// `kind`, which may be empty.
    pub kind: String,
    /// `metadata.name`, which may be empty.
    pub name: String,
}

/// A document that Helm runs at its own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The document.
    pub manifest: Manifest,
    /// When it runs: `pre-install`, `test`.
    pub events: Vec<String>,
    /// Its place among hooks of one event.
    pub weight: i64,
}

/// A chart as `helm template` has it before it prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templated {
    /// What is installed, in order.
    pub manifests: Vec<Manifest>,
    /// What runs beside it, in order of kinds.
    pub hooks: Vec<Hook>,
    /// The files of `crds/` folders, by path.
    pub crds: Vec<(String, Arc<ChartFile>)>,
    /// The text of the chart's `NOTES.txt`.
    pub notes: Vec<u8>,
    /// What Helm would log.
    pub warnings: Vec<String>,
}

/// Renders a chart as `helm template` does, checks included: that it can be installed, that its dependencies are
/// there, that it runs on the Kubernetes in question, and that every file is YAML.
pub fn template(
    chart: &Chart,
    values: &ValueSources,
    options: &Options,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Templated, RenderError> {
    templated(&mut Renderer::default(), chart, values, options, read)
}

pub(super) fn templated(
    renderer: &mut Renderer,
    chart: &Chart,
    values: &ValueSources,
    options: &Options,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Templated, RenderError> {
    let metadata = chart.metadata();
    if !matches!(metadata.kind.as_str(), "" | "application") {
        return Err(RenderError::NotInstallable(metadata.kind.clone()));
    }
    let missing = chart.missing();
    if !missing.is_empty() {
        return Err(RenderError::Missing {
            lead: match options.profile {
                Profile::Helm3 => {
                    "An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: "
                }
                Profile::Helm4 => {
                    "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: "
                }
            },
            names: missing.into_iter().map(|wanted| wanted.name.clone()).collect(),
        });
    }
    super::name::check(&options.name, options.profile)?;
    let mut rendered = renderer.render(chart, values, options, read)?;
    if metadata.deprecated {
        rendered.warnings.insert(0, "this chart is deprecated".to_owned());
    }
    let kube = &options.capabilities.kube;
    if !metadata.kube_version.is_empty()
        && !crate::range::is_compatible(&metadata.kube_version, kube.normalized())
    {
        return Err(RenderError::KubeVersion {
            range: metadata.kube_version.clone(),
            version: kube.version().to_owned(),
        });
    }
    let mut budget = Budget::new(options.limits.steps, options.limits.memory);
    let templated = Templated::of(rendered, &metadata.name, options.profile, &mut budget);
    renderer.spend(&budget);
    templated
}

impl Templated {
    fn of(
        rendered: Rendered,
        name: &str,
        profile: Profile,
        budget: &mut Budget,
    ) -> Result<Self, RenderError> {
        let mut out = Self {
            crds: rendered.crds,
            warnings: rendered.warnings,
            ..Self::default()
        };
        let notes = format!("{name}/templates/NOTES.txt");
        for (path, text) in rendered.files {
            if path.ends_with("NOTES.txt") {
                if path == notes {
                    out.notes = text;
                }
                continue;
            }
            for document in split(&text, profile) {
                let head = Head::read(document, profile, budget).map_err(|problem| match problem {
                    Problem::Refused(problem) => RenderError::Manifest {
                        path: path.clone(),
                        problem,
                    },
                    Problem::Limit(limit) => RenderError::TemplateLimit {
                        limit,
                        path: path.clone(),
                    },
                })?;
                out.take(&path, document, head);
            }
        }
        // Both sorts are stable: what is of one kind stays in the order of the files.
        out.manifests.sort_by(|a, b| {
            let place = |manifest: &Manifest| {
                let (at, name) = order::place(&manifest.kind, profile);
                (at, name.to_owned())
            };
            place(a).cmp(&place(b))
        });
        out.hooks.sort_by(|a, b| {
            order::place(&a.manifest.kind, profile).cmp(&order::place(&b.manifest.kind, profile))
        });
        Ok(out)
    }

    fn take(&mut self, path: &str, document: &[u8], head: Head) {
        let annotation = |name: &str| {
            let found = head.annotations.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let hook = annotation("helm.sh/hook");
        let weight = annotation("helm.sh/hook-weight");
        let manifest = Manifest {
            path: path.to_owned(),
            text: document.to_vec(),
            kind: head.kind,
            name: head.name,
        };
        let Some(hook) = hook else {
            self.manifests.push(manifest);
            return;
        };
        let mut events = Vec::new();
        for event in hook.split(',') {
            let event = event.trim().to_lowercase();
            match event.as_str() {
                "pre-install" | "post-install" | "pre-delete" | "post-delete" | "pre-upgrade"
                | "post-upgrade" | "pre-rollback" | "post-rollback" | "test" => events.push(event),
                // What Helm 2 called it.
                "test-success" => events.push("test".to_owned()),
                _ => {
                    self.warnings.push(format!("skipping unknown hooks: {hook:?}"));
                    return;
                }
            }
        }
        self.hooks.push(Hook {
            manifest,
            events,
            weight: weight.and_then(|text| text.parse().ok()).unwrap_or(0),
        });
    }

    /// What a post-renderer of Helm 3 sees: everything that is installed, without hooks.
    pub fn manifest(&self, include_crds: bool) -> Vec<u8> {
        let mut out = Vec::new();
        if include_crds {
            for (path, file) in &self.crds {
                document(&mut out, path, &file.bytes);
            }
        }
        for manifest in &self.manifests {
            document(&mut out, &manifest.path, &manifest.text);
        }
        out
    }

    /// The hooks that are printed.
    pub fn printed_hooks<'a>(
        &'a self,
        options: &TemplateOptions,
    ) -> impl Iterator<Item = &'a Hook> + use<'a> {
        let (none, skip_tests) = (options.no_hooks, options.skip_tests);
        let is_test = |hook: &Hook| hook.events.iter().any(|event| event == "test");
        self.hooks
            .iter()
            .filter(move |hook| !none && (!skip_tests || !is_test(hook)))
    }

    /// The bytes that `helm template` prints.
    pub fn print(&self, options: &TemplateOptions, profile: Profile) -> Result<Vec<u8>, RenderError> {
        self.print_with(options, profile, Ok)
    }

    /// The same with `post` between putting manifests together and printing them; hooks pass it by. So does Helm 3.
    /// Helm 4 sends hooks along and writes every document anew around it, which is not done here.
    pub fn print_with(
        &self,
        options: &TemplateOptions,
        profile: Profile,
        post: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, String>,
    ) -> Result<Vec<u8>, RenderError> {
        let manifest = post(self.manifest(options.include_crds)).map_err(RenderError::PostRender)?;
        let mut out = trim_end(trim_start(&manifest)).to_vec();
        out.push(b'\n');
        for hook in self.printed_hooks(options) {
            document(&mut out, &hook.manifest.path, &hook.manifest.text);
        }
        if options.show_only.is_empty() {
            return Ok(out);
        }
        show_only(&out, &options.show_only, profile)
    }
}

fn document(out: &mut Vec<u8>, path: &str, text: &[u8]) {
    out.extend_from_slice(b"---\n# Source: ");
    out.extend_from_slice(path.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(text);
    out.push(b'\n');
}

fn show_only(all: &[u8], patterns: &[String], profile: Profile) -> Result<Vec<u8>, RenderError> {
    let documents = split(all, profile);
    let mut out = Vec::new();
    for pattern in patterns {
        let mut found = false;
        for document in &documents {
            if source(document).is_some_and(|path| crate::ignore::path_matches(pattern, &path)) {
                found = true;
                out.extend_from_slice(b"---\n");
                out.extend_from_slice(document);
                out.push(b'\n');
            }
        }
        if !found {
            return Err(RenderError::NotShown(pattern.clone()));
        }
    }
    Ok(out)
}

/// The path behind the first `# Source: `, without the chart's name.
fn source(document: &[u8]) -> Option<String> {
    document.split(|byte| *byte == b'\n').find_map(|line| {
        let at = memchr::memmem::find(line, b"# Source: ")?;
        let rest = line.get(at + b"# Source: ".len()..)?;
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let path = rest.get(slash + 1..)?;
        (slash > 0 && !path.is_empty()).then(|| String::from_utf8_lossy(path).into_owned())
    })
}

/// Splits a text into its documents, as Helm splits it: at `---` at the start of a line, whatever follows it.
fn split<'a>(text: &'a [u8], profile: Profile) -> Vec<&'a [u8]> {
    let space = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ');
    let trim = |text| match profile {
        Profile::Helm3 => trim_end(trim_start(text)),
        Profile::Helm4 => trim_start(text),
    };
    let text = trim(text);
    let mut out = Vec::new();
    let mut push = |document: &'a [u8]| {
        if !trim_start(document).is_empty() {
            out.push(trim(document));
        }
    };
    // What is white before a separator belongs to it.
    let before = |document: &'a [u8]| {
        let white = document.iter().rev().take_while(|byte| space(byte)).count();
        document.get(..document.len() - white).unwrap_or_default()
    };
    let after = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| space(byte)).count()
    };
    let mut start = if text.starts_with(b"---") { after(3) } else { 0 };
    let mut at = start;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memmem::find(rest, b"\n---"))
    {
        let end = at + found;
        push(before(text.get(start..end).unwrap_or_default()));
        start = after(end + 4);
        at = start;
    }
    push(text.get(start..).unwrap_or_default());
    out
}

fn trim_start(text: &[u8]) -> &[u8] {
    let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let white = valid.len() - valid.trim_start().len();
    text.get(white..).unwrap_or_default()
}

fn trim_end(mut text: &[u8]) -> &[u8] {
    // A character has at most four bytes.
    while let Some(shorter) = (1..=4).find_map(|count| {
        let (before, last) = text.split_at_checked(text.len().checked_sub(count)?)?;
        let mut chars = std::str::from_utf8(last).ok()?.chars();
        (chars.next()?.is_whitespace() && chars.next().is_none()).then_some(before)
    }) {
        text = shorter;
    }
    text
}

/// What every document costs, however short it is.
const DOCUMENT_STEPS: u64 = 100;
const DOCUMENT_BYTES: usize = 512;

/// The little that Helm reads of a manifest.
struct Head {
    kind: String,
    name: String,
    annotations: Vec<(String, String)>,
}

enum Problem {
    Refused(String),
    Limit(crate::call::LimitReached),
}

impl Head {
    fn read(document: &[u8], profile: Profile, budget: &mut Budget) -> Result<Self, Problem> {
        // What is made of a document besides what it says: millions of them fit into one file.
        budget
            .step(DOCUMENT_STEPS)
            .and_then(|()| budget.take(DOCUMENT_BYTES))
            .map_err(Problem::Limit)?;
        let value = crate::format::from_yaml_kept(document, budget).map_err(|error| match error {
            crate::call::FunctionError::Limit(limit) => Problem::Limit(limit),
            other => Problem::Refused(other.to_string()),
        })?;
        let mut head = Self {
            kind: String::new(),
            name: String::new(),
            annotations: Vec::new(),
        };
        let map = match value {
            Value::Nil => return Ok(head),
            Value::Map(map) => map,
            other => {
                return Err(wrong(
                    &other,
                    match profile {
                        Profile::Helm3 => "value of type releaseutil.SimpleHead",
                        Profile::Helm4 => "value of type util.SimpleHead",
                    },
                ));
            }
        };
        let mut version = String::new();
        field(&map, "apiVersion", |value| {
            text(&value, &mut version, "apiVersion")
        })?;
        field(&map, "kind", |value| text(&value, &mut head.kind, "kind"))?;
        field(&map, "metadata", |value| {
            let metadata = match value {
                Value::Map(map) => map,
                other => {
                    let target = "struct field SimpleHead.metadata of type struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \"json:\\\"annotations\\\"\" }";
                    return Err(wrong(&other, target));
                }
            };
            field(&metadata, "name", |value| {
                text(&value, &mut head.name, "metadata.name")
            })?;
            field(&metadata, "annotations", |value| match value {
                Value::Map(map) => {
                    for (key, value) in map.entries() {
                        let mut one = String::new();
                        text(&value, &mut one, "metadata.annotations")?;
                        head.annotations.push((key.text().into_owned(), one));
                    }
                    Ok(())
                }
                other => Err(wrong(
                    &other,
                    "struct field .metadata.annotations of type map[string]string",
                )),
            })
        })?;
        Ok(head)
    }
}

/// Every spelling of a key that Go's JSON takes for the field, in its order; nulls say nothing.
fn field(map: &Map, name: &str, mut read: impl FnMut(Value) -> Result<(), Problem>) -> Result<(), Problem> {
    for (key, value) in map.entries() {
        if key.text().eq_ignore_ascii_case(name) && !matches!(value, Value::Nil) {
            read(value)?;
        }
    }
    Ok(())
}

fn wrong(value: &Value, target: &str) -> Problem {
    Problem::Refused(format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go {target}",
        crate::chart::json_kind(value)
    ))
}

fn text(value: &Value, out: &mut String, path: &str) -> Result<(), Problem> {
    match value {
        Value::Nil => {}
        Value::String(value) => *out = value.text().into_owned(),
        Value::Bool(value) => *out = value.to_string(),
        Value::Int(_, value) => *out = value.to_string(),
        Value::Uint(_, value) => *out = value.to_string(),
        Value::Float(value) => *out = value.to_string(),
        other => {
            let structure = if path.contains('.') { "" } else { "SimpleHead" };
            return Err(wrong(
                other,
                &format!("struct field {structure}.{path} of type string"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::KubeVersion;

    /// Every case was answered by `helm template rel CHART` 3.19.0 and 4.2.3.
    #[test]
    fn what_is_printed_is_what_helm_prints() {
        let all: serde_json::Value = serde_json::from_str(include_str!("assemble_cases.json")).unwrap();
        let mut wrong = Vec::new();
        for case in all["cases"].as_array().unwrap() {
            let files = &all["charts"][case["chart"].as_str().unwrap()];
            let words = case["args"].as_array().unwrap().iter();
            let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
            for (profile, key) in [(Profile::Helm3, "helm3"), (Profile::Helm4, "helm4")] {
                let ours = match printed(files, &words, profile) {
                    Ok(bytes) => String::from_utf8(bytes).unwrap().into(),
                    Err(error) => serde_json::json!({"error": error}),
                };
                if ours != case[key] {
                    wrong.push(format!("{key} {words:?}\nours {ours:#}\nhelm {:#}", case[key]));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn printed(files: &serde_json::Value, words: &[&str], profile: Profile) -> Result<Vec<u8>, String> {
        let files = files.as_object().unwrap().iter().map(|(path, text)| ChartFile {
            path: path.clone(),
            bytes: text.as_str().unwrap().as_bytes().to_vec(),
        });
        let chart = Chart::from_files(files, profile).unwrap();
        let mut options = Options::new(profile);
        options.name = "rel".to_owned();
        let mut printing = TemplateOptions::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--include-crds" => printing.include_crds = true,
                "--no-hooks" => printing.no_hooks = true,
                "--skip-tests" => printing.skip_tests = true,
                "--is-upgrade" => options.is_upgrade = true,
                "-s" => printing.show_only.push((*words.next().unwrap()).to_owned()),
                "-n" => options.namespace = (*words.next().unwrap()).to_owned(),
                "--kube-version" => {
                    let version = KubeVersion::parse(words.next().unwrap(), profile);
                    options.capabilities.kube = version.map_err(|error| error.to_string())?;
                }
                "-a" => {
                    let more = words.next().unwrap().split(',').map(str::to_owned);
                    options.capabilities.api_versions.extend(more);
                }
                other => panic!("{other}"),
            }
        }
        let values = ValueSources::default();
        template(&chart, &values, &options, &mut |_| Err(String::new()))
            .and_then(|templated| templated.print(&printing, profile))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_caller_may_change_what_is_installed_and_not_the_hooks() {
        let chart = Chart::from_files(
            [
                ("Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.0.0\n"),
                (
                    "templates/a.yaml",
                    "kind: A\n---\nkind: B\nmetadata: {annotations: {helm.sh/hook: test}}\n",
                ),
            ]
            .map(|(path, text)| ChartFile {
                path: path.to_owned(),
                bytes: text.as_bytes().to_vec(),
            }),
            Profile::Helm4,
        )
        .unwrap();
        let options = Options::new(Profile::Helm4);
        let templated = template(&chart, &ValueSources::default(), &options, &mut |_| {
            Err(String::new())
        })
        .unwrap();
        let changed = templated
            .print_with(&TemplateOptions::default(), Profile::Helm4, |manifest| {
                assert_eq!(manifest, b"---\n# Source: a/templates/a.yaml\nkind: A\n");
                Ok(b"kind: Other\n".to_vec())
            })
            .unwrap();
        let expected = "kind: Other\n---\n# Source: a/templates/a.yaml\nkind: B\nmetadata: {annotations: {helm.sh/hook: test}}\n\n";
        assert_eq!(String::from_utf8(changed).unwrap(), expected);
        let refused = templated.print_with(&TemplateOptions::default(), Profile::Helm4, |_| {
            Err("no".to_owned())
        });
        assert_eq!(
            refused.unwrap_err().to_string(),
            "error while running post render on files: no"
        );
    }
}
