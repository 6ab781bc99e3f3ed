//! Charts as Helm renders them.

use airlock_helm::ChartFile;
use airlock_helm::call::World;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::render::{Limits, Options, Rendered, TemplateOptions, ValueSources, render, template};

use super::parts;

/// What a chart of a fuzzer may cost: little, so that whatever does not end soon is seen.
const LIMITS: Limits = Limits {
    steps: 200_000,
    memory: 64 << 20,
    output: 1 << 20,
};

fn options(profile: Profile) -> Options {
    Options {
        world: World::new((1_700_000_000, 5), 7),
        limits: LIMITS,
        ..Options::new(profile)
    }
}

fn file(path: &str, bytes: &[u8]) -> ChartFile {
    ChartFile {
        path: path.to_owned(),
        bytes: bytes.to_vec(),
    }
}

fn no_file(_: &str) -> Result<Vec<u8>, String> {
    Err("there are no files here".to_owned())
}

/// Renders with both profiles; the same is rendered twice.
fn rendered(chart: &Chart, values: &ValueSources, profile: Profile) {
    let options = options(profile);
    let once = render(chart, values, &options, &mut no_file);
    let twice = render(chart, values, &options, &mut no_file);
    match (once, twice) {
        (Ok(once), Ok(twice)) => {
            let Rendered { files, .. } = &once;
            assert!(files.values().map(Vec::len).sum::<usize>() as u64 <= LIMITS.output);
            assert_eq!(once, twice);
        }
        (Err(once), Err(twice)) => assert_eq!(once.to_string(), twice.to_string()),
        _ => panic!("the second rendering differs"),
    }
    if let Ok(templated) = template(chart, values, &options, &mut no_file) {
        let _ = templated.print(&TemplateOptions::default(), profile);
    }
}

/// A template, a partial, the chart's values, given values, and words of `--set`: what a chart can say.
pub fn helm_render(input: &[u8]) {
    let mut parts = parts(input);
    let mut next = || parts.next().unwrap_or_default();
    let files = [
        file("Chart.yaml", b"apiVersion: v2\nname: fuzz\nversion: 1.2.3\n"),
        file("templates/a.yaml", next()),
        file("templates/_partial.tpl", next()),
        file("values.yaml", next()),
        file("files/data.txt", b"some\ndata\n"),
    ];
    let mut values = ValueSources::default();
    let given = next();
    if !given.is_empty() {
        values.files.push(("given.yaml".to_owned(), given.to_vec()));
    }
    let set = next();
    if !set.is_empty() {
        values.set.push(String::from_utf8_lossy(set).into_owned());
    }
    for profile in [Profile::Helm3, Profile::Helm4] {
        if let Ok(chart) = Chart::from_files(files.clone(), profile) {
            rendered(&chart, &values, profile);
        }
    }
}

/// The files of a chart, each with its path in the first line; or a packaged chart.
pub fn helm_load(input: &[u8]) {
    for profile in [Profile::Helm3, Profile::Helm4] {
        if input.starts_with(b"\x1f\x8b") {
            if let Ok(chart) = Chart::from_archive(input, profile) {
                rendered(&chart, &ValueSources::default(), profile);
            }
            continue;
        }
        let files = parts(input).map(|part| {
            let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
            let path = String::from_utf8_lossy(&part[..end]);
            file(&path, part.get(end + 1..).unwrap_or_default())
        });
        if let Ok(chart) = Chart::from_files(files, profile) {
            rendered(&chart, &ValueSources::default(), profile);
        }
    }
}
