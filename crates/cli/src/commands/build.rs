//! `airlock build` and `airlock pack`: a manifest, or its lock, becomes a signed bundle.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use airlock_bundle::Document;
use airlock_content::{BlobRead, Reporter, digest_of};
use airlock_packer::{Importer, NoCache, Options, Output, PackError, PackReport, Signatures, pack};
use airlock_resolver::{ProveError, ResolveErrors, Update, prove};
use airlock_spec::documents::{self, Licences};
use airlock_spec::lock::Lock;
use airlock_store::Store;
use airlock_trust::{Protection, SecretKey, sign_blob};
use airlock_types::{ByteSize, Digest};
use anyhow::Context;
use serde_json::json;

use super::lock::Wanted;
use crate::args::{BuildArgs, Global, PackArgs, PackOptions, SigningKey};
use crate::failure::{Exit, Failure, Result};
use crate::sources::Sources;
use crate::{importer, interrupt, keys, manifests, print, progress, upstreams};

pub(crate) fn build(args: &BuildArgs, global: &Global) -> Result {
    let manifest = manifests::load(&args.manifest)?;
    // A wrong password is found before anything is downloaded.
    let key = signing_key(&args.key, global)?;
    let reporter = progress::reporter(global);
    let base = manifests::base(&args.manifest.manifest);
    let report = interrupt::until_done(async {
        let sources = upstreams::sources(&args.upstream, &reporter)?;
        let path = manifests::lock_path(&args.manifest);
        let lock = if args.locked {
            let lock = manifests::lock(&path)?;
            super::lock::check_against(&args.manifest, &manifest, &lock, !args.no_referrers).await?;
            if args.strict {
                super::lock::confirmed(&lock)?;
            }
            lock
        } else {
            let made = super::lock::make(
                &args.manifest,
                &manifest,
                &Update::None,
                Wanted {
                    referrers: !args.no_referrers,
                    strict: args.strict,
                },
                &args.upstream,
                &sources,
                &reporter,
            )
            .await?;
            if made.changed {
                print::note(global, &format!("wrote {}", made.path.display()));
            }
            made.lock
        };
        let packing = Packing {
            base: &base,
            sources: &sources,
            args: &args.pack,
            jobs: args.upstream.jobs,
            key: &key,
            reporter: &reporter,
            global,
        };
        packing.run(&lock).await
    })?;
    finish(&report, global)
}

pub(crate) fn pack_lock(args: &PackArgs, global: &Global) -> Result {
    let lock = manifests::lock(&args.lock_file)?;
    let key = signing_key(&args.key, global)?;
    let reporter = progress::reporter(global);
    let base = manifests::base(&args.lock_file);
    let report = interrupt::until_done(async {
        let sources = upstreams::sources(&args.upstream, &reporter)?;
        let packing = Packing {
            base: &base,
            sources: &sources,
            args: &args.pack,
            jobs: args.upstream.jobs,
            key: &key,
            reporter: &reporter,
            global,
        };
        packing.run(&lock).await
    })?;
    finish(&report, global)
}

fn signing_key(args: &SigningKey, global: &Global) -> Result<SecretKey> {
    let (key, protection) = keys::secret(&args.key, &args.password)?;
    if matches!(protection, Protection::Unprotected) {
        print::note(
            global,
            &format!("warning: the private key has no password: {}", args.key.display()),
        );
    }
    Ok(key)
}

/// A pack, but for the lock: what it is made with, and how.
struct Packing<'a> {
    base: &'a Path,
    sources: &'a Sources,
    args: &'a PackOptions,
    jobs: u16,
    key: &'a SecretKey,
    reporter: &'a Arc<dyn Reporter>,
    global: &'a Global,
}

