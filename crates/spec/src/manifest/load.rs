use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::model::{Component, Effective, PolicyRule};
use super::read::{self, Entry, FileContent};
use super::variables::{self, Variables};
use crate::yaml::Decoder;
use crate::yaml::Node;
use crate::yaml::below;
use crate::yaml::{Diagnostic, Problems, SourceText, Span, did_you_mean};

/// How many files one manifest may consist of.
const MAX_FILES: usize = 256;
/// How deep imports may go.
const MAX_DEPTH: usize = 16;

/// What comes from outside of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Values that replace those below `variables` (`--set NAME=VALUE`), in imported manifests too.
    pub variables: BTreeMap<String, String>,
    /// The components wanted (`--component NAME`); all where it is empty. The name of an import stands
    /// for everything below it.
    pub components: Vec<String>,
}

/// Reads a manifest with everything that it imports.
///
/// `read` delivers the text of a file; it is called with `manifest` first, and with the paths of imports,
/// resolved against the folder of the file that names them.
pub fn load(
    manifest: &Path,
    inputs: &Inputs,
    read: &mut dyn FnMut(&Path) -> io::Result<String>,
) -> Result<Effective, Problems> {
    let text = read(manifest).map_err(|error| {
        let problem = format!("the manifest cannot be read ({error})");
        Problems::from(Diagnostic::of_file(&manifest.display().to_string(), problem))
    })?;
    let mut loader = Loader {
        folder: manifest.parent().unwrap_or(Path::new("")).to_owned(),
        inputs,
        read,
        declared: Variables::new(),
        problems: Vec::new(),
        open: Vec::new(),
        files: 0,
        components: Vec::new(),
        policy: Vec::new(),
    };
    let own = PathBuf::from(manifest.file_name().unwrap_or_default());
    let content = loader.file(&own, &manifest.display().to_string(), text, &inputs.variables, "");
    loader.check_inputs(&manifest.display().to_string());
    match content {
        Some(FileContent {
            metadata: Some(metadata),
            platforms,
            kubernetes,
            ..
        }) if loader.problems.is_empty() => Ok(Effective {
            metadata,
            platforms,
            components: loader.components,
            policy: loader.policy,
            kubernetes,
        }),
        _ => Err(Problems(loader.problems)),
    }
}

struct Loader<'a> {
    /// The folder of the first manifest, which all paths are relative to.
    folder: PathBuf,
    inputs: &'a Inputs,
    read: &'a mut dyn FnMut(&Path) -> io::Result<String>,
    /// All variables of all files.
    declared: Variables,
    problems: Vec<Diagnostic>,
    /// The files being read, to find circles.
    open: Vec<PathBuf>,
    files: usize,
    components: Vec<Component>,
    policy: Vec<PolicyRule>,
}

impl Loader<'_> {
    /// Reads one file; its components are called `prefix` + name. `path` is relative to the folder.
    fn file(
        &mut self,
        path: &Path,
        shown: &str,
        text: String,
        given: &Variables,
        prefix: &str,
    ) -> Option<FileContent> {
        let source = SourceText {
            name: shown.to_owned(),
            text,
        };
        let mut root = match Node::parse(&source) {
            Ok(root) => root,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let base = path.parent().unwrap_or(Path::new(""));
        let mut decoder = Decoder::new(&source);
        let variables = match entry(&root, "variables") {
            Some(node) => variables::declared(&mut decoder, node, given),
            None => Variables::new(),
        };
        variables::apply(&mut decoder, &mut root, &variables);
        let mut wanted =
            |decoder: &mut Decoder<'_>, node: &Node| variables::condition(decoder, node, &variables);
        // A value whose variable is unknown would only cause more problems that are none.
        let mut content = match decoder.problems.as_slice() {
            [] => read::file(&mut decoder, &root, base, &mut wanted),
            _ => None,
        };
        decoder
            .problems
            .sort_by_key(|problem| (problem.line, problem.column));
        self.problems.append(&mut decoder.problems);
        self.declared.extend(variables.clone());

        self.open.push(path.to_owned());
        for entry in content
            .as_mut()
            .map(|content| std::mem::take(&mut content.components))
            .unwrap_or_default()
        {
            match entry {
                Entry::Component(mut component) => {
                    component.name.insert_str(0, prefix);
                    self.components.push(*component);
                }
                Entry::Import { name, path, span } => {
                    let path = below(base, Path::new(&path));
                    self.import(&source, span, &path, &variables, &format!("{prefix}{name}/"));
                }
            }
        }
        self.open.pop();
        self.policy.extend(
            content
                .as_mut()
                .map(|content| std::mem::take(&mut content.policy))
                .unwrap_or_default(),
        );
        content
    }

    fn import(&mut self, source: &SourceText, span: Span, path: &Path, variables: &Variables, prefix: &str) {
        if let Some(at) = self.open.iter().position(|open| open == path) {
            let mut circle: Vec<String> = self.open[at..]
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            circle.push(path.display().to_string());
            let problem = Diagnostic::new(source, span, "the manifests import each other");
            self.problems.push(problem.help(circle.join(" → ")));
            return;
        }
        self.files += 1;
        if self.open.len() > MAX_DEPTH || self.files > MAX_FILES {
            let problem =
                format!("there are more than {MAX_FILES} imports, or more than {MAX_DEPTH} in one another");
            self.problems.push(Diagnostic::new(source, span, problem));
            return;
        }
        let on_disk = below(&self.folder, path);
        let text = match (self.read)(&on_disk) {
            Ok(text) => text,
            Err(error) => {
                let problem = format!(
                    "the imported manifest cannot be read ({error}): {}",
                    on_disk.display()
                );
                self.problems.push(Diagnostic::new(source, span, problem));
                return;
            }
        };
        // What the importing manifest or the command line says wins over the file's own values.
        let mut given = variables.clone();
        given.extend(self.inputs.variables.clone());
        self.file(path, &on_disk.display().to_string(), text, &given, prefix);
    }

    /// Names on the command line that nothing in the manifest has.
    fn check_inputs(&mut self, shown: &str) {
        for name in self.inputs.variables.keys() {
            if !self.declared.contains_key(name) {
                let mut problem = Diagnostic::of_file(shown, "");
                variables::unknown_name(&mut problem, name, &self.declared);
                if let Some(meant) = problem.label.take() {
                    problem = problem.help(meant);
                }
                self.problems.push(problem);
            }
        }
        if self.inputs.components.is_empty() {
            return;
        }
        let is_below = |component: &str, wanted: &str| {
            component
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for wanted in &self.inputs.components {
            if self
                .components
                .iter()
                .any(|component| is_below(&component.name, wanted))
            {
                continue;
            }
            let names: BTreeSet<&str> = self
                .components
                .iter()
                .map(|component| component.name.as_str())
                .collect();
            let help = match did_you_mean(wanted, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!(
                    "the components are {}",
                    names.into_iter().collect::<Vec<_>>().join(", ")
                ),
            };
            let problem = Diagnostic::of_file(shown, format!("there is no component `{wanted}`"));
            self.problems.push(problem.help(help));
        }
        self.components.retain(|component| {
            self.inputs
                .components
                .iter()
                .any(|wanted| is_below(&component.name, wanted))
        });
    }
}

fn entry<'n>(root: &'n Node, name: &str) -> Option<&'n Node> {
    match &root.value {
        crate::yaml::Value::Map(entries) => entries
            .iter()
            .find(|(key, node)| key.name == name && !matches!(node.value, crate::yaml::Value::Null))
            .map(|(_, node)| node),
        _ => None,
    }
}
