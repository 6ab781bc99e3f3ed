//! The patterns of `.Files.Glob`: those of `github.com/gobwas/glob` with `/` between components.
//!
//! `*` and `?` stop at `/`, `**` does not; `[a-z]`, `[!a-z]`, `[abc]` and `[!abc]` are one character, `{a,b}` one of
//! several patterns, and `\` takes the meaning from what follows.

/// How deep braces may stand in braces; deeper ones are refused as a broken pattern is.
const MAX_DEPTH: usize = 64;

/// A pattern that can be matched.
#[derive(Debug)]
pub(crate) struct Glob(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(char),
    /// `*`
    Any,
    /// `**`
    Super,
    /// `?`
    Single,
    /// `[a-z]`
    Range(char, char, bool),
    /// `[abc]`
    List(Vec<char>, bool),
    /// `{a,b}`
    AnyOf(Vec<Vec<Part>>),
}

impl Glob {
    /// Reads a pattern; `None` if it is broken.
    pub(crate) fn parse(pattern: &str) -> Option<Self> {
        let mut reader = Reader {
            rest: pattern.chars().collect(),
            at: 0,
        };
        reader.parts(0).map(Self)
    }

    /// Whether the pattern is about the whole path.
    pub(crate) fn matches(&self, path: &str) -> bool {
        if let Some((first, last)) = self.ends() {
            return path.starts_with(&first) && path.ends_with(&last);
        }
        let text: Vec<char> = path.chars().collect();
        let mut start = vec![false; text.len() + 1];
        if let Some(first) = start.first_mut() {
            *first = true;
        }
        run(&self.0, &text, start).last().copied().unwrap_or(false)
    }
}

impl Glob {
    /// The two texts of a pattern that is nothing but text, `**` and text. The original compares only the ends
    /// then, so that they may overlap: `a/**/b` is about `a/b` as well.
    fn ends(&self) -> Option<(String, String)> {
        let at = self.0.iter().position(|part| matches!(part, Part::Super))?;
        let (first, rest) = self.0.split_at_checked(at)?;
        let (_, last) = rest.split_first()?;
        let text = |parts: &[Part]| {
            let chars = parts.iter().map(|part| match part {
                Part::Text(c) => Some(*c),
                _ => None,
            });
            chars.collect::<Option<String>>().filter(|text| !text.is_empty())
        };
        Some((text(first)?, text(last)?))
    }
}

/// From the places where a pattern may begin, those where it may end. Every part is looked at once, so no pattern
/// takes longer than its length times that of the path.
fn run(parts: &[Part], text: &[char], mut places: Vec<bool>) -> Vec<bool> {
    for part in parts {
        places = match part {
            Part::Any => spread(&places, text, |c| c != '/'),
            Part::Super => spread(&places, text, |_| true),
            Part::AnyOf(patterns) => {
                let mut all = vec![false; places.len()];
                for pattern in patterns {
                    let ends = run(pattern, text, places.clone());
                    for (place, end) in all.iter_mut().zip(ends) {
                        *place |= end;
                    }
                }
                all
            }
            one => {
                let mut next = vec![false; places.len()];
                for ((place, c), end) in places.iter().zip(text).zip(next.iter_mut().skip(1)) {
                    *end = *place && one.takes(*c);
                }
                next
            }
        };
    }
    places
}

fn spread(places: &[bool], text: &[char], takes: impl Fn(char) -> bool) -> Vec<bool> {
    let mut next = Vec::with_capacity(places.len());
    let mut open = false;
    for (at, place) in places.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        open = *place || (open && before.is_some_and(|c| takes(*c)));
        next.push(open);
    }
    next
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Text(text) => *text == c,
            Self::Single => c != '/',
            Self::Range(low, high, not) => (*low..=*high).contains(&c) != *not,
            Self::List(list, not) => list.contains(&c) != *not,
            Self::Any | Self::Super | Self::AnyOf(_) => false,
        }
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Parts up to the end, or to the `,` or `}` that ends them inside braces.
    fn parts(&mut self, depth: usize) -> Option<Vec<Part>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut parts = Vec::new();
        while let Some(c) = self.peek() {
            if depth > 0 && matches!(c, ',' | '}') {
                break;
            }
            self.at += 1;
            parts.push(match c {
                '*' if self.peek() == Some('*') => {
                    self.at += 1;
                    Part::Super
                }
                '*' => Part::Any,
                '?' => Part::Single,
                '[' => self.class()?,
                '{' => self.any_of(depth)?,
                '\\' => match self.next() {
                    Some(escaped) => Part::Text(escaped),
                    // A backslash at the end says nothing.
                    None => break,
                },
                c => Part::Text(c),
            });
        }
        Some(parts)
    }

    fn any_of(&mut self, depth: usize) -> Option<Part> {
        let mut patterns = Vec::new();
        loop {
            patterns.push(self.parts(depth + 1)?);
            match self.next() {
                Some(',') => {}
                // Braces need not be closed.
                _ => return Some(Part::AnyOf(patterns)),
            }
        }
    }

    fn class(&mut self) -> Option<Part> {
        let mut not = false;
        if self.peek() == Some('!') {
            not = true;
            self.at += 1;
        }
        let first = self.peek()?;
        if self.rest.get(self.at + 1) == Some(&'-') {
            self.at += 2;
            let high = self.next()?;
            let closed = self.next() == Some(']');
            return (closed && first <= high).then_some(Part::Range(first, high, not));
        }
        let mut list = Vec::new();
        loop {
            match self.next()? {
                ']' => break,
                '\\' => list.push(self.next()?),
                c => list.push(c),
            }
        }
        (!list.is_empty()).then_some(Part::List(list, not))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line was answered by `github.com/gobwas/glob` v0.2.3.
    #[test]
    fn matches_as_the_original() {
        let mut wrong = Vec::new();
        for line in include_str!("glob_cases.txt").lines() {
            let [pattern, path, answer] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let ours = match Glob::parse(pattern) {
                Some(glob) => glob.matches(path).to_string(),
                None => "error".to_owned(),
            };
            if ours != answer {
                wrong.push(format!("{pattern:?} {path:?} {ours}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
