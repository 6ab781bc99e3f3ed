use std::fmt::{self, Write};
use std::sync::Arc;

/// A file that was read, kept for excerpts.
#[derive(Debug)]
pub(crate) struct SourceText {
    /// Its path, as people wrote it.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A stretch of a file. Lines and columns count from 1; 0 means that the place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// In characters.
    pub(crate) length: usize,
}

/// Where something was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as its path was written.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One problem of a document, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in one clause.
    pub message: String,
    /// The file, as its path was written.
    pub file: String,
    /// The line, from 1; 0 where there is none (the file could not be read).
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What stands below the carets: "did you mean `channel`?".
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// The text of the line.
    excerpt: String,
    length: usize,
}

impl Diagnostic {
    pub(crate) fn new(source: &SourceText, span: Span, message: impl Into<String>) -> Self {
        let excerpt = match span.line {
            0 => "",
            line => source.text.lines().nth(line - 1).unwrap_or(""),
        };
        Self {
            message: message.into(),
            file: source.name.clone(),
            line: span.line,
            column: span.column,
            label: None,
            help: None,
            excerpt: excerpt.to_owned(),
            length: span.length,
        }
    }

    /// A problem with a file as a whole.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        let source = SourceText {
            name: file.to_owned(),
            text: String::new(),
        };
        Self::new(&source, Span::default(), message)
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Keeps a secret out of the excerpt, since logs are read by others.
    pub(crate) fn mask(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.excerpt = self.excerpt.replace(secret, &"*".repeat(secret.chars().count()));
        }
    }

    /// Keeps a stretch of the file out of the excerpt, however it is spelled there.
    pub(crate) fn mask_span(&mut self, span: Span) {
        if span.line == self.line && span.line != 0 {
            let masked = span.column.saturating_sub(1)..span.column.saturating_sub(1) + span.length;
            let text = self.excerpt.chars().enumerate();
            self.excerpt = text
                .map(|(at, c)| if masked.contains(&at) { '*' } else { c })
                .collect();
        }
    }

    /// Leaves out the rest of the excerpt after the first of some words.
    pub(crate) fn cut_after(&mut self, words: &[&str]) {
        let lower = self.excerpt.to_ascii_lowercase();
        let end = words
            .iter()
            .filter_map(|word| Some(lower.find(word)? + word.len()))
            .min();
        if let Some(end) = end.filter(|end| self.excerpt.is_char_boundary(*end)) {
            self.excerpt.truncate(end);
            self.excerpt.push('…');
        }
    }

    /// The problem with its place and an excerpt, as compilers show it.
    pub fn render(&self) -> String {
        let mut out = format!("error: {}\n", self.message);
        let _ = self.render_place(&mut out);
        out
    }

    fn render_place(&self, out: &mut String) -> fmt::Result {
        if self.line == 0 {
            writeln!(out, " --> {}", self.file)?;
            if let Some(help) = &self.help {
                writeln!(out, "  = help: {help}")?;
            }
            return Ok(());
        }
        let gutter = self.line.to_string().len();
        let empty = "";
        writeln!(
            out,
            "{empty:gutter$}--> {}:{}:{}",
            self.file, self.line, self.column
        )?;
        writeln!(out, "{empty:gutter$} |")?;
        writeln!(out, "{}", format!("{} | {}", self.line, self.excerpt).trim_end())?;
        // Tabs keep their width in the line of carets, and the carets stay inside the line.
        let before: String = self
            .excerpt
            .chars()
            .take(self.column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let rest = self
            .excerpt
            .chars()
            .count()
            .saturating_sub(before.chars().count());
        let carets = "^".repeat(self.length.clamp(1, rest.max(1)));
        write!(out, "{empty:gutter$} | {before}{carets}")?;
        match &self.label {
            Some(label) => writeln!(out, " {label}")?,
            None => out.push('\n'),
        }
        if let Some(help) = &self.help {
            writeln!(out, "{empty:gutter$} = help: {help}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.message, self.file)
        } else {
            write!(f, "{}: {}:{}:{}", self.message, self.file, self.line, self.column)
        }
    }
}

/// Everything that is wrong with a document, in the order of the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.0))]
pub struct Problems(pub Vec<Diagnostic>);

fn summary(problems: &[Diagnostic]) -> String {
    match problems {
        [] => "the document is not valid".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl Problems {
    /// All problems with their excerpts, an empty line between two.
    pub fn render(&self) -> String {
        let rendered: Vec<String> = self.0.iter().map(Diagnostic::render).collect();
        rendered.join("\n")
    }
}

impl From<Diagnostic> for Problems {
    fn from(problem: Diagnostic) -> Self {
        Self(vec![problem])
    }
}

/// The candidate that a misspelled word most likely stands for.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}
