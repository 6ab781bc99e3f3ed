//! `airlock import`: verify, then one atomic generation, then a receipt signed by the site.

use std::path::Path;

use airlock_importer::{ImportError, ImportOptions, Imported, Outcome, import};
use airlock_store::Store;
use airlock_trust::SecretKey;
use airlock_types::ByteSize;
use anyhow::Context;
use serde_json::json;

use crate::args::{Global, ImportArgs};
use crate::failure::{Exit, Failure, Result};
use crate::{bundles, clock, files, keys, print, progress};

/// Where a store keeps the key that signs its receipts.
const SITE_KEY: &str = "airlock/keys/site.key";

pub(crate) fn run(args: &ImportArgs, global: &Global) -> Result {
    let policy = keys::policy(&args.trust.keys, args.trust.threshold)?;
    bundles::must_exist(&args.bundle)?;
    let reason = match &args.allow_downgrade {
        Some(text) => Some(text.parse().map_err(|error| {
            Failure::from(anyhow::Error::new(error))
                .hint("for example --allow-downgrade \"2.1 loses packets, ticket 4711\"")
        })?),
        None => None,
    };
    // The signature comes first: a bundle that nobody trusted signed does not even make an empty store.
    let bundle = bundles::open(&args.bundle)?
        .verify(&policy)
        .map_err(|error| bundles::refused(&args.bundle, error))?;
    let ignored = bundles::ignored(bundle.verdict());
    let existed = args.store.store.exists();
    let is_new = !args.store.store.join("airlock").exists();
    let store = Store::open_or_create(&args.store.store)?;
    // Whoever has to write fails with it again; who finds everything there need not write.
    let _ = store.tidy();
    let key = site_key(&args.store.store).inspect_err(|_| {
        if is_new {
            forget(&store, existed);
        }
    })?;
    let options = ImportOptions {
        keep_versions: args.keep_versions.into(),
        allow_downgrade: reason,
        sign: Some(&key),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ..ImportOptions::new(clock::now(), concat!("airlock ", env!("CARGO_PKG_VERSION")))
    };
    let imported = import(bundle, &store, &options, &*progress::reporter(global)).map_err(|error| {
        if is_new {
            forget(&store, existed);
        }
        refused(&args.bundle, &args.store.store, error)
    })?;
    print::result(global, &value(&imported), || {
        text(&imported, &args.store.store, &ignored)
    })
}

/// The site's own key, made at the first import. It has no password: it proves which store wrote a
/// receipt, as well as the store's own files are protected.
///
/// Of two first imports at the same time, one makes the key and both use it.
fn site_key(store: &Path) -> Result<SecretKey> {
    let path = store.join(SITE_KEY);
    if !path.exists() {
        let folder = store.join("airlock/keys");
        std::fs::create_dir_all(&folder).with_context(|| {
            format!(
                "the folder for the site's key could not be made: {}",
                folder.display()
            )
        })?;
        let pem = SecretKey::generate()?.to_unencrypted_pkcs8_pem();
        files::create_private("the site's key", &path, pem.as_bytes())?;
    }
    let text = zeroize::Zeroizing::new(files::read("the site's key", &path, 64 * 1024)?);
    let (key, _) = SecretKey::from_pem(&text, None)
        .with_context(|| format!("the site's key could not be read: {}", path.display()))?;
    let public = path.with_extension("pub");
    if !public.exists() {
        files::replace("the site's public key", &public, key.public().to_pem().as_bytes())?;
    }
    Ok(key)
}

/// Takes a store away again that was made for a bundle which then did not come in, unless somebody else has
/// begun to use it. If it cannot be removed, an empty store stays, which harms no one.
fn forget(store: &Store, existed: bool) {
    if store.clone().discard_unused().unwrap_or(false) && !existed {
        let _ = std::fs::remove_dir(store.root());
    }
}

fn refused(bundle: &Path, store: &Path, error: ImportError) -> Failure {
    let hint = error.hint();
    match error {
        ImportError::Bundle(error) => {
            let failure = bundles::refused(bundle, error);
            Failure {
                hint: failure.hint.or(hint),
                ..failure
            }
        }
        ImportError::Downgrade { .. } | ImportError::SameSequence { .. } | ImportError::Incomplete { .. } => {
            Failure {
                exit: Exit::No,
                error: anyhow::Error::new(error)
                    .context(format!("the bundle is refused: {}", bundle.display())),
                hint,
            }
        }
        ImportError::NoSpace { .. } | ImportError::NoFiles { .. } => Failure {
            exit: Exit::Trouble,
            error: anyhow::Error::new(error).context(format!(
                "nothing was imported into the store: {}",
                store.display()
            )),
            hint,
        },
        error => Failure {
            exit: Exit::Trouble,
            error: error.into(),
            hint,
        },
    }
}

fn outcome(imported: &Imported) -> &'static str {
    match imported.outcome {
        Outcome::Imported => "imported",
        Outcome::Unchanged => "unchanged",
        Outcome::Completed => "completed",
    }
}

fn value(imported: &Imported) -> serde_json::Value {
    json!({
        "outcome": outcome(imported),
        "generation": imported.receipt.generation,
        "number": imported.number,
        "receipt": imported.receipt,
        "record": imported.record,
        "damaged": imported.damaged.iter().map(|missing| missing.digest).collect::<Vec<_>>(),
    })
}

fn text(imported: &Imported, store: &Path, ignored: &[String]) -> String {
    let receipt = &imported.receipt;
    let mut out = match imported.outcome {
        Outcome::Imported => format!(
            "imported {} {} into {}\n",
            receipt.name,
            receipt.version,
            store.display()
        ),
        Outcome::Unchanged => {
            format!(
                "{} {} is imported already; nothing was changed\n",
                receipt.name, receipt.version
            )
        }
        Outcome::Completed => format!(
            "{} {} was imported before; what was missing since is there again\n",
            receipt.name, receipt.version
        ),
    };
    out.push_str(&format!(
        "generation  {} ({})\n",
        imported.number, receipt.generation
    ));
    out.push_str(&format!(
        "written     {} blobs, {}\n",
        receipt.written.blobs,
        ByteSize(receipt.written.bytes)
    ));
    out.push_str(&format!("receipt     {}\n\n", imported.record));
    out.push_str(&bundles::checks_text(&receipt.checks));
    for finding in ignored {
        out.push_str(&format!("{:16}  {finding}\n", "not counted"));
    }
    for missing in &imported.damaged {
        out.push_str(&format!(
            "damaged           an earlier import lacks {}; `airlock scrub` tells more\n",
            missing.digest
        ));
    }
    out
}
