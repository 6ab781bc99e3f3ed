//! Renderings of one release, within limits.

use std::collections::BTreeMap;

use airlock_helm::call::World;
use airlock_helm::images::{Finder, Found, Kept, Source};
use airlock_helm::render::{
    Capabilities, KubeVersion, Options, RenderError, Renderer, Templated, ValueSources,
};
use airlock_helm::value::Value;

use crate::release::{Cluster, Limits, Release, ReleaseError};
use crate::switch::{self, Switch};

/// About how many steps of templates it takes to put one value where it belongs.
const WEIGHT: u64 = 24;

/// What is given on top of the release.
pub(crate) enum Given<'a> {
    /// The values of a variant.
    File(&'a (String, Vec<u8>)),
    /// Switches that are on.
    Switches(&'a [&'a Switch]),
}

/// What became of a variant.
#[derive(Debug)]
pub(crate) struct Tried {
    /// What was found; none where even a rendering without what is required fails.
    pub(crate) found: Option<Found>,
    /// Why it cannot be deployed as it is.
    pub(crate) refused: Option<RenderError>,
}

/// A limit of all renderings together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bound {
    #[error("there are more variants than the {0} that are rendered")]
    Variants(usize),
    #[error("all variants together take more than {0} steps")]
    Steps(u64),
    #[error("there is more text in all variants together than is read")]
    Text,
    #[error("what is left is not enough to begin")]
    Share,
}

/// What one of several needs that go on from here; it can be sent to a thread.
#[derive(Clone, Debug)]
pub(crate) struct Share<'a> {
    release: &'a Release<'a>,
    options: Options,
    limits: Limits,
}

impl<'a> Share<'a> {
    /// A site that has rendered the release as it is deployed.
    pub(crate) fn start(self) -> Result<Site<'a>, ReleaseError> {
        let mut site = Site::with(self.release, self.options, self.limits);
        site.is_share = true;
        site.deployed()?;
        Ok(site)
    }
}

/// What renderings have cost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    renderings: usize,
    steps: u64,
    read: airlock_helm::images::Cost,
}

/// A release that is rendered again and again.
pub(crate) struct Site<'a> {
    pub(crate) release: &'a Release<'a>,
    pub(crate) options: Options,
    limits: Limits,
    renderer: Renderer,
    kept: Kept,
    /// What has seen the chart and its values, and nothing that is rendered.
    seed: Finder,
    values: Value,
    /// What it takes to put the values together, which counts in full each time.
    weight: u64,
    /// How often values were put together.
    prepared: u64,
    /// Whether others go on beside it.
    is_share: bool,
    /// Steps that were taken for this release by others.
    elsewhere: u64,
    renderings: usize,
    read: airlock_helm::images::Cost,
}

impl<'a> Site<'a> {
    pub(crate) fn new(
        release: &'a Release<'a>,
        cluster: &Cluster,
        limits: Limits,
    ) -> Result<Self, ReleaseError> {
        let mut capabilities = Capabilities::new(cluster.profile);
        if let Some(version) = &cluster.version {
            capabilities.kube = KubeVersion::parse(version, cluster.profile)?;
        }
        capabilities
            .api_versions
            .extend(cluster.api_versions.iter().cloned());
        let mut options = Options::new(cluster.profile);
        options.name.clone_from(&release.name);
        options.namespace.clone_from(&release.namespace);
        options.is_upgrade = release.is_upgrade;
        options.capabilities = capabilities;
        options.validate_schema = release.validate_schema;
        // No clock and no chance: the same inputs always give the same needs.
        options.world = World::new((0, 0), 0);
        options.limits = limits.render;
        Ok(Self::with(release, options, limits))
    }

    fn with(release: &'a Release<'a>, options: Options, limits: Limits) -> Self {
        Self {
            release,
            options,
            limits,
            renderer: Renderer::default(),
            kept: Kept::default(),
            seed: Finder::new(limits.find),
            values: Value::Nil,
            weight: 0,
            prepared: 0,
            is_share: false,
            elsewhere: 0,
            renderings: 0,
            read: airlock_helm::images::Cost::default(),
        }
    }

