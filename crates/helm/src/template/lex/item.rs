//! What the lexer gives.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::template) enum Token {
    /// The text of the token says what is wrong.
    Error,
    Bool,
    /// A printable character that has no other meaning, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    LeftDelimiter,
    LeftParenthesis,
    Number,
    Pipe,
    RawString,
    RightDelimiter,
    RightParenthesis,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
    Dot,
    Nil,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::template) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::template) struct Item {
    pub(in crate::template) token: Token,
    pub(in crate::template) start: u32,
    pub(in crate::template) end: u32,
    pub(in crate::template) line: u32,
}
