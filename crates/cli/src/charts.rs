//! Where the chart and its dependencies come from: this machine, and what the user names on others.

use std::path::{Path, PathBuf};

use airlock_content::{MetadataSource, Reporter, SourceErrorKind, digest_of};
use airlock_helm::VersionRange;
use airlock_helm::chart::{Chart, Fetch, FetchError, Fetched, FetchedContent, LoadError, Profile, Wanted};
use airlock_helm::render::RenderError;
use airlock_local::{Links, chart_files};
use airlock_resolver::Charts;
use airlock_spec::manifest::ChartSource;
use anyhow::Context;
use url::Url;

use crate::args::{ChartArgs, Global, UpstreamArgs};
use crate::failure::{Failure, Result};
use crate::sources::Sources;
use crate::{files, interrupt, print, progress, upstreams};

/// What Helm takes of a packaged chart.
const MAX_ARCHIVE: u64 = 100 << 20;

/// The range that versions before a release are in as well.
const ANY: &str = ">0.0.0-0";

/// Loads charts as the flags say.
pub(crate) struct Loader<'a> {
    pub(crate) from: &'a ChartArgs,
    pub(crate) upstream: &'a UpstreamArgs,
    pub(crate) profile: Profile,
    pub(crate) global: &'a Global,
}

impl Loader<'_> {
    /// The chart that was asked for, with what it needs. Nobody is asked about a chart that is all here.
    pub(crate) fn named(&self, chart: &str) -> Result<Chart> {
        self.load(Wish::read(chart, self.from)?, chart)
    }

    /// A chart of a manifest, whose paths are relative to `base`.
    pub(crate) fn of_manifest(&self, source: &ChartSource, base: &Path) -> Result<Chart> {
        let wish = match source {
            ChartSource::Folder { path } => Wish::Here(base.join(path)),
            source => Wish::There(There::Chart(source.clone())),
        };
        self.load(wish, &shown(source))
    }

    fn load(&self, wish: Wish, shown: &str) -> Result<Chart> {
        let (profile, global) = (self.profile, self.global);
        let links = if self.from.follow_links {
            Links::Anywhere
        } else {
            Links::Inside
        };
        let found = match wish {
            Wish::Here(path) => {
                let chart = local(&path, profile, links)?;
                if !self.from.dependency_update {
                    return Ok(chart);
                }
                Ok((chart, path.is_dir().then_some(path)))
            }
            Wish::There(there) => Err(there),
        };
        let reporter = progress::reporter(global);
        interrupt::until_done(async {
            let sources = upstreams::sources(self.upstream, &reporter)?;
            let options = airlock_resolver::Options {
                concurrency: self.upstream.jobs.into(),
                ..airlock_resolver::Options::default()
            };
            let charts = Charts::new(&sources, &options, &*reporter);
            let (mut chart, root) = match found {
                Ok(here) => here,
                Err(there) => (fetched(&there, &charts, &sources, profile, global).await?, None),
            };
            if self.from.dependency_update {
                let mut dependencies = Dependencies {
                    root,
                    charts: &charts,
                    reporter: &*reporter,
                    links,
                };
                // The engine knows nothing of waiting, so what it asks for is waited for where it runs.
                tokio::task::block_in_place(|| chart.complete(profile, &mut dependencies))
                    .map_err(|error| refused(error, shown))?;
            }
            Ok(chart)
        })
    }
}

