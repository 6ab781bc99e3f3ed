//! Dependencies that `charts/` lacks, from whoever can bring them.

use super::{Chart, LoadError, Profile};
use crate::range::is_compatible;
use crate::{ChartFile, Dependency};

/// How deep fetched charts may need more charts, and how many may be fetched: a chart may name itself.
const MAX_DEPTH: usize = 16;
const MAX_FETCHED: usize = 500;

/// Why a dependency cannot be had.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Brings the charts that a chart names: from a folder (`file://`), a repository, or a registry (`oci://`).
pub trait Fetch {
    /// Brings one chart.
    fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<Fetched, FetchError>;
}

/// A chart that another one needs.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What `Chart.yaml` says of it.
    pub dependency: &'a Dependency,
    /// The version that the lock file names, if there is one.
    pub locked: Option<&'a str>,
    /// What the parent's own [`Fetched::origin`] was, for a `file://` that is relative to it; `None` for the chart
    /// itself.
    pub origin: Option<&'a str>,
}

/// A chart that was brought.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its content.
    pub content: FetchedContent,
    /// Where it comes from, in words that only the caller needs to understand.
    pub origin: Option<String>,
}

/// The form in which a chart was brought.
#[derive(Clone, Debug)]
pub enum FetchedContent {
    /// A packaged chart.
    Archive(Vec<u8>),
    /// The files of a folder.
    Files(Vec<ChartFile>),
}

impl Chart {
    /// Asks for every chart that is named and not there, and for what those name, as `helm dependency build` does
    /// for the first level.
    ///
    /// What is brought must have the name that was asked for, and a version in the range.
    pub fn complete(&mut self, profile: Profile, fetch: &mut dyn Fetch) -> Result<(), LoadError> {
        let mut left = MAX_FETCHED;
        complete(self, None, profile, fetch, 0, &mut left)
    }
}

fn complete(
    chart: &mut Chart,
    origin: Option<&str>,
    profile: Profile,
    fetch: &mut dyn Fetch,
    depth: usize,
    left: &mut usize,
) -> Result<(), LoadError> {
    for (what, limit, reached) in [
        ("levels of fetched charts", MAX_DEPTH, depth > MAX_DEPTH),
        ("fetched charts", MAX_FETCHED, *left == 0),
    ] {
        if reached {
            return Err(LoadError::Limit {
                what,
                limit: limit as u64,
            });
        }
    }
    for child in &mut chart.dependencies {
        complete(child, origin, profile, fetch, depth + 1, left)?;
    }
    let missing: Vec<Dependency> = chart.missing().into_iter().cloned().collect();
    for dependency in missing {
        // Two aliases of one chart need it once, unless they want different versions of it.
        let there = chart.dependencies.iter().any(|child| fits(&dependency, child));
        if there {
            continue;
        }
        *left = left.saturating_sub(1);
        let refuse = |problem: FetchError| LoadError::Fetch {
            name: dependency.name.clone(),
            parent: chart.metadata.name.clone(),
            problem,
        };
        let locked = chart.locked.iter().find(|lock| lock.name == dependency.name);
        let fetched = fetch
            .fetch(&Wanted {
                dependency: &dependency,
                locked: locked.map(|lock| lock.version.as_str()),
                origin,
            })
            .map_err(refuse)?;
        let mut child = match fetched.content {
            FetchedContent::Archive(bytes) => Chart::from_archive(&bytes, profile),
            FetchedContent::Files(files) => Chart::from_files(files, profile),
        }
        .map_err(|error| refuse(error.into()))?;
        if !fits(&dependency, &child) {
            let found = format!(
                "what came is {} {}, not {} {}",
                child.metadata.name, child.metadata.version, dependency.name, dependency.version
            );
            return Err(refuse(found.into()));
        }
        complete(
            &mut child,
            fetched.origin.as_deref(),
            profile,
            fetch,
            depth + 1,
            left,
        )?;
        chart.dependencies.push(child);
    }
    Ok(())
}

