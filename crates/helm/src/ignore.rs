//! `.helmignore`: which files of a chart folder stay out of its archive (Helm, "The .helmignore file").

/// Why a line of `.helmignore` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// Helm refuses `**` as well.
    #[error("line {line}: double-star (**) is not supported: {rule:?}")]
    DoubleStar {
        /// The line, from 1.
        line: usize,
        /// Its text.
        rule: String,
    },
    /// An unclosed `[`, or a backslash at the end.
    #[error("line {line}: the pattern is not complete: {rule:?}")]
    Pattern {
        /// The line, from 1.
        line: usize,
        /// Its text.
        rule: String,
    },
    /// The file is not UTF-8.
    #[error("it is not UTF-8 text")]
    Utf8,
}

/// The rules of one `.helmignore`.
///
/// Differs from `.gitignore` as Helm does: the first rule that decides wins, `!` ignores what does
/// *not* match, and a rule without `/` is compared with the last path component only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreRules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    negate: bool,
    folder_only: bool,
    whole_path: bool,
}

/// A shell pattern; most are simple, and a chart of a thousand files asks often.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// Nothing in it is special.
    Exact(Box<str>),
    /// A star, and nothing special behind it.
    Suffix(Box<str>),
    Glob(Vec<char>),
}

impl IgnoreRules {
    /// Reads a `.helmignore` file.
    pub fn parse(bytes: &[u8]) -> Result<Self, IgnoreError> {
        let text = std::str::from_utf8(bytes).map_err(|_| IgnoreError::Utf8)?;
        let text = text.trim_start_matches('\u{feff}');
        let mut rules = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let rule = line.trim();
            if rule.is_empty() || rule.starts_with('#') {
                continue;
            }
            let line = at + 1;
            if rule.contains("**") {
                return Err(IgnoreError::DoubleStar {
                    line,
                    rule: rule.to_owned(),
                });
            }
            rules.push(Rule::new(rule).ok_or_else(|| IgnoreError::Pattern {
                line,
                rule: rule.to_owned(),
            })?);
        }
        Ok(Self(rules))
    }

    /// The rules with Helm's own: hidden files below `templates/` are always left out.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        self.0.extend(Rule::new("templates/.?*"));
        self
    }

    /// Whether a file stays out: it, or a folder above it, is ignored.
    pub fn ignores(&self, path: &str) -> bool {
        let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        folders.any(|folder| self.decide(folder, true)) || self.decide(path, false)
    }

    fn decide(&self, path: &str, folder: bool) -> bool {
        let name = memchr::memrchr(b'/', path.as_bytes()).map_or(path, |at| &path[at + 1..]);
        for rule in &self.0 {
            if rule.negate {
                if (rule.folder_only && !folder) || !rule.matches(path, name) {
                    return true;
                }
            } else if (folder || !rule.folder_only) && rule.matches(path, name) {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn new(text: &str) -> Option<Self> {
        let (negate, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (folder_only, text) = match text.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let whole_path = text.contains('/');
        Some(Self {
            pattern: Pattern::new(text.strip_prefix('/').unwrap_or(text))?,
            negate,
            folder_only,
            whole_path,
        })
    }

    /// `name` is the last component of the path.
    fn matches(&self, path: &str, name: &str) -> bool {
        self.pattern.matches(if self.whole_path { path } else { name })
    }
}

impl Pattern {
    fn new(text: &str) -> Option<Self> {
        let is_special = |text: &str| text.contains(['*', '?', '[', '\\']);
        if !is_special(text) {
            return Some(Self::Exact(text.into()));
        }
        if let Some(rest) = text.strip_prefix('*')
            && !is_special(rest)
        {
            return Some(Self::Suffix(rest.into()));
        }
        let pattern: Vec<char> = text.chars().collect();
        is_complete(&pattern).then_some(Self::Glob(pattern))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Suffix(suffix) => text
                .strip_suffix(&**suffix)
                .is_some_and(|start| !start.contains('/')),
            Self::Glob(pattern) => glob(pattern, &text.chars().collect::<Vec<_>>()),
        }
    }
}

/// Whether a pattern is about the whole path (Go, `filepath.Match`); a broken one is about none.
pub(crate) fn path_matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    is_complete(&pattern) && glob(&pattern, &path.chars().collect::<Vec<_>>())
}

/// Whether every class is closed and every escape has its character.
fn is_complete(mut pattern: &[char]) -> bool {
    while let Some((first, rest)) = pattern.split_first() {
        pattern = rest;
        match first {
            '\\' if rest.is_empty() => return false,
            '\\' => pattern = &rest[1..],
            '[' => match class(rest, 'a') {
                Some((_, rest)) => pattern = rest,
                None => return false,
            },
            _ => {}
        }
    }
    true
}

/// Shell patterns over one path: `*` and `?` stop at `/`.
fn glob(mut pattern: &[char], mut text: &[char]) -> bool {
    // Where to go back to when a later part fails: the last star and what it has eaten so far.
    let mut star: Option<(&[char], &[char])> = None;
    loop {
        let step = match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some(('*', rest)), _) => {
                star = Some((rest, text));
                Some((rest, text))
            }
            (Some(('?', rest)), Some((c, tail))) if *c != '/' => Some((rest, tail)),
            (Some(('[', rest)), Some((c, tail))) if *c != '/' => match class(rest, *c) {
                Some((true, rest)) => Some((rest, tail)),
                _ => None,
            },
            (Some(('\\', rest)), Some((c, tail))) if rest.first() == Some(c) => Some((&rest[1..], tail)),
            (Some((p, rest)), Some((c, tail))) if p == c && !matches!(p, '?' | '[' | '\\') => {
                Some((rest, tail))
            }
            _ => None,
        };
        if let Some((next_pattern, next_text)) = step {
            (pattern, text) = (next_pattern, next_text);
            continue;
        }
        match star {
            Some((rest, eaten)) if eaten.first().is_some_and(|c| *c != '/') => {
                star = Some((rest, &eaten[1..]));
                (pattern, text) = (rest, &eaten[1..]);
            }
            _ => return false,
        }
    }
}

