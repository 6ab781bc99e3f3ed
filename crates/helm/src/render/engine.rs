//! The engine: every template of every chart in one set (Helm, `pkg/engine/engine.go`).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use super::files::Files;
use super::kept::{Kept, Made};
use super::tree::{Node, table};
use super::{Options, RenderError, failure, metadata};
use crate::call::{Budget, Call, FunctionError, LimitReached, Param};
use crate::chart::Profile;
use crate::template::{
    EngineFunction, Execution, Functions, MissingKey, ParseError, Parsed, Template, TemplateSet, fmt,
};
use crate::value::{Map, MapType, Str, Value};

/// How often a template may include itself, directly or not.
const MAX_INCLUDES: u32 = 1000;

/// Roughly how many bytes a parsed template takes for each of its text: a chart can have itself below itself under
/// many aliases.
const PARSED: usize = 8;

/// The functions that Helm 3 does not have.
const NEW: [&str; 2] = ["mustToYaml", "mustToToml"];

/// What is printed for a missing value, and taken out again.
const NO_VALUE: &[u8] = b"<no value>";

/// A template with what it sees.
struct Renderable<'a> {
    text: &'a [u8],
    /// The map that dot is, which all templates of a chart share.
    data: Map,
    folder: Str,
}

/// What the functions of the engine know of the rendering.
struct Host {
    lint: bool,
    included: HashMap<Str, u32>,
    warnings: Vec<String>,
    profile: Profile,
    /// The texts that `tpl` was called with.
    kept: Kept<Parsed>,
}

