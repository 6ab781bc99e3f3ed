//! The functions that Go has built in.

mod compare;
mod escape;
mod index;
mod values;

pub(super) use values::{MapReceiver, values_method};

use super::{
    exec::{Arguments, Operand},
    fmt,
};
use crate::{
    call::{Budget, FunctionError},
    value::{Kind, Str, Value},
};

/// A function of Go's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    And,
    Call,
    Html,
    Index,
    Slice,
    Js,
    Len,
    Not,
    Or,
    Print,
    Printf,
    Println,
    UrlQuery,
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
}

impl Builtin {
    const ALL: [Self; 19] = [
        Self::And,
        Self::Call,
        Self::Html,
        Self::Index,
        Self::Slice,
        Self::Js,
        Self::Len,
        Self::Not,
        Self::Or,
        Self::Print,
        Self::Printf,
        Self::Println,
        Self::UrlQuery,
        Self::Eq,
        Self::Ge,
        Self::Gt,
        Self::Le,
        Self::Lt,
        Self::Ne,
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Call => "call",
            Self::Html => "html",
            Self::Index => "index",
            Self::Slice => "slice",
            Self::Js => "js",
            Self::Len => "len",
            Self::Not => "not",
            Self::Or => "or",
            Self::Print => "print",
            Self::Printf => "printf",
            Self::Println => "println",
            Self::UrlQuery => "urlquery",
            Self::Eq => "eq",
            Self::Ge => "ge",
            Self::Gt => "gt",
            Self::Le => "le",
            Self::Lt => "lt",
            Self::Ne => "ne",
        }
    }

    /// How many arguments there must be, and whether there may be more.
    pub(super) const fn arity(self) -> (usize, bool) {
        match self {
            Self::And | Self::Or | Self::Call | Self::Index | Self::Slice | Self::Printf | Self::Eq => {
                (1, true)
            }
            Self::Html | Self::Js | Self::Print | Self::Println | Self::UrlQuery => (0, true),
            Self::Len | Self::Not => (1, false),
            Self::Ge | Self::Gt | Self::Le | Self::Lt | Self::Ne => (2, false),
        }
    }

    /// Runs any but `and` and `or`. `callee` is the text of what `call` calls; what is appended to `scratch` is
    /// taken away again.
    pub(super) fn run(
        self,
        budget: &mut Budget,
        scratch: &mut Vec<u8>,
        callee: &str,
        arguments: Arguments<Operand>,
    ) -> Result<Operand, FunctionError> {
        if self.prints() {
            return self.on_values(budget, scratch, arguments);
        }
        let Some((first, rest)) = arguments.split_first() else {
            return Ok(Operand::nothing());
        };
        let truth =
            |value: Result<bool, FunctionError>| value.map(|truth| Operand::plain(Value::Bool(truth)));
        let second = rest.first().map_or(&Value::Nil, |operand| &operand.value);
        let first_value = &first.value;
        match self {
            Self::Not => truth(Ok(!first_value.truth())),
            Self::Eq => truth(compare::equal(budget, first_value, rest)),
            Self::Ne => truth(compare::equal(budget, first_value, rest).map(|equal| !equal)),
            Self::Lt => truth(compare::less(first_value, second)),
            Self::Ge => truth(compare::less(first_value, second).map(|less| !less)),
            Self::Le => truth(compare::less_or_equal(budget, first_value, rest)),
            Self::Gt => truth(compare::less_or_equal(budget, first_value, rest).map(|less| !less)),
            Self::Index => index::index(first, rest),
            Self::Slice => index::slice(budget, first_value, rest),
            Self::Len => index::length(first).map(Operand::plain),
            Self::Call => Err(not_a_function(callee, first_value)),
            _ => Ok(Operand::nothing()),
        }
    }

    const fn prints(self) -> bool {
        matches!(
            self,
            Self::Print | Self::Printf | Self::Println | Self::Html | Self::Js | Self::UrlQuery
        )
    }

    /// The functions that print their arguments.
    fn on_values(
        self,
        budget: &mut Budget,
        scratch: &mut Vec<u8>,
        arguments: Arguments<Operand>,
    ) -> Result<Operand, FunctionError> {
        if let (Self::Print | Self::Html | Self::Js | Self::UrlQuery, [one]) = (self, arguments.as_slice())
            && let Value::String(text) = &one.value
        {
            let text = match self {
                Self::Html => escape::html(budget, text)?,
                Self::Js => escape::js(budget, text)?,
                Self::UrlQuery => escape::url_query(budget, text)?,
                _ => return Ok(Operand::plain(one.value.clone())),
            };
            return Ok(Operand::plain(Value::string(text)));
        }
        let values: Arguments<Value> = arguments.into_iter().map(|operand| operand.value).collect();
        let text = match self {
            Self::Println => fmt::sprintln(budget, &values)?,
            Self::Html => {
                let text = printed(budget, &values)?;
                escape::html(budget, &text)?
            }
            Self::Js => {
                let text = printed(budget, &values)?;
                escape::js(budget, &text)?
            }
            Self::UrlQuery => {
                let text = printed(budget, &values)?;
                escape::url_query(budget, &text)?
            }
            _ => {
                // What is printed grows at the end of the output for a moment, which costs no buffer of its own.
                let start = scratch.len();
                let result = match (self, values.split_first()) {
                    (Self::Printf, Some((Value::String(format), rest))) => {
                        fmt::append_sprintf(budget, scratch, format, rest)
                    }
                    _ => fmt::append_sprint(budget, scratch, &values),
                };
                let text = Str::from(scratch.get(start..).unwrap_or_default());
                scratch.truncate(start);
                result?;
                return Ok(Operand::plain(Value::String(text)));
            }
        };
        Ok(Operand::plain(Value::string(text)))
    }
}

/// What the escaping functions escape: as `print`, but nil is `<no value>`.
fn printed(budget: &mut Budget, values: &[Value]) -> Result<Vec<u8>, FunctionError> {
    let values: Vec<Value> = values
        .iter()
        .map(|value| match value {
            Value::Nil => Value::from("<no value>"),
            value => value.clone(),
        })
        .collect();
    Ok(fmt::sprint(budget, &values)?)
}

/// No value of a chart is a function, so that `call` can only fail.
fn not_a_function(callee: &str, value: &Value) -> FunctionError {
    if matches!(value, Value::Nil) {
        return FunctionError::new("call of nil");
    }
    let callee = match (callee, value) {
        // The name of a function that came through the pipeline is what `reflect` makes of its value.
        ("", Value::String(text)) => text.text().into_owned(),
        ("", value) => format!("<{} Value>", value.type_name()),
        (callee, _) => callee.to_owned(),
    };
    FunctionError::new(format!("non-function {callee} of type {}", value.type_name()))
}

/// Values behind objects of basic kinds, which compare and count like the plain ones.
fn basic(value: &Value) -> Option<Value> {
    match value {
        Value::Object(object) => match object.kind() {
            Kind::Struct | Kind::Ptr | Kind::Func | Kind::Invalid => None,
            _ => Some(object.plain()),
        },
        _ => None,
    }
}
