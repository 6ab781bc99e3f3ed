//! The one HTTP client: registries, chart repositories and files, with retry, resume and rate limits.
