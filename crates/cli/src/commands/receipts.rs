//! `airlock receipts`: what was imported, and what was checked then.

use airlock_content::PublishStore;
use airlock_spec::receipt::Receipt;
use airlock_store::Store;
use anyhow::Context;

use crate::args::{Global, ReceiptsArgs};
use crate::bundles;
use crate::failure::Result;
use crate::print;

/// The file of a record that holds the receipt.
pub(crate) const RECEIPT: &str = "receipt.json";

pub(crate) fn run(args: &ReceiptsArgs, global: &Global) -> Result {
    let store = Store::open(&args.store.store)?;
    let mut receipts = Vec::new();
    for name in store.records()? {
        if let Some(bytes) = store.read_record(&name, RECEIPT)? {
            let receipt =
                Receipt::from_bytes(&bytes).with_context(|| format!("the receipt cannot be read: {name}"))?;
            receipts.push((name, receipt));
        }
    }
    let values: Vec<&Receipt> = receipts.iter().map(|(_, receipt)| receipt).collect();
    print::result(global, &values, || {
        if receipts.is_empty() {
            return "nothing was imported yet\n".to_owned();
        }
        let mut out = String::new();
        for (name, receipt) in &receipts {
            out.push_str(&format!(
                "{} {}  {}  ({name})\n  generation {}\n  index      {}\n  written    {} blobs, {}\n",
                receipt.name,
                receipt.version,
                receipt.time,
                receipt.generation,
                receipt.index,
                receipt.written.blobs,
                airlock_types::ByteSize(receipt.written.bytes)
            ));
            for line in bundles::checks_text(&receipt.checks).lines() {
                out.push_str(&format!("  {line}\n"));
            }
            out.push('\n');
        }
        out
    })
}
