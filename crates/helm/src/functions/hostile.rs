//! No call panics or runs for long, whatever it is given.

use proptest::prelude::*;

use super::{dates::Time, functions, semver::Version};
use crate::{
    call::{Budget, Call, Function, Param, World},
    chart::Profile,
    value::{IntType, List, ListType, Map, MapType, UintType, Value},
};

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-zA-Z0-9 _./:-]{0,12}".prop_map(Value::from),
        "[-+]?[0-9._eExXoObB]{1,24}".prop_map(Value::from),
        r"[\[\]()*+?{}|^$\\.,a-zPpQEd0-9-]{0,16}".prop_map(Value::from),
        "[<>=~^!|v0-9.x* ,-]{0,16}".prop_map(Value::from),
        "(2006|01|02|Jan|Mon|15|04|05|PM|MST|-07:00|Z0700|[.,]0{1,3}|[.,]9{1,3}|_2|__2|[ :/-]){0,6}"
            .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..16).prop_map(Value::string),
    ]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-3_i64..20, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        (-50..50).prop_map(f64::from),
        Just(f64::NAN),
        Just(f64::INFINITY)
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::int),
        number().prop_map(Value::int64),
        number().prop_map(|number| Value::Int(IntType::Int32, number)),
        any::<u64>().prop_map(|number| Value::Uint(UintType::Uint8, number)),
        any::<u64>().prop_map(Value::uint64),
        float().prop_map(Value::from),
        text(),
        proptest::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Value::Bytes(bytes.into())),
        number().prop_map(|seconds| Value::object(Time::at(seconds, 7, "Europe/Berlin", 0))),
        Just(Value::object(
            Version::parse(b"1.2.3-a.1+b", Profile::Helm4).unwrap()
        )),
        Just(List::nil(ListType::Any).into()),
        Just(Map::nil(MapType::Any).into()),
    ]
}

fn map(item: impl Strategy<Value = Value>, kind: MapType) -> impl Strategy<Value = Value> {
    proptest::collection::vec(("[a-c]|scheme|host|path|userinfo|", item), 0..4).prop_map(move |entries| {
        Map::new(kind, entries.into_iter().map(|(key, value)| (key.into(), value))).into()
    })
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
            proptest::collection::vec("[a-c]{0,2}", 0..4).prop_map(Value::strings),
            map(inner.clone(), MapType::Any),
            map(inner, MapType::Values("common.Values")),
        ]
    })
}

fn argument(param: Param) -> BoxedStrategy<Value> {
    let right = match param {
        Param::String => text().boxed(),
        Param::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Param::Int | Param::Int64 => number().prop_map(Value::int).boxed(),
        Param::Float64 => float().prop_map(Value::from).boxed(),
        Param::Map => map(anything(), MapType::Any).boxed(),
        Param::List => proptest::collection::vec(anything(), 0..3)
            .prop_map(Value::list)
            .boxed(),
        Param::Other("time.Time") => number()
            .prop_map(|seconds| Value::object(Time::at(seconds, 7, "America/New_York", 0)))
            .boxed(),
        _ => anything().boxed(),
    };
    prop_oneof![9 => right, 1 => anything()].boxed()
}

fn arguments(function: &'static Function) -> BoxedStrategy<Vec<Value>> {
    let fixed: Vec<_> = function.params.iter().map(|param| argument(*param)).collect();
    let more = function.variadic.map_or(0..1, |_| 0..5);
    let rest = proptest::collection::vec(argument(function.variadic.unwrap_or(Param::Any)), more);
    // Now and then, some are missing.
    (fixed, rest, 0..20_usize)
        .prop_map(|(fixed, rest, missing)| {
            let all: Vec<Value> = fixed.into_iter().chain(rest).collect();
            let kept = if missing == 0 { all.len() / 2 } else { all.len() };
            all.into_iter().take(kept).collect()
        })
        .boxed()
}

