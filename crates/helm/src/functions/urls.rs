//! `urlParse` and `urlJoin`.

mod escape;
mod parse;

use crate::format::lossy;
use escape::{Mode, escaped};
use parse::Url;

use super::args::{Outcome, bytes, functions, map, string};
use crate::{
    call::{Call, FunctionError},
    value::{Kind, Map, MapType, Value},
};

functions! {
    "urlParse" (String) split;
    "urlJoin" (Map) join;
}

fn split(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = string(args, 0)?;
    call.budget.take(text.len().saturating_mul(2))?;
    let url = Url::parse(text)
        .map_err(|error| FunctionError::new(format!("unable to parse url: {}", lossy(&error))))?;
    let entries = [
        ("scheme", url.scheme.clone()),
        ("host", url.host.clone()),
        ("hostname", url.hostname().to_vec()),
        ("path", url.path.clone()),
        ("query", url.query.clone()),
        ("opaque", url.opaque.clone()),
        ("fragment", url.fragment.clone()),
        (
            "userinfo",
            url.user.as_ref().map(parse::User::text).unwrap_or_default(),
        ),
    ];
    let entries = entries.map(|(key, value)| (key.into(), Value::string(value)));
    Ok(Map::new(MapType::Any, entries).into())
}

/// A part that must be a string if it is there.
fn part(map: &Map, key: &str) -> Result<Vec<u8>, FunctionError> {
    match map.get(key.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.to_vec()),
        Some(value) if value.kind() == Kind::Invalid => Err(super::args::refuse(&value, "")),
        Some(value) => Err(FunctionError::new(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            value.kind().name()
        ))),
    }
}

fn join(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = map(args, 0)?;
    let [scheme, host, path, query, opaque, fragment] =
        ["scheme", "host", "path", "query", "opaque", "fragment"].map(|key| part(&map, key));
    let (scheme, host, path, query, opaque, fragment) = (scheme?, host?, path?, query?, opaque?, fragment?);
    let userinfo = part(&map, "userinfo")?;
    let user = if userinfo.is_empty() {
        None
    } else {
        let text = [b"proto://", userinfo.as_slice(), b"@host"].concat();
        let url = Url::parse(&text).map_err(|error| {
            FunctionError::new(format!("unable to parse userinfo in dict: {}", lossy(&error)))
        })?;
        url.user
    };
    let mut out = Vec::new();
    if !scheme.is_empty() {
        out.extend(&scheme);
        out.push(b':');
    }
    if opaque.is_empty() {
        if user.is_some() || !host.is_empty() || !scheme.is_empty() && !path.is_empty() {
            out.extend(b"//");
        }
        if let Some(user) = user {
            out.extend(user.text());
            out.push(b'@');
        }
        out.extend(escaped(&host, Mode::Host));
        let path = if path == b"*" {
            path
        } else {
            escaped(&path, Mode::Path)
        };
        if !path.is_empty() && !path.starts_with(b"/") && !host.is_empty() {
            out.push(b'/');
        }
        // A colon in the first segment would make a scheme of it.
        let segment = path.split(|byte| *byte == b'/').next().unwrap_or_default();
        if out.is_empty() && segment.contains(&b':') {
            out.extend(b"./");
        }
        out.extend(path);
    } else {
        out.extend(&opaque);
    }
    if !query.is_empty() {
        out.push(b'?');
        out.extend(&query);
    }
    if !fragment.is_empty() {
        out.push(b'#');
        out.extend(escaped(&fragment, Mode::Fragment));
    }
    bytes(call, out)
}
