//! Tokens to values: the grammar of YAML, anchors, merges, and the way through JSON.

use std::collections::HashMap;

use super::{
    super::{MAX_DEPTH, deeper, number, too_deep},
    reader,
    resolve::{self, Resolved},
    scalar::{Node, Scalar},
    scan::{Kind, Piece, Scanner, failure},
    show,
};
use crate::{
    call::{Budget, FunctionError},
    value::{List, ListType, Map, MapType, Str, Value},
};

type Result<T> = std::result::Result<T, FunctionError>;

/// What becomes of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// All are float64, as after JSON.
    Float,
    /// Whole numbers stay whole, as YAML itself has them.
    Kept,
}

/// The first document of a text; an error has the text of Go's without what `sigs.k8s.io/yaml` puts before it.
pub(super) fn load(text: &[u8], numbers: Numbers, budget: &mut Budget) -> Result<Value> {
    budget.step(1 + text.len() as u64 / 1024)?;
    let text = reader::read(text);
    let mut loader = Loader {
        scanner: Scanner::new(&text),
        numbers,
        budget,
        anchors: HashMap::new(),
        tags: Vec::new(),
        undecodable: None,
        unconvertible: None,
        infinite: false,
        decoded: 0,
        aliased: 0,
        aliases: 0,
    };
    let value = loader.document()?;
    if let Some(problem) = loader.undecodable.or(loader.unconvertible) {
        return Err(FunctionError::new(problem));
    }
    if loader.infinite && numbers == Numbers::Float {
        finite(&value)?;
    }
    Ok(value)
}

/// JSON has no infinities; Go finds the first in the order of keys.
fn finite(value: &Value) -> Result<()> {
    match value {
        Value::Float(value) if !value.is_finite() => Err(FunctionError::new(format!(
            "json: unsupported value: {}",
            number::general(*value)
        ))),
        Value::List(list) => list.iter().try_for_each(finite),
        Value::Map(map) => map.entries().iter().try_for_each(|(_, value)| finite(value)),
        _ => Ok(()),
    }
}

/// What an alias can refer to.
enum Anchor {
    /// The node that is being read.
    Open,
    /// A node, and how many nodes are in it.
    Done(Node, u64),
}

struct Loader<'t, 'b> {
    scanner: Scanner<'t>,
    numbers: Numbers,
    budget: &'b mut Budget,
    anchors: HashMap<Vec<u8>, Anchor>,
    /// Handles of tags and what they stand for.
    tags: Vec<(Vec<u8>, Vec<u8>)>,
    /// What Go finds when it decodes: only told if the whole document can be parsed.
    undecodable: Option<String>,
    /// What `sigs.k8s.io/yaml` finds afterwards.
    unconvertible: Option<String>,
    infinite: bool,
    /// Go's measure against exploding aliases: nodes, and those among them that come from aliases.
    decoded: u64,
    aliased: u64,
    /// How many aliases are being followed.
    aliases: u32,
}

/// Anchor and tag of a node.
#[derive(Default)]
struct Properties {
    anchor: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
}

impl Loader<'_, '_> {
    fn document(&mut self) -> Result<Value> {
        let (kind, _) = self.scanner.peek()?;
        let node = match kind {
            Kind::StreamEnd => return Ok(Value::Nil),
            Kind::Version | Kind::TagDirective | Kind::DocumentStart => {
                self.directives()?;
                let (kind, line) = self.scanner.peek()?;
                if kind != Kind::DocumentStart {
                    return Err(failure(line, "did not find expected <document start>"));
                }
                self.scanner.skip();
                let (kind, _) = self.scanner.peek()?;
                if matches!(
                    kind,
                    Kind::Version
                        | Kind::TagDirective
                        | Kind::DocumentStart
                        | Kind::DocumentEnd
                        | Kind::StreamEnd
                ) {
                    Node::Scalar(Scalar::Null)
                } else {
                    self.node(true, false, 0)?
                }
            }
            _ => {
                self.directives()?;
                self.node(true, false, 0)?
            }
        };
        // The end of the document, which Go looks for before it decodes anything.
        self.scanner.peek()?;
        Ok(node.into_value(self.numbers))
    }