fn fits(dependency: &Dependency, chart: &Chart) -> bool {
    chart.metadata.name == dependency.name
        && (dependency.version.is_empty() || is_compatible(&dependency.version, &chart.metadata.version))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Charts by name, each with the dependencies that it names; and what was asked for.
    #[derive(Default)]
    struct Shelf {
        charts: Vec<(&'static str, &'static str, &'static str)>,
        asked: Vec<String>,
    }

    fn files(name: &str, version: &str, dependencies: &str) -> Vec<ChartFile> {
        let mut text = format!("apiVersion: v2\nname: {name}\nversion: {version}\ndependencies:\n");
        for dependency in dependencies.split_whitespace() {
            let (name, range) = dependency.split_once('=').unwrap();
            let (name, alias) = name.split_once(':').unwrap_or((name, name));
            writeln!(
                text,
                "- {{name: {name}, alias: {alias}, version: {range:?}, repository: 'https://shelf'}}"
            )
            .unwrap();
        }
        vec![ChartFile {
            path: "Chart.yaml".to_owned(),
            bytes: text.into_bytes(),
        }]
    }

    impl Fetch for Shelf {
        fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<Fetched, FetchError> {
            let Dependency { name, version, .. } = wanted.dependency;
            self.asked.push(format!(
                "{name} {version} locked {} for {}",
                wanted.locked.unwrap_or("-"),
                wanted.origin.unwrap_or("-")
            ));
            let found = self.charts.iter().find(|(known, ..)| known == name);
            let (name, version, dependencies) = *found.ok_or("it is not on the shelf")?;
            let files = files(name, version, dependencies);
            // What needs more cannot be packaged.
            let content = if dependencies.is_empty() {
                FetchedContent::Archive(crate::package(files)?)
            } else {
                FetchedContent::Files(files)
            };
            Ok(Fetched {
                content,
                origin: Some(format!("shelf of {name}")),
            })
        }
    }

    fn complete(chart: Vec<ChartFile>, shelf: &mut Shelf) -> Result<Chart, LoadError> {
        let mut chart = Chart::from_files(chart, Profile::Helm4)?;
        chart.complete(Profile::Helm4, shelf)?;
        Ok(chart)
    }

    #[test]
    fn what_is_missing_is_asked_for_at_every_level() {
        let mut site = files("site", "1.0.0", "here=1.x web=~1.2 cache:a=2 cache:b=2 cache:c=3");
        for (path, text) in [
            (
                "Chart.lock",
                "dependencies:\n- {name: web, version: 1.2.3, repository: 'https://shelf'}\n",
            ),
            (
                "charts/here/Chart.yaml",
                "apiVersion: v2\nname: here\nversion: 1.0.0\ndependencies:\n- {name: db, version: '1', repository: 'https://shelf'}\n",
            ),
        ] {
            site.push(ChartFile {
                path: path.to_owned(),
                bytes: text.as_bytes().to_vec(),
            });
        }
        let mut shelf = Shelf {
            charts: vec![
                ("web", "1.2.3", "db=1"),
                ("db", "1.5.0", ""),
                ("cache", "2.9.0", ""),
            ],
            ..Shelf::default()
        };
        let error = complete(site.clone(), &mut shelf).unwrap_err().to_string();
        // Two aliases share what they need; the third wants another version.
        assert_eq!(
            shelf.asked,
            [
                "db 1 locked - for -",
                "web ~1.2 locked 1.2.3 for -",
                "db 1 locked - for shelf of web",
                "cache 2 locked - for -",
                "cache 3 locked - for -",
            ]
        );
        assert_eq!(
            error,
            "the dependency cache of site cannot be had: what came is cache 2.9.0, not cache 3"
        );
        let text = String::from_utf8(site[0].bytes.clone()).unwrap();
        site[0].bytes = text.replace("\"3\"", "\"2\"").into_bytes();
        let chart = complete(site, &mut shelf).unwrap();
        let names: Vec<&str> = chart
            .dependencies()
            .iter()
            .map(|chart| chart.metadata().name.as_str())
            .collect();
        assert_eq!(names, ["here", "web", "cache"]);
        assert!(
            chart.missing().is_empty()
                && chart
                    .dependencies()
                    .iter()
                    .all(|chart| chart.missing().is_empty())
        );
    }

    #[test]
    fn what_comes_is_what_was_asked_for() {
        for (charts, expected) in [
            (vec![], "it is not on the shelf"),
            (vec![("web", "2.0.0", "")], "what came is web 2.0.0, not web 1.x"),
            (
                vec![("web", "one", "db=1")],
                "the dependency web of site cannot be had: validation: chart.metadata.version \"one\" is invalid",
            ),
            (
                vec![("web", "1.0.0", "none=1")],
                "the dependency none of web cannot be had: it is not on the shelf",
            ),
            // The chart needs itself, and two of itself.
            (
                vec![("web", "1.0.0", "web=1")],
                "more than the 16 levels of fetched charts that are allowed",
            ),
            (
                vec![("web", "1.0.0", "db=1 web=1"), ("db", "1.0.0", "web=1")],
                "that are allowed",
            ),
        ] {
            let mut shelf = Shelf {
                charts,
                ..Shelf::default()
            };
            let error = complete(files("site", "1.0.0", "web=1.x"), &mut shelf)
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
            assert!(shelf.asked.len() <= MAX_FETCHED, "{}", shelf.asked.len());
        }
    }
}
