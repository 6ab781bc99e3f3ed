//! Content on this machine: OCI layouts, image archives, chart folders and files as sources.
