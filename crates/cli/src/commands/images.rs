//! `airlock images`: every image that a chart, manifests or a whole manifest of Airlock need, and where.

mod given;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use airlock_closure::{Cluster, Limits, Needs, Release, ReleaseError, Toggles, Variant, needs};
use airlock_helm::chart::Chart;
use airlock_helm::render::{Options, ValueSources, coalesced_values};
use airlock_spec::manifest::{ChartRequest, KubernetesRequest};

use self::given::{Given, MAX_FILE};
use self::report::{Entry, Report};
use crate::args::{Global, ImagesArgs, ManifestArgs, key_value};
use crate::charts::{self, Loader};
use crate::failure::{Failure, Result};
use crate::{files, manifests, print, values};

pub(crate) fn run(args: &ImagesArgs, global: &Global) -> Result {
    let mut search = Search {
        args,
        loader: Loader {
            from: &args.from,
            upstream: &args.upstream,
            profile: args.profile.into(),
            global,
        },
        report: Report::default(),
    };
    match given::read(args)? {
        Given::Chart => search.chart()?,
        Given::Files(found) => {
            for note in &found.notes {
                print::note(global, note);
            }
            let needs = airlock_closure::manifests(&found.files, Limits::default());
            search.report.add(None, &needs);
            search.report.left_out(&found.left_out);
        }
        Given::Manifest(path) => search.manifest(&path)?,
    }
    let mut report = search.report;
    report.keep(args.class.into());
    print::result(global, &report, || report.text(args.why))
}

struct Search<'a> {
    args: &'a ImagesArgs,
    loader: Loader<'a>,
    report: Report,
}

impl Search<'_> {
    fn chart(&mut self) -> Result {
        let args = self.args;
        let values = values::sources(&args.values)?;
        let mut variants = Vec::new();
        for name in &args.variants {
            let values = values::file(name)?;
            variants.push(Variant {
                name: name.clone(),
                values,
            });
        }
        let cluster = self.cluster(KubernetesRequest::default());
        let chart = self.loader.named(&args.what)?;
        let files = self.set_files(&chart, &values)?;
        let usual = Release::new(&chart);
        let release = Release {
            name: args.name.clone().unwrap_or(usual.name),
            namespace: args.namespace.clone().unwrap_or(usual.namespace),
            is_upgrade: args.cluster.is_upgrade,
            values,
            files,
            validate_schema: args.values.validate_schema && !args.values.skip_schema_validation,
            variants,
            toggles: toggles(args.toggles),
            ..Release::new(&chart)
        };
        let needs = needs(&release, &cluster, Limits::default()).map_err(not_rendered)?;
        self.report.add(None, &needs);
        Ok(())
    }

    /// The files that `--set-file` names, which the search for images takes as they are.
    fn set_files(&self, chart: &Chart, values: &ValueSources) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut read = BTreeMap::new();
        if !values.set_files.is_empty() {
            let options = Options::new(self.loader.profile);
            coalesced_values(chart, values, &options, &mut |name| {
                let bytes = values::read(name)?;
                read.insert(name.to_owned(), bytes.clone());
                Ok(bytes)
            })
            .map_err(charts::not_rendered)?;
        }
        Ok(read)
    }

    fn manifest(&mut self, path: &Path) -> Result {
        let mut variables = Vec::new();
        for text in &self.args.values.set {
            let variable = key_value(text);
            variables.push(variable.map_err(|problem| anyhow::anyhow!("--set {text}: {problem}"))?);
        }
        let manifest = manifests::load(&ManifestArgs {
            manifest: path.to_owned(),
            lock_file: None,
            set: variables,
            components: self.args.components.clone(),
        })?;
        let base = manifests::base(path);
        let cluster = self.cluster(manifest.cluster());
        for component in &manifest.components {
            let entry = |part: &str, at: usize| Entry {
                component: component.name.clone(),
                entry: format!("{part}[{at}]"),
            };
            for (at, image) in component.images.iter().enumerate() {
                self.report.own(entry("images", at), path, image);
            }
            for (at, request) in component.charts.iter().enumerate() {
                let entry = entry("charts", at);
                let needs = self.chart_of(request, &base, &cluster);
                let needs = needs.map_err(|failure| Failure {
                    error: failure.error.context(format!(
                        "{} → {} cannot be searched",
                        entry.component, entry.entry
                    )),
                    ..failure
                })?;
                self.report.add(Some(&entry), &needs);
            }
            for (at, request) in component.manifests.iter().enumerate() {
                let name = request.path.display().to_string();
                let bytes = files::read("the manifest", &base.join(&request.path), MAX_FILE)?;
                let needs = airlock_closure::manifests(&[(name, bytes)], Limits::default());
                self.report.add(Some(&entry("manifests", at)), &needs);
            }
        }
        Ok(())
    }

    fn chart_of(&self, request: &ChartRequest, base: &Path, cluster: &Cluster) -> Result<Needs> {
        let read = |paths: &[std::path::PathBuf]| -> Result<Vec<(String, Vec<u8>)>> {
            let mut all = Vec::new();
            for path in paths {
                let bytes = files::read("the values", &base.join(path), MAX_FILE)?;
                all.push((path.display().to_string(), bytes));
            }
            Ok(all)
        };
        let values = read(&request.values)?;
        let variants = read(&request.discover.values)?.into_iter();
        let chart = self.loader.of_manifest(&request.source, base)?;
        let usual = Release::new(&chart);
        let release = Release {
            name: request
                .release
                .clone()
                .unwrap_or_else(|| chart.metadata().name.clone()),
            namespace: request.namespace.clone().unwrap_or(usual.namespace),
            values: ValueSources {
                files: values,
                ..ValueSources::default()
            },
            variants: variants.map(|(name, values)| Variant { name, values }).collect(),
            toggles: toggles(self.args.toggles || request.discover.toggles),
            ..Release::new(&chart)
        };
        needs(&release, cluster, Limits::default()).map_err(not_rendered)
    }

    /// The cluster that charts are rendered for; flags say more than the manifest.
    fn cluster(&self, said: KubernetesRequest) -> Cluster {
        let flags = &self.args.cluster;
        let version = flags.kube_version.clone().filter(|text| !text.is_empty());
        let mut api_versions: BTreeSet<String> = said.api_versions.into_iter().collect();
        api_versions.extend(flags.api_versions.iter().cloned());
        Cluster {
            profile: self.loader.profile,
            version: version.or(said.version),
            api_versions: api_versions.into_iter().collect(),
        }
    }
}

const fn toggles(all: bool) -> Toggles {
    if all { Toggles::All } else { Toggles::None }
}

fn not_rendered(error: ReleaseError) -> Failure {
    match error {
        ReleaseError::Render(error) => charts::not_rendered(error),
        other @ ReleaseError::KubeVersion(_) => Failure::from(other),
    }
}
