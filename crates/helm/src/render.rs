//! From a chart and values to manifests.
//!
//! [`render`] gives every rendered file by its path, as Helm's engine does. [`template`] does what `helm template`
//! does with them: it checks that the chart can be installed, splits hooks out, sorts what is left into the order of
//! installation, and puts it together to the text that Helm prints.
//!
//! Whoever renders often, the same chart with other values or many charts, keeps a [`Renderer`].
//!
//! Nothing is read but what the caller hands over: the clock and the seed of random functions are the [`World`],
//! the cluster is [`Capabilities`], and [`Limits`] say what a chart may cost.
//!
//! [`World`]: crate::call::World

mod api_versions;
mod assemble;
mod capabilities;
mod engine;
mod failure;
mod files;
mod glob;
pub(crate) mod kept;
mod metadata;
mod name;
mod order;
mod schema;
mod tree;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use assemble::{Hook, Manifest, ShowOnly, TemplateOptions, Templated, template};
pub use capabilities::{Capabilities, KubeVersion, KubeVersionError};
pub use failure::RenderError;
pub use name::release_name;
pub use values::{SetError, ValueSources};

use crate::ChartFile;
use crate::call::{Budget, World};
use crate::chart::{Chart, Profile};
use crate::template::Parsed;
use crate::value::{Map, MapType, Value};
use kept::Kept;
use tree::Node;
use values::Coalescer;

/// What a rendering may cost. The default is hundreds of times what public charts need (100,000 steps and 8 MB are
/// much), and low enough to refuse a hostile one within seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps: nodes evaluated, items visited, kilobytes scanned.
    pub steps: u64,
    /// Bytes of everything that is made on the way, whether it is still held or not.
    pub memory: u64,
    /// Bytes of all rendered files together.
    pub output: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 50_000_000,
            memory: 512 << 20,
            output: 64 << 20,
        }
    }
}

/// How a chart is rendered.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of Helm's")]
pub struct Options {
    /// The generation of Helm.
    pub profile: Profile,
    /// `.Release.Name`.
    pub name: String,
    /// `.Release.Namespace`.
    pub namespace: String,
    /// `.Release.Revision`.
    pub revision: i64,
    /// `.Release.IsUpgrade`; `.Release.IsInstall` is the opposite.
    pub is_upgrade: bool,
    /// `.Capabilities`.
    pub capabilities: Capabilities,
    /// Whether values are checked against the schemas of charts, as Helm does unless told not to.
    pub validate_schema: bool,
    /// A missing key of values is an error (`engine.Engine.Strict`).
    pub strict: bool,
    /// `required` and `fail` let everything pass (`engine.Engine.LintMode`).
    pub lint: bool,
    /// The clock and the seed of random functions.
    pub world: World,
    /// What it may cost.
    pub limits: Limits,
}

impl Options {
    /// What `helm template` takes when nothing is said: the release `release-name` in the namespace `default`, the
    /// cluster that Helm assumes, the first second of 1970, and no randomness.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            name: "release-name".to_owned(),
            namespace: "default".to_owned(),
            revision: 1,
            is_upgrade: false,
            capabilities: Capabilities::new(profile),
            validate_schema: true,
            strict: false,
            lint: false,
            world: World::new((0, 0), 0),
            limits: Limits::default(),
        }
    }
}

/// Rendered files, and what was said on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The output of every template that is no partial, by path: `name/templates/service.yaml`. Nearly always
    /// UTF-8, but a template can cut a character in two.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The files of `crds/` folders, with their paths, in Helm's order: those of a chart before those below it.
    pub crds: Vec<(String, Arc<ChartFile>)>,
    /// What Helm would log.
    pub warnings: Vec<String>,
    /// What it has cost.
    pub cost: Cost,
}

impl Rendered {
    /// The files as text, as Go writes them into JSON: each byte that is no part of a character is U+FFFD.
    pub fn into_texts(self) -> BTreeMap<String, String> {
        let text = |bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => crate::format::lossy(error.as_bytes()).into_owned(),
        };
        let files = self.files.into_iter();
        files.map(|(path, bytes)| (path, text(bytes))).collect()
    }
}

/// What a rendering has cost, in the measures of [`Limits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Steps.
    pub steps: u64,
    /// Bytes made.
    pub memory: u64,
}