#[test]
fn no_call_panics_or_runs_for_long() {
    for function in functions() {
        let strategy = arguments(function);
        let config = ProptestConfig {
            cases: 200,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let outcome = runner.run(&strategy, |arguments| {
            // What is made slowly on purpose costs more than this.
            let mut budget = Budget::new(90_000, 8 << 20);
            let mut world = World::new((1_700_000_000, 5), 1);
            let mut call = Call {
                budget: &mut budget,
                world: &mut world,
            };
            // An error is as good as a value here.
            let _outcome = (function.call)(&mut call, &arguments);
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("{}: {failure}", function.name);
        }
    }
}

fn call(name: &str, world: &mut World, arguments: &[Value]) -> Value {
    let mut budget = Budget::new(200_000_000, 1 << 30);
    let mut call = Call {
        budget: &mut budget,
        world,
    };
    (super::function(name).unwrap().call)(&mut call, arguments).unwrap()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.text().into_owned(),
        value => panic!("{value:?}"),
    }
}

/// What cannot be compared with Go's has the right form, is the same for the same seed, and differs otherwise.
#[test]
fn random_functions_draw_from_the_seed() {
    for (name, arguments, form) in [
        ("randAlphaNum", vec![Value::int(40)], "^[0-9A-Za-z]{40}$"),
        ("randAlpha", vec![Value::int(40)], "^[A-Za-z]{40}$"),
        ("randNumeric", vec![Value::int(40)], "^[0-9]{40}$"),
        ("randAscii", vec![Value::int(40)], "^[ -~]{40}$"),
        ("randBytes", vec![Value::int(16)], "^[0-9A-Za-z+/]{22}==$"),
        (
            "uuidv4",
            vec![],
            "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        ),
        ("bcrypt", vec!["x".into()], r"^\$2a\$10\$[./A-Za-z0-9]{53}$"),
        (
            "htpasswd",
            vec!["me".into(), "x".into()],
            r"^me:\$2a\$10\$[./A-Za-z0-9]{53}$",
        ),
        (
            "genPrivateKey",
            vec!["ecdsa".into()],
            "^-----BEGIN EC PRIVATE KEY-----\n(?s:.*)\n-----END EC PRIVATE KEY-----\n$",
        ),
        (
            "genPrivateKey",
            vec!["ed25519".into()],
            "^-----BEGIN PRIVATE KEY-----\n(?s:.*)\n-----END PRIVATE KEY-----\n$",
        ),
        (
            "genPrivateKey",
            vec!["dsa".into()],
            "^-----BEGIN DSA PRIVATE KEY-----\n(?s:.*)\n-----END DSA PRIVATE KEY-----\n$",
        ),
    ] {
        let mut world = World::new((0, 0), 1);
        let first = shown(&call(name, &mut world, &arguments));
        assert!(
            regex::Regex::new(form).unwrap().is_match(&first),
            "{name} gives {first:?}"
        );
        assert_ne!(first, shown(&call(name, &mut world, &arguments)), "{name}");
        assert_eq!(
            first,
            shown(&call(name, &mut World::new((0, 0), 1), &arguments)),
            "{name}"
        );
        assert_ne!(
            first,
            shown(&call(name, &mut World::new((0, 0), 2), &arguments)),
            "{name}"
        );
    }
    let mut world = World::new((0, 0), 1);
    let secret = call("encryptAES", &mut world, &["key".into(), "text".into()]);
    assert_eq!(
        shown(&call("decryptAES", &mut world, &["key".into(), secret])),
        "text"
    );
}

#[test]
fn an_authority_signs_with_the_one_key_of_its_world() {
    let mut world = World::new((1_700_000_000, 0), 1);
    let authority = call("genCA", &mut world, &["ca".into(), Value::int(365)]);
    let leaf = call(
        "genSignedCert",
        &mut world,
        &[
            "leaf".into(),
            Value::list(["10.0.0.1".into()]),
            Value::list(["a.example".into()]),
            Value::int(10),
            authority.clone(),
        ],
    );
    let part = |value: &Value, name: &str| match value {
        Value::Object(object) => shown(&object.field(name).unwrap()),
        value => panic!("{value:?}"),
    };
    assert_ne!(part(&authority, "Cert"), part(&leaf, "Cert"));
    assert_eq!(part(&authority, "Key"), part(&leaf, "Key"));
    let encoded = |text: String| call("b64enc", &mut World::new((0, 0), 0), &[text.into()]);
    let custom = call(
        "buildCustomCert",
        &mut world,
        &[encoded(part(&leaf, "Cert")), encoded(part(&leaf, "Key"))],
    );
    assert_eq!(part(&custom, "Cert"), part(&leaf, "Cert"));
}
