//! Airlock's own documents: manifest, lock, bundle index, receipt.
