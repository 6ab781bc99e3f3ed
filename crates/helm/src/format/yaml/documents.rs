//! Many documents in one text, as the loader of charts splits them (`k8s.io/apimachinery/pkg/util/yaml`).

use super::{from_yaml_map, prefixed};
use crate::{
    call::{Budget, FunctionError},
    value::Map,
};

/// The documents of a values file, each a map. Helm 4 merges them, the last one wins; Helm 3 reads the first alone
/// with [`from_yaml_map`].
///
/// The text is split at every line that starts with `---`, whatever YAML would make of the line, and its line ends
/// become `\n`.
pub fn yaml_documents(text: &[u8], budget: &mut Budget) -> Result<Vec<Map>, FunctionError> {
    let mut documents = Vec::new();
    let mut read = |document: &[u8], budget: &mut Budget| {
        from_yaml_map(document, budget)
            .map(|map| documents.push(map))
            .map_err(|error| prefixed("cannot unmarshal yaml document: ", error))
    };
    budget.take(text.len())?;
    let is_split = text.starts_with(b"---") || memchr::memmem::find(text, b"\n---").is_some();
    if text.ends_with(b"\n") && !is_split && memchr::memchr(b'\r', text).is_none() {
        // As most files are: one document, which is read where it lies.
        read(text, budget)?;
        return Ok(documents);
    }
    let mut document = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = match memchr::memchr(b'\n', rest) {
            Some(end) => (
                rest.get(..end).unwrap_or_default(),
                rest.get(end + 1..).unwrap_or_default(),
            ),
            None => (rest, &[][..]),
        };
        // A carriage return goes only together with a line feed.
        let whole = rest.len() > line.len();
        rest = after;
        let line = if whole {
            line.strip_suffix(b"\r").unwrap_or(line)
        } else {
            line
        };
        if let Some(behind) = line.strip_prefix(b"---") {
            let behind = String::from_utf8_lossy(behind);
            let behind = behind.trim();
            if !behind.is_empty() && !behind.starts_with('#') {
                return Err(FunctionError::new(format!(
                    "error reading yaml document: invalid Yaml document separator: {behind}"
                )));
            }
            if !document.is_empty() {
                read(&document, budget)?;
                document.clear();
                continue;
            }
        }
        document.extend_from_slice(line);
        document.push(b'\n');
    }
    if !document.is_empty() {
        read(&document, budget)?;
    }
    Ok(documents)
}