/// Renders everything that is no partial.
pub(super) fn run(
    root: &Node<'_>,
    values: &Map,
    options: &Options,
    kept: &mut Kept<Parsed>,
    budget: &mut Budget,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Vec<u8>>, RenderError> {
    let all = Collector::new(options).all(root, values);
    let mut order: Vec<(&String, &Renderable<'_>)> = all.iter().collect();
    // Deepest first, and backwards within a depth: what a shared chart defines is redefined by those above it.
    order.reverse();
    order.sort_by_cached_key(|(path, _)| Reverse(memchr::memchr_iter(b'/', path.as_bytes()).count()));
    let mut set = TemplateSet::new("gotpl", functions(options.profile));
    set.missing_key = if options.strict {
        MissingKey::Error
    } else {
        MissingKey::Zero
    };
    for (path, template) in &order {
        budget.step(1 + template.text.len() as u64 / 64)?;
        budget.take(template.text.len().saturating_mul(PARSED))?;
        let name = Str::from(path.as_str());
        parse(&mut set, kept, options.profile, &name, template.text)
            .map_err(|error| failure::unparsed(path, error.to_string()))?;
    }
    let mut host = Host {
        lint: options.lint,
        included: HashMap::new(),
        warnings: Vec::new(),
        profile: options.profile,
        kept: std::mem::take(kept),
    };
    let files = execute(&set, &order, values.map_type(), options, &mut host, budget);
    warnings.append(&mut host.warnings);
    *kept = host.kept;
    files
}

/// Runs every template that is no partial.
fn execute(
    set: &TemplateSet,
    order: &[(&String, &Renderable<'_>)],
    template_type: MapType,
    options: &Options,
    host: &mut Host,
    budget: &mut Budget,
) -> Result<BTreeMap<String, Vec<u8>>, RenderError> {
    let mut world = options.world.clone();
    let mut files = BTreeMap::new();
    let mut left = options.limits.output;
    for (path, template) in order {
        if base(path).starts_with('_') {
            continue;
        }
        let about = [
            (Str::from("Name"), Value::from(path.as_str())),
            (Str::from("BasePath"), Value::String(template.folder.clone())),
        ];
        template
            .data
            .insert("Template", Value::Map(Map::new(template_type, about)));
        let dot = Value::Map(template.data.converted(template_type));
        let call = Call {
            budget: &mut *budget,
            world: &mut world,
        };
        let output = set
            .execute(path.as_str(), &dot, call, host)
            .map_err(|error| failure::failed(error, path, options.profile))?;
        let output = without_no_value(output);
        left = left
            .checked_sub(output.len() as u64)
            .ok_or_else(|| RenderError::TemplateLimit {
                limit: LimitReached {
                    what: "bytes of output",
                    limit: options.limits.output,
                },
                path: (*path).clone(),
            })?;
        files.insert((*path).clone(), output);
    }
    Ok(files)
}

impl Made for Parsed {
    fn text(&self) -> &[u8] {
        self.source_text()
    }
}

/// Parses a text into the set, unless a text like it was parsed before.
fn parse(
    set: &mut TemplateSet,
    kept: &mut Kept<Parsed>,
    profile: Profile,
    name: &Str,
    text: &[u8],
) -> Result<Rc<Template>, ParseError> {
    if let Some(parsed) = kept.get(profile, text).and_then(|parsed| parsed.under(name)) {
        return Ok(set.add_parsed(&parsed));
    }
    let parsed = set.parsed(name, text)?;
    let main = set.add_parsed(&parsed);
    kept.insert(profile, parsed);
    Ok(main)
}

/// The last component of a path.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Gathers the templates of a tree of charts, with the data of each.
struct Collector<'a, 'o> {
    options: &'o Options,
    capabilities: Value,
    release: Value,
    templates: BTreeMap<String, Renderable<'a>>,
}

impl<'a, 'o> Collector<'a, 'o> {
    fn new(options: &'o Options) -> Self {
        let release = Value::map([
            ("Name", Value::from(options.name.as_str())),
            ("Namespace", Value::from(options.namespace.as_str())),
            ("IsUpgrade", Value::Bool(options.is_upgrade)),
            ("IsInstall", Value::Bool(!options.is_upgrade)),
            ("Revision", Value::int(options.revision)),
            ("Service", Value::from("Helm")),
        ]);
        Self {
            options,
            capabilities: options.capabilities.value(options.profile),
            release,
            templates: BTreeMap::new(),
        }
    }

    fn all(mut self, root: &Node<'a>, values: &Map) -> BTreeMap<String, Renderable<'a>> {
        self.chart(root, root.name(), values, true);
        self.templates
    }

    /// Takes the templates of a chart whose values are these, then those of the charts below it.
    fn chart(&mut self, node: &Node<'a>, path: &str, values: &Map, is_root: bool) -> Map {
        let profile = self.options.profile;
        let below = Map::new(MapType::Any, []);
        let entries = [
            ("Chart", metadata::value(node, is_root, profile)),
            ("Files", Files::of(node.chart)),
            ("Release", self.release.clone()),
            ("Capabilities", self.capabilities.clone()),
            ("Values", Value::Map(values.clone())),
            ("Subcharts", Value::Map(below.clone())),
        ];
        let data = Map::new(MapType::Any, entries.map(|(key, value)| (Str::from(key), value)));
        for child in &node.children {
            // The same map as in the values of the parent: what one changes the other sees.
            let kind = values.map_type();
            let own =
                table(values, child.name()).map_or_else(|| Map::new(kind, []), |own| own.converted(kind));
            let path = format!("{path}/charts/{}", child.name());
            let data = self.chart(child, &path, &own, false);
            below.insert(child.name(), Value::Map(data));
        }
        let folder = Str::from(format!("{path}/templates"));
        for file in node.chart.templates() {
            if node.chart.is_library() && !base(&file.path).starts_with('_') {
                continue;
            }
            self.templates.insert(
                format!("{path}/{}", file.path),
                Renderable {
                    // A file lives as long as its chart, which the node only borrows.
                    text: &file.bytes,
                    data: data.clone(),
                    folder: folder.clone(),
                },
            );
        }
        data
    }
}

fn without_no_value(text: Vec<u8>) -> Vec<u8> {
    let Some(first) = find(&text) else {
        return text;
    };
    let mut out = Vec::with_capacity(text.len());
    let (mut rest, mut at) = (text.as_slice(), first);
    loop {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = after.get(NO_VALUE.len()..).unwrap_or_default();
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    out
}

fn find(text: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, NO_VALUE)
}

/// Every function that templates may call: Sprig's and Helm's.
fn functions(profile: Profile) -> Arc<Functions> {
    static HELM3: OnceLock<Arc<Functions>> = OnceLock::new();
    static HELM4: OnceLock<Arc<Functions>> = OnceLock::new();
    let known = match profile {
        Profile::Helm3 => &HELM3,
        Profile::Helm4 => &HELM4,
    };
    Arc::clone(known.get_or_init(|| Arc::new(table_of(profile))))
}

fn table_of(profile: Profile) -> Functions {
    let older = match profile {
        Profile::Helm3 => [
            crate::format::helm3_functions(),
            crate::functions::helm3_functions(),
        ],
        Profile::Helm4 => [[].as_slice(); 2],
    };
    let plain = crate::functions::functions()
        .iter()
        .chain(crate::format::functions())
        .chain(older.into_iter().flatten())
        .copied();
    let engine = [
        EngineFunction {
            name: "include",
            params: &[Param::String, Param::Any],
            variadic: None,
            call: include,
        },
        EngineFunction {
            name: "tpl",
            params: &[Param::String, Param::Any],
            variadic: None,
            call: tpl,
        },
        EngineFunction {
            name: "required",
            params: &[Param::String, Param::Any],
            variadic: None,
            call: required,
        },
        EngineFunction {
            name: "fail",
            params: &[Param::String],
            variadic: None,
            call: fail,
        },
        EngineFunction {
            name: "lookup",
            params: &[Param::String; 4],
            variadic: None,
            // What Helm finds where it asks no cluster.
            call: |_, _| Ok(Value::Map(Map::new(MapType::Any, []))),
        },
    ];
    let mut all = Functions::new(plain, engine);
    if profile == Profile::Helm3 {
        for name in NEW {
            all.remove(name);
        }
    }
    all
}

fn text(arguments: &[Value]) -> Str {
    match arguments.first() {
        Some(Value::String(text)) => text.clone(),
        _ => Str::default(),
    }
}

fn host<'a>(execution: &'a mut Execution<'_>) -> Result<&'a mut Host, FunctionError> {
    execution
        .host::<Host>()
        .ok_or_else(|| FunctionError::new("the function needs Helm's engine"))
}

fn include(execution: &mut Execution<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let name = text(arguments);
    let count = host(execution)?.included.entry(name.clone()).or_default();
    if *count > MAX_INCLUDES {
        let lead = format!(
            "rendering template has a nested reference name: {}: ",
            name.text()
        );
        return Err(FunctionError::new("unable to execute template").wrap(&lead));
    }
    *count += 1;
    let data = arguments.get(1).cloned().unwrap_or_default();
    let result = execution.execute(&name, &data);
    if let Some(count) = host(execution)?.included.get_mut(&name) {
        *count -= 1;
    }
    result.map(Value::String)
}

fn tpl(execution: &mut Execution<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let text = text(arguments);
    let data = arguments.get(1).cloned().unwrap_or_default();
    let budget = execution.call().budget;
    budget.step(1 + text.len() as u64 / 64)?;
    // The text of a template is copied into what is parsed from it.
    budget.take(text.len())?;
    let quoted = || fmt::quoted(&text).text().into_owned();
    // What the text defines is seen by the text alone.
    let mut set = execution.set().clone();
    let name = Str::from("gotpl");
    let Host { profile, kept, .. } = host(execution)?;
    let template = parse(&mut set, kept, *profile, &name, &text).map_err(|error| {
        let lead = format!("cannot parse template {}: ", quoted());
        FunctionError::new(error.to_string()).wrap(&lead)
    })?;
    let output = execution
        .with_set(set, |execution| execution.run(&template, &data))
        .map_err(|error| error.wrap(&format!("error during tpl function execution for {}: ", quoted())))?;
    Ok(if find(&output).is_some() {
        Value::string(without_no_value(output.to_vec()))
    } else {
        Value::String(output)
    })
}

fn required(execution: &mut Execution<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let value = arguments.get(1).cloned().unwrap_or_default();
    let missing = match &value {
        Value::Nil => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if missing {
        refuse(execution, arguments, "missing required value")
    } else {
        Ok(value)
    }
}

fn fail(execution: &mut Execution<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    refuse(execution, arguments, "fail")
}

fn refuse(execution: &mut Execution<'_>, arguments: &[Value], what: &str) -> Result<Value, FunctionError> {
    let said = text(arguments).text().into_owned();
    let host = host(execution)?;
    if host.lint {
        host.warnings.push(format!("{what}: {said}"));
        return Ok(Value::from(""));
    }
    Err(failure::warned(&said))
}

#[cfg(test)]
mod tests {
    use crate::ChartFile;
    use crate::chart::{Chart, Profile};
    use crate::render::{KubeVersion, Options, ValueSources, render};

    /// What Helm 4.2.3 and 3.19.0 print, but for their versions.
    #[test]
    fn objects_are_written_as_go_writes_structs() {
        let text = "{{ .Capabilities.KubeVersion | toJson }} {{ .Capabilities.KubeVersion }} {{ print .Capabilities.KubeVersion }} {{ omit (fromJson (toJson .Capabilities)) \"APIVersions\" \"HelmVersion\" }} {{ .Capabilities.HelmVersion | toYaml }}\n{{ .Chart | toJson }}";
        let chart = Chart::from_files(
            [
                (
                    "Chart.yaml",
                    "apiVersion: v2\nname: r1\nversion: 1.10\nappVersion: 20240101\n",
                ),
                ("templates/a.txt", text),
            ]
            .map(|(path, text)| ChartFile {
                path: path.to_owned(),
                bytes: text.as_bytes().to_vec(),
            }),
            Profile::Helm4,
        )
        .unwrap();
        let printed = |profile| {
            let mut options = Options::new(profile);
            options.capabilities.kube = KubeVersion::parse("v1.30.1-a", profile).unwrap();
            let rendered = render(&chart, &ValueSources::default(), &options, &mut |_| {
                Err(String::new())
            });
            let files = rendered.unwrap().files;
            String::from_utf8(files["r1/templates/a.txt"].clone()).unwrap()
        };
        assert_eq!(
            printed(Profile::Helm4),
            "{\"Version\":\"v1.30.1-a\",\"Major\":\"1\",\"Minor\":\"30\"} v1.30.1 {v1.30.1-a v1.30.1 1 30} map[KubeVersion:map[Major:1 Minor:30 Version:v1.30.1-a]] go_version: go1.26.8\nkube_client_version: v1.36\nversion: v4.2.3\n{\"APIVersion\":\"v2\",\"Annotations\":null,\"AppVersion\":\"20240101\",\"Condition\":\"\",\"Dependencies\":[],\"Deprecated\":false,\"Description\":\"\",\"Home\":\"\",\"Icon\":\"\",\"IsRoot\":true,\"Keywords\":[],\"KubeVersion\":\"\",\"Maintainers\":[],\"Name\":\"r1\",\"Sources\":[],\"Tags\":\"\",\"Type\":\"\",\"Version\":\"1.1\"}"
        );
        assert_eq!(
            printed(Profile::Helm3),
            "{\"Version\":\"v1.30.1\",\"Major\":\"1\",\"Minor\":\"30\"} v1.30.1 {v1.30.1 1 30} map[KubeVersion:map[Major:1 Minor:30 Version:v1.30.1]] go_version: go1.26.8\nversion: v3.19.0\n{\"name\":\"r1\",\"version\":\"1.1\",\"apiVersion\":\"v2\",\"appVersion\":\"20240101\",\"IsRoot\":true}"
        );
    }
}
