//! `.Files`: what a chart holds besides templates (Helm, `pkg/engine/files.go`).

use std::any::Any;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::glob::Glob;
use crate::ChartFile;
use crate::call::{Call, FunctionError, Param};
use crate::chart::Chart;
use crate::value::{Kind, Map, MapType, Method, Object, Str, Value};

/// Files by path; they belong to the chart, and are copied where a template asks for them.
#[derive(Debug)]
pub(crate) struct Files {
    entries: BTreeMap<Str, Arc<ChartFile>>,
    /// The map of bytes, once it was asked for.
    plain: OnceCell<Map>,
}

impl Files {
    /// Those of a chart.
    pub(crate) fn of(chart: &Chart) -> Value {
        let files = chart.files.iter();
        let files = files.map(|file| (Str::from(file.path.as_str()), Arc::clone(file)));
        Self::object(files.collect())
    }

    fn object(entries: BTreeMap<Str, Arc<ChartFile>>) -> Value {
        Value::object(Self {
            entries,
            plain: OnceCell::new(),
        })
    }

    fn get(&self, call: &mut Call<'_>, path: &Value) -> Result<Str, FunctionError> {
        let file = match path {
            Value::String(path) => self.entries.get(path),
            _ => None,
        };
        let Some(file) = file else {
            return Ok(Str::default());
        };
        call.budget.take(file.bytes.len())?;
        Ok(Str::from(file.bytes.as_slice()))
    }

    fn glob(&self, call: &mut Call<'_>, pattern: &Value) -> Result<Value, FunctionError> {
        let pattern = match pattern {
            Value::String(text) => text.text().into_owned(),
            _ => String::new(),
        };
        // A broken pattern takes everything, as `**` does without separators.
        let glob = Glob::parse(&pattern);
        let mut found = BTreeMap::new();
        for (path, file) in &self.entries {
            call.budget.step(1 + (path.len() * pattern.len() / 1024) as u64)?;
            if glob.as_ref().is_none_or(|glob| glob.matches(&path.text())) {
                call.budget.take(path.len() + file.bytes.len())?;
                found.insert(path.clone(), Arc::clone(file));
            }
        }
        Ok(Self::object(found))
    }

    /// A map of YAML from the last component of every path to what `content` makes of the file.
    fn yaml(
        &self,
        call: &mut Call<'_>,
        content: fn(&mut Call<'_>, &[u8]) -> Result<Str, FunctionError>,
    ) -> Result<Value, FunctionError> {
        let map = Map::new(MapType::String, []);
        for (path, file) in &self.entries {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
            call.budget.take(file.bytes.len())?;
            map.insert(name, Value::String(content(call, &file.bytes)?));
        }
        let text = crate::format::to_yaml(&Value::Map(map), call.budget)?;
        Ok(Value::from(text.strip_suffix('\n').unwrap_or(&text)))
    }

    fn lines(&self, call: &mut Call<'_>, path: &Value) -> Result<Value, FunctionError> {
        let Value::String(path) = path else {
            return Ok(Value::strings::<Str>([]));
        };
        let Some(file) = self.entries.get(path) else {
            return Ok(Value::strings::<Str>([]));
        };
        let bytes = file.bytes.as_slice();
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

fn base64(call: &mut Call<'_>, bytes: &[u8]) -> Result<Str, FunctionError> {
    call.budget.take(bytes.len().saturating_mul(2))?;
    Ok(Str::from(STANDARD.encode(bytes)))
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
            "Get" => method(one, |object, call, arguments| {
                Ok(Value::String(own(object)?.get(call, argument(arguments))?))
            }),
            "GetBytes" => method(one, |object, call, arguments| {
                Ok(Value::Bytes(own(object)?.get(call, argument(arguments))?.into()))
            }),
            "Glob" => method(one, |object, call, arguments| {
                own(object)?.glob(call, argument(arguments))
            }),
            "Lines" => method(one, |object, call, arguments| {
                own(object)?.lines(call, argument(arguments))
            }),
            "AsConfig" => method(&[], |object, call, _| {
                own(object)?.yaml(call, |_, bytes| Ok(Str::from(bytes)))
            }),
            "AsSecrets" => method(&[], |object, call, _| own(object)?.yaml(call, base64)),
            _ => None,
        }
    }

    fn plain(&self) -> Value {
        let plain = self.plain.get_or_init(|| {
            let entries = self.entries.iter();
            let entries = entries.map(|(path, file)| {
                let bytes = Str::from(file.bytes.as_slice());
                (path.clone(), Value::Bytes(bytes.into()))
            });
            Map::new(MapType::Other("map[string][]uint8"), entries)
        });
        Value::Map(plain.clone())
    }

    fn truth(&self) -> bool {
        !self.entries.is_empty()
    }
}

fn argument(arguments: &[Value]) -> &Value {
    arguments.first().unwrap_or(&Value::Nil)
}
