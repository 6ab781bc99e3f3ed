//! YAML, JSON and TOML in and out of values, as Helm reads and writes them.
