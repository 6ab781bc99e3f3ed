//! Fields of structs, keys of maps, and methods.

use super::{Execution, Operand, Stop, pipeline::Place};
use crate::{
    template::{
        fmt,
        node::{NodeId, Span},
        set::MissingKey,
    },
    value::{List, ListType, Map, MapType, Value},
};

impl Execution<'_> {
    /// `.A.B.C`: the arguments are for the last of them.
    pub(super) fn fields(
        &mut self,
        place: Place<'_>,
        receiver: Operand,
        id: NodeId,
        fields: Span,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        let mut receiver = receiver;
        let Some((end, inner)) = place.source.fields(fields).split_last() else {
            return Ok(receiver);
        };
        for name in inner {
            receiver = self.field(place, &receiver, id, place.source.field(*name), &[], None)?;
        }
        self.field(place, &receiver, id, place.source.field(*end), arguments, last)
    }

    fn field(
        &mut self,
        place: Place<'_>,
        receiver: &Operand,
        id: NodeId,
        name: &str,
        arguments: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Stop> {
        let has_arguments = !arguments.is_empty() || last.is_some();
        match &receiver.value {
            Value::Map(map) => {
                if let MapType::Values(_) = map.map_type()
                    && let Some(method) = super::super::builtin::values_method(name)
                {
                    return self.method(place, &receiver.value, id, name, method, arguments, last);
                }
                if has_arguments {
                    let text = format!("{name} is not a method but has arguments");
                    return Err(self.fail(place.source, &text));
                }
                self.entry(place, map, name)
            }
            Value::Nil if receiver.is_boxed() => {
                let text = format!("nil pointer evaluating interface {{}}.{name}");
                Err(self.fail(place.source, &text))
            }
            Value::Nil if self.set.missing_key == MissingKey::Error => {
                let name = fmt::quoted(name.as_bytes());
                Err(self.fail(
                    place.source,
                    &format!("nil data; no entry for key {}", name.text()),
                ))
            }
            Value::Nil => Ok(Operand::nothing()),
            Value::Object(object) => {
                if let Some(method) = object.method(name) {
                    return self.method(place, &receiver.value, id, name, method, arguments, last);
                }
                if let Some(value) = object.field(name) {
                    if has_arguments {
                        let text = format!("{name} has arguments but cannot be invoked as function");
                        return Err(self.fail(place.source, &text));
                    }
                    return Ok(Operand::plain(value));
                }
                if object.kind() == crate::value::Kind::Map
                    && let Value::Map(map) = object.plain()
                {
                    if has_arguments {
                        let text = format!("{name} is not a method but has arguments");
                        return Err(self.fail(place.source, &text));
                    }
                    return self.entry(place, &map, name);
                }
                Err(self.no_field(place, receiver, name))
            }
            _ => Err(self.no_field(place, receiver, name)),
        }
    }

    fn entry(&mut self, place: Place<'_>, map: &Map, name: &str) -> Result<Operand, Stop> {
        if let Some(value) = map.get(name.as_bytes()) {
            return Ok(Operand::entry(map, value));
        }
        match self.set.missing_key {
            MissingKey::Invalid => Ok(Operand::nothing()),
            MissingKey::Zero => Ok(zero_entry(map)),
            MissingKey::Error => {
                let name = fmt::quoted(name.as_bytes());
                Err(self.fail(place.source, &format!("map has no entry for key {}", name.text())))
            }
        }
    }

    fn no_field(&self, place: Place<'_>, receiver: &Operand, name: &str) -> Stop {
        let text = format!("can't evaluate field {name} in type {}", receiver.type_name());
        self.fail(place.source, &text)
    }
}

/// The zero value of a map's element type.
pub(in crate::template) fn zero_entry(map: &Map) -> Operand {
    match map.map_type() {
        MapType::Any | MapType::Values(_) => Operand::boxed(Value::Nil),
        MapType::String => Operand::plain(Value::from("")),
        MapType::Other(name) => {
            let element = name.strip_prefix("map[string]").unwrap_or_default();
            zero_of(element)
        }
    }
}

/// The zero value of a type by its name.
fn zero_of(name: &'static str) -> Operand {
    let value = match name {
        "string" => Value::from(""),
        "bool" => Value::Bool(false),
        "int" => Value::int(0),
        "int64" => Value::int64(0),
        "float64" => Value::Float(0.0),
        "[]uint8" => Value::Bytes(crate::value::Bytes::default()),
        "[]string" => Value::List(List::nil(ListType::String)),
        "[]interface {}" => Value::List(List::nil(ListType::Any)),
        "map[string]interface {}" => Value::Map(Map::nil(MapType::Any)),
        "map[string]string" => Value::Map(Map::nil(MapType::String)),
        "interface {}" => {
            return Operand::boxed(Value::Nil);
        }
        name if name.starts_with("[]") => Value::List(List::nil(ListType::Other(name))),
        name if name.starts_with("map[") => Value::Map(Map::nil(MapType::Other(name))),
        _ => Value::Nil,
    };
    Operand::plain(value)
}
