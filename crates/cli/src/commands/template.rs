//! `airlock template`: what a chart becomes on a cluster.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use airlock_helm::call::World;
use airlock_helm::chart::{Chart, Fetch, FetchError, Fetched, FetchedContent, LoadError, Profile, Wanted};
use airlock_helm::render::{
    Capabilities, KubeVersion, Options, RenderError, TemplateOptions, Templated, ValueSources, template,
};
use anyhow::Context;

use crate::args::{Global, HelmProfile, TemplateArgs};
use crate::failure::{Failure, Result, tamed};
use crate::{clock, files, print};

/// What Helm takes of a packaged chart, and what is enough for values.
const MAX_ARCHIVE: u64 = 100 << 20;
const MAX_VALUES: u64 = 64 << 20;

pub(crate) fn run(args: &TemplateArgs, global: &Global) -> Result {
    let profile = match args.profile {
        HelmProfile::Helm3 => Profile::Helm3,
        HelmProfile::Helm4 => Profile::Helm4,
    };
    let (name, path) = name_and_chart(args)?;
    let mut chart = load(Path::new(&path), profile)?;
    if args.dependency_update {
        let mut folders = Folders {
            root: PathBuf::from(&path),
        };
        chart
            .complete(profile, &mut folders)
            .map_err(|error| refused(error, &path))?;
    }
    let options = options(args, name, profile)?;
    let values = values(args)?;
    let templated = template(&chart, &values, &options, &mut read_value).map_err(not_rendered)?;
    for warning in &templated.warnings {
        print::note(
            global,
            tamed(&format!("warning: {}", warning.trim_start_matches("warning: "))).trim_end(),
        );
    }
    let printed = TemplateOptions {
        include_crds: args.include_crds,
        no_hooks: args.no_hooks,
        skip_tests: args.skip_tests,
        show_only: args.show_only.clone(),
    };
    if let Some(folder) = &args.output_dir {
        return write(&templated, folder, args, &options.name, &printed);
    }
    print::bytes(&templated.print(&printed, profile).map_err(not_rendered)?)
}

fn name_and_chart(args: &TemplateArgs) -> Result<(String, String)> {
    let (word, chart) = match args.words.as_slice() {
        [name, chart] => (Some(name), chart),
        [chart] => (None, chart),
        _ => return Err(anyhow::anyhow!("a chart is needed: a folder or a packaged chart").into()),
    };
    if let (Some(word), Some(name)) = (word, &args.name) {
        return Err(anyhow::anyhow!("the release has two names: {word} and {name}").into());
    }
    let name = word.or(args.name.as_ref());
    let name = name.map_or("release-name", String::as_str);
    Ok((name.to_owned(), chart.clone()))
}

fn load(path: &Path, profile: Profile) -> Result<Chart> {
    let known = files::exists("the chart", path)?;
    if !known {
        let text = path.display().to_string();
        let failure = Failure::from(anyhow::anyhow!("there is no chart: {text}"));
        return Err(if text.contains("://") {
            failure.hint("nothing is fetched here; `helm pull` brings the chart as a file")
        } else {
            failure.hint("name a folder that holds Chart.yaml, or a packaged chart (.tgz)")
        });
    }
    if path.is_dir() {
        let files = airlock_local::chart_files(path)?;
        return Chart::from_files(files, profile).map_err(|error| refused(error, &path.to_string_lossy()));
    }
    let bytes = files::read("the chart", path, MAX_ARCHIVE)?;
    Chart::from_archive(&bytes, profile).map_err(|error| refused(error, &path.to_string_lossy()))
}