/// Why a chart cannot be rendered, with what to do about it.
pub(crate) fn not_rendered(error: RenderError) -> Failure {
    let hint = match &error {
        RenderError::Missing { .. } => {
            Some("--dependency-update fetches them; `helm dependency build` puts them into charts/")
        }
        RenderError::Manifest { .. } => Some("`airlock template --debug` prints what was rendered"),
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

/// What CHART means.
enum Wish {
    Here(PathBuf),
    There(There),
}

/// A chart on another machine.
enum There {
    /// The address of an archive.
    Archive(Url),
    Chart(ChartSource),
}

impl Wish {
    fn read(chart: &str, from: &ChartArgs) -> Result<Self> {
        let given = from.version.as_ref().filter(|text| !text.is_empty());
        let version = match given {
            None if from.devel => Some(ANY.to_owned()),
            given => given.cloned(),
        };
        if let Some(repo) = &from.repo {
            return Ok(Self::There(There::Chart(ChartSource::Repository {
                repo: repo.clone(),
                name: chart.to_owned(),
                version,
            })));
        }
        let path = PathBuf::from(chart);
        if files::exists("the chart", &path)? {
            return Ok(Self::Here(path));
        }
        if let Some(address) = chart.strip_prefix("oci://") {
            return Ok(Self::There(There::Chart(in_registry(address, version)?)));
        }
        if chart.starts_with("http://") || chart.starts_with("https://") {
            let address = chart.parse();
            let address = address.context("the address of the chart is none")?;
            return Ok(Self::There(There::Archive(address)));
        }
        let failure = Failure::from(anyhow::anyhow!("there is no chart: {chart}"));
        Err(failure.hint(
            "name a folder that holds Chart.yaml, a packaged chart (.tgz), oci://HOST/PATH, or --repo URL and a name there",
        ))
    }
}

fn in_registry(address: &str, version: Option<String>) -> anyhow::Result<ChartSource> {
    let reference = address
        .parse()
        .with_context(|| format!("the address in the registry cannot be used: oci://{address}"))?;
    Ok(ChartSource::Oci { reference, version })
}

/// A chart for people.
pub(crate) fn shown(source: &ChartSource) -> String {
    match source {
        ChartSource::Repository { repo, name, .. } => format!("{name} of {repo}"),
        ChartSource::Oci { reference, .. } => format!("oci://{reference}"),
        ChartSource::Folder { path } => path.display().to_string(),
    }
}

/// A chart from elsewhere; its digest is said, since nothing else tells which one it was.
async fn fetched(
    there: &There,
    charts: &Charts<'_, Sources>,
    sources: &Sources,
    profile: Profile,
    global: &Global,
) -> Result<Chart> {
    let (bytes, name) = match there {
        There::Archive(url) => (sources.document(url, MAX_ARCHIVE).await?, url.to_string()),
        There::Chart(source) => {
            let name = shown(source);
            let bytes = charts.archive(source).await;
            (
                bytes.with_context(|| format!("the chart cannot be fetched: {name}"))?,
                name,
            )
        }
    };
    let chart = Chart::from_archive(&bytes, profile).map_err(|error| refused(error, &name))?;
    let metadata = chart.metadata();
    print::note(
        global,
        &format!("{} {}: {}", metadata.name, metadata.version, digest_of(&bytes)),
    );
    Ok(chart)
}

fn local(path: &Path, profile: Profile, links: Links) -> Result<Chart> {
    let shown = path.to_string_lossy();
    if path.is_dir() {
        let files = chart_files(path, links).map_err(|error| {
            if error.kind == SourceErrorKind::LinkLeaves {
                error.hint("--follow-links follows it as Helm does; see first where it leads")
            } else {
                error
            }
        })?;
        return Chart::from_files(files, profile).map_err(|error| refused(error, &shown));
    }
    let bytes = files::read("the chart", path, MAX_ARCHIVE)?;
    Chart::from_archive(&bytes, profile).map_err(|error| refused(error, &shown))
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

/// What charts name as their dependencies.
struct Dependencies<'a> {
    /// The folder of the chart itself, if it is one.
    root: Option<PathBuf>,
    charts: &'a Charts<'a, Sources>,
    reporter: &'a dyn Reporter,
    links: Links,
}

impl Fetch for Dependencies<'_> {
    fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<Fetched, FetchError> {
        let repository = wanted.dependency.repository.as_str();
        if let Some(path) = repository.strip_prefix("file://") {
            return self.folder(path, wanted);
        }
        let source = source(wanted)?;
        let name = &wanted.dependency.name;
        self.reporter.event(airlock_content::Event::Note {
            text: &format!("fetching {name} from {repository}"),
        });
        let archive = tokio::runtime::Handle::current().block_on(self.charts.archive(&source));
        let archive = archive.map_err(|cause| format!("{:#}", anyhow::Error::new(cause)))?;
        Ok(Fetched {
            content: FetchedContent::Archive(archive.into()),
            origin: Some(PACKAGED.to_owned()),
        })
    }
}

/// The origin of charts that came as archives: no folder is beside them.
const PACKAGED: &str = "";

impl Dependencies<'_> {
    /// A folder, relative to the chart that names it.
    fn folder(&self, path: &str, wanted: &Wanted<'_>) -> Result<Fetched, FetchError> {
        let base = match wanted.origin {
            None => self.root.as_deref(),
            Some(PACKAGED) => None,
            Some(origin) => Some(Path::new(origin)),
        };
        let Some(base) = base else {
            return Err("a folder is named by a chart that is packaged".into());
        };
        let folder = base.join(path);
        let read = chart_files(&folder, self.links);
        let files = read.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
        Ok(Fetched {
            content: FetchedContent::Files(files),
            origin: Some(folder.to_string_lossy().into_owned()),
        })
    }
}

/// Where a dependency is that is not a folder.
fn source(wanted: &Wanted<'_>) -> Result<ChartSource, FetchError> {
    let dependency = wanted.dependency;
    let repository = dependency.repository.as_str();
    // A lock that is older than the range says nothing any more.
    let range: Option<VersionRange> = dependency.version.parse().ok();
    let fits = |locked: &&str| {
        let version = locked.parse();
        version.is_ok_and(|version| range.as_ref().is_none_or(|range| range.matches(&version)))
    };
    let version = wanted.locked.filter(fits).unwrap_or(&dependency.version);
    let version = Some(version.to_owned()).filter(|version| !version.is_empty());
    if let Some(address) = repository.strip_prefix("oci://") {
        let address = format!("{}/{}", address.trim_end_matches('/'), dependency.name);
        return in_registry(&address, version).map_err(|error| format!("{error:#}").into());
    }
    if repository.starts_with("http://") || repository.starts_with("https://") {
        return Ok(ChartSource::Repository {
            repo: repository.parse()?,
            name: dependency.name.clone(),
            version,
        });
    }
    Err(match repository {
        "" => "it has no repository, so it belongs into charts/".to_owned(),
        name if name.starts_with(['@', ':']) || name.starts_with("alias:") => {
            format!("repositories are known by their addresses here, not by names: {name:?}")
        }
        other => format!("this is no address of a repository: {other:?}"),
    }
    .into())
}
