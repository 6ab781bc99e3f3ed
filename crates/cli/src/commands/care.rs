//! `airlock gc` and `airlock scrub`: the care of a store.

use airlock_content::PublishStore;
use airlock_store::{ScrubOptions, Store};
use airlock_types::ByteSize;
use serde_json::json;

use crate::args::{GcArgs, Global, ScrubArgs};
use crate::failure::{Failure, Result};
use crate::{print, progress};

pub(crate) fn gc(args: &GcArgs, global: &Global) -> Result {
    let store = Store::open(&args.store.store)?;
    if store.history()?.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "the store has no generation, so all of it would be removed: {}",
            args.store.store.display()
        ))
        .hint("a builder's cache is emptied by removing its folder"));
    }
    let report = store.gc(usize::try_from(args.keep)?, args.dry_run)?;
    let value = json!({
        "dry_run": args.dry_run,
        "generations_kept": report.kept,
        "generations_removed": report.removed,
        "blobs": report.blobs,
        "bytes": report.bytes,
        "temporaries": report.temporaries,
        "temporary_bytes": report.temporary_bytes,
        "missing": report.missing,
    });
    print::result(global, &value, || {
        let done = if args.dry_run { "would remove" } else { "removed" };
        let mut out = format!(
            "{done} {} generations, {} blobs ({}) and {} temporary files ({}); {} generations are kept\n",
            report.removed.len(),
            report.blobs,
            ByteSize(report.bytes),
            report.temporaries,
            ByteSize(report.temporary_bytes),
            report.kept.len()
        );
        if report.missing > 0 {
            out.push_str(&format!(
                "damaged: {} blobs that are needed are not there; `airlock scrub` lists them\n",
                report.missing
            ));
        }
        out
    })
}

pub(crate) fn scrub(args: &ScrubArgs, global: &Global) -> Result {
    let store = Store::open(&args.store.store)?;
    let options = ScrubOptions {
        quarantine: args.quarantine,
        ..ScrubOptions::default()
    };
    let report = store.scrub_with(args.hashing.engine()?, options, &*progress::reporter(global))?;
    let lines = |items: &[String]| items.join("\n");
    let corrupt: Vec<String> = report
        .corrupt
        .iter()
        .map(|corrupt| {
            let moved = if corrupt.quarantined.is_some() {
                ", moved to quarantine"
            } else {
                ""
            };
            let needed = if corrupt.needed { "needed" } else { "not needed" };
            format!(
                "corrupt    {} ({needed}): {}{moved}",
                corrupt.digest, corrupt.found
            )
        })
        .collect();
    let misnamed: Vec<String> = report
        .misnamed
        .iter()
        .map(|path| format!("misnamed   {}", path.display()))
        .collect();
    let missing: Vec<String> = report
        .missing
        .iter()
        .map(|missing| format!("missing    {}", missing.digest))
        .collect();
    let unreadable: Vec<String> = report
        .unreadable
        .iter()
        .map(|digest| format!("unreadable {digest}"))
        .collect();
    let value = json!({
        "sound": report.is_sound(),
        "blobs": report.blobs,
        "bytes": report.bytes,
        "corrupt": report.corrupt.iter().map(|corrupt| json!({
            "digest": corrupt.digest, "size": corrupt.size, "found": corrupt.found,
            "needed": corrupt.needed, "quarantined": corrupt.quarantined,
        })).collect::<Vec<_>>(),
        "misnamed": report.misnamed,
        "missing": report.missing.iter().map(|missing| missing.digest).collect::<Vec<_>>(),
        "unreadable": report.unreadable,
        "unreachable": report.unreachable,
    });
    print::result(global, &value, || {
        let mut out = format!("read {} blobs ({})\n", report.blobs, ByteSize(report.bytes));
        for group in [&corrupt, &misnamed, &missing, &unreadable] {
            if !group.is_empty() {
                out.push_str(&lines(group));
                out.push('\n');
            }
        }
        if !report.unreachable.is_empty() {
            out.push_str(&format!(
                "{} blobs belong to no generation; `airlock gc` removes them\n",
                report.unreachable.len()
            ));
        }
        if report.is_sound() {
            out.push_str("sound\n");
        }
        out
    })?;
    if report.is_sound() {
        return Ok(());
    }
    Err(Failure::no(anyhow::anyhow!(
        "the store is damaged: {}",
        args.store.store.display()
    ))
    .hint(if args.quarantine {
        "import the bundle again: it brings what is missing"
    } else {
        "run `airlock scrub --quarantine`, then import the bundle again: it brings what is missing"
    }))
}