    /// What one of several needs that go on from here, each with its share of what is left.
    pub(crate) fn share(&self, count: usize) -> Share<'a> {
        let mut options = self.options.clone();
        // Which keys are made by then does not depend on which thread is faster.
        options.world.keys = options.world.keys.paid();
        let count = count.max(1);
        let mut limits = self.limits;
        limits.variants = self.left() / count;
        limits.steps = limits.steps.saturating_sub(self.spent()) / count as u64;
        limits.find.bytes = limits.find.bytes.saturating_sub(self.read.bytes) / count as u64;
        limits.find.steps = limits.find.steps.saturating_sub(self.read.steps) / count as u64;
        Share {
            release: self.release,
            options,
            limits,
        }
    }

    /// Counts what one of several has spent.
    pub(crate) const fn add(&mut self, spent: Spent) {
        self.renderings = self.renderings.saturating_add(spent.renderings);
        self.elsewhere = self.elsewhere.saturating_add(spent.steps);
        self.read.bytes = self.read.bytes.saturating_add(spent.read.bytes);
        self.read.steps = self.read.steps.saturating_add(spent.read.steps);
    }

    /// What has been spent so far.
    pub(crate) fn all_spent(&self) -> Spent {
        Spent {
            renderings: self.renderings,
            steps: self.spent(),
            read: self.read,
        }
    }

    fn spent(&self) -> u64 {
        let values = self.weight.saturating_mul(self.prepared);
        let steps = self.renderer.spent().steps.saturating_add(values);
        steps.saturating_add(self.elsewhere)
    }

    /// What is found in the release as it is deployed.
    pub(crate) fn deployed(&mut self) -> Result<Found, ReleaseError> {
        let files = &self.release.files;
        let chart = self.release.chart;
        let values = &self.release.values;
        let templated = self
            .renderer
            .template(chart, values, &self.options, &mut |name| read(files, name))?;
        self.values = self
            .renderer
            .values(chart, values, &self.options, &mut |name| read(files, name))?;
        self.weight = WEIGHT.saturating_mul(switch::size(&self.values));
        self.seed.chart(chart);
        self.seed.values(chart, &self.values);
        let mut finder = self.seed.clone();
        finder.templated_kept(&templated, &mut self.kept);
        self.read = finder.cost();
        Ok(finder.finish())
    }

    /// The values that templates see of the release as it is deployed.
    pub(crate) const fn values(&self) -> &Value {
        &self.values
    }

    /// How many renderings are left.
    pub(crate) fn left(&self) -> usize {
        self.limits.variants.saturating_sub(self.renderings)
    }

    /// The values that templates see with switches on.
    pub(crate) fn values_with(&mut self, switches: &[&Switch]) -> Result<Result<Value, RenderError>, Bound> {
        let (sources, options) = self.next(&Given::Switches(switches))?;
        let files = &self.release.files;
        let values = self
            .renderer
            .values(self.release.chart, &sources, &options, &mut |name| {
                read(files, name)
            });
        Ok(values)
    }

    /// Renders a variant, if need be without what it requires: `required` and `fail` let everything pass then, no
    /// schema is checked, and a file that is not YAML spoils no other.
    pub(crate) fn render(&mut self, given: &Given<'_>) -> Result<Tried, Bound> {
        let (sources, options) = self.next(given)?;
        self.renderings += 1;
        let files = &self.release.files;
        let templated = self
            .renderer
            .template(self.release.chart, &sources, &options, &mut |name| {
                read(files, name)
            });
        match templated {
            Ok(templated) => {
                let found = self.find(given, (&sources, &options), &Rendering::Templated(&templated))?;
                Ok(Tried {
                    found: Some(found),
                    refused: None,
                })
            }
            Err(error) if error.is_limit() && options.limits.steps < self.limits.render.steps => {
                Err(Bound::Steps(self.limits.steps))
            }
            Err(error) => Ok(Tried {
                found: self.leniently(given)?.ok(),
                refused: Some(error),
            }),
        }
    }

    /// Renders a variant without what it requires.
    pub(crate) fn leniently(&mut self, given: &Given<'_>) -> Result<Result<Found, RenderError>, Bound> {
        let (sources, mut options) = self.next(given)?;
        options.lint = true;
        options.validate_schema = false;
        self.renderings += 1;
        let files = &self.release.files;
        let rendered = self
            .renderer
            .render(self.release.chart, &sources, &options, &mut |name| {
                read(files, name)
            });
        match rendered {
            Ok(rendered) => {
                let rendering = Rendering::Files(&rendered);
                Ok(Ok(self.find(given, (&sources, &options), &rendering)?))
            }
            Err(error) if error.is_limit() && options.limits.steps < self.limits.render.steps => {
                Err(Bound::Steps(self.limits.steps))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// The sources and options of the next rendering, if there may be one.
    fn next(&mut self, given: &Given<'_>) -> Result<(ValueSources, Options), Bound> {
        if self.renderings >= self.limits.variants {
            return Err(Bound::Variants(self.limits.variants));
        }
        let left = self.limits.steps.saturating_sub(self.spent());
        if left == 0 {
            return Err(Bound::Steps(self.limits.steps));
        }
        self.prepared += 1;
        let mut sources = self.release.values.clone();
        let mut options = self.options.clone();
        if !self.is_share {
            options.world.keys = options.world.keys.paid();
        }
        options.limits.steps = options.limits.steps.min(left);
        match given {
            Given::File(file) => sources.on_top.push((*file).clone()),
            Given::Switches(switches) => {
                if let Some(overlay) = switch::overlay(switches) {
                    sources.on_top.push(("switches".to_owned(), overlay));
                }
                for switch in *switches {
                    switch.apply(&mut options);
                }
            }
        }
        Ok((sources, options))
    }

    fn find(
        &mut self,
        given: &Given<'_>,
        (sources, options): (&ValueSources, &Options),
        rendering: &Rendering<'_>,
    ) -> Result<Found, Bound> {
        if self.read.bytes > self.limits.find.bytes || self.read.steps > self.limits.find.steps {
            return Err(Bound::Text);
        }
        let mut finder = self.seed.clone();
        let mut before = finder.cost();
        // Switches name no images: whatever comes with them stands in the values of the charts.
        if let Given::File(_) = given {
            let (chart, files) = (self.release.chart, &self.release.files);
            let values = self
                .renderer
                .values(chart, sources, options, &mut |name| read(files, name));
            if let Ok(values) = values {
                finder = Finder::new(self.limits.find);
                finder.chart(chart);
                finder.values(chart, &values);
                before = airlock_helm::images::Cost::default();
            }
        }
        match rendering {
            Rendering::Templated(templated) => finder.templated_kept(templated, &mut self.kept),
            Rendering::Files(rendered) => {
                for (path, file) in &rendered.crds {
                    finder.manifest_kept(&Source::rendered(path), &file.bytes, &mut self.kept);
                }
                for (path, text) in &rendered.files {
                    if !path.ends_with("NOTES.txt") {
                        finder.manifest_kept(&Source::rendered(path), text, &mut self.kept);
                    }
                }
            }
        }
        let cost = finder.cost();
        self.read.bytes += cost.bytes.saturating_sub(before.bytes);
        self.read.steps += cost.steps.saturating_sub(before.steps);
        Ok(finder.finish())
    }
}

/// What is rendered, by Helm's rules or without them.
enum Rendering<'a> {
    Templated(&'a Templated),
    Files(&'a airlock_helm::render::Rendered),
}

fn read(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Result<Vec<u8>, String> {
    let found = files.get(name).cloned();
    found.ok_or_else(|| format!("there is no file {name}"))
}
