//! What values are, and copies of them.

use super::{
    args::{MAX_DEPTH, Outcome, any, boolean_value, functions, string, too_deep},
    equal::deep_equal,
    semver::Version,
};
use crate::{
    call::{Budget, Call, FunctionError},
    value::{List, Map, Value},
};

functions! {
    "typeOf" (Any) |_, a| Ok(any(a, 0).type_name().into());
    "typeIs" (String, Any) |_, a| boolean_value(*string(a, 0)? == any(a, 1).type_name());
    "typeIsLike" (String, Any) |_, a| {
        let (target, name) = (string(a, 0)?, any(a, 1).type_name());
        boolean_value(*target == name || name.strip_prefix('*').is_some_and(|name| *target == name))
    };
    "kindOf" (Any) |_, a| Ok(any(a, 0).kind().name().into());
    "kindIs" (String, Any) |_, a| boolean_value(*string(a, 0)? == any(a, 1).kind().name());
    "deepEqual" (Any, Any) |call, a| boolean_value(deep_equal(call.budget, any(a, 0), any(a, 1))?);
    "deepCopy" (Any) copy;
    "mustDeepCopy" (Any) copy;
}

fn copy(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    match any(args, 0) {
        Value::Nil => Err(FunctionError::new(
            "reflect: call of reflect.Value.Type on zero Value",
        )),
        value => deep_copy(call.budget, value, 0),
    }
}

/// The value with new maps all the way down. Lists cannot change, but what is in them can.
fn deep_copy(budget: &mut Budget, value: &Value, depth: usize) -> Outcome {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    budget.step(1)?;
    budget.take(size_of::<Value>())?;
    Ok(match value {
        Value::List(list) if !list.is_empty() => {
            let items = list.iter().map(|item| deep_copy(budget, item, depth + 1));
            List::new(list.list_type(), items.collect::<Result<Vec<_>, _>>()?).into()
        }
        Value::Map(map) if map.is_nil() => Map::nil(map.map_type()).into(),
        Value::Map(map) => {
            let copy = Map::new(map.map_type(), []);
            for (key, item) in map.entries() {
                copy.insert(key, deep_copy(budget, &item, depth + 1)?);
            }
            copy.into()
        }
        // Nothing in it can be seen from outside of its package, and so nothing of it is copied.
        Value::Object(object) if object.as_any().is::<Version>() => Value::object(Version::default()),
        value => value.clone(),
    })
}
