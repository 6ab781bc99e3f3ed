//! What hostile templates cost, and that nothing makes the engine panic.

use proptest::prelude::*;

use super::{data, functions};
use crate::{
    call::{Budget, Call, FunctionError, World},
    template::{Functions, TemplateSet, fmt},
    value::Value,
};

fn execute(text: &[u8], steps: u64, bytes: u64) -> Result<Vec<u8>, String> {
    let mut set = TemplateSet::new("set", std::sync::Arc::new(functions()));
    set.parse("t", text).map_err(|error| error.to_string())?;
    let mut budget = Budget::new(steps, bytes);
    let mut world = World::new((0, 0), 0);
    let call = Call {
        budget: &mut budget,
        world: &mut world,
    };
    set.execute("t", &data(), call, &mut ())
        .map_err(|error| error.to_string())
}

#[test]
fn loops_end_with_the_budget() {
    for text in [
        "{{range 1000000000000}}{{end}}",
        "{{range 1000000}}{{range 1000000}}x{{end}}{{end}}",
        "{{define \"a\"}}{{template \"a\"}}{{template \"a\"}}{{end}}{{range 100000}}{{template \"a\"}}{{end}}",
        "{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{print $x}}",
        "{{$d := dict}}{{$_ := set $d \"d\" $d}}{{print $d}}",
        "{{$d := dict}}{{$_ := set $d \"d\" $d}}{{eq (list $d) (list $d)}}",
        "{{$s := .long}}{{range 60}}{{$s = print $s $s}}{{end}}",
        "{{range 100000}}{{printf \"%1000000d\" 1}}{{end}}",
    ] {
        let error = execute(text.as_bytes(), 1_000_000, 64 << 20).unwrap_err();
        let expected =
            error.contains("that are allowed") || error.contains("exceeded maximum template depth");
        assert!(expected, "{text}: {error}");
    }
}

#[test]
fn recursion_ends_before_the_stack_does() {
    let deep = |open: &str, inner: &str, close: &str, count: usize| {
        let text = format!("{}{inner}{}", open.repeat(count), close.repeat(count));
        execute(text.as_bytes(), 10_000_000, 64 << 20)
    };
    assert_eq!(deep("{{if 1}}", "x", "{{end}}", 9000).unwrap(), b"x");
    let error = deep("{{if 1}}", "x", "{{end}}", 100_000).unwrap_err();
    assert_eq!(error, "template: t:1: max nesting depth exceeded");
    let parentheses = |count: usize| {
        let text = format!("{{{{{}1{}}}}}", "(".repeat(count), ")".repeat(count));
        execute(text.as_bytes(), 10_000_000, 64 << 20)
    };
    assert_eq!(parentheses(9999).unwrap(), b"1");
    assert_eq!(
        parentheses(10_001).unwrap_err(),
        "template: t:1: max expression depth exceeded"
    );
    let text = b"{{define \"a\"}}{{if .}}{{with .}}{{include \"a\" (list (list .))}}{{end}}{{end}}{{end}}{{include \"a\" 1}}";
    let error = execute(text, 10_000_000, 64 << 20).unwrap_err();
    assert!(error.contains("nested calls that are allowed"), "{error}");
    let error = execute(
        b"{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}",
        10_000_000,
        64 << 20,
    );
    assert_eq!(
        error.unwrap_err(),
        "template: t:1:25: executing \"a\" at <{{template \"a\"}}>: exceeded maximum template depth (10000)"
    );
}