    fn directives(&mut self) -> Result<()> {
        let mut version = false;
        loop {
            let (kind, line) = self.scanner.peek()?;
            match kind {
                Kind::Version => {
                    if version {
                        return Err(failure(line, "found duplicate %YAML directive"));
                    }
                    let token = self.scanner.next()?;
                    if self.scanner.text(&token.text) != [1, 1] {
                        return Err(failure(line, "found incompatible YAML document"));
                    }
                    version = true;
                }
                Kind::TagDirective => {
                    let token = self.scanner.next()?;
                    let handle = self.scanner.text(&token.text).to_vec();
                    if self.tags.iter().any(|(known, _)| *known == handle) {
                        return Err(failure(line, "found duplicate %TAG directive"));
                    }
                    self.tags.push((handle, token.suffix));
                }
                _ => break,
            }
        }
        for (handle, prefix) in [(&b"!"[..], &b"!"[..]), (b"!!", b"tag:yaml.org,2002:")] {
            if !self.tags.iter().any(|(known, _)| known == handle) {
                self.tags.push((handle.to_vec(), prefix.to_vec()));
            }
        }
        Ok(())
    }

    /// Counts a node, for the budget and against exploding aliases.
    fn count(&mut self) -> Result<()> {
        self.budget.step(1)?;
        self.budget.take(48)?;
        self.decoded = self.decoded.saturating_add(1);
        if self.aliases > 0 {
            self.aliased = self.aliased.saturating_add(1);
        }
        self.check_aliases();
        Ok(())
    }

    fn check_aliases(&mut self) {
        if self.aliased <= 100 || self.decoded <= 1000 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let (aliased, decoded) = (self.aliased as f64, self.decoded as f64);
        let allowed = 0.99 - 0.89 * ((decoded - 400_000.0) / 3_600_000.0).clamp(0.0, 1.0);
        if aliased / decoded > allowed {
            self.undecodable("yaml: document contains excessive aliasing");
        }
    }

    fn undecodable(&mut self, problem: &str) {
        self.undecodable.get_or_insert_with(|| problem.to_owned());
    }

