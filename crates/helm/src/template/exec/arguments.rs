//! Arguments: evaluated, checked against the types of the parameters, and converted as far as Go does.

use super::{Execution, Operand, Stop, operand::Static, pipeline::Place};
use crate::{
    call::Param,
    template::node::{Kind as Node, NodeId, Number},
    value::{Bytes, IntType, List, ListType, Map, MapType, UintType, Value},
};

impl Execution<'_> {
    /// An argument of any type (a `reflect.Value` in Go).
    pub(super) fn operand(&mut self, place: Place<'_>, id: NodeId) -> Result<Operand, Stop> {
        self.at = id;
        if matches!(place.source.kind(id), Node::Nil) {
            return Ok(Operand::nothing());
        }
        match self.evaluated(place, id)? {
            Some(operand) => Ok(operand),
            None => self.constant(place, id),
        }
    }

    /// An argument for a parameter.
    pub(super) fn argument(&mut self, place: Place<'_>, param: Param, id: NodeId) -> Result<Value, Stop> {
        self.at = id;
        if matches!(place.source.kind(id), Node::Nil) {
            return zero(param).ok_or_else(|| {
                let text = format!("cannot assign nil to {}", param.name());
                self.fail(place.source, &text)
            });
        }
        match self.evaluated(place, id)? {
            Some(operand) => self.checked(place, operand, param),
            None => self.typed_constant(place, param, id),
        }
    }

    /// What is no constant.
    fn evaluated(&mut self, place: Place<'_>, id: NodeId) -> Result<Option<Operand>, Stop> {
        let source = place.source;
        Ok(Some(match source.kind(id) {
            Node::Dot => place.dot.clone(),
            Node::Field(fields) => self.fields(place, place.dot.clone(), id, fields, &[], None)?,
            Node::Variable { variable, fields } => {
                self.variable_fields(place, id, variable, fields, &[], None)?
            }
            Node::Pipe(_) => self.deeper(|this| this.pipeline(source, id, place.dot))?,
            Node::Function(target) => {
                let mut operand = self.function(place, target, id, &[], None)?;
                // No pipeline has looked into the `interface {}` that most functions give.
                if matches!(operand.value, Value::Nil) {
                    operand.of = Static::Interface;
                }
                operand
            }
            Node::Chain { node, fields } => self.chain(place, id, node, fields, &[], None)?,
            _ => return Ok(None),
        }))
    }

    /// A constant where no type is asked for.
    pub(super) fn constant(&mut self, place: Place<'_>, id: NodeId) -> Result<Operand, Stop> {
        self.at = id;
        match place.source.kind(id) {
            Node::Bool(value) => Ok(Operand::plain(Value::Bool(value))),
            Node::String(string) => {
                let value = place.source.string(string).value.clone();
                Ok(Operand::plain(Value::String(value)))
            }
            Node::Number(number) => {
                let ideal = place.source.number(number).ideal.clone();
                ideal.map(Operand::plain).ok_or_else(|| {
                    let text = format!("{} overflows int", place.source.text_of(id));
                    self.fail(place.source, &text)
                })
            }
            _ => {
                let text = format!("can't evaluate command \"{}\"", place.source.text_of(id));
                Err(self.fail(place.source, &text))
            }
        }
    }

    fn typed_constant(&mut self, place: Place<'_>, param: Param, id: NodeId) -> Result<Value, Stop> {
        let kind = place.source.kind(id);
        let number = match kind {
            Node::Number(number) => Some(place.source.number(number)),
            _ => None,
        };
        let (value, expected) = match param {
            Param::Any => return Ok(self.constant(place, id)?.value),
            Param::Bool => match kind {
                Node::Bool(value) => (Some(Value::Bool(value)), ""),
                _ => (None, "bool"),
            },
            Param::String => match kind {
                Node::String(string) => {
                    let value = place.source.string(string).value.clone();
                    (Some(Value::String(value)), "")
                }
                _ => (None, "string"),
            },
            Param::Int => (signed(number, IntType::Int), "integer"),
            Param::Int64 => (signed(number, IntType::Int64), "integer"),
            Param::Float64 => (number.and_then(|number| number.float).map(Value::Float), "float"),
            Param::Other("int8") => (signed(number, IntType::Int8), "integer"),
            Param::Other("int16") => (signed(number, IntType::Int16), "integer"),
            Param::Other("int32") => (signed(number, IntType::Int32), "integer"),
            Param::Other("uint") => (unsigned(number, UintType::Uint), "unsigned integer"),
            Param::Other("uint8") => (unsigned(number, UintType::Uint8), "unsigned integer"),
            Param::Other("uint16") => (unsigned(number, UintType::Uint16), "unsigned integer"),
            Param::Other("uint32") => (unsigned(number, UintType::Uint32), "unsigned integer"),
            Param::Other("uint64") => (unsigned(number, UintType::Uint64), "unsigned integer"),
            Param::Bytes | Param::List | Param::Strings | Param::Map | Param::Other(_) => {
                let text = format!(
                    "can't handle {} for arg of type {}",
                    place.source.text_of(id),
                    param.name()
                );
                return Err(self.fail(place.source, &text));
            }
        };
        value.ok_or_else(|| {
            let text = format!("expected {expected}; found {}", place.source.text_of(id));
            self.fail(place.source, &text)
        })
    }

    /// A value as the parameter takes it (`validateType`).
    pub(super) fn checked(
        &mut self,
        place: Place<'_>,
        operand: Operand,
        param: Param,
    ) -> Result<Value, Stop> {
        if is_assignable(&operand.value, param) {
            return Ok(match operand.value {
                // The function sees the same map as what its signature says.
                Value::Map(map) if param == Param::Map => Value::Map(map.converted(MapType::Any)),
                value => value,
            });
        }
        let text = if operand.is_nothing() {
            match zero(param) {
                Some(value) => return Ok(value),
                None => format!("invalid value; expected {}", param.name()),
            }
        } else {
            let found = match operand.value {
                Value::Nil => operand.type_name(),
                ref value => value.type_name(),
            };
            format!("wrong type for value; expected {}; got {found}", param.name())
        };
        Err(self.fail(place.source, &text))
    }
}

