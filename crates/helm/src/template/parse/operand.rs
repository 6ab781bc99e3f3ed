//! Commands and what they are made of.

use super::{MAX_PARENTHESES, Nodes, ParseError, Parser, added, number, span};
use crate::template::{
    builtin::Builtin,
    exec::with_stack,
    fmt,
    lex::{Item, Token, to_u32},
    node::{Kind, NodeId, Span, StringConstant, Target},
    quote::unquote,
};

impl Parser<'_> {
    /// Operands with space between them, up to a pipe or the end.
    pub(super) fn command(&mut self) -> Result<NodeId, ParseError> {
        let start = self.peek_non_space().start;
        let mut arguments = Nodes::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                arguments.push(operand);
            }
            let item = self.next();
            match item.token {
                Token::Space => continue,
                Token::RightDelimiter | Token::RightParenthesis => self.backup(),
                Token::Pipe => {}
                _ => return Err(self.unexpected(&item, "operand")),
            }
            break;
        }
        if arguments.is_empty() {
            return Err(self.error("empty command"));
        }
        let arguments = self.children(&arguments);
        Ok(self.node(start, Kind::Command(arguments)))
    }

    /// A term and the fields after it.
    fn operand(&mut self) -> Result<Option<NodeId>, ParseError> {
        let Some(node) = self.term()? else {
            return Ok(None);
        };
        if self.peek().token != Token::Field {
            return Ok(Some(node));
        }
        let start = self.peek().start;
        let first = to_u32(self.source.fields.len());
        while self.peek().token == Token::Field {
            let item = self.next();
            self.field_name(&item);
        }
        let end = to_u32(self.source.fields.len());
        let known = self.source.node(node);
        let position = known.position;
        let written = |length| Span {
            start: position,
            end: position + length,
        };
        let original = match known.kind {
            // More fields of the same, which follow its own; Go moves the position to the first of them.
            Kind::Field(_) | Kind::Variable { .. } => {
                let known = &mut self.source.nodes[node.0 as usize];
                known.position = start;
                if let Kind::Field(fields) | Kind::Variable { fields, .. } = &mut known.kind {
                    fields.end = end;
                }
                return Ok(Some(node));
            }
            Kind::Number(number) => self.source.number(number).original,
            Kind::String(string) => self.source.string(string).original,
            // These stand in the text as they are.
            Kind::Bool(true) => written(4),
            Kind::Bool(false) => written(5),
            Kind::Nil => written(3),
            Kind::Dot => written(1),
            _ => {
                let fields = Span { start: first, end };
                return Ok(Some(self.node(start, Kind::Chain { node, fields })));
            }
        };
        let term = fmt::quoted(self.source.slice(original));
        Err(self.error(&format!("unexpected . after term {}", term.text())))
    }

    /// Adds the name of a field, which is without its dot.
    fn field_name(&mut self, item: &Item) -> Span {
        let mut name = span(item);
        name.start += 1;
        added(&mut self.source.fields, [name])
    }

    fn term(&mut self) -> Result<Option<NodeId>, ParseError> {
        let item = self.next_non_space();
        let text = self.slice(&item);
        let kind = match item.token {
            Token::Identifier => {
                let Some(target) = self.target(text) else {
                    let name = fmt::quoted(text);
                    return Err(self.error(&format!("function {} not defined", name.text())));
                };
                Kind::Function(target)
            }
            Token::Dot => Kind::Dot,
            Token::Nil => Kind::Nil,
            Token::Variable => {
                let variable = self.intern(&item);
                if !self.tree.variables.contains(variable) {
                    let name = fmt::quoted(text);
                    return Err(self.error(&format!("undefined variable {}", name.text())));
                }
                Kind::Variable {
                    variable,
                    // More of them come after all that there are.
                    fields: added(&mut self.source.fields, []),
                }
            }
            Token::Field => Kind::Field(self.field_name(&item)),
            Token::Bool => Kind::Bool(text == b"true"),
            Token::CharConstant | Token::Complex | Token::Number => {
                let number = match item.token {
                    Token::CharConstant => number::character(span(&item), text),
                    Token::Complex => number::complex(span(&item), text),
                    _ => number::number(span(&item), text),
                };
                let number = number.map_err(|text| self.error(&text))?;
                Kind::Number(added(&mut self.source.numbers, [number]).start)
            }
            Token::LeftParenthesis => {
                if self.tree.parentheses >= MAX_PARENTHESES {
                    return Err(self.error("max expression depth exceeded"));
                }
                self.tree.parentheses += 1;
                let pipe = with_stack(|| self.pipeline("parenthesized pipeline", Token::RightParenthesis))?;
                self.tree.parentheses -= 1;
                return Ok(Some(pipe));
            }
            Token::String | Token::RawString => match unquote(text) {
                Some(value) => {
                    let original = span(&item);
                    let constant = StringConstant { original, value };
                    Kind::String(added(&mut self.source.strings, [constant]).start)
                }
                None => return Err(self.error("invalid syntax")),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(self.node(item.start, kind)))
    }

    /// What a function's name stands for.
    fn target(&self, name: &[u8]) -> Option<Target> {
        let name = str::from_utf8(name).ok()?;
        let supplied = self.source.functions.find(name).map(Target::Supplied);
        supplied.or_else(|| Builtin::named(name).map(Target::Builtin))
    }
}
