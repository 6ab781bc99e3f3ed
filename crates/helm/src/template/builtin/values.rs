//! The methods of `common.Values`, which is what `.Values` is: they go before keys of the same name.

use crate::{
    call::{Call, FunctionError, Param},
    template::fmt,
    value::{Kind, Map, MapType, Method, Object, Value},
};

/// The map as the methods see it.
#[derive(Debug)]
pub(in crate::template) struct MapReceiver(pub(in crate::template) Map);

impl Object for MapReceiver {
    fn type_name(&self) -> &'static str {
        self.0.map_type().name()
    }

    fn kind(&self) -> Kind {
        Kind::Map
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// The method of that name. `Encode` is left out: no template has what it writes to.
pub(in crate::template) fn values_method(name: &str) -> Option<Method> {
    let (params, call): (&'static [Param], Body) = match name {
        "AsMap" => (&[], as_map),
        "YAML" => (&[], yaml),
        "Table" => (&[Param::String], table),
        "PathValue" => (&[Param::String], path_value),
        _ => return None,
    };
    Some(Method {
        params,
        variadic: None,
        call,
    })
}

type Body = fn(&dyn Object, &mut Call<'_>, &[Value]) -> Result<Value, FunctionError>;

fn receiver(object: &dyn Object) -> Result<&Map, FunctionError> {
    match object.as_any().downcast_ref::<MapReceiver>() {
        Some(MapReceiver(map)) => Ok(map),
        None => Err(FunctionError::new("not a table")),
    }
}

fn as_map(object: &dyn Object, _: &mut Call<'_>, _: &[Value]) -> Result<Value, FunctionError> {
    let map = receiver(object)?;
    Ok(Value::Map(if map.is_empty() {
        Map::new(MapType::Any, [])
    } else {
        map.converted(MapType::Any)
    }))
}

fn yaml(object: &dyn Object, call: &mut Call<'_>, _: &[Value]) -> Result<Value, FunctionError> {
    let map = Value::Map(receiver(object)?.clone());
    Ok(Value::from(crate::format::to_yaml(&map, call.budget)?))
}

fn text(arguments: &[Value]) -> &[u8] {
    match arguments.first() {
        Some(Value::String(text)) => text,
        _ => b"",
    }
}

fn find<'p>(map: &Map, path: impl Iterator<Item = &'p [u8]>) -> Result<Map, FunctionError> {
    let kind = map.map_type();
    let mut table = map.clone();
    for name in path {
        table = match table.get(name) {
            Some(Value::Map(inner)) if matches!(inner.map_type(), MapType::Any | MapType::Values(_)) => {
                inner.converted(kind)
            }
            _ => {
                let text = format!("{} is not a table", fmt::quoted(name).text());
                return Err(FunctionError::new(text));
            }
        };
    }
    Ok(table)
}

fn table(object: &dyn Object, _: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(arguments).split(|byte| *byte == b'.');
    find(receiver(object)?, path).map(Value::Map)
}

fn path_value(object: &dyn Object, _: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let path = text(arguments);
    if path.is_empty() {
        return Err(FunctionError::new("YAML path cannot be empty"));
    }
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'.').collect();
    let (key, inner) = parts.split_last().unwrap_or((&path, &[]));
    let value = find(receiver(object)?, inner.iter().copied())
        .ok()
        .and_then(|table| table.get(key))
        .filter(|value| !matches!(value, Value::Map(map) if map.map_type() == MapType::Any));
    value.ok_or_else(|| {
        let text = format!("{} is not a value", fmt::quoted(key).text());
        FunctionError::new(text)
    })
}
