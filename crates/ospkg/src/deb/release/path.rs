/// A path in an index that could lead out of the repository, or to two places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} {why}")]
pub struct PathError {
    path: String,
    why: &'static str,
}

/// More than any path in a repository has.
const MAX_LENGTH: usize = 1024;

/// Accepts paths of plain names alone: what is written to disk or asked of a server below a folder.
pub(crate) fn check(path: &str) -> Result<(), PathError> {
    let wrong = |why| PathError {
        path: path.chars().take(200).collect(),
        why,
    };
    if path.is_empty() {
        return Err(wrong("is empty"));
    }
    if path.len() > MAX_LENGTH {
        return Err(wrong("is too long"));
    }
    if path.starts_with('/') {
        return Err(wrong("is absolute"));
    }
    // A backslash separates on other systems, the others start a query or a fragment of an address.
    if path
        .chars()
        .any(|c| c.is_control() || matches!(c, '\\' | '?' | '#'))
    {
        return Err(wrong("has a character that no path here needs"));
    }
    // Servers decode, so an escape can spell anything that was refused above.
    let lower = path.to_ascii_lowercase();
    if ["%2e", "%2f", "%5c", "%00", "%25"]
        .iter()
        .any(|escape| lower.contains(escape))
    {
        return Err(wrong("hides a character behind an escape"));
    }
    for name in path.split('/') {
        match name {
            "" => return Err(wrong("has an empty name")),
            "." | ".." => return Err(wrong("leads elsewhere")),
            _ => {}
        }
    }
    Ok(())
}