fn signed(number: Option<&Number>, kind: IntType) -> Option<Value> {
    let value = number?.int?;
    // What does not fit loses its upper bits, as in Go.
    #[expect(clippy::cast_possible_truncation, reason = "that is what is done here")]
    let value = match kind {
        IntType::Int8 => i64::from(value as i8),
        IntType::Int16 => i64::from(value as i16),
        IntType::Int32 => i64::from(value as i32),
        IntType::Int | IntType::Int64 => value,
    };
    Some(Value::Int(kind, value))
}

fn unsigned(number: Option<&Number>, kind: UintType) -> Option<Value> {
    let value = number?.uint?;
    #[expect(clippy::cast_possible_truncation, reason = "that is what is done here")]
    let value = match kind {
        UintType::Uint8 => u64::from(value as u8),
        UintType::Uint16 => u64::from(value as u16),
        UintType::Uint32 => u64::from(value as u32),
        UintType::Uint | UintType::Uint64 => value,
    };
    Some(Value::Uint(kind, value))
}

/// The nil of a type that has one.
fn zero(param: Param) -> Option<Value> {
    match param {
        Param::Any => Some(Value::Nil),
        Param::Bytes => Some(Value::Bytes(Bytes::default())),
        Param::List => Some(Value::List(List::nil(ListType::Any))),
        Param::Strings => Some(Value::List(List::nil(ListType::String))),
        Param::Map => Some(Value::Map(Map::nil(MapType::Any))),
        Param::Other(name) if name.starts_with("map[") => Some(Value::Map(Map::nil(MapType::Other(name)))),
        Param::Other(name) if name.starts_with("[]") => Some(Value::List(List::nil(ListType::Other(name)))),
        Param::Other(name) if name.starts_with(['*']) || name.starts_with("func(") => Some(Value::Nil),
        Param::String | Param::Bool | Param::Int | Param::Int64 | Param::Float64 | Param::Other(_) => None,
    }
}

fn is_assignable(value: &Value, param: Param) -> bool {
    match (param, value) {
        (Param::Any, _)
        | (Param::String, Value::String(_))
        | (Param::Bool, Value::Bool(_))
        | (Param::Int, Value::Int(IntType::Int, _))
        | (Param::Int64, Value::Int(IntType::Int64, _))
        | (Param::Float64, Value::Float(_))
        | (Param::Bytes, Value::Bytes(_)) => true,
        (Param::List, Value::List(list)) => list.list_type() == ListType::Any,
        (Param::Strings, Value::List(list)) => list.list_type() == ListType::String,
        (Param::Map, Value::Map(map)) => matches!(map.map_type(), MapType::Any | MapType::Values(_)),
        (Param::Other(name), Value::Nil) => name == "interface {}",
        // One indirection is made where it helps.
        (Param::Other(name), value) => {
            let found = value.type_name();
            found == name || found.strip_prefix('*') == Some(name)
        }
        _ => false,
    }
}
