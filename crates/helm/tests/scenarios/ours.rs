//! What this crate makes of a scenario.

use std::sync::LazyLock;

use airlock_helm::ChartFile;
use airlock_helm::call::World;
use airlock_helm::chart::{Chart, Profile};
use airlock_helm::render::{KubeVersion, Options, RenderError, Renderer, ValueSources};

use crate::expected::Answer;
use crate::scenario::{Case, Scenario};

/// The files or the error of a case, which does not depend on what `renderer` has rendered before.
pub(crate) fn answer(scenario: &Scenario, case: &Case, renderer: &mut Renderer) -> Answer {
    let kept = rendered(scenario, case, renderer);
    let fresh = rendered(scenario, case, &mut Renderer::default());
    assert!(kept == fresh, "{} {} depends on others", scenario.name, case.name);
    fresh
}

fn rendered(scenario: &Scenario, case: &Case, renderer: &mut Renderer) -> Answer {
    let files = scenario.files.iter().map(|(path, text)| ChartFile {
        path: path.clone(),
        bytes: text.clone().into_bytes(),
    });
    let chart = match Chart::from_files(files, Profile::Helm4) {
        Ok(chart) => chart,
        Err(error) => return Answer::Error(error.to_string()),
    };
    let values = ValueSources {
        files: case
            .values
            .iter()
            .map(|text| ("values.yaml".to_owned(), text.clone().into_bytes()))
            .collect(),
        ..ValueSources::default()
    };
    match renderer.render(&chart, &values, &options(case), &mut |_| {
        Err("no files".to_owned())
    }) {
        Ok(done) => Answer::Files(done.into_texts()),
        Err(error) => Answer::Error(text(&error)),
    }
}

fn text(error: &RenderError) -> String {
    error.to_string()
}

/// A day in 2026, as of which certificates and ages are made. All cases share its keys.
static WORLD: LazyLock<World> = LazyLock::new(|| World::new((1_780_000_000, 0), 1));

fn options(case: &Case) -> Options {
    let mut options = Options::new(Profile::Helm4);
    options.world = WORLD.clone();
    for (key, value) in &case.options {
        let text = || value.as_str().unwrap().to_owned();
        match key.as_str() {
            "name" => options.name = text(),
            "namespace" => options.namespace = text(),
            "revision" => options.revision = value.as_i64().unwrap(),
            "is_upgrade" => options.is_upgrade = value.as_bool().unwrap(),
            // The opposite, always.
            "is_install" => {}
            "kube_version" => {
                options.capabilities.kube = KubeVersion::parse(&text(), Profile::Helm4).unwrap();
            }
            "api_versions" => {
                let more = value.as_array().unwrap().iter();
                let more = more.map(|version| version.as_str().unwrap().to_owned());
                options.capabilities.api_versions.extend(more);
            }
            other => panic!("no option is called {other}"),
        }
    }
    options
}