/// Renders every file of a chart and of those below it that are on.
///
/// `read` is asked for the files that `--set-file` names; its error is one clause.
pub fn render(
    chart: &Chart,
    values: &ValueSources,
    options: &Options,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Rendered, RenderError> {
    Renderer::default().render(chart, values, options, read)
}

/// Renders charts one after another, and keeps what one leaves to the next: templates that are parsed and schemas
/// that are compiled, found again by their text. A chart with other values, or another that carries the same library
/// chart, is rendered sooner then. What comes out of a rendering, and what it costs by [`Limits`], does not depend on
/// what was rendered before.
#[derive(Clone, Debug, Default)]
pub struct Renderer {
    templates: Kept<Parsed>,
    schemas: Kept<schema::Ready>,
    spent: Cost,
}

impl Renderer {
    /// [`render()`], with what earlier renderings have left.
    pub fn render(
        &mut self,
        chart: &Chart,
        values: &ValueSources,
        options: &Options,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Rendered, RenderError> {
        let mut budget = Budget::new(options.limits.steps, options.limits.memory);
        let result = self.render_within(chart, values, options, &mut budget, read);
        self.spend(&budget);
        result
    }

    /// [`template()`], with what earlier renderings have left.
    pub fn template(
        &mut self,
        chart: &Chart,
        values: &ValueSources,
        options: &Options,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Templated, RenderError> {
        assemble::templated(self, chart, values, options, read)
    }

    /// [`coalesced_values()`], which leaves nothing to later renderings but its cost.
    pub fn values(
        &mut self,
        chart: &Chart,
        values: &ValueSources,
        options: &Options,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Value, RenderError> {
        let mut budget = Budget::new(options.limits.steps, options.limits.memory);
        let result = coalesced(chart, values, options, &mut budget, read);
        self.spend(&budget);
        result
    }

    /// What all renderings have cost so far, those that failed among them.
    pub const fn spent(&self) -> Cost {
        self.spent
    }

    fn spend(&mut self, budget: &Budget) {
        self.spent.steps = self.spent.steps.saturating_add(budget.steps());
        self.spent.memory = self.spent.memory.saturating_add(budget.bytes());
    }

    /// [`Self::render`] within a budget.
    fn render_within(
        &mut self,
        chart: &Chart,
        values: &ValueSources,
        options: &Options,
        budget: &mut Budget,
        read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Rendered, RenderError> {
        let mut rendered = Rendered::default();
        let warnings = &mut rendered.warnings;
        let (root, coalesced) = prepare(chart, values, options, budget, warnings, read)?;
        if options.validate_schema {
            let profile = options.profile;
            schema::validate(&root, &coalesced, &mut self.schemas, profile, budget)?;
        }
        let top = match options.profile {
            Profile::Helm3 => "chartutil.Values",
            Profile::Helm4 => "common.Values",
        };
        let values = coalesced.converted(MapType::Values(top));
        collect_crds(&root, root.name(), &mut rendered.crds);
        let (kept, warnings) = (&mut self.templates, &mut rendered.warnings);
        rendered.files = engine::run(&root, &values, options, kept, budget, warnings)?;
        rendered.cost = Cost {
            steps: budget.steps(),
            memory: budget.bytes(),
        };
        Ok(rendered)
    }
}

/// The values that templates of the chart itself see as `.Values`.
///
/// The errors are those of [`render`], as far as they are about values.
pub fn coalesced_values(
    chart: &Chart,
    values: &ValueSources,
    options: &Options,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Value, RenderError> {
    let mut budget = Budget::new(options.limits.steps, options.limits.memory);
    coalesced(chart, values, options, &mut budget, read)
}

fn coalesced(
    chart: &Chart,
    values: &ValueSources,
    options: &Options,
    budget: &mut Budget,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Value, RenderError> {
    let (_, coalesced) = prepare(chart, values, options, budget, &mut Vec::new(), read)?;
    Ok(Value::Map(coalesced))
}

/// The tree of charts that are on, and the values of the chart and of all below it.
fn prepare<'a>(
    chart: &'a Chart,
    values: &ValueSources,
    options: &Options,
    budget: &mut Budget,
    warnings: &mut Vec<String>,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<(Node<'a>, Map), RenderError> {
    let given = values.merge(options.profile, budget, read)?;
    let mut coalescer = Coalescer {
        profile: options.profile,
        warnings,
        budget,
    };
    let mut root = Node::new(chart);
    root.process(&given, &mut coalescer)
        .map_err(|error| match error {
            RenderError::Values(text) if options.profile == Profile::Helm4 => {
                RenderError::Values(format!("chart dependencies processing failed: {text}"))
            }
            other => other,
        })?;
    let values = coalescer.values(&root, &given, false)?;
    Ok((root, values))
}

fn collect_crds(node: &Node<'_>, path: &str, out: &mut Vec<(String, Arc<ChartFile>)>) {
    for file in &node.chart.files {
        let extension = crate::chart::extension(&file.path).to_ascii_lowercase();
        if file.path.starts_with("crds/") && matches!(extension.as_str(), ".yaml" | ".yml" | ".json") {
            out.push((format!("{path}/{}", file.path), Arc::clone(file)));
        }
    }
    for child in &node.children {
        collect_crds(child, &format!("{path}/charts/{}", child.name()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that every chart of a tree sees, with nulls, globals, aliases, conditions, tags and imports drawn
    /// at random; answered by `helm template` 3.19.0 and 4.2.3.
    #[test]
    fn values_come_together_as_in_helm() {
        let text = match std::env::var("AIRLOCK_HELM_VALUE_CASES") {
            Ok(path) => std::fs::read_to_string(path).unwrap(),
            Err(_) => include_str!("render/values/cases.json").to_owned(),
        };
        let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let mut wrong = Vec::new();
        for (at, case) in cases.iter().enumerate() {
            for (profile, key) in [(Profile::Helm3, "helm3"), (Profile::Helm4, "helm4")] {
                let ours = answer(case, profile);
                if ours != case[key] {
                    wrong.push(format!("case {at} {key}\n{ours:#}\n{:#}", case[key]));
                }
            }
        }
        let shown = wrong.first().map_or("", String::as_str);
        assert!(
            wrong.is_empty(),
            "{} of {}: {shown}",
            wrong.len(),
            cases.len() * 2
        );
    }

    #[test]
    fn aliases_of_charts_with_aliases_are_refused_in_time() {
        let aliases = |name: &str| {
            let lines = (0..10).map(|n| format!("- {{name: {name}, version: 1.0.0, alias: a{n}}}\n"));
            lines.collect::<String>()
        };
        let mut files = Vec::new();
        let mut folder = String::new();
        for level in 0..12 {
            let text = format!(
                "apiVersion: v2\nname: c{level}\nversion: 1.0.0\ndescription: {}\ndependencies:\n{}",
                "x".repeat(10_000),
                aliases(&format!("c{}", level + 1))
            );
            for (path, text) in [
                ("Chart.yaml", text.as_str()),
                ("templates/a.yaml", "{{ .Values }}"),
            ] {
                files.push(ChartFile {
                    path: format!("{folder}{path}"),
                    bytes: text.as_bytes().to_vec(),
                });
            }
            folder.push_str(&format!("charts/c{}/", level + 1));
        }
        let last = "apiVersion: v2\nname: c12\nversion: 1.0.0\n";
        files.push(ChartFile {
            path: format!("{folder}Chart.yaml"),
            bytes: last.as_bytes().to_vec(),
        });
        for profile in [Profile::Helm3, Profile::Helm4] {
            let chart = Chart::from_files(files.clone(), profile).unwrap();
            let options = Options::new(profile);
            let result = render(&chart, &ValueSources::default(), &options, &mut |_| {
                Err(String::new())
            });
            assert!(result.as_ref().is_err_and(RenderError::is_limit), "{result:?}");
        }
    }

    fn answer(case: &serde_json::Value, profile: Profile) -> serde_json::Value {
        let files = case["files"].as_object().unwrap().iter();
        let files = files.map(|(path, text)| ChartFile {
            path: path.clone(),
            bytes: text.as_str().unwrap().as_bytes().to_vec(),
        });
        let chart = Chart::from_files(files, profile).unwrap();
        let values = ValueSources {
            files: vec![(
                "user.yaml".to_owned(),
                case["user"].as_str().unwrap().as_bytes().to_vec(),
            )],
            ..ValueSources::default()
        };
        let options = Options::new(profile);
        let result = render(&chart, &values, &options, &mut |_| Err(String::new()));
        match result {
            Ok(rendered) => rendered
                .files
                .into_iter()
                .map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap()))
                .collect(),
            Err(error) => serde_json::json!({"error": error.to_string()}),
        }
    }
}
