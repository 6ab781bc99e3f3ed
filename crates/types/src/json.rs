//! JSON, strictly read and canonically written.
//!
//! Reading refuses duplicate keys at any depth and nesting beyond 128 levels, since two readers that
//! resolve a duplicate differently would see two documents under one signature. Writing sorts keys and
//! adds no white space, so that equal values are equal bytes (RFC 8785 for the values used here:
//! objects, arrays, strings, integers, booleans).

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::rc::Rc;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::ser::Formatter;

/// Keys that may be open at once: those of an object and of all objects around it. Each is remembered until its
/// object ends, so this bounds the memory that reading takes; no document of ours or of the OCI has a hundredth.
const MAX_KEYS: usize = 50_000;

/// Why bytes are not the document that was expected.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(#[from] serde_json::Error);

/// Reads a document, refusing duplicate keys, trailing bytes, deep nesting and more than 50,000 keys in one another.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    from_slice_named(bytes, &[])
}

/// The same for a document that others read too: a key that differs from one of `names` by case only is refused.
///
/// Go's decoder, which most readers of images use, takes `Layers` for `layers`. Below `annotations` keys are free.
pub fn from_slice_named<T: DeserializeOwned>(bytes: &[u8], names: &[&str]) -> Result<T, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let open = Cell::new(0);
    Walk { open: &open, names }.deserialize(&mut deserializer)?;
    // This looks at what follows the document, too.
    Ok(serde_json::from_slice(bytes)?)
}

/// The canonical bytes of a value, without a final line feed.
///
/// # Panics
/// Never for the documents of this workspace: their maps have string keys.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let out = Out::default();
    let sorted = Sorted {
        out: out.clone(),
        open: Vec::new(),
    };
    value
        .serialize(&mut serde_json::Serializer::with_formatter(out.clone(), sorted))
        .expect("a document with string keys serialises");
    out.0.take()
}

/// Bytes that the serialiser appends to and the formatter puts in order.
#[derive(Clone, Default)]
struct Out(Rc<RefCell<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes without white space, and sorts each object when it ends. So no tree is built beside the text, which would
/// take ten times its memory.
struct Sorted {
    out: Out,
    /// Where the members of each open object start.
    open: Vec<Vec<usize>>,
}

impl Formatter for Sorted {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open.push(Vec::new());
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if let Some(starts) = self.open.last_mut() {
            starts.push(self.out.0.borrow().len());
        }
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        sort_members(&mut self.out.0.borrow_mut(), &self.open.pop().unwrap_or_default())?;
        writer.write_all(b"}")
    }
}

/// Puts the members of an object, which reach to the end of `out` with a comma between them, in order of their keys.
fn sort_members(out: &mut Vec<u8>, starts: &[usize]) -> io::Result<()> {
    let Some(&first) = starts.first() else {
        return Ok(());
    };
    let ends = starts[1..].iter().map(|next| next - 1).chain([out.len()]);
    let mut members = Vec::with_capacity(starts.len());
    for (start, end) in starts.iter().zip(ends) {
        let member = &out[*start..end];
        // The order is that of the keys themselves, not of the escapes that they are written with.
        let key: String = serde_json::Deserializer::from_slice(member)
            .into_iter()
            .next()
            .unwrap_or_else(|| Ok(String::new()))?;
        members.push((key, member));
    }
    if members.is_sorted_by(|(a, _), (b, _)| a <= b) {
        return Ok(());
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    let members: Vec<&[u8]> = members.into_iter().map(|(_, member)| member).collect();
    let sorted = members.join(&b',');
    out.truncate(first);
    out.extend(sorted);
    Ok(())
}

/// Walks a document and fails on the first key that stands twice, or nearly has one of the names.
#[derive(Clone, Copy)]
struct Walk<'k> {
    /// How many keys are open.
    open: &'k Cell<usize>,
    names: &'k [&'k str],
}

