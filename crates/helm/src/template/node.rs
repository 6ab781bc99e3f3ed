//! The parsed form of templates: one flat table of nodes for each text, whose numbers name its nodes.

mod display;

use std::{ops::Range, rc::Rc};

use super::functions::Callee;
use crate::{
    template::builtin::Builtin,
    value::{Str, Value},
};

/// A parsed text, with all templates that it defines.
#[derive(Debug)]
pub(super) struct Source {
    /// The name that the text was parsed under, for positions.
    pub(super) name: Str,
    pub(super) text: Rc<[u8]>,
    pub(super) nodes: Vec<Node>,
    /// The names of variables with their dollar sign; a node has the index.
    pub(super) variables: Vec<Box<str>>,
    /// Whether `$` itself is declared anywhere: then it is looked up like any variable.
    pub(super) declares_dollar: bool,
}

/// The index of a node in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) u32);

/// A node and where it starts in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) position: u32,
    pub(super) kind: Kind,
}

/// What a node is; ranges are parts of the text.
#[derive(Debug)]
pub(super) enum Kind {
    List(Box<[NodeId]>),
    Text(Range<u32>),
    Action(NodeId),
    Branch(Box<Branch>),
    Break,
    Continue,
    Template(Box<TemplateCall>),
    Pipe(Box<Pipe>),
    Command(Box<[NodeId]>),
    Function(Box<FunctionName>),
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    String {
        /// As it was written, with quotes.
        original: Range<u32>,
        value: Str,
    },
    Field(Box<[Box<str>]>),
    Variable {
        variable: u32,
        fields: Box<[Box<str>]>,
    },
    Chain {
        node: NodeId,
        fields: Box<[Box<str>]>,
    },
}

/// `if`, `range` and `with`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) word: Word,
    pub(super) pipe: NodeId,
    pub(super) list: NodeId,
    pub(super) otherwise: Option<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    If,
    Range,
    With,
}

/// `template`, and `block` too.
#[derive(Debug)]
pub(super) struct TemplateCall {
    pub(super) name: Str,
    pub(super) pipe: Option<NodeId>,
}

#[derive(Debug)]
pub(super) struct Pipe {
    /// Variable nodes.
    pub(super) variables: Vec<NodeId>,
    /// Whether they are assigned (`=`), not declared (`:=`).
    pub(super) assigns: bool,
    pub(super) commands: Box<[NodeId]>,
}

#[derive(Debug)]
pub(super) struct FunctionName {
    pub(super) name: Box<str>,
    pub(super) target: Target,
}

/// What a function's name stands for; found while parsing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Builtin(Builtin),
    Supplied(Callee),
}

/// A number under every type that can hold it.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) original: Range<u32>,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    /// The value where no type is asked for; `None` if it does not fit an `int`.
    pub(super) ideal: Option<Value>,
}

impl Source {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        // A node is only ever named by the source that made it.
        &self.nodes[id.0 as usize]
    }

    pub(super) fn kind(&self, id: NodeId) -> &Kind {
        &self.node(id).kind
    }

    pub(super) fn slice(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }

    pub(super) fn variable(&self, index: u32) -> &str {
        &self.variables[index as usize]
    }

    /// Whether there is nothing in a list but space (`parse.IsEmptyTree`); comments are no nodes here.
    pub(super) fn is_empty(&self, id: NodeId) -> bool {
        match self.kind(id) {
            Kind::List(nodes) => nodes.iter().all(|node| self.is_empty(*node)),
            Kind::Text(range) => super::unicode::is_blank(self.slice(range)),
            _ => false,
        }
    }

    /// Line and column of a node as Go counts them: lines from 1, columns in bytes from 0.
    pub(super) fn position(&self, id: NodeId) -> (usize, usize) {
        let before = &self.text[..(self.node(id).position as usize).min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        (line, before.len() - start)
    }
}
