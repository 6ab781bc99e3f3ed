//! Defaults, emptiness and choices.

use super::args::{Outcome, any, boolean, boolean_value, functions, string};
use crate::{
    call::{Call, FunctionError},
    value::{Kind, Value},
};

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
    "fail" (String) fail;
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

/// Helm wraps the message in marks, by which it finds the message again in what the template engine makes of it.
fn fail(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Err(FunctionError::new(format!(
        "HELM_ERR_START{}HELM_ERR_END",
        string(args, 0)?.text()
    )))
}
