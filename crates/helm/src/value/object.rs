//! Structs and named types of Go, with fields and methods.

use std::fmt;

use super::{Kind, Str, Value};
use crate::call::{Call, FunctionError, Param};

/// A value that templates use through fields and methods: `.Files`, `.Capabilities`, a semantic version, a time.
pub trait Object: fmt::Debug {
    /// What `%T` prints: `*common.Capabilities`, `time.Time`.
    fn type_name(&self) -> &'static str;

    /// What `kindOf` tells.
    fn kind(&self) -> Kind;

    /// For the caller who knows the type behind the trait (a time of Sprig's, say).
    fn as_any(&self) -> &dyn std::any::Any;

    /// The exported field of a struct, or behind a pointer to one.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    /// The exported method.
    fn method(&self, _name: &str) -> Option<Method> {
        None
    }

    /// The fields of a struct as `fmt` prints them by verbs that are not for texts, where that is not all of
    /// [`Object::plain`].
    fn fields(&self) -> Option<Vec<Field>> {
        None
    }

    /// What `String()` or `Error()` gives, where the type has one: `print`, `%v` and `%s` use it.
    fn stringer(&self) -> Option<Str> {
        None
    }

    /// The plain value below: the map or slice below a named type, or a map of a struct's exported fields in the
    /// names that JSON gives them. `range`, `len`, `index`, `toYaml` and `toJson` see this.
    fn plain(&self) -> Value {
        Value::Nil
    }

    /// The fields of a struct in the names that JSON gives them and in their order, which JSON keeps; `None` for
    /// everything else, of which JSON writes [`Object::plain`].
    fn json_fields(&self) -> Option<Vec<(Str, Value)>> {
        None
    }

    /// What `%v` prints where there is no [`Object::stringer`]; `None` prints [`Object::plain`].
    fn print(&self) -> Option<Str> {
        None
    }

    /// What an action prints that is nothing but this object as a field of another, if that differs: Go finds a
    /// `String()` with a pointer receiver there, and nowhere else.
    fn print_in_place(&self) -> Option<Str> {
        None
    }

    /// Whether `if` takes it for true; structs always are.
    fn truth(&self) -> bool {
        true
    }
}

/// A method bound to nothing yet: it is called with its object as `self`.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// The types of the arguments.
    pub params: &'static [Param],
    /// The type of each argument after `params`, if the method takes any number of them.
    pub variadic: Option<Param>,
    /// The method itself.
    pub call: fn(&dyn Object, &mut Call<'_>, &[Value]) -> Result<Value, FunctionError>,
}

/// A field of a struct that `fmt` prints.
#[derive(Clone, Debug)]
pub enum Field {
    /// A value.
    Value(Value),
    /// A pointer to nothing, by its type.
    Nil(&'static str),
    /// A pointer to something, which has another address in each run of Go.
    Address,
}
