//! Tokens with three of them looked ahead at, and the errors about them.

use super::{ParseError, Parser};
use crate::template::{
    fmt,
    lex::{Item, Token},
    unicode,
};

/// What belongs to one definition. Go parses each by a parser of its own, whose errors name the line of the token
/// that it read last itself.
pub(super) struct Tree {
    tokens: [Item; 3],
    peeked: usize,
    /// The variables that are known here.
    pub(super) variables: Variables,
    /// The line where the action began that is being parsed, or 0.
    pub(super) action_line: u32,
    pub(super) ranges: u32,
    pub(super) parentheses: u32,
}

/// The variables that are known at some point.
pub(super) struct Variables {
    stack: Vec<u32>,
    /// How often each is on the stack, by its index.
    counts: Vec<u32>,
}

impl Default for Variables {
    fn default() -> Self {
        Self {
            stack: vec![0],
            counts: vec![1],
        }
    }
}

impl Variables {
    pub(super) fn push(&mut self, variable: u32) {
        self.stack.push(variable);
        let index = variable as usize;
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
    }

    pub(super) fn contains(&self, variable: u32) -> bool {
        self.counts.get(variable as usize).is_some_and(|count| *count > 0)
    }

    pub(super) fn mark(&self) -> usize {
        self.stack.len()
    }

    /// Forgets what was declared since.
    pub(super) fn reset(&mut self, mark: usize) {
        while self.stack.len() > mark {
            if let Some(count) = self
                .stack
                .pop()
                .and_then(|variable| self.counts.get_mut(variable as usize))
            {
                *count -= 1;
            }
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        let none = Item {
            token: Token::Error,
            start: 0,
            end: 0,
            line: 0,
        };
        Self {
            tokens: [none; 3],
            peeked: 0,
            variables: Variables::default(),
            action_line: 0,
            ranges: 0,
            parentheses: 0,
        }
    }
}

impl Parser<'_> {
    pub(super) fn next(&mut self) -> Item {
        if let Some(peeked) = self.tree.peeked.checked_sub(1) {
            self.tree.peeked = peeked;
        } else {
            self.tree.tokens[0] = self.lexer.next();
        }
        self.current(self.tree.peeked)
    }

    fn current(&self, index: usize) -> Item {
        self.tree.tokens[index.min(2)]
    }

    pub(super) fn peek(&mut self) -> Item {
        if self.tree.peeked == 0 {
            self.tree.peeked = 1;
            self.tree.tokens[0] = self.lexer.next();
        }
        self.current(self.tree.peeked - 1)
    }

    pub(super) fn backup(&mut self) {
        self.tree.peeked += 1;
    }

    /// Puts back one token before the one that is looked ahead at.
    pub(super) fn backup2(&mut self, first: Item) {
        self.tree.tokens[1] = first;
        self.tree.peeked = 2;
    }

    /// Puts back two.
    pub(super) fn backup3(&mut self, first: Item, second: Item) {
        self.tree.tokens[1] = second;
        self.tree.tokens[2] = first;
        self.tree.peeked = 3;
    }

    pub(super) fn next_non_space(&mut self) -> Item {
        loop {
            let item = self.next();
            if item.token != Token::Space {
                return item;
            }
        }
    }

    pub(super) fn peek_non_space(&mut self) -> Item {
        self.next_non_space();
        self.backup();
        self.current(self.tree.peeked - 1)
    }

    pub(super) fn expect(&mut self, token: Token, context: &str) -> Result<Item, ParseError> {
        let item = self.next_non_space();
        if item.token == token {
            return Ok(item);
        }
        Err(self.unexpected(&item, context))
    }

    /// An error in the line of the token that was read last.
    pub(super) fn error(&self, text: &str) -> ParseError {
        let line = self.current(0).line;
        ParseError::new(format!("template: {}:{line}: {text}", self.name.text()))
    }

    pub(super) fn unexpected(&self, item: &Item, context: &str) -> ParseError {
        if item.token != Token::Error {
            let shown = self.shown(item);
            return self.error(&format!("unexpected {shown} in {context}"));
        }
        let problem = self.lexer.problem();
        let began = self.tree.action_line;
        let mut extra = String::new();
        if began != 0 && began != item.line {
            let what = if problem.ends_with(" action") {
                ""
            } else {
                " in action"
            };
            extra = format!("{what} started at {}:{began}", self.name.text());
        }
        self.error(&format!("{problem}{extra}"))
    }

    /// A token as errors show it.
    fn shown(&self, item: &Item) -> String {
        let text = self.slice(item);
        match item.token {
            Token::End => String::from("EOF"),
            Token::Keyword(_) | Token::Dot | Token::Nil => format!("<{}>", String::from_utf8_lossy(text)),
            _ if text.len() > 10 => {
                let length = unicode::chars(text).take(10).map(|(_, bytes)| bytes.len()).sum();
                let cut = text.get(..length).unwrap_or(text);
                format!("{}...", fmt::quoted(cut).text())
            }
            _ => fmt::quoted(text).text().into_owned(),
        }
    }
}
