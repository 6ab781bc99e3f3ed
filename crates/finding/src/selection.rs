//! Which checks are made.

/// The part of a check's name before the dot.
pub fn group(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// Which checks are made: all, unless something else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
}

/// A name that no check and no group has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such check: {0}")]
pub struct UnknownCheck(pub String);

impl Selection {
    /// Of the checks with these names only some checks or groups, if any are named, and some not.
    pub fn new(
        checks: impl IntoIterator<Item = &'static str>,
        only: &[String],
        skip: &[String],
    ) -> Result<Self, UnknownCheck> {
        let checks: Vec<&str> = checks.into_iter().collect();
        let mut names = only.iter().chain(skip);
        match names.find(|name| !checks.iter().any(|id| is_named(id, name))) {
            Some(unknown) => Err(UnknownCheck(unknown.clone())),
            None => Ok(Self {
                only: only.to_vec(),
                skip: skip.to_vec(),
            }),
        }
    }

    /// Whether the check is among those that are asked for.
    pub fn has(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| is_named(id, name))
    }

    /// Whether it was said that the check is not to be made.
    pub fn leaves_out(&self, id: &str) -> bool {
        self.skip.iter().any(|name| is_named(id, name))
    }
}

fn is_named(id: &str, name: &str) -> bool {
    id == name || group(id) == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_named_one_by_one_or_by_group() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let checks = ["a.x", "a.y", "b.x"];
        let select = |only: &[&str], skip: &[&str]| Selection::new(checks, &names(only), &names(skip));
        let all = select(&[], &[]).unwrap();
        assert!(checks.iter().all(|id| all.has(id) && !all.leaves_out(id)));
        let some = select(&["a"], &["a.y"]).unwrap();
        assert!(some.has("a.x") && some.has("a.y") && !some.has("b.x"));
        assert!(some.leaves_out("a.y") && !some.leaves_out("a.x"));
        for unknown in ["c", "a.z", "x", ""] {
            let error = UnknownCheck(unknown.to_owned());
            assert_eq!(select(&[unknown], &[]), Err(error.clone()));
            assert_eq!(select(&[], &[unknown]), Err(error));
        }
    }
}