impl Packing<'_> {
    async fn run(&self, lock: &Lock) -> Result<PackReport> {
        let Self {
            base,
            sources,
            args,
            jobs,
            key,
            reporter,
            global,
        } = *self;
        let to_stdout = args.out == Path::new("-");
        let output = if to_stdout {
            Output::Stream(Box::new(std::io::stdout()))
        } else {
            std::fs::create_dir_all(&args.out).with_context(|| {
                format!(
                    "the folder for the bundle could not be made: {}",
                    args.out.display()
                )
            })?;
            Output::Folder(args.out.clone())
        };
        let (binaries, note) = importer::chosen(args)?;
        if let Some(note) = note {
            print::note(global, &note);
        }
        let mut importers = Vec::new();
        for binary in binaries {
            importers.push(Importer {
                arch: binary.arch.parse()?,
                path: binary.path,
            });
        }
        let cache = cache(args)?;
        self.prove(lock, cache.as_ref()).await?;
        let options = Options {
            cache_folder: cache.as_ref().map(|cache| cache.root().to_owned()),
            jobs: jobs.into(),
            documents: made_from(lock),
            importers,
            ..Options::new(output)
        };
        let sign =
            |index: &[u8]| -> std::result::Result<Signatures, Box<dyn std::error::Error + Send + Sync>> {
                let signature = sign_blob(key, index);
                Ok(vec![(signature.key_hint().to_string(), signature.to_json())])
            };
        let packed = match cache {
            Some(cache) => {
                pack(
                    lock,
                    base,
                    sources,
                    Some(&Arc::new(cache)),
                    sign,
                    options,
                    &**reporter,
                )
                .await
            }
            None => {
                pack(
                    lock,
                    base,
                    sources,
                    None::<&Arc<NoCache>>,
                    sign,
                    options,
                    &**reporter,
                )
                .await
            }
        };
        packed.map_err(incomplete)
    }

    /// Renders what is installed once more, and fails unless the lock holds every image of it.
    async fn prove(&self, lock: &Lock, cache: Option<&Store>) -> Result {
        let options = airlock_resolver::Options {
            folder: self.base.to_owned(),
            concurrency: usize::from(self.jobs),
            ..airlock_resolver::Options::default()
        };
        let have = |digest: &Digest| {
            let body = cache?.open(digest).ok()??;
            let bytes = body.into_bytes(PROVED_LIMIT).ok()?;
            (digest_of(&bytes) == *digest).then_some(bytes)
        };
        let missing = prove(lock, &options, self.sources, &have).await;
        let missing = missing.map_err(|error| match error {
            ProveError::Contents(errors) => not_proved(&errors),
            error @ ProveError::Deployment(_) => error.into(),
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut text = format!(
            "the lock lacks {} images that are installed from it",
            missing.len()
        );
        for image in &missing {
            let _ = write!(text, "\n\n  {image}");
            for place in &image.needed_by {
                let _ = write!(text, "\n    needed by {} → {place}", image.component);
            }
        }
        Err(Failure::no(anyhow::anyhow!(text)).hint("run `airlock lock`, and review the change"))
    }
}

/// What is installed from a lock and cannot be rendered again.
fn not_proved(errors: &ResolveErrors) -> Failure {
    let mut text = match errors.failures.len() {
        1 => "1 thing that is installed from the lock cannot be had".to_owned(),
        count => format!("{count} things that are installed from the lock cannot be had"),
    };
    for failure in &errors.failures {
        let _ = write!(text, "\n\n  {}{}", failure.kind, failure.name);
        for place in &failure.needed_by {
            let _ = write!(text, "\n    needed by {place}");
        }
        let mut cause: Option<&dyn std::error::Error> = Some(&failure.cause);
        while let Some(error) = cause {
            let _ = write!(text, "\n    {error}");
            cause = error.source();
        }
    }
    Failure {
        exit: Exit::Partial,
        error: anyhow::anyhow!(text),
        hint: errors.failures.iter().find_map(|failure| failure.cause.hint()),
    }
}

/// The largest chart or values file that is taken from the cache.
const PROVED_LIMIT: u64 = 64 << 20;

/// The documents that every bundle carries.
fn made_from(lock: &Lock) -> BTreeMap<Document, Vec<u8>> {
    let digest = digest_of(&lock.to_bytes());
    // They are signed before the first package comes; `airlock sbom` adds the licences.
    let unknown = Licences::new();
    BTreeMap::from([
        (Document::Provenance, documents::provenance(lock, &digest)),
        (Document::SbomSpdx, documents::spdx(lock, &digest, &unknown)),
        (Document::SbomCdx, documents::cyclonedx(lock, &unknown)),
    ])
}

/// The cache: where the flags say, else below the user's cache folder.
fn cache(args: &PackOptions) -> Result<Option<Store>> {
    if args.no_cache {
        return Ok(None);
    }
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(std::path::PathBuf::from)
    };
    let usual = || {
        variable("XDG_CACHE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".cache")))
            .map(|dir| dir.join("airlock/store-v1"))
    };
    let Some(path) = args.cache.clone().or_else(usual) else {
        return Ok(None);
    };
    let store = Store::open_or_create(&path)
        // What a killed build left would stay where the bundle has everything that was on its way into the cache.
        .and_then(|store| store.tidy().map(|()| store))
        .map_err(|error| {
            Failure::from(
                anyhow::Error::new(error).context(format!("the cache cannot be used: {}", path.display())),
            )
            .hint("name another folder with --cache, or use --no-cache")
        })?;
    Ok(Some(store))
}

/// Everything that could not be had, and who needs it.
fn incomplete(error: PackError) -> Failure {
    let hint = error.hint();
    let exit = if matches!(error, PackError::Incomplete { .. }) {
        Exit::Partial
    } else {
        Exit::Trouble
    };
    let PackError::Incomplete { missing } = &error else {
        return Failure {
            exit,
            error: error.into(),
            hint,
        };
    };
    let mut text = error.to_string();
    for item in missing {
        let _ = write!(text, "\n\n  {} ({})", item.digest, ByteSize(item.size));
        for needed in &item.needed_by {
            let _ = write!(
                text,
                "\n    needed by {} ({})",
                needed.artifact,
                needed.why.join(", ")
            );
        }
        let _ = write!(text, "\n    {}", item.error);
        let mut cause = std::error::Error::source(&item.error);
        while let Some(error) = cause {
            let _ = write!(text, "\n    {error}");
            cause = error.source();
        }
    }
    Failure {
        exit,
        error: anyhow::anyhow!(text),
        hint,
    }
}

fn finish(report: &PackReport, global: &Global) -> Result {
    let Some(path) = &report.path else {
        // Standard output is the bundle itself.
        print::note(
            global,
            &format!("index {}, {}", report.index, ByteSize(report.size)),
        );
        return Ok(());
    };
    let amount = |amount: airlock_packer::Amount| json!({"blobs": amount.blobs, "bytes": amount.bytes});
    let value = json!({
        "bundle": path,
        "index": report.index,
        "size": report.size,
        "blobs": amount(report.blobs),
        "fetched": amount(report.fetched),
        "cached": amount(report.cached),
        "resumed": amount(report.resumed),
    });
    print::result(global, &value, || {
        let mut out = format!(
            "bundle   {}\nindex    {}\nsize     {} ({} blobs)\n",
            path.display(),
            report.index,
            ByteSize(report.size),
            report.blobs.blobs
        );
        let parts = [
            ("fetched", report.fetched),
            ("from the cache", report.cached),
            ("from before", report.resumed),
        ];
        let shown: Vec<String> = parts
            .iter()
            .filter(|(_, amount)| amount.blobs > 0)
            .map(|(name, amount)| format!("{} {name}", ByteSize(amount.bytes)))
            .collect();
        if !shown.is_empty() {
            let _ = writeln!(out, "content  {}", shown.join(", "));
        }
        out
    })
}