/// Why the chart at `path` is none that can be rendered.
fn refused(error: LoadError, path: &str) -> Failure {
    let hint = match &error {
        LoadError::NoMetadata => Some("name the folder that holds Chart.yaml"),
        LoadError::Fetch { .. } => {
            Some("`helm dependency build` in the chart's folder brings every dependency")
        }
        LoadError::Limit { .. } | LoadError::TooLarge(_) | LoadError::FileTooLarge { .. } => {
            Some("no public chart comes near this; find out who made it before you trust it")
        }
        LoadError::Path(_) | LoadError::NotPlain(_) | LoadError::Twice(_) | LoadError::NotAFile(_) => {
            Some("`helm package` makes no such archive; find out who did before you trust it")
        }
        LoadError::Archive(_) | LoadError::Empty => {
            Some("a packaged chart is a gzipped tar; fetch it again if it was cut short")
        }
        _ => None,
    };
    let failure =
        Failure::no(anyhow::Error::new(error).context(format!("the chart cannot be loaded: {path}")));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn not_rendered(error: RenderError) -> Failure {
    let hint = match &error {
        RenderError::Missing { .. } => {
            Some("`helm dependency build` brings them; --dependency-update brings those with file://")
        }
        RenderError::Schema(_) => Some("--skip-schema-validation checks no values"),
        RenderError::Limit(_) | RenderError::TemplateLimit { .. } => {
            Some("no public chart comes near this; look for a loop in the chart before you trust it")
        }
        RenderError::KubeVersion { .. } => Some("--kube-version says which version of Kubernetes to assume"),
        _ => None,
    };
    match hint {
        Some(hint) => Failure::no(error).hint(hint),
        None => Failure::no(error),
    }
}

fn options(args: &TemplateArgs, name: String, profile: Profile) -> Result<Options> {
    let mut capabilities = Capabilities::new(profile);
    if let Some(version) = args.cluster.kube_version.as_ref().filter(|text| !text.is_empty()) {
        capabilities.kube = KubeVersion::parse(version, profile)?;
    }
    capabilities
        .api_versions
        .extend(args.cluster.api_versions.iter().cloned());
    let now = clock::timestamp();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    let seed = match args.seed {
        Some(seed) => seed,
        None => getrandom::u64().context("the system gives no random numbers")?,
    };
    let mut options = Options::new(profile);
    options.name = name;
    options.namespace.clone_from(&args.namespace);
    options.is_upgrade = args.cluster.is_upgrade;
    options.capabilities = capabilities;
    options.validate_schema = args.values.validate_schema && !args.values.skip_schema_validation;
    options.world = World::new((now.as_second(), nanoseconds), seed);
    Ok(options)
}

fn values(args: &TemplateArgs) -> Result<ValueSources> {
    let mut all = Vec::new();
    for name in &args.values.files {
        all.push((name.clone(), value_file(name)?));
    }
    Ok(ValueSources {
        files: all,
        json: args.values.set_json.clone(),
        set: args.values.set.clone(),
        strings: args.values.set_string.clone(),
        set_files: args.values.set_file.clone(),
        literals: args.values.set_literal.clone(),
    })
}

fn value_file(name: &str) -> Result<Vec<u8>> {
    if name.trim() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(MAX_VALUES)
            .read_to_end(&mut bytes)
            .context("standard input could not be read")?;
        return Ok(bytes);
    }
    if name.starts_with("http://") || name.starts_with("https://") {
        let failure = Failure::from(anyhow::anyhow!("values are not fetched: {name}"));
        return Err(failure.hint("fetch the file first, and name it"));
    }
    files::read("the values", Path::new(name), MAX_VALUES)
}

fn read_value(name: &str) -> Result<Vec<u8>, String> {
    value_file(name).map_err(|failure| format!("{:#}", failure.error))
}

/// Dependencies with `file://`, relative to the chart that names them.
struct Folders {
    root: PathBuf,
}

impl Fetch for Folders {
    fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<Fetched, FetchError> {
        let Some(path) = wanted.dependency.repository.strip_prefix("file://") else {
            return Err(format!("it is not a folder: {:?}", wanted.dependency.repository).into());
        };
        let base = wanted.origin.map_or(self.root.as_path(), Path::new);
        let folder = base.join(path);
        let read = airlock_local::chart_files(&folder);
        let files = read.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
        Ok(Fetched {
            content: FetchedContent::Files(files),
            origin: Some(folder.to_string_lossy().into_owned()),
        })
    }
}

/// Writes every manifest into a file below `folder`, as Helm lays them out.
fn write(
    templated: &Templated,
    folder: &Path,
    args: &TemplateArgs,
    name: &str,
    options: &TemplateOptions,
) -> Result {
    let mut writer = Writer {
        written: HashSet::new(),
        lines: String::new(),
    };
    if options.include_crds {
        for (path, file) in &templated.crds {
            writer.write(folder, path, &file.bytes)?;
        }
    }
    let below = if args.release_name {
        folder.join(name)
    } else {
        folder.to_owned()
    };
    let hooks = templated.printed_hooks(options).map(|hook| &hook.manifest);
    for manifest in templated.manifests.iter().chain(hooks) {
        writer.write(&below, &manifest.path, &manifest.text)?;
    }
    print::out(&writer.lines)
}

struct Writer {
    written: HashSet<PathBuf>,
    lines: String,
}

impl Writer {
    fn write(&mut self, folder: &Path, path: &str, text: &[u8]) -> Result {
        // The names of charts are part of it, and a chart may be hostile.
        let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        if !Path::new(path).components().all(plain) {
            return Err(Failure::no(anyhow::anyhow!(
                "the path of a template leaves its folder: {path:?}"
            )));
        }
        let file = folder.join(path);
        let about = || format!("the manifest could not be written: {}", file.display());
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(about)?;
        }
        let again = !self.written.insert(file.clone());
        let mut open = fs::OpenOptions::new();
        open.create(true).write(true).append(again).truncate(!again);
        let mut out = open.open(&file).with_context(about)?;
        let head = format!("---\n# Source: {path}\n");
        out.write_all(head.as_bytes())
            .and_then(|()| out.write_all(text))
            .and_then(|()| out.write_all(b"\n"))
            .with_context(about)?;
        self.lines.push_str(&format!("wrote {}\n", file.display()));
        Ok(())
    }
}
