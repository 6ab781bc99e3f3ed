use std::path::{Component, Path, PathBuf};

/// `path` as seen from the folder that `base` is relative to, without `.` and with `..` folded where
/// that is possible without looking at a disk.
pub(crate) fn below(base: &Path, path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() {
        out.push(".");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_what_can_be_folded() {
        let below = |base: &str, path: &str| below(Path::new(base), Path::new(path)).display().to_string();
        assert_eq!(below("", "./charts/site"), "charts/site");
        assert_eq!(below("../base", "./charts/../x"), "../base/x");
        assert_eq!(below("a/b", "../../../c"), "../c");
        assert_eq!(below("a", "/abs/x"), "/abs/x");
        assert_eq!(below("a", ".."), ".");
        assert_eq!(below("", "."), ".");
    }
}
