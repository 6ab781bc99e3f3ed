//! `.Files`: what a chart holds besides templates (Helm, `pkg/engine/files.go`).

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::glob::Glob;
use crate::call::{Call, FunctionError, Param};
use crate::chart::Chart;
use crate::value::{Kind, Map, MapType, Method, Object, Str, Value};

/// Files by path.
#[derive(Debug)]
pub(crate) struct Files {
    entries: Rc<BTreeMap<Str, Str>>,
    plain: Map,
}

impl Files {
    /// Those of a chart.
    pub(crate) fn of(chart: &Chart) -> Value {
        Self::object(
            chart
                .files()
                .map(|file| (Str::from(file.path.as_str()), Str::from(file.bytes.as_slice()))),
        )
    }

    fn object(files: impl IntoIterator<Item = (Str, Str)>) -> Value {
        let entries: BTreeMap<Str, Str> = files.into_iter().collect();
        let plain = Map::new(
            MapType::Other("map[string][]uint8"),
            entries
                .iter()
                .map(|(path, bytes)| (path.clone(), Value::Bytes(bytes.clone()))),
        );
        Value::object(Self {
            entries: Rc::new(entries),
            plain,
        })
    }

    fn get(&self, path: &Value) -> Str {
        match path {
            Value::String(path) => self.entries.get(path).cloned().unwrap_or_default(),
            _ => Str::default(),
        }
    }

    fn glob(&self, call: &mut Call<'_>, pattern: &Value) -> Result<Value, FunctionError> {
        let pattern = match pattern {
            Value::String(text) => text.text().into_owned(),
            _ => String::new(),
        };
        // A broken pattern takes everything, as `**` does without separators.
        let glob = Glob::parse(&pattern);
        let mut found = Vec::new();
        for (path, bytes) in self.entries.iter() {
            call.budget.step(1 + (path.len() * pattern.len() / 1024) as u64)?;
            if glob.as_ref().is_none_or(|glob| glob.matches(&path.text())) {
                call.budget.take(path.len())?;
                found.push((path.clone(), bytes.clone()));
            }
        }
        Ok(Self::object(found))
    }

    /// A map of YAML from the last component of every path to what `content` makes of the file.
    fn yaml(
        &self,
        call: &mut Call<'_>,
        content: fn(&mut Call<'_>, &Str) -> Result<Str, FunctionError>,
    ) -> Result<Value, FunctionError> {
        let map = Map::new(MapType::String, []);
        for (path, bytes) in self.entries.iter() {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
            map.insert(name, Value::String(content(call, bytes)?));
        }
        let text = crate::format::to_yaml(&Value::Map(map), call.budget)?;
        Ok(Value::from(text.strip_suffix('\n').unwrap_or(&text)))
    }

    fn lines(&self, call: &mut Call<'_>, path: &Value) -> Result<Value, FunctionError> {
        let Value::String(path) = path else {
            return Ok(Value::strings::<Str>([]));
        };
        let Some(bytes) = self.entries.get(path) else {
            return Ok(Value::strings::<Str>([]));
        };
        if bytes.is_empty() {
            return Err(FunctionError::new("runtime error: index out of range [-1]"));
        }
        call.budget.step(1 + bytes.len() as u64 / 1024)?;
        call.budget.take(bytes.len().saturating_mul(2))?;
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Ok(Value::strings(text.split(|byte| *byte == b'\n')))
    }
}

fn own(object: &dyn Object) -> Result<&Files, FunctionError> {
    object
        .as_any()
        .downcast_ref()
        .ok_or_else(|| FunctionError::new("these are no files"))
}

fn base64(call: &mut Call<'_>, bytes: &Str) -> Result<Str, FunctionError> {
    call.budget.take(bytes.len().saturating_mul(2))?;
    Ok(Str::from(STANDARD.encode(bytes.as_bytes())))
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> Kind {
        Kind::Map
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn method(&self, name: &str) -> Option<Method> {
        let one: &'static [Param] = &[Param::String];
        let method = |params, call| {
            Some(Method {
                params,
                variadic: None,
                call,
            })
        };
        match name {
            "Get" => method(one, |object, _, arguments| {
                Ok(Value::String(own(object)?.get(argument(arguments))))
            }),
            "GetBytes" => method(one, |object, _, arguments| {
                Ok(Value::Bytes(own(object)?.get(argument(arguments))))
            }),
            "Glob" => method(one, |object, call, arguments| {
                own(object)?.glob(call, argument(arguments))
            }),
            "Lines" => method(one, |object, call, arguments| {
                own(object)?.lines(call, argument(arguments))
            }),
            "AsConfig" => method(&[], |object, call, _| {
                own(object)?.yaml(call, |_, bytes| Ok(bytes.clone()))
            }),
            "AsSecrets" => method(&[], |object, call, _| own(object)?.yaml(call, base64)),
            _ => None,
        }
    }

    fn plain(&self) -> Value {
        Value::Map(self.plain.clone())
    }

    fn truth(&self) -> bool {
        !self.entries.is_empty()
    }
}

fn argument(arguments: &[Value]) -> &Value {
    arguments.first().unwrap_or(&Value::Nil)
}
