//! Where bytes come from and where they go: source and store traits, verifying readers, progress.
