//! Reading objects one after the other, whatever they are wrapped in: a list, a stream of documents, one object.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Running;

/// The nesting of YAML that is read; that of JSON is bounded by its reader.
const MAX_DEPTH: usize = 128;

/// Why a dump cannot be read. What stands in it is never repeated: a file that was given by mistake may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// Not JSON, or nested too deeply.
    #[error("this is not valid JSON, or nested too deeply: line {line}, column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// Not YAML, or beyond its limits.
    #[error("this is not valid YAML, or beyond its limits: line {0}")]
    Yaml(u64),
    /// Not text.
    #[error("this is not UTF-8 text: byte {0}")]
    NotText(usize),
    /// A document that is no object of Kubernetes.
    #[error("this is no object of Kubernetes: document {0}")]
    NotAnObject(usize),
    /// Beyond a limit.
    #[error("there are more {what} than are read: {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// What a list says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Where the list goes on, if the cluster gave only a part of it.
    pub next: Option<String>,
}

/// The fields at the top of a document; those of a list stand before its items or after them.
#[derive(Debug, Default, Deserialize)]
struct Head {
    #[serde(default, rename = "apiVersion")]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    metadata: Option<HeadMetadata>,
    #[serde(default)]
    items: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
struct HeadMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

impl Head {
    fn is_list(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.ends_with("List"))
            && (self.items.is_some() || self.kind.as_deref() == Some("List"))
    }

    fn listed(self) -> Listed {
        let next = self.metadata.and_then(|metadata| metadata.next);
        Listed {
            next: next.filter(|next| !next.is_empty()),
        }
    }
}

impl Running {
    /// Reads JSON (of one document or of several one after the other) or YAML. What the last list says of itself is
    /// given back.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Listed, DumpError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| DumpError::NotText(error.valid_up_to()))?;
        if text.trim_start().starts_with('{') {
            self.json(text)
        } else {
            self.yaml(text)
        }
    }

    fn json(&mut self, text: &str) -> Result<Listed, DumpError> {
        let mut listed = Listed::default();
        let mut heads = serde_json::Deserializer::from_str(text).into_iter::<Head>();
        let mut from = 0;
        let mut document = 0;
        while let Some(head) = heads.next() {
            document += 1;
            let head = head.map_err(|error| not_json(&error, 0))?;
            let to = heads.byte_offset();
            let body = text.get(from..to).unwrap_or_default();
            if head.kind.is_none() {
                return Err(DumpError::NotAnObject(document));
            }
            let mut failed = None;
            let mut json = serde_json::Deserializer::from_str(body);
            let read = Document {
                running: self,
                head: &head,
                failed: &mut failed,
            }
            .deserialize(&mut json);
            if let Some(error) = failed {
                return Err(error);
            }
            read.map_err(|error| not_json(&error, lines(text.get(..from).unwrap_or_default())))?;
            from = to;
            listed = head.listed();
        }
        Ok(listed)
    }

    fn yaml(&mut self, text: &str) -> Result<Listed, DumpError> {
        let mut listed = Listed::default();
        let mut number = 0;
        for (line, document) in documents(text) {
            let not_yaml = |error: &serde_saphyr::Error| {
                DumpError::Yaml(line as u64 + error.location().map_or(1, |at| at.line()))
            };
            let head: Option<Head> = serde_saphyr::with_deserializer_from_str_with_options(
                document,
                options(document.len()),
                |yaml| Option::deserialize(yaml),
            )
            .map_err(|error| not_yaml(&error))?;
            let Some(head) = head else { continue };
            number += 1;
            if head.kind.is_none() {
                return Err(DumpError::NotAnObject(number));
            }
            let mut failed = None;
            let read = serde_saphyr::with_deserializer_from_str_with_options(
                document,
                options(document.len()),
                |yaml| {
                    Document {
                        running: self,
                        head: &head,
                        failed: &mut failed,
                    }
                    .deserialize(yaml)
                },
            );
            if let Some(error) = failed {
                return Err(error);
            }
            read.map_err(|error| not_yaml(&error))?;
            listed = head.listed();
        }
        Ok(listed)
    }
}

fn not_json(error: &serde_json::Error, lines_before: usize) -> DumpError {
    DumpError::Json {
        line: lines_before + error.line(),
        column: error.column(),
    }
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// No cluster writes aliases, and without them a document costs in proportion to its length.
fn options(length: usize) -> serde_saphyr::Options {
    let most = length.saturating_add(1024);
    serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_events: most.saturating_mul(2),
            max_nodes: most,
            max_total_scalar_bytes: most.saturating_mul(2),
            max_documents: 2,
            max_aliases: 0,
            max_anchors: 0,
        },
    }
}

/// The documents of a stream, each with the lines before it. Only lines at the left edge part them, where nothing of a
/// block of text can stand.
fn documents(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some((0, text));
    std::iter::from_fn(move || {
        loop {
            let (before, all) = rest?;
            let mut length = 0;
            let mut next = None;
            for (count, line) in all.split_inclusive('\n').enumerate() {
                let marker = line.strip_prefix("---").is_some_and(|after| {
                    after.is_empty() || after.starts_with(|c: char| c.is_ascii_whitespace())
                });
                if marker && length > 0 {
                    next = all.get(length..).map(|next| (before + count, next));
                    break;
                }
                length += line.len();
            }
            rest = next;
            let document = all.get(..length).unwrap_or_default();
            let bare = document.strip_prefix("---").unwrap_or(document).trim();
            if !bare.is_empty() {
                return Some((before, document));
            }
        }
    })
}

/// One document, as a list of objects or as one.
struct Document<'r> {
    running: &'r mut Running,
    head: &'r Head,
    failed: &'r mut Option<DumpError>,
}

impl Document<'_> {
    /// Passes an object on; the error of `D` only stops the reader.
    fn object<E: serde::de::Error>(&mut self, object: &Value) -> Result<(), E> {
        let kind = self.head.kind.as_deref().unwrap_or_default();
        let (kind, api_version) = if self.head.is_list() {
            (
                kind.strip_suffix("List").unwrap_or_default(),
                self.head.api_version.as_deref(),
            )
        } else {
            ("", None)
        };
        self.running
            .object(object, kind, api_version.unwrap_or_default(), 0)
            .map_err(|error| {
                *self.failed = Some(error);
                E::custom("stopped")
            })
    }
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        if self.head.is_list() {
            deserializer.deserialize_map(self)
        } else {
            let object = Value::deserialize(deserializer)?;
            self.object(&object)
        }
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                map.next_value_seed(Items(&mut self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The items of a list; `null` where there are none.
struct Items<'d, 'r>(&'d mut Document<'r>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of a list")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Value>()? {
            self.0.object::<A::Error>(&item)?;
        }
        Ok(())
    }
}
