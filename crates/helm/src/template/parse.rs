//! The parser: tokens into nodes, with the names of functions and variables found.

mod number;
mod operand;
mod pipeline;
mod tokens;
mod trees;

use std::{collections::HashMap, rc::Rc, sync::Arc};

use smallvec::SmallVec;

use super::{
    Functions, Parsed, Template,
    exec::with_stack,
    lex::{Item, Keyword, Lexer, Token, to_u32},
    node::{Branch, Kind, Node, NodeId, Source, Span, TemplateCall, Word},
    quote::unquote,
};
use crate::value::Str;
use tokens::Tree;
use trees::Trees;

/// Why a text is not a template: the whole text of Go's error, with name and line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ParseError {
    text: String,
}

impl ParseError {
    fn new(text: String) -> Self {
        Self { text }
    }
}

/// How deep branches may nest; Go has no limit but its stack.
const MAX_BRANCHES: u32 = 10_000;

/// How deep parentheses may nest, as in Go.
const MAX_PARENTHESES: u32 = 10_000;

/// How many names are looked through one by one; that is quicker than a table, as long as they are few.
const FEW: usize = 16;

/// The largest text: positions are 32 bits.
const MAX_TEXT: usize = 1 << 30;

/// Parses a text: the templates that it defines, and the one that it is.
pub(super) fn parse(name: &Str, text: &[u8], functions: &Arc<Functions>) -> Result<Parsed, ParseError> {
    if text.len() > MAX_TEXT {
        return Err(ParseError::new(format!(
            "template: {}: text too long",
            name.text()
        )));
    }
    let mut parser = Parser::new(name, text, functions);
    let root = parser.top()?;
    let defines_itself = parser.trees.get(name).is_some();
    let root = parser.add(name.clone(), root)?;
    let trees = parser.trees;
    let source = Rc::new(parser.source);
    let template = |own, root| {
        Rc::new(Template {
            name: own,
            file: name.clone(),
            source: Rc::clone(&source),
            root,
        })
    };
    let others = trees.into_iter().filter(|(own, _)| own != name);
    Ok(Parsed {
        main: template(name.clone(), root),
        defined: others.map(|(own, root)| template(own, root)).collect(),
        defines_itself,
    })
}

struct Parser<'t> {
    name: &'t Str,
    text: &'t [u8],
    lexer: Lexer<'t>,
    source: Source,
    /// The indexes of the names of variables, where they are many.
    variables: HashMap<Box<str>, u32>,
    trees: Trees,
    /// What belongs to the definition that is being parsed.
    tree: Tree,
    branches: u32,
}

/// Nodes that become children of one; most have few, which are then allocated once.
type Nodes = SmallVec<[NodeId; 8]>;

/// What an action is; the ends of branches are not in the tree.
enum Element {
    Node(NodeId),
    End,
    Else,
}

impl Element {
    const fn text(&self) -> &'static str {
        match self {
            Self::Else => "{{else}}",
            _ => "{{end}}",
        }
    }
}

impl<'t> Parser<'t> {
    fn new(name: &'t Str, text: &'t [u8], functions: &Arc<Functions>) -> Self {
        let mut lexer = Lexer::new(text);
        lexer.break_is_keyword = functions.find("break").is_none();
        lexer.continue_is_keyword = functions.find("continue").is_none();
        Self {
            name,
            text,
            lexer,
            source: Source {
                text: text.into(),
                functions: Arc::clone(functions),
                nodes: Vec::with_capacity(text.len() / 16),
                children: Vec::with_capacity(text.len() / 16),
                branches: Vec::new(),
                calls: Vec::new(),
                numbers: Vec::new(),
                strings: Vec::new(),
                fields: Vec::new(),
                variables: vec![Box::from("$")],
                declares_dollar: false,
            },
            variables: HashMap::new(),
            trees: Trees::default(),
            tree: Tree::default(),
            branches: 0,
        }
    }

    fn node(&mut self, position: u32, kind: Kind) -> NodeId {
        let id = to_u32(self.source.nodes.len());
        self.source.nodes.push(Node { position, kind });
        NodeId(id)
    }

    /// The nodes as children in a row.
    fn children(&mut self, nodes: &[NodeId]) -> Span {
        added(&mut self.source.children, nodes.iter().copied())
    }

    fn list_node(&mut self, start: u32, nodes: &[NodeId]) -> NodeId {
        let nodes = self.children(nodes);
        self.node(start, Kind::List(nodes))
    }