    /// A node with its anchor and tag.
    fn node(&mut self, block: bool, indentless: bool, depth: usize) -> Result<Node> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let (kind, _) = self.scanner.peek()?;
        if kind == Kind::Alias {
            return self.alias();
        }
        let before = self.decoded;
        self.count()?;
        let properties = if matches!(kind, Kind::Anchor | Kind::Tag) {
            self.properties()?
        } else {
            Properties::default()
        };
        if let Some(anchor) = &properties.anchor {
            self.anchors.insert(anchor.clone(), Anchor::Open);
        }
        let node = deeper(|| self.content(block, indentless, depth, properties.tag.as_deref(), &properties))?;
        if let Some(anchor) = properties.anchor {
            let size = self.decoded - before;
            // A later anchor of the same name inside the node has taken the name; Go lets it.
            if matches!(self.anchors.get(&anchor), Some(Anchor::Open)) {
                self.anchors.insert(anchor, Anchor::Done(node.clone(), size));
            }
        }
        Ok(node)
    }

    fn properties(&mut self) -> Result<Properties> {
        let mut found = Properties::default();
        loop {
            let (kind, line) = self.scanner.peek()?;
            match kind {
                Kind::Anchor if found.anchor.is_none() => {
                    let token = self.scanner.next()?;
                    found.anchor = Some(self.scanner.text(&token.text).to_vec());
                }
                Kind::Tag if found.tag.is_none() => {
                    let token = self.scanner.next()?;
                    let handle = self.scanner.text(&token.text);
                    let tag = if handle.is_empty() {
                        token.suffix
                    } else {
                        let known = self.tags.iter().find(|(known, _)| known == handle);
                        let Some((_, prefix)) = known else {
                            // Go reads the anchor behind the tag before it looks.
                            if found.anchor.is_none() && self.scanner.peek()?.0 == Kind::Anchor {
                                self.scanner.skip();
                                self.scanner.peek()?;
                            } else {
                                self.scanner.peek()?;
                            }
                            return Err(failure(line, "found undefined tag handle"));
                        };
                        let mut tag = prefix.clone();
                        tag.extend_from_slice(&token.suffix);
                        tag
                    };
                    found.tag = Some(tag);
                }
                _ => return Ok(found),
            }
        }
    }

    fn content(
        &mut self,
        block: bool,
        indentless: bool,
        depth: usize,
        tag: Option<&[u8]>,
        properties: &Properties,
    ) -> Result<Node> {
        let (kind, line) = self.scanner.peek()?;
        match kind {
            Kind::BlockEntry if indentless => self.indentless_sequence(depth),
            Kind::Plain | Kind::Quoted => {
                let token = self.scanner.next()?;
                let implicit = match tag {
                    None => kind == Kind::Plain,
                    Some(tag) => tag == b"!",
                };
                self.scalar(&token.text, tag, implicit)
            }
            Kind::FlowSequenceStart => {
                self.scanner.skip();
                self.flow_sequence(depth)
            }
            Kind::FlowMappingStart => {
                self.scanner.skip();
                self.flow_mapping(depth)
            }
            Kind::SequenceStart if block => {
                self.scanner.skip();
                self.block_sequence(depth)
            }
            Kind::MappingStart if block => {
                self.scanner.skip();
                self.block_mapping(depth)
            }
            _ if properties.anchor.is_some() || tag.is_some() => {
                self.scalar(&Piece::Span(0, 0), tag, tag.is_none())
            }
            _ => Err(failure(line, "did not find expected node content")),
        }
    }

    fn scalar(&mut self, piece: &Piece, tag: Option<&[u8]>, implicit: bool) -> Result<Node> {
        let text = self.scanner.text(piece);
        self.budget.take(text.len())?;
        let scalar = match tag {
            None if !implicit => Scalar::String(text.into()),
            None => match resolve::resolve(text) {
                None if text == b"<<" => Scalar::Merge,
                None | Some(Resolved::Timestamp) => Scalar::String(text.into()),
                Some(Resolved::Null) => Scalar::Null,
                Some(Resolved::Bool(value)) => Scalar::Bool(value),
                Some(Resolved::Int(value)) => Scalar::Int(value),
                Some(Resolved::Uint(value)) => Scalar::Uint(value),
                Some(Resolved::Float(value)) => Scalar::Float(value),
            },
            Some(tag) if text == b"<<" && (implicit || tag == resolve::MERGE) => Scalar::Merge,
            Some(tag) => match resolve::tagged(tag, text) {
                Ok(scalar) => scalar,
                Err(problem) => {
                    self.undecodable.get_or_insert(problem);
                    Scalar::Null
                }
            },
        };
        if let Scalar::Float(value) = &scalar {
            self.infinite |= !value.is_finite();
        }
        Ok(Node::Scalar(scalar))
    }

    fn alias(&mut self) -> Result<Node> {
        let token = self.scanner.next()?;
        let name = self.scanner.text(&token.text);
        self.budget.step(1)?;
        self.decoded = self.decoded.saturating_add(1);
        let Some(anchor) = self.anchors.get(name) else {
            return Err(FunctionError::new(format!(
                "yaml: unknown anchor '{}' referenced",
                String::from_utf8_lossy(name)
            )));
        };
        let (node, size) = match anchor {
            Anchor::Open => {
                let problem = format!(
                    "yaml: anchor '{}' value contains itself",
                    String::from_utf8_lossy(name)
                );
                self.undecodable(&problem);
                return Ok(Node::Scalar(Scalar::Null));
            }
            Anchor::Done(node, size) => (node.clone(), *size),
        };
        self.decoded = self.decoded.saturating_add(size);
        self.aliased = self.aliased.saturating_add(size);
        self.check_aliases();
        if self.undecodable.is_some() {
            return Ok(Node::Scalar(Scalar::Null));
        }
        self.budget.step(size)?;
        self.budget
            .take(usize::try_from(size).unwrap_or(usize::MAX).saturating_mul(48))?;
        // Each alias is decoded anew, so what is changed in one place does not change in another.
        Ok(match node {
            Node::Scalar(scalar) => Node::Scalar(scalar),
            Node::List(list) => Node::List(copy_list(&list)),
            Node::Map(map) => Node::Map(copy_map(&map)),
        })
    }

    fn null(&mut self) -> Result<Node> {
        self.count()?;
        Ok(Node::Scalar(Scalar::Null))
    }

    fn block_sequence(&mut self, depth: usize) -> Result<Node> {
        let mut items = Vec::new();
        loop {
            let (kind, line) = self.scanner.peek()?;
            match kind {
                Kind::BlockEntry => {
                    self.scanner.skip();
                    let (kind, _) = self.scanner.peek()?;
                    let item = if matches!(kind, Kind::BlockEntry | Kind::BlockEnd) {
                        self.null()?
                    } else {
                        self.node(true, false, depth + 1)?
                    };
                    items.push(item.into_value(self.numbers));
                }
                Kind::BlockEnd => {
                    self.scanner.skip();
                    return Ok(list(items));
                }
                _ => return Err(failure(line, "did not find expected '-' indicator")),
            }
        }
    }

    fn indentless_sequence(&mut self, depth: usize) -> Result<Node> {
        let mut items = Vec::new();
        while self.scanner.peek()?.0 == Kind::BlockEntry {
            self.scanner.skip();
            let (kind, _) = self.scanner.peek()?;
            let item = if matches!(kind, Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd) {
                self.null()?
            } else {
                self.node(true, false, depth + 1)?
            };
            items.push(item.into_value(self.numbers));
        }
        Ok(list(items))
    }

    fn block_mapping(&mut self, depth: usize) -> Result<Node> {
        let mut entries = Entries::default();
        loop {
            let (kind, line) = self.scanner.peek()?;
            match kind {
                Kind::Key => {
                    self.scanner.skip();
                    let key = self.block_part(depth)?;
                    self.check_key(&key);
                    let value = if self.scanner.peek()?.0 == Kind::Value {
                        self.scanner.skip();
                        self.block_part(depth)?
                    } else {
                        self.null()?
                    };
                    self.entry(&mut entries, key, value);
                }
                // A mapping that starts with `:` has an empty first key; Go says it does not know what to expect.
                Kind::BlockEnd => {
                    self.scanner.skip();
                    return Ok(self.mapping(entries));
                }
                _ => return Err(failure(line, "did not find expected key")),
            }
        }
    }

    /// A key or value of a block mapping, which may be left out.
    fn block_part(&mut self, depth: usize) -> Result<Node> {
        let (kind, _) = self.scanner.peek()?;
        if matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
            self.null()
        } else {
            self.node(true, true, depth + 1)
        }
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<Node> {
        let mut items = Vec::new();
        let mut first = true;
        loop {
            let (mut kind, line) = self.scanner.peek()?;
            if kind != Kind::FlowSequenceEnd && !first {
                if kind != Kind::FlowEntry {
                    return Err(failure(line, "did not find expected ',' or ']'"));
                }
                self.scanner.skip();
                (kind, _) = self.scanner.peek()?;
            }
            first = false;
            let item = match kind {
                Kind::FlowSequenceEnd => {
                    self.scanner.skip();
                    return Ok(list(items));
                }
                Kind::Key => {
                    self.scanner.skip();
                    self.flow_pair(depth)?
                }
                _ => self.node(false, false, depth + 1)?,
            };
            items.push(item.into_value(self.numbers));
        }
    }

    /// `[key: value]`: a mapping of one entry without braces.
    fn flow_pair(&mut self, depth: usize) -> Result<Node> {
        self.count()?;
        let (kind, _) = self.scanner.peek()?;
        let key = if matches!(kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            // Go goes over this token, so that what follows is rarely right.
            self.scanner.skip();
            self.null()?
        } else {
            self.node(false, false, depth + 1)?
        };
        let mut value = None;
        if self.scanner.peek()?.0 == Kind::Value {
            self.scanner.skip();
            let (kind, _) = self.scanner.peek()?;
            if !matches!(kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                value = Some(self.node(false, false, depth + 1)?);
            }
        }
        let value = match value {
            Some(value) => value,
            None => self.null()?,
        };
        self.scanner.peek()?;
        let mut entries = Entries::default();
        self.entry(&mut entries, key, value);
        Ok(self.mapping(entries))
    }

    fn flow_mapping(&mut self, depth: usize) -> Result<Node> {
        let mut entries = Entries::default();
        let mut first = true;
        loop {
            let (mut kind, line) = self.scanner.peek()?;
            if kind != Kind::FlowMappingEnd && !first {
                if kind != Kind::FlowEntry {
                    return Err(failure(line, "did not find expected ',' or '}'"));
                }
                self.scanner.skip();
                (kind, _) = self.scanner.peek()?;
            }
            first = false;
            let (key, value) = match kind {
                Kind::FlowMappingEnd => {
                    self.scanner.skip();
                    return Ok(self.mapping(entries));
                }
                Kind::Key => {
                    self.scanner.skip();
                    let key = self.flow_part(&[Kind::Value, Kind::FlowEntry, Kind::FlowMappingEnd], depth)?;
                    self.check_key(&key);
                    let value = if self.scanner.peek()?.0 == Kind::Value {
                        self.scanner.skip();
                        self.flow_part(&[Kind::FlowEntry, Kind::FlowMappingEnd], depth)?
                    } else {
                        self.null()?
                    };
                    (key, value)
                }
                _ => {
                    let key = self.node(false, false, depth + 1)?;
                    self.scanner.peek()?;
                    (key, self.null()?)
                }
            };
            self.entry(&mut entries, key, value);
        }
    }

    /// A key or value of a flow mapping, which is left out before the tokens given.
    fn flow_part(&mut self, empty: &[Kind], depth: usize) -> Result<Node> {
        let (kind, _) = self.scanner.peek()?;
        if empty.contains(&kind) {
            self.null()
        } else {
            self.node(false, false, depth + 1)
        }
    }

    fn mapping(&mut self, entries: Entries) -> Node {
        if self.unconvertible.is_none() {
            self.unconvertible = entries.odd;
        }
        Node::Map(Map::new(MapType::Any, entries.all))
    }

    /// Only scalars can be keys. Go says so before it decodes the value.
    fn check_key(&mut self, key: &Node) {
        let key = match key {
            Node::Scalar(_) => return,
            Node::List(list) => Value::List(list.clone()),
            Node::Map(map) => Value::Map(map.clone()),
        };
        self.undecodable(&format!("yaml: invalid map key: {}", show::show(&key)));
    }

    /// Puts an entry into a mapping: later ones win, and `<<` puts in all of another mapping's.
    fn entry(&mut self, entries: &mut Entries, key: Node, value: Node) {
        self.check_key(&key);
        let key = match key {
            Node::Scalar(Scalar::Merge) => return self.merge(entries, &value),
            Node::Scalar(scalar) => scalar,
            Node::List(_) | Node::Map(_) => return,
        };
        if let Some(key) = key.key() {
            entries.all.push((key, value.into_value(self.numbers)));
        } else {
            let (kind, key) = match key {
                Scalar::Uint(value) => ("uint64", format!("0x{value:x}")),
                _ => ("%!s(<nil>)", "<nil>".to_owned()),
            };
            let value = match value.into_value(self.numbers) {
                Value::Nil => "<nil>".to_owned(),
                value => show::show(&value),
            };
            self.unconvertible = Some(format!(
                "unsupported map key of type: {kind}, key: {key}, value: {value}"
            ));
        }
    }

    fn merge(&mut self, entries: &mut Entries, value: &Node) {
        let done = match value {
            Node::Map(map) => {
                entries.all.extend(map.entries());
                true
            }
            // The first one wins, so it comes last.
            Node::List(list) => list.iter().rev().all(|item| {
                if let Value::Map(map) = item {
                    entries.all.extend(map.entries());
                    true
                } else {
                    false
                }
            }),
            Node::Scalar(_) => false,
        };
        if !done {
            self.undecodable("yaml: map merge requires map or sequence of maps as the value");
        }
    }
}

/// The entries of a mapping in the order of the document.
#[derive(Default)]
struct Entries {
    all: Vec<(Str, Value)>,
    /// What is said of a key that JSON cannot have.
    odd: Option<String>,
}

fn list(items: Vec<Value>) -> Node {
    Node::List(List::new(ListType::Any, items))
}

fn copy(value: &Value) -> Value {
    match value {
        Value::List(list) => Value::List(copy_list(list)),
        Value::Map(map) => Value::Map(copy_map(map)),
        other => other.clone(),
    }
}

fn copy_list(list: &List) -> List {
    List::new(list.list_type(), list.iter().map(copy))
}

fn copy_map(map: &Map) -> Map {
    Map::new(
        map.map_type(),
        map.entries()
            .iter()
            .map(|(key, value)| (key.clone(), copy(value))),
    )
}
