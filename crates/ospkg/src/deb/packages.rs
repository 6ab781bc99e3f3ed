//! The paragraphs of Packages and status files as the fields that a resolver needs.

use super::control::{self, ControlError, Paragraph, Paragraphs};
use super::relation::RelationError;

/// Why an index or a status file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// It is no control file.
    #[error("the package list is not a control file")]
    Control(#[from] ControlError),
    /// A field that each package has is not there.
    #[error("the paragraph at line {line} has no {field}")]
    Missing {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
    },
    /// A field is there twice.
    #[error("the paragraph at line {line} has two fields {field}")]
    Twice {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
    },
    /// A field is not of its form.
    #[error("the paragraph at line {line} has a wrong {field}: {value:?}")]
    Field {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// The beginning of its value.
        value: String,
    },
    /// A field with relations cannot be read.
    #[error("the paragraph at line {line} has a wrong {field}")]
    Relation {
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// What is wrong.
        #[source]
        source: RelationError,
    },
    /// More than 32 bits can count.
    #[error("the package lists are too large: {0}")]
    TooLarge(&'static str),
}

/// The fields that are read, by the number of letters of their names.
macro_rules! fields {
    ($($length:literal: $($slot:ident $name:literal)*;)*) => {
        /// The fields of one paragraph, each as in the file; empty where it is not there.
        #[derive(Clone, Copy, Debug, Default)]
        #[allow(missing_docs, reason = "each has the name of its field")]
        pub struct Stanza<'a> {
            /// The number of its first line.
            pub line: usize,
            $($(pub $slot: &'a str,)*)*
        }

        impl<'a> Stanza<'a> {
            /// Where the value of a field goes.
            fn slot(&mut self, name: &[u8]) -> Option<(&mut &'a str, &'static str)> {
                match name.len() {
                    $($length => {
                        $(if name.eq_ignore_ascii_case($name.as_bytes()) {
                            return Some((&mut self.$slot, $name));
                        })*
                        None
                    })*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    4: size "Size" task "Task";
    6: source "Source" breaks "Breaks" sha256 "SHA256" status "Status";
    7: package "Package" version "Version" depends "Depends";
    8: suggests "Suggests" replaces "Replaces" enhances "Enhances" provides "Provides" filename "Filename"
       priority "Priority";
    9: essential "Essential" protected "Protected" important "Important" conflicts "Conflicts";
    10: multi_arch "Multi-Arch" recommends "Recommends";
    11: pre_depends "Pre-Depends";
    12: architecture "Architecture";
    14: installed_size "Installed-Size";
}

impl<'a> Stanza<'a> {
    /// The fields of a paragraph. Relations and flags have to be UTF-8; other fields are not looked at.
    pub fn read(paragraph: &Paragraph<'a>) -> Result<Self, PackagesError> {
        let mut paragraphs = control::paragraphs_from(paragraph.bytes(), paragraph.line());
        let stanza = Self::next(&mut paragraphs).unwrap_or_else(|| Ok(Self::default()));
        stanza?.checked()
    }

    /// The fields of the next paragraph, whatever is missing: what is left of a package that was removed need not
    /// have a version.
    fn next(paragraphs: &mut Paragraphs<'a>) -> Option<Result<Self, PackagesError>> {
        let mut stanza = Self::default();
        // What is wrong with a field, told once the paragraph is known to be one.
        let mut fault: Option<(&'static str, Option<&'a [u8]>)> = None;
        let paragraph = paragraphs.next_with(|raw| {
            let Some((slot, name)) = stanza.slot(raw.name) else {
                return;
            };
            let problem = if slot.is_empty() {
                let value = raw.value();
                match std::str::from_utf8(value) {
                    Ok(text) => {
                        *slot = text;
                        return;
                    }
                    Err(_) => Some(value),
                }
            } else {
                None
            };
            fault.get_or_insert((name, problem));
        })?;
        Some(paragraph.map_err(PackagesError::from).and_then(|paragraph| {
            stanza.line = paragraph.line();
            match fault {
                Some((field, None)) => Err(PackagesError::Twice {
                    line: stanza.line,
                    field,
                }),
                Some((field, Some(value))) => Err(wrong(stanza.line, field, value)),
                None => Ok(stanza),
            }
        }))
    }

    /// What every package has is there.
    pub(super) fn checked(self) -> Result<Self, PackagesError> {
        let line = self.line;
        for (field, value) in [
            ("Package", self.package),
            ("Version", self.version),
            ("Architecture", self.architecture),
        ] {
            if value.is_empty() {
                return Err(PackagesError::Missing { line, field });
            }
            if !value.bytes().all(|it| it.is_ascii_graphic()) {
                return Err(wrong(line, field, value.as_bytes()));
            }
        }
        Ok(self)
    }

    /// The number of bytes of the package file; 0 where the field is not there, as in a status file.
    pub fn bytes(&self) -> Result<u64, PackagesError> {
        match self.size {
            "" => Ok(0),
            text => text
                .parse()
                .map_err(|_| wrong(self.line, "Size", text.as_bytes())),
        }
    }

    /// The digest of the package file; none where the field is not there.
    pub fn digest(&self) -> Result<Option<[u8; 32]>, PackagesError> {
        if self.sha256.is_empty() {
            return Ok(None);
        }
        let error = || wrong(self.line, "SHA256", self.sha256.as_bytes());
        let mut digest = [0; 32];
        let text: &[u8; 64] = self.sha256.as_bytes().try_into().map_err(|_| error())?;
        for (byte, [high, low]) in digest.iter_mut().zip(text.as_chunks::<2>().0) {
            *byte = (hex(*high).ok_or_else(error)? << 4) | hex(*low).ok_or_else(error)?;
        }
        Ok(Some(digest))
    }

    /// Whether the system has the package, as the `Status` field of a dpkg status file says (dpkg(1)): all but
    /// those that are gone, have left their configuration, or were never unpacked to the end.
    pub fn is_installed(&self) -> bool {
        let state = self.status.split_ascii_whitespace().nth(2);
        matches!(
            state,
            Some("installed" | "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending")
        )
    }
}

/// The value of each hexadecimal digit; there is a digest in each paragraph.
const HEX: [u8; 256] = {
    let mut table = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

fn hex(digit: u8) -> Option<u8> {
    let value = HEX[usize::from(digit)];
    (value < 16).then_some(value)
}

pub(super) fn wrong(line: usize, field: &'static str, value: &[u8]) -> PackagesError {
    let value = String::from_utf8_lossy(&value[..value.len().min(80)]).into_owned();
    PackagesError::Field { line, field, value }
}

/// The packages of a Packages or status file.
pub fn stanzas(input: &[u8]) -> impl Iterator<Item = Result<Stanza<'_>, PackagesError>> {
    stanzas_from(input, 1).map(|stanza| stanza?.checked())
}

/// The same of a piece of a file that begins at this line, whatever is missing.
pub(super) fn stanzas_from(
    input: &[u8],
    line: usize,
) -> impl Iterator<Item = Result<Stanza<'_>, PackagesError>> {
    let mut paragraphs = control::paragraphs_from(input, line);
    std::iter::from_fn(move || Stanza::next(&mut paragraphs))
}