/// Reads a character class after its `[`: whether it holds `c`, and what follows its `]`.
fn class(mut pattern: &[char], c: char) -> Option<(bool, &[char])> {
    let negated = pattern.first() == Some(&'^');
    if negated {
        pattern = &pattern[1..];
    }
    let take = |pattern: &mut &[char]| {
        let (first, rest) = pattern.split_first()?;
        let (first, rest) = if *first == '\\' {
            rest.split_first()?
        } else {
            (first, rest)
        };
        *pattern = rest;
        Some(*first)
    };
    let mut hit = false;
    let mut ranges = 0;
    loop {
        if pattern.first() == Some(&']') && ranges > 0 {
            return Some((hit != negated, &pattern[1..]));
        }
        let low = take(&mut pattern)?;
        let high = if pattern.first() == Some(&'-') {
            pattern = &pattern[1..];
            take(&mut pattern)?
        } else {
            low
        };
        hit |= (low..=high).contains(&c);
        ranges += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(rules: &str, path: &str) -> bool {
        IgnoreRules::parse(rules.as_bytes()).unwrap().ignores(path)
    }

    #[test]
    fn rules_as_helm_reads_them() {
        assert!(left_out("*.tmp\n", "a.tmp"));
        assert!(left_out("*.tmp\n", "deep/er/a.tmp"));
        assert!(left_out("# comment\n\n.git/\n", ".git/config"));
        assert!(
            !left_out(".git/\n", ".git"),
            "a rule with '/' at its end is about folders"
        );
        assert!(left_out("/ci\n", "ci/values.yaml"));
        assert!(!left_out("/ci\n", "sub/ci/values.yaml"));
        assert!(left_out("docs/*.md\n", "docs/a.md"));
        assert!(!left_out("docs/*.md\n", "docs/deep/a.md"), "'*' stops at '/'");
        assert!(left_out("a[0-9]?.txt\n", "a1x.txt"));
        assert!(!left_out("a[^0-9]?.txt\n", "a1x.txt"));
        assert!(left_out("\\*x\n", "*x") && !left_out("\\*x\n", "ax"));
        assert!(left_out("*a*b*c\n", "xaaxbxxbxc") && !left_out("*a*b*c\n", "xaaxbxxbx"));
        assert!(
            left_out("!*.yaml\n", "README.md"),
            "'!' ignores what does not match"
        );
    }

    #[test]
    fn templates_hide_nothing() {
        let rules = IgnoreRules::default().with_defaults();
        assert!(rules.ignores("templates/.secret"));
        assert!(!rules.ignores("templates/_helpers.tpl"));
    }

    #[test]
    fn what_helm_refuses() {
        assert_eq!(
            IgnoreRules::parse(b"ok\n**/x\n").unwrap_err().to_string(),
            "line 2: double-star (**) is not supported: \"**/x\""
        );
        assert!(IgnoreRules::parse(b"[a\n").is_err());
        assert!(IgnoreRules::parse(b"a\\\n").is_err());
    }
}
