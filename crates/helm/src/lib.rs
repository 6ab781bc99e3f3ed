//! Helm charts: metadata, packaging and repository indexes.