/// Helm's own limit on `include` is 1000 of one name: that must fit on the stack of a thread.
#[test]
fn a_thousand_includes_fit_on_a_small_stack() {
    let run = || {
        let text =
            b"{{define \"a\"}}{{if .}}{{range $k, $v := .}}{{with $v}}{{if and (eq 1 1) (not (eq 1 2))}}\
            {{ include \"a\" . | print | upper }}{{end}}{{else}}end{{end}}{{end}}{{end}}{{end}}{{include \"a\" .m}}";
        let mut set = TemplateSet::new("set", std::sync::Arc::new(functions()));
        set.parse("t", text).unwrap();
        let mut nested = Value::map([("a", Value::Nil)]);
        for _ in 0..1000 {
            nested = Value::map([("a", nested)]);
        }
        let mut budget = Budget::new(10_000_000, 64 << 20);
        let mut world = World::new((0, 0), 0);
        let call = Call {
            budget: &mut budget,
            world: &mut world,
        };
        let out = set.execute("t", &Value::map([("m", nested)]), call, &mut ());
        assert_eq!(out.unwrap(), b"END");
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn limits_are_not_wrapped_by_what_they_pass_through() {
    let mut set = TemplateSet::new("set", std::sync::Arc::new(functions()));
    set.parse(
        "t",
        "{{define \"a\"}}{{range 100}}{{end}}{{end}}{{include \"a\" . | upper}}",
    )
    .unwrap();
    let mut budget = Budget::new(50, 1 << 20);
    let mut world = World::new((0, 0), 0);
    let call = Call {
        budget: &mut budget,
        world: &mut world,
    };
    let error = set.execute("t", &Value::Nil, call, &mut ()).unwrap_err();
    assert!(matches!(error, FunctionError::Limit(_)), "{error:?}");
}

#[test]
fn a_clone_hides_what_it_defines() {
    let mut set = TemplateSet::new("set", std::sync::Arc::new(Functions::default()));
    set.parse("a", b"A").unwrap();
    let mut other = set.clone();
    for name in ["b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "a"] {
        other.parse(name, name.to_uppercase().repeat(2)).unwrap();
    }
    other.parse("a", "{{/* nothing */}} ").unwrap();
    assert!(set.lookup(b"b").is_none());
    let run = |set: &TemplateSet, name: &str| {
        let mut budget = Budget::new(50, 1 << 20);
        let mut world = World::new((0, 0), 0);
        let call = Call {
            budget: &mut budget,
            world: &mut world,
        };
        set.execute(name, &Value::Nil, call, &mut ()).unwrap()
    };
    assert_eq!(run(&set, "a"), b"A");
    assert_eq!(run(&other, "a"), b"AA");
    assert_eq!(run(&other, "k"), b"KK");
    assert_eq!(other.names().collect::<std::collections::BTreeSet<_>>().len(), 11);
}

/// Pieces that templates are made of, so that arbitrary texts get past the lexer.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "{{",
        "}}",
        "{{-",
        "-}}",
        " ",
        "\n",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        ".",
        ".m",
        ".list",
        ".s",
        ".nope",
        "$",
        "$x",
        "$y",
        ":=",
        "=",
        ",",
        "|",
        "(",
        ")",
        "1",
        "-2",
        "1.5",
        "0x1F",
        "1e6",
        "'a'",
        "\"a\"",
        "`b`",
        "printf",
        "\"%v %d\"",
        "print",
        "index",
        "slice",
        "len",
        "eq",
        "lt",
        "and",
        "or",
        "not",
        "call",
        "html",
        "js",
        "urlquery",
        "include",
        "list",
        "dict",
        "/*",
        "*/",
        "x",
        "é",
        "\"",
        "'",
        "`",
    ];
    prop_oneof![
        8 => proptest::sample::select(WORDS).prop_map(str::to_owned),
        1 => "\\PC{0,3}".prop_map(|text| text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = execute(&bytes, 10_000, 1 << 20);
        let mut action = b"{{".to_vec();
        action.extend_from_slice(&bytes);
        let _ = execute(&action, 10_000, 1 << 20);
    }

    #[test]
    fn no_template_makes_the_evaluator_panic(
        pieces in proptest::collection::vec(piece(), 0..30),
        expressions in proptest::collection::vec(proptest::collection::vec(piece(), 1..6), 0..4),
    ) {
        let _ = execute(pieces.join(" ").as_bytes(), 10_000, 1 << 20);
        let actions: Vec<String> = expressions
            .iter()
            .map(|pieces| format!("{{{{{}}}}}", pieces.join(" ")))
            .collect();
        let _ = execute(actions.concat().as_bytes(), 10_000, 1 << 20);
    }

    #[test]
    fn no_format_makes_printing_panic(format in "[%+\\-# 0-9.*\\[\\]a-zA-Z%é]{0,12}", number in any::<f64>(), int in any::<i64>()) {
        let mut budget = Budget::new(10_000, 16 << 20);
        let values = [Value::Float(number), Value::int(int), Value::from("é\u{0}"), Value::Nil, data()];
        let _ = fmt::sprintf(&mut budget, format.as_bytes(), &values);
    }

    #[test]
    fn shortest_floats_read_back(number in any::<f64>()) {
        for form in [b'e', b'f', b'g'] {
            let mut out = Vec::new();
            fmt::append_float(&mut out, number, form, None);
            let text = String::from_utf8(out).unwrap();
            prop_assert!(number.is_nan() || text.parse::<f64>() == Ok(number), "{text}");
        }
    }
}

#[test]
fn the_widest_formats_are_those_of_go() {
    let mut budget = Budget::new(1000, 64 << 20);
    let mut length = |format: &str, value: Value| {
        fmt::sprintf(&mut budget, format.as_bytes(), &[value])
            .unwrap()
            .len()
    };
    for verb in ["f", "e", "x"] {
        let places = length(&format!("%.1000000{verb}"), Value::Float(1.5));
        assert!((1_000_002..1_000_010).contains(&places), "{verb}: {places}");
    }
    assert_eq!(length("%.1000000g", Value::Float(1.5)), 3);
    assert_eq!(length("%1000000v", Value::Float(1.5)), 1_000_000);
    assert_eq!(length("%.1000000d", Value::int(1)), 1_000_000);
    assert_eq!(length("%.1000000U", Value::int(1)), 1_000_002);
    assert_eq!(length("%#.1000000g", Value::Float(1.5)), 1_000_001);
}

/// What Helm gives for `{{ .Values.YAML }}`, which ends a line where `toYaml` does not.
#[test]
fn values_print_as_yaml() {
    let out = execute(b"{{ .vals.YAML }}{{ (.vals.Table \"a\").YAML }}", 10_000, 1 << 20);
    assert_eq!(out.unwrap(), b"Table: shadow\na:\n  b: 1\n\"n\": 1\nb: 1\n");
}
