//! Defaults, emptiness and choices.

use super::args::{any, boolean, boolean_value, functions};
use crate::value::{Kind, Value};

functions! {
    "default" (Any; Any) |_, a| Ok(match a.get(1) {
        Some(given) if !is_empty(given) => given.clone(),
        _ => any(a, 0).clone(),
    });
    "empty" (Any) |_, a| boolean_value(is_empty(any(a, 0)));
    "coalesce" (; Any) |_, a| Ok(a.iter().find(|value| !is_empty(value)).cloned().unwrap_or_default());
    "all" (; Any) |_, a| boolean_value(a.iter().all(|value| !is_empty(value)));
    "any" (; Any) |_, a| boolean_value(a.iter().any(|value| !is_empty(value)));
    "ternary" (Any, Any, Bool) |_, a| Ok(if boolean(a, 2)? { any(a, 0) } else { any(a, 1) }.clone());
    "getHostByName" (String) |_, _| Ok("".into());
}

/// Whether Sprig takes the value for not given: nil, false, zero, or nothing in it. A struct never is, nor is a
/// pointer that is not nil.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => match object.kind() {
            Kind::Struct | Kind::Ptr | Kind::Func => false,
            _ => !object.truth(),
        },
        value => !value.truth(),
    }
}
