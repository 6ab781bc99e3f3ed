//! `airlock outdated`: what upstream has that the lock has not.

use airlock_resolver::outdated;

use super::views::package_text;
use crate::args::{Global, OutdatedArgs};
use crate::failure::Result;
use crate::{interrupt, manifests, print, progress, upstreams};

pub(crate) fn run(args: &OutdatedArgs, global: &Global) -> Result {
    let manifest = manifests::load(&args.manifest)?;
    let lock = manifests::lock(&manifests::lock_path(&args.manifest))?;
    let base = manifests::base(&args.manifest.manifest);
    let reporter = progress::reporter(global);
    let found = interrupt::until_done(async {
        let sources = upstreams::sources(&args.upstream, &reporter)?;
        let options = super::lock::options(&manifest, &base, true, args.upstream.jobs);
        outdated(&manifest, &lock, &options, &sources, &*reporter)
            .await
            .map_err(super::lock::unresolved)
    })?;
    print::result(global, &found, || {
        if found.is_empty() {
            return "everything is current\n".to_owned();
        }
        let mut out = String::new();
        for item in &found {
            let current = item.current.clone().unwrap_or_else(|| "–".to_owned());
            out.push_str(&format!("{:6} {}  {current}", item.kind, item.name));
            if let Some(allowed) = &item.allowed {
                out.push_str(&format!("  → {allowed} (lock --update)"));
            }
            if let Some(newest) = &item.newest {
                out.push_str(&format!("  newest {newest} (change the manifest)"));
            }
            if let Some(moved) = &item.moved {
                out.push_str(&format!("  moved to {} (lock --update)", moved.short()));
            }
            if !item.packages.is_empty() {
                let security = item.packages.iter().filter(|package| package.security).count();
                out.push_str(&format!(
                    "  {} packages, {security} of them for security (lock --update)",
                    item.packages.len()
                ));
            }
            out.push('\n');
            for package in &item.packages {
                out.push_str(&format!("    {}\n", package_text(package)));
            }
        }
        out
    })
}
