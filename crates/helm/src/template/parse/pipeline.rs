//! Pipelines, and the variables that they declare.

use super::{FEW, Nodes, ParseError, Parser};
use crate::template::{
    lex::{Item, Token, to_u32},
    node::{Kind, NodeId, Pipe, Span},
};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Token) -> Result<NodeId, ParseError> {
        let start = self.peek_non_space().start;
        let mut children = Nodes::new();
        let assigns = self.declarations(&mut children, context)?;
        let variables = children.len();
        loop {
            let item = self.next_non_space();
            if item.token == end {
                break;
            }
            match item.token {
                Token::Bool
                | Token::CharConstant
                | Token::Complex
                | Token::Dot
                | Token::Field
                | Token::Identifier
                | Token::Number
                | Token::Nil
                | Token::RawString
                | Token::String
                | Token::Variable
                | Token::LeftParenthesis => {
                    self.backup();
                    let command = self.command()?;
                    children.push(command);
                }
                _ => return Err(self.unexpected(&item, context)),
            }
        }
        let commands = children.get(variables..).unwrap_or_default();
        if commands.is_empty() {
            return Err(self.error(&format!("missing value for {context}")));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            if self.is_constant(*command) {
                let stage = index + 1;
                return Err(self.error(&format!("non executable command in pipeline stage {stage}")));
            }
        }
        let Span { start: first, end } = self.children(&children);
        let pipe = Pipe {
            start: first,
            // There are two at most.
            variables: u8::try_from(variables).unwrap_or(u8::MAX),
            assigns,
            end,
        };
        Ok(self.node(start, Kind::Pipe(pipe)))
    }

    /// Whether a command starts with what cannot take an argument.
    fn is_constant(&self, command: NodeId) -> bool {
        let Kind::Command(arguments) = self.source.kind(command) else {
            return false;
        };
        matches!(
            self.source
                .children(arguments)
                .first()
                .map(|first| self.source.kind(*first)),
            Some(Kind::Bool(_) | Kind::Dot | Kind::Nil | Kind::Number(_) | Kind::String(_))
        )
    }

    /// `$x :=`, `$x =` and, for `range`, `$x, $y :=`; whether they are assigned.
    fn declarations(&mut self, variables: &mut Nodes, context: &str) -> Result<bool, ParseError> {
        let mut assigns = false;
        loop {
            let variable = self.peek_non_space();
            if variable.token != Token::Variable {
                return Ok(assigns);
            }
            self.next();
            // Whether this is a declaration is known two tokens later.
            let after = self.peek();
            let next = self.peek_non_space();
            let is_comma = next.token == Token::Char && self.slice(&next) == b",";
            if matches!(next.token, Token::Assign | Token::Declare) || is_comma {
                if !is_comma {
                    assigns = next.token == Token::Assign;
                }
                self.next_non_space();
                let name = self.intern(&variable);
                self.source.declares_dollar |= name == 0;
                let node = self.node(
                    variable.start,
                    Kind::Variable {
                        variable: name,
                        fields: Span::default(),
                    },
                );
                variables.push(node);
                self.tree.variables.push(name);
                if !is_comma {
                    return Ok(assigns);
                }
                if context == "range" && variables.len() < 2 {
                    match self.peek_non_space().token {
                        Token::Variable | Token::RightDelimiter | Token::RightParenthesis => continue,
                        _ => return Err(self.error("range can only initialize variables")),
                    }
                }
                return Err(self.error(&format!("too many declarations in {context}")));
            }
            if after.token == Token::Space {
                self.backup3(variable, after);
            } else {
                self.backup2(variable);
            }
            return Ok(assigns);
        }
    }

    /// The index of a variable's name.
    pub(super) fn intern(&mut self, item: &Item) -> u32 {
        if self.slice(item) == b"$" {
            return 0;
        }
        let name = String::from_utf8_lossy(self.slice(item));
        let names = &mut self.source.variables;
        let few = names.len() <= FEW;
        let known = if few {
            (0..)
                .zip(&*names)
                .find(|(_, known)| ***known == *name)
                .map(|(index, _)| index)
        } else {
            self.variables.get(&*name).copied()
        };
        if let Some(index) = known {
            return index;
        }
        let index = to_u32(names.len());
        names.push(name.into());
        if names.len() > FEW {
            let new = if few { 0 } else { index };
            let names = (0..).zip(&*names).skip(new as usize);
            self.variables
                .extend(names.map(|(index, name)| (name.clone(), index)));
        }
        index
    }
}