impl Walk<'_> {
    /// The name that a key has for those who do not look at case, but not for us.
    fn confused(&self, key: &str) -> Option<&str> {
        // As Go folds: two letters beyond ASCII are taken for ASCII ones.
        let fold = |c: char| match c {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            c => c.to_ascii_lowercase(),
        };
        let same = |name: &&&str| key.chars().map(fold).eq(name.chars().map(fold));
        self.names.iter().find(same).filter(|name| **name != key).copied()
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {key:?} stands twice"
                )));
            }
            if let Some(name) = self.confused(&key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key {key:?} differs from {name:?} by case only"
                )));
            }
            if self.open.get() >= MAX_KEYS {
                return Err(serde::de::Error::custom(format_args!(
                    "more than {MAX_KEYS} keys stand in one another"
                )));
            }
            let names = if key == "annotations" { &[] } else { self.names };
            seen.insert(key);
            self.open.set(self.open.get() + 1);
            entries.next_value_seed(Walk { names, ..self })?;
        }
        self.open.set(self.open.get() - seen.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        assert!(from_slice::<serde_json::Value>(br#"{"a":[{"b":1,"b":1}]}"#).is_err());
        assert!(from_slice::<serde_json::Value>(br#"{"a":[{"b":1},{"b":1}]}"#).is_ok());
        assert!(from_slice::<serde_json::Value>(br#"{"a":1,"\u0061":1}"#).is_err());
        assert!(from_slice::<serde_json::Value>(b"{} {}").is_err());
    }

    #[test]
    fn keys_that_others_take_for_one_of_ours_are_refused() {
        let read = |key: &str| {
            let text = serde_json::json!({ key: 1 }).to_string();
            from_slice_named::<serde::de::IgnoredAny>(text.as_bytes(), &["keys"])
        };
        for key in ["keys", "key", "kéys", ""] {
            read(key).unwrap();
        }
        for key in ["Keys", "KEYS", "\u{212a}eys", "key\u{17f}"] {
            let error = read(key).unwrap_err().to_string();
            assert!(error.contains("by case only"), "{key}: {error}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_overflow() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(from_slice::<serde_json::Value>(deep.as_bytes()).is_err());
    }

    #[test]
    fn keys_are_counted_over_all_open_objects_and_forgotten_with_them() {
        let object = |from: usize, count: usize, last: &str| {
            let keys: Vec<String> = (from..from + count).map(|n| format!("\"k{n}\":0")).collect();
            format!("{{{},\"last\":{last}}}", keys.join(","))
        };
        let read = |text: &str| from_slice::<serde::de::IgnoredAny>(text.as_bytes());
        let half = object(0, MAX_KEYS / 2 - 1, "0");
        read(&object(0, MAX_KEYS / 2 - 1, &half)).unwrap();
        read(&format!("[{half},{half},{half},{half}]")).unwrap();
        for text in [
            object(0, MAX_KEYS, "0"),
            object(0, MAX_KEYS / 2, &half),
            "{\"a\":".repeat(3) + &object(0, MAX_KEYS - 2, "0") + "}}}",
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(
                error.starts_with("more than 50000 keys stand in one another"),
                "{error}"
            );
        }
    }

    /// The tree that the bytes were once written from, as an oracle.
    fn from_tree(value: &serde_json::Value) -> String {
        match value {
            serde_json::Value::Array(items) => {
                let items: Vec<String> = items.iter().map(from_tree).collect();
                format!("[{}]", items.join(","))
            }
            serde_json::Value::Object(entries) => {
                let sorted: std::collections::BTreeMap<_, _> = entries.iter().collect();
                let members: Vec<String> = sorted
                    .into_iter()
                    .map(|(key, value)| {
                        format!("{}:{}", serde_json::Value::from(key.as_str()), from_tree(value))
                    })
                    .collect();
                format!("{{{}}}", members.join(","))
            }
            scalar => scalar.to_string(),
        }
    }

    /// A tree that names its entries from the last to the first.
    struct Backwards<'a>(&'a serde_json::Value);

    impl Serialize for Backwards<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                serde_json::Value::Array(items) => serializer.collect_seq(items.iter().map(Backwards)),
                serde_json::Value::Object(entries) => {
                    let mut pairs: Vec<_> = entries.iter().collect();
                    pairs.reverse();
                    serializer.collect_map(pairs.into_iter().map(|(key, value)| (key, Backwards(value))))
                }
                scalar => scalar.serialize(serializer),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_tree_is_written_in_order(keys in proptest::collection::vec("[a-cA\"\\\\\u{0}-\u{20}é,}]{0,3}", 1..30)) {
            let mut value = serde_json::json!([1, {}, null, "x", true, []]);
            for (at, key) in keys.iter().enumerate() {
                if at % 3 == 0 || !value.is_object() {
                    value = serde_json::json!({ key: value, "z": {} });
                } else {
                    value[key] = serde_json::json!([key, {key: at}]);
                }
            }
            let expected = from_tree(&value);
            proptest::prop_assert_eq!(String::from_utf8(to_canonical(&value)).unwrap(), &expected[..]);
            proptest::prop_assert_eq!(String::from_utf8(to_canonical(&Backwards(&value))).unwrap(), &expected[..]);
        }
    }

    #[test]
    fn canonical_bytes_have_sorted_keys() {
        let value: serde_json::Value = from_slice(br#"{"b": {"d":1, "c":2}, "a": [3, "x"]}"#).unwrap();
        assert_eq!(to_canonical(&value), br#"{"a":[3,"x"],"b":{"c":2,"d":1}}"#);
    }
}
