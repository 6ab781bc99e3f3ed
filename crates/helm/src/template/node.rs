//! The parsed form of templates: flat tables for each text, whose indexes name what is in them.

mod display;

use std::{ops::Range, sync::Arc};

use super::functions::{Callee, Functions};
use crate::{
    template::builtin::Builtin,
    value::{Str, Value},
};

/// A parsed text, with all templates that it defines. Nodes own nothing: what does not fit into one lies in a table
/// beside them, so that a text of a thousand actions takes a dozen allocations.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: Box<[u8]>,
    pub(super) functions: Arc<Functions>,
    pub(super) nodes: Vec<Node>,
    /// The nodes below nodes, those of one in a row.
    pub(super) children: Vec<NodeId>,
    pub(super) branches: Vec<Branch>,
    pub(super) calls: Vec<TemplateCall>,
    pub(super) numbers: Vec<Number>,
    pub(super) strings: Vec<StringConstant>,
    /// The names of fields without their dots, as parts of the text; those of one node in a row.
    pub(super) fields: Vec<Span>,
    /// The names of variables with their dollar sign; a node has the index.
    pub(super) variables: Vec<Box<str>>,
    /// Whether `$` itself is declared anywhere: then it is looked up like any variable.
    pub(super) declares_dollar: bool,
}

/// The index of a node in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) u32);

/// A part of the text, or of one of the tables of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

/// A node and where it starts in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) position: u32,
    pub(super) kind: Kind,
}

/// What a node is; numbers are indexes into the tables of the source.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Children.
    List(Span),
    /// A part of the text.
    Text(Span),
    Action(NodeId),
    Branch(u32),
    Break,
    Continue,
    Template(u32),
    Pipe(Pipe),
    /// Children.
    Command(Span),
    Function(Target),
    Dot,
    Nil,
    Bool(bool),
    Number(u32),
    String(u32),
    /// Fields.
    Field(Span),
    Variable {
        variable: u32,
        fields: Span,
    },
    Chain {
        node: NodeId,
        fields: Span,
    },
}

/// `if`, `range` and `with`.
#[derive(Clone, Copy, Debug)]
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

/// The children of a pipeline: variable nodes, then commands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pipe {
    pub(super) start: u32,
    pub(super) variables: u8,
    /// Whether variables are assigned (`=`), not declared (`:=`).
    pub(super) assigns: bool,
    pub(super) end: u32,
}

/// What a function's name stands for; found while parsing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Builtin(Builtin),
    /// The index in the table of functions.
    Supplied(u32),
}

/// A string as it was written, with quotes, and what it stands for.
#[derive(Debug)]
pub(super) struct StringConstant {
    pub(super) original: Span,
    pub(super) value: Str,
}

/// A number under every type that can hold it.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) original: Span,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    /// The value where no type is asked for; `None` if it does not fit an `int`.
    pub(super) ideal: Option<Value>,
}

impl Span {
    /// The span as indexes.
    pub(super) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

impl Source {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        // A node is only ever named by the source that made it, and so are the parts of its tables.
        &self.nodes[id.0 as usize]
    }

    pub(super) fn kind(&self, id: NodeId) -> Kind {
        self.node(id).kind
    }

    pub(super) fn children(&self, span: Span) -> &[NodeId] {
        &self.children[span.range()]
    }

    /// The variables of a pipeline, and its commands.
    pub(super) fn parts(&self, pipe: Pipe) -> (&[NodeId], &[NodeId]) {
        let (start, end) = (pipe.start as usize, pipe.end as usize);
        self.children[start..end].split_at(usize::from(pipe.variables))
    }

    pub(super) fn branch(&self, index: u32) -> &Branch {
        &self.branches[index as usize]
    }

    pub(super) fn call(&self, index: u32) -> &TemplateCall {
        &self.calls[index as usize]
    }

    pub(super) fn number(&self, index: u32) -> &Number {
        &self.numbers[index as usize]
    }

    pub(super) fn string(&self, index: u32) -> &StringConstant {
        &self.strings[index as usize]
    }

    pub(super) fn fields(&self, span: Span) -> &[Span] {
        &self.fields[span.range()]
    }

    /// The name of a field.
    pub(super) fn field(&self, name: Span) -> &str {
        // The lexer takes nothing for a name that is not UTF-8.
        str::from_utf8(self.slice(name)).unwrap_or_default()
    }

    pub(super) fn supplied(&self, index: u32) -> &Callee {
        self.functions.callee(index)
    }

    /// The name of a function.
    pub(super) fn function(&self, target: Target) -> &'static str {
        match target {
            Target::Builtin(builtin) => builtin.name(),
            Target::Supplied(index) => self.supplied(index).name(),
        }
    }

    pub(super) fn slice(&self, span: Span) -> &[u8] {
        &self.text[span.range()]
    }

    pub(super) fn variable(&self, index: u32) -> &str {
        &self.variables[index as usize]
    }

    /// Whether there is nothing in a list but space (`parse.IsEmptyTree`); comments are no nodes here.
    pub(super) fn is_empty(&self, id: NodeId) -> bool {
        match self.kind(id) {
            Kind::List(nodes) => self.children(nodes).iter().all(|node| self.is_empty(*node)),
            Kind::Text(span) => super::unicode::is_blank(self.slice(span)),
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
