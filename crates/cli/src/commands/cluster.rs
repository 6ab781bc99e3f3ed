//! `airlock cluster`: the description of a site.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use airlock_spec::site::{Becomes, Draft, FromEnvironment, SecretFile, Setting, Site, from_environment};
use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::args::{ClusterCommand, ClusterInitArgs, Global, Output};
use crate::failure::{Exit, Failure, Result};
use crate::{files, print};

pub(crate) fn run(command: &ClusterCommand, global: &Global) -> Result {
    match command {
        ClusterCommand::Init(args) => init(args, global),
    }
}

/// What was written, and what became of each setting.
#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    secrets: Vec<PathBuf>,
    settings: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    becomes: String,
    understood: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    about: &'a str,
}

fn init(args: &ClusterInitArgs, global: &Global) -> Result {
    let mut found = if args.from_env {
        let cwd = std::env::current_dir().context("the working folder has no name")?;
        from_environment(&environment(), &cwd)
    } else {
        FromEnvironment::default()
    };
    given(args, &mut found.draft);
    let text = found.draft.render();
    // What is written can be read, or nothing is written.
    Site::read(&text, &args.out).map_err(|problems| {
        Failure::from(anyhow!(
            "what is known of the site cannot be so\n\n{}",
            problems.render().trim_end()
        ))
        .hint("the lines are those of the site.yaml that would have been written")
    })?;
    let is_stream = args.out.as_os_str() == "-";
    let secrets = if is_stream {
        Vec::new()
    } else {
        write(args, &text, &found.secrets)?
    };
    let settings: Vec<Told<'_>> = found.settings.iter().map(told).collect();
    let lost = is_stream && !found.secrets.is_empty();
    let strange = settings.iter().filter(|setting| !setting.understood).count();
    if is_stream {
        print::out(&text)?;
        print::note(global, &table(&settings));
    } else {
        match global.output {
            Output::Json => print::result(
                global,
                &Written {
                    file: &args.out,
                    secrets,
                    settings,
                },
                String::new,
            )?,
            Output::Text => {
                let mut report = table(&settings);
                for path in [&args.out].into_iter().chain(&secrets) {
                    let _ = writeln!(report, "wrote {}", path.display());
                }
                print::out(&report)?;
            }
        }
    }
    if lost {
        return Err(partial("secrets are not written to standard output").hint("name a file with --out"));
    }
    if strange > 0 {
        return Err(partial(&format!("settings that were not taken over: {strange}"))
            .hint("they are in the list above; docs/site.md says what becomes of each"));
    }
    Ok(())
}

fn partial(message: &str) -> Failure {
    Failure {
        exit: Exit::Partial,
        error: anyhow!("{message}"),
        hint: None,
    }
}

/// The environment as texts. What is no text is no setting of a script.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// What the flags say, which wins.
fn given(args: &ClusterInitArgs, draft: &mut Draft) {
    let one = |from: &Option<String>, to: &mut Option<String>| {
        if from.is_some() {
            to.clone_from(from);
        }
    };
    one(&args.name, &mut draft.name);
    one(&args.mirror, &mut draft.mirror);
    one(&args.mirror_ca, &mut draft.mirror_ca);
    one(&args.server, &mut draft.server);
    one(&args.token_file, &mut draft.token_file);
    one(&args.cluster_dns, &mut draft.cluster_dns);
    one(&args.datastore, &mut draft.datastore);
    one(&args.data_dir, &mut draft.data_dir);
    let many = |from: &Vec<String>, to: &mut Vec<String>| {
        if !from.is_empty() {
            to.clone_from(from);
        }
    };
    many(&args.tls_san, &mut draft.tls_san);
    many(&args.cluster_cidr, &mut draft.cluster_cidr);
    many(&args.service_cidr, &mut draft.service_cidr);
    many(&args.disable, &mut draft.disable);
    draft.cis |= args.cis;
}

/// Writes the secrets, then the file that names them.
fn write(args: &ClusterInitArgs, text: &str, secrets: &[SecretFile]) -> Result<Vec<PathBuf>> {
    if !args.force && files::exists("the site", &args.out)? {
        return Err(
            Failure::from(anyhow!("there is a file already: {}", args.out.display()))
                .hint("write over it with --force, or elsewhere with --out"),
        );
    }
    let folder = args.out.parent().unwrap_or(Path::new(""));
    let mut written = Vec::new();
    for secret in secrets {
        let path = folder.join(&secret.path);
        let content = format!("{}\n", secret.value);
        if files::exists("the secret", &path)? {
            // A second run finds what the first one wrote.
            if files::read("the secret", &path, 1 << 20)? == content.as_bytes() {
                continue;
            }
            return Err(
                Failure::from(anyhow!("there is another secret already: {}", path.display()))
                    .hint("move it away, or unset the variable"),
            );
        }
        if let Some(parent) = path.parent() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .with_context(|| format!("the folder could not be made: {}", parent.display()))?;
        }
        files::create_new("the secret", &path, 0o600, content.as_bytes())?;
        written.push(path);
    }
    if args.force {
        files::replace("the site", &args.out, text.as_bytes())?;
    } else {
        files::create_new("the site", &args.out, 0o644, text.as_bytes())?;
    }
    Ok(written)
}

fn told(setting: &Setting) -> Told<'_> {
    let becomes = match &setting.becomes {
        Becomes::Field(field) => field.clone(),
        Becomes::SecretFile(path) => format!("the file {path}"),
        Becomes::Manifest => "the manifest".to_owned(),
        Becomes::Command => "the command".to_owned(),
        Becomes::Own => "nothing".to_owned(),
        Becomes::NotUnderstood => "NOT TAKEN OVER".to_owned(),
    };
    Told {
        name: &setting.name,
        becomes,
        understood: setting.becomes != Becomes::NotUnderstood,
        about: &setting.about,
    }
}

fn table(settings: &[Told<'_>]) -> String {
    let width = settings
        .iter()
        .map(|setting| setting.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for setting in settings {
        let about = if setting.about.is_empty() { "" } else { ": " };
        let _ = writeln!(
            out,
            "{:width$}  {}{about}{}",
            setting.name, setting.becomes, setting.about
        );
    }
    out
}