    fn call_node(&mut self, start: u32, call: TemplateCall) -> NodeId {
        let index = added(&mut self.source.calls, [call]).start;
        self.node(start, Kind::Template(index))
    }

    fn slice(&self, item: &Item) -> &'t [u8] {
        self.text.get(span(item).range()).unwrap_or_default()
    }

    /// Adds a definition, unless there is nothing in it but the older one has something; gives the one that counts.
    fn add(&mut self, name: Str, root: NodeId) -> Result<NodeId, ParseError> {
        let Some(known) = self.trees.get(&name) else {
            self.trees.push(name, root);
            return Ok(root);
        };
        let older = self.trees.root(known);
        if self.source.is_empty(older) {
            self.trees.replace(known, root);
            return Ok(root);
        }
        if self.source.is_empty(root) {
            return Ok(older);
        }
        let name = super::fmt::quoted(&name);
        Err(self.error(&format!(
            "template: multiple definition of template {}",
            name.text()
        )))
    }

    /// The whole text.
    fn top(&mut self) -> Result<NodeId, ParseError> {
        let start = self.peek().start;
        let mut nodes = Vec::new();
        while self.peek().token != Token::End {
            if self.peek().token == Token::LeftDelimiter {
                let delimiter = self.next();
                if self.next_non_space().token == Token::Keyword(Keyword::Define) {
                    self.definition()?;
                    continue;
                }
                self.backup2(delimiter);
            }
            match self.text_or_action()? {
                Element::Node(node) => nodes.push(node),
                other => return Err(self.error(&format!("unexpected {}", other.text()))),
            }
        }
        Ok(self.list_node(start, &nodes))
    }

    /// `define`: the word itself is past.
    fn definition(&mut self) -> Result<(), ParseError> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.tree);
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        self.expect(Token::RightDelimiter, CONTEXT)?;
        let (list, end) = self.list()?;
        if !matches!(end, Element::End) {
            return Err(self.error(&format!("unexpected {} in {CONTEXT}", end.text())));
        }
        self.add(name, list)?;
        self.tree = outer;
        Ok(())
    }

    /// Text and actions up to an `end` or `else`.
    fn list(&mut self) -> Result<(NodeId, Element), ParseError> {
        let start = self.peek_non_space().start;
        let mut nodes = Nodes::new();
        while self.peek_non_space().token != Token::End {
            match self.text_or_action()? {
                Element::Node(node) => nodes.push(node),
                end => {
                    let list = self.list_node(start, &nodes);
                    return Ok((list, end));
                }
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Result<Element, ParseError> {
        let item = self.next_non_space();
        match item.token {
            Token::Text => Ok(Element::Node(self.node(item.start, Kind::Text(span(&item))))),
            Token::LeftDelimiter => {
                self.tree.action_line = item.line;
                let parsed = self.action()?;
                self.tree.action_line = 0;
                Ok(parsed)
            }
            _ => Err(self.unexpected(&item, "input")),
        }
    }

    fn action(&mut self) -> Result<Element, ParseError> {
        let item = self.next_non_space();
        if let Token::Keyword(keyword) = item.token {
            match keyword {
                Keyword::Block => return self.block().map(Element::Node),
                Keyword::Break => return self.leave(&item, "{{break}}", Kind::Break),
                Keyword::Continue => return self.leave(&item, "{{continue}}", Kind::Continue),
                Keyword::Else => return self.otherwise(),
                Keyword::End => {
                    self.expect(Token::RightDelimiter, "end")?;
                    return Ok(Element::End);
                }
                Keyword::If => return self.branch(Word::If).map(Element::Node),
                Keyword::Range => return self.branch(Word::Range).map(Element::Node),
                Keyword::With => return self.branch(Word::With).map(Element::Node),
                Keyword::Template => return self.template().map(Element::Node),
                Keyword::Define => {}
            }
        }
        self.backup();
        let start = self.peek().start;
        let pipe = self.pipeline("command", Token::RightDelimiter)?;
        Ok(Element::Node(self.node(start, Kind::Action(pipe))))
    }

    /// `break` and `continue`.
    fn leave(&mut self, word: &Item, name: &str, kind: Kind) -> Result<Element, ParseError> {
        let item = self.next_non_space();
        if item.token != Token::RightDelimiter {
            return Err(self.unexpected(&item, name));
        }
        if self.tree.ranges == 0 {
            return Err(self.error(&format!("{name} outside {{{{range}}}}")));
        }
        Ok(Element::Node(self.node(word.start, kind)))
    }

    fn otherwise(&mut self) -> Result<Element, ParseError> {
        // The word after it, if it is one of these, is left for the branch that this `else` belongs to.
        let next = self.peek_non_space().token;
        if !matches!(next, Token::Keyword(Keyword::If | Keyword::With)) {
            self.expect(Token::RightDelimiter, "else")?;
        }
        Ok(Element::Else)
    }

    fn branch(&mut self, word: Word) -> Result<NodeId, ParseError> {
        self.branches += 1;
        if self.branches > MAX_BRANCHES {
            return Err(self.error("max nesting depth exceeded"));
        }
        let result = with_stack(|| self.branch_body(word));
        self.branches -= 1;
        result
    }

    fn branch_body(&mut self, word: Word) -> Result<NodeId, ParseError> {
        let context = match word {
            Word::If => "if",
            Word::Range => "range",
            Word::With => "with",
        };
        let variables = self.tree.variables.mark();
        let pipe = self.pipeline(context, Token::RightDelimiter)?;
        let is_range = u32::from(word == Word::Range);
        self.tree.ranges += is_range;
        let (list, end) = self.list()?;
        self.tree.ranges -= is_range;
        let otherwise = match end {
            Element::Else => Some(self.else_part(word)?),
            _ => None,
        };
        self.tree.variables.reset(variables);
        let position = self.source.node(pipe).position;
        let branch = Branch {
            word,
            pipe,
            list,
            otherwise,
        };
        let index = added(&mut self.source.branches, [branch]).start;
        Ok(self.node(position, Kind::Branch(index)))
    }

    /// What follows an `else`: another branch, whose `end` is the end of this one too, or a list.
    fn else_part(&mut self, word: Word) -> Result<NodeId, ParseError> {
        let next = self.peek();
        let chained = matches!(
            (word, next.token),
            (Word::If, Token::Keyword(Keyword::If)) | (Word::With, Token::Keyword(Keyword::With))
        );
        if chained {
            self.next();
            let branch = self.branch(word)?;
            return Ok(self.list_node(next.start, &[branch]));
        }
        let (list, end) = self.list()?;
        if matches!(end, Element::End) {
            return Ok(list);
        }
        Err(self.error(&format!("expected end; found {}", end.text())))
    }

    fn block(&mut self) -> Result<NodeId, ParseError> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Token::RightDelimiter)?;
        let outer = std::mem::take(&mut self.tree);
        self.branches += 1;
        if self.branches > MAX_BRANCHES {
            return Err(self.error("max nesting depth exceeded"));
        }
        let (list, end) = with_stack(|| self.list())?;
        self.branches -= 1;
        let inner = std::mem::replace(&mut self.tree, outer);
        if !matches!(end, Element::End) {
            return Err(self.error(&format!("unexpected {} in {CONTEXT}", end.text())));
        }
        let outer = std::mem::replace(&mut self.tree, inner);
        self.add(name.clone(), list)?;
        self.tree = outer;
        let pipe = Some(pipe);
        Ok(self.call_node(item.start, TemplateCall { name, pipe }))
    }

    fn template(&mut self) -> Result<NodeId, ParseError> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = if self.next_non_space().token == Token::RightDelimiter {
            None
        } else {
            self.backup();
            Some(self.pipeline(CONTEXT, Token::RightDelimiter)?)
        };
        Ok(self.call_node(item.start, TemplateCall { name, pipe }))
    }

    fn template_name(&mut self, item: &Item, context: &str) -> Result<Str, ParseError> {
        if !matches!(item.token, Token::String | Token::RawString) {
            return Err(self.unexpected(item, context));
        }
        match unquote(self.slice(item)) {
            Some(name) => Ok(name),
            None => Err(self.error("invalid syntax")),
        }
    }
}

/// Adds rows to a table, and tells where they are.
fn added<T>(table: &mut Vec<T>, rows: impl IntoIterator<Item = T>) -> Span {
    let start = to_u32(table.len());
    table.extend(rows);
    Span {
        start,
        end: to_u32(table.len()),
    }
}

/// The part of the text that a token is.
fn span(item: &Item) -> Span {
    Span {
        start: item.start,
        end: item.end,
    }
}
