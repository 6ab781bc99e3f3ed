//! Commands and what they are made of.

use super::{MAX_PARENTHESES, Nodes, ParseError, Parser, number, to_u32};
use crate::template::{
    builtin::Builtin,
    exec::with_stack,
    fmt,
    lex::{Item, Token},
    node::{FunctionName, Kind, NodeId, Target},
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
        Ok(self.node(start, Kind::Command(arguments.into_boxed_slice())))
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
        let mut fields = Vec::new();
        while self.peek().token == Token::Field {
            let item = self.next();
            fields.push(self.field_name(&item));
        }
        let Some(known) = self.nodes.get_mut(node.0 as usize) else {
            return Ok(Some(node));
        };
        let original = match &mut known.kind {
            // More fields of the same; Go moves the position to the first of them.
            Kind::Field(first) | Kind::Variable { fields: first, .. } => {
                let mut all = std::mem::take(first).into_vec();
                all.append(&mut fields);
                *first = all.into();
                known.position = to_u32(start);
                return Ok(Some(node));
            }
            Kind::Number(number) => number.original.clone(),
            Kind::String { original, .. } => original.clone(),
            // These stand in the text as they are.
            Kind::Bool(true) => known.position..known.position + 4,
            Kind::Bool(false) => known.position..known.position + 5,
            Kind::Nil => known.position..known.position + 3,
            Kind::Dot => known.position..known.position + 1,
            _ => {
                let fields = fields.into();
                return Ok(Some(self.node(start, Kind::Chain { node, fields })));
            }
        };
        let term = self.text.get(original.start as usize..original.end as usize);
        let term = fmt::quoted(term.unwrap_or_default());
        Err(self.error(&format!("unexpected . after term {}", term.text())))
    }

    fn field_name(&self, item: &Item) -> Box<str> {
        let name = self.slice(item).get(1..).unwrap_or_default();
        String::from_utf8_lossy(name).into()
    }

    fn term(&mut self) -> Result<Option<NodeId>, ParseError> {
        let item = self.next_non_space();
        let text = self.slice(&item);
        let range = to_u32(item.start)..to_u32(item.end);
        let kind = match item.token {
            Token::Identifier => {
                let name = String::from_utf8_lossy(text);
                let supplied = self.functions.get(&name).map(Target::Supplied);
                let Some(target) = supplied.or_else(|| Builtin::named(&name).map(Target::Builtin)) else {
                    let name = fmt::quoted(text);
                    return Err(self.error(&format!("function {} not defined", name.text())));
                };
                Kind::Function(Box::new(FunctionName {
                    name: name.into(),
                    target,
                }))
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
                    fields: Box::default(),
                }
            }
            Token::Field => Kind::Field(Box::new([self.field_name(&item)])),
            Token::Bool => Kind::Bool(text == b"true"),
            Token::CharConstant | Token::Complex | Token::Number => {
                let number = match item.token {
                    Token::CharConstant => number::character(range, text),
                    Token::Complex => number::complex(range, text),
                    _ => number::number(range, text),
                };
                Kind::Number(Box::new(number.map_err(|text| self.error(&text))?))
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
                Some(value) => Kind::String {
                    original: range,
                    value: value.into(),
                },
                None => return Err(self.error("invalid syntax")),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(self.node(item.start, kind)))
    }
}
