//! `airlock template`: what a chart becomes on a cluster.

mod post;
mod written;

use airlock_helm::call::World;
use airlock_helm::chart::Profile;
use airlock_helm::render::{
    Capabilities, KubeVersion, Limits, Options, RenderError, Rendered, TemplateOptions, release_name, render,
    template,
};
use anyhow::Context;

use crate::args::{Global, TemplateArgs};
use crate::charts::Loader;
use crate::failure::{Failure, Result, tamed};
use crate::{charts, clock, print, values};

pub(crate) fn run(args: &TemplateArgs, global: &Global) -> Result {
    let profile = args.profile.into();
    if args.post_renderer.is_some() && profile != Profile::Helm3 {
        let failure = Failure::from(anyhow::anyhow!(
            "post-renderers of Helm 4 are plugins, which are not run here"
        ));
        return Err(
            failure.hint("--profile helm3 runs a program as Helm 3 does; or pipe what is printed through it")
        );
    }
    let options = options(args, profile)?;
    let values = values::sources(&args.values)?;
    let loader = Loader {
        from: &args.from,
        upstream: &args.upstream,
        profile,
        global,
    };
    let chart = loader.named(&args.chart)?;
    let templated = match template(&chart, &values, &options, &mut values::read) {
        Ok(templated) => templated,
        Err(error) => {
            if args.debug {
                print_failed(&error, || render(&chart, &values, &options, &mut values::read))?;
            }
            return Err(not_rendered(error));
        }
    };
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
        let below = args.release_name.then_some(options.name.as_str());
        return written::write(&templated, folder, below, &printed);
    }
    let printed = templated.print_with(&printed, profile, |manifest| match &args.post_renderer {
        Some(program) => post::render(program, &args.post_renderer_args, manifest),
        None => Ok(manifest),
    });
    print::bytes(&printed.map_err(not_rendered)?)
}

/// What Helm prints with `--debug` of a chart that failed: the rendered files as they are if they cannot be taken
/// apart, in an order that is by chance there, and an empty line if there are none.
fn print_failed(error: &RenderError, again: impl FnOnce() -> Result<Rendered, RenderError>) -> Result {
    let mut out = Vec::new();
    match error {
        RenderError::Manifest { .. } => {
            // It went well the first time, and nothing that it depends on has changed.
            for (path, text) in again().map_err(not_rendered)?.files {
                if path.ends_with("NOTES.txt") || text.trim_ascii().is_empty() {
                    continue;
                }
                for part in [b"---\n# Source: ", path.as_bytes(), b"\n", &text, b"\n"] {
                    out.extend_from_slice(part);
                }
            }
        }
        RenderError::Template { .. } | RenderError::KubeVersion { .. } => {}
        _ => return Ok(()),
    }
    let mut out = out.trim_ascii().to_vec();
    out.push(b'\n');
    print::bytes(&out)
}

fn not_rendered(error: RenderError) -> Failure {
    let own = matches!(error, RenderError::Manifest { .. });
    let failure = charts::not_rendered(error);
    if own {
        return failure.hint("--debug prints what was rendered");
    }
    failure
}

fn options(args: &TemplateArgs, profile: Profile) -> Result<Options> {
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
    let world = World::new((now.as_second(), nanoseconds), seed);
    let mut options = Options::new(profile);
    if let Some(template) = args.name_template.as_ref().filter(|text| !text.is_empty()) {
        options.name = release_name(template, &world, &Limits::default())?;
    } else if let Some(name) = args.release.as_ref().or(args.name.as_ref()) {
        options.name.clone_from(name);
    }
    options.namespace.clone_from(&args.namespace);
    options.is_upgrade = args.cluster.is_upgrade;
    options.capabilities = capabilities;
    options.validate_schema = args.values.validate_schema && !args.values.skip_schema_validation;
    options.world = world;
    Ok(options)
}
