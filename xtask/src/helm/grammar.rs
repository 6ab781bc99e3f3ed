//! Values and templates made by chance, mostly of the right types, sometimes not.
//!
//! Left out is what has no answer to compare: randomness, clocks, and the orders of Go's maps.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A kind of argument or result: one letter in the signatures of `grammar.txt`, which are `name arguments result`,
/// where a star repeats the last argument.
///
/// `s` text, `i` a small whole number, `n` any number, `b` a bool, `l` a list, `m` a map, `a` anything, `k` a key,
/// `r` a regular expression, `v` a version, `c` a constraint, `o` a version that was read, `d` a layout of dates,
/// `t` a time, `p` the parts of a text. `I` is a small constant, where a large number would take all memory; `D` is
/// a map of its own, lest one comes to hold itself.
type Kind = char;

/// The words of `grammar.txt`, by the name of their section.
fn words(section: &str) -> &'static [&'static str] {
    static WORDS: OnceLock<BTreeMap<&'static str, Vec<&'static str>>> = OnceLock::new();
    let all = WORDS.get_or_init(|| {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut section = "";
        for line in include_str!("grammar.txt")
            .lines()
            .filter(|line| !line.starts_with("# "))
        {
            match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                Some(name) => section = name,
                None => all.entry(section).or_default().push(line),
            }
        }
        all
    });
    all.get(section).map_or(&[], Vec::as_slice)
}

/// Makes values and templates; the same seed makes the same.
pub(super) struct Generator {
    seed: u64,
    /// Inside of a named template, whose root may be anything.
    inside: bool,
    /// How many blocks with a dot of their own are open.
    depth: usize,
    /// The variables in reach.
    variables: Vec<&'static str>,
}

impl Generator {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            seed: seed.wrapping_mul(0x2545_f491_4f6c_dd1d),
            inside: false,
            depth: 0,
            variables: Vec::new(),
        }
    }

    /// The next of a row of numbers that depend on the seed alone (splitmix64).
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.seed;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % limit.max(1) as u64).unwrap_or(0)
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        let at = self.below(all.len());
        all.get(at).copied().unwrap_or_default()
    }

    fn word(&mut self, section: &str) -> &'static str {
        self.one_of(words(section))
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// The lines of a values file, each for itself.
    pub(super) fn values(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for name in ["s", "t", "n", "i", "b", "l", "m", "o"] {
            let value = match name {
                "s" | "t" => self.value('s', 0),
                "n" | "i" => self.value('n', 0),
                "b" => self.one_of(&["true", "false", "yes", "off"]).to_owned(),
                "l" => self.value('l', 2),
                "m" => self.value('m', 2),
                _ => self.value('a', 3),
            };
            lines.push(format!("{name}: {value}\n"));
        }
        if self.chance(3) {
            lines.push("block: |\n  first line\n    second: line\n\n  third\n".to_owned());
        }
        lines
    }

    /// A value in YAML's flow style.
    fn value(&mut self, kind: Kind, depth: usize) -> String {
        match kind {
            's' => self.word("texts").to_owned(),
            'n' => self
                .one_of(&[
                    "1",
                    "0",
                    "-7",
                    "8080",
                    "1000000",
                    "1.5",
                    "0.1",
                    "12345678901234567890",
                    "3",
                    "2",
                    "1e-5",
                ])
                .to_owned(),
            'l' => {
                let items: Vec<String> = (0..self.below(4))
                    .map(|_| self.value('a', depth.saturating_sub(1)))
                    .collect();
                format!("[{}]", items.join(", "))
            }
            'm' => {
                let mut keys: Vec<&str> = words("keys").to_vec();
                let mut items = Vec::new();
                for _ in 0..self.below(4) {
                    let key = keys.swap_remove(self.below(keys.len()));
                    items.push(format!("{key}: {}", self.value('a', depth.saturating_sub(1))));
                }
                format!("{{{}}}", items.join(", "))
            }
            _ => match self.below(if depth == 0 { 4 } else { 7 }) {
                0 => self.word("scalars").replace(':', "-"),
                1 => self.value('n', 0),
                2 => self.value('s', 0),
                3 => self.one_of(&["true", "false", "null"]).to_owned(),
                4 | 5 => self.value('m', depth),
                _ => self.value('l', depth),
            },
        }
    }

    /// Named templates that lines may include.
    pub(super) fn helpers(&mut self) -> String {
        let mut out = String::new();
        self.inside = true;
        for name in ["a", "b"] {
            let body = self.expression('a', 1);
            out.push_str(&format!(
                "{{{{- define \"{name}\" -}}}}\n[{{{{ {body} }}}}]\n{{{{- end }}}}\n"
            ));
        }
        self.inside = false;
        out
    }

    /// A line of a template.
    pub(super) fn line(&mut self) -> String {
        self.variables.clear();
        format!("{}\n", self.statement(2))
    }

    fn open(&mut self) -> &'static str {
        if self.chance(8) { "{{- " } else { "{{ " }
    }

    fn close(&mut self) -> &'static str {
        if self.chance(8) { " -}}" } else { " }}" }
    }

    fn action(&mut self, text: &str) -> String {
        format!("{}{text}{}", self.open(), self.close())
    }

    fn statement(&mut self, depth: usize) -> String {
        let choice = self.below(if depth == 0 { 8 } else { 18 });
        match choice {
            0..=7 => {
                let kind = self.kind();
                let text = self.pipeline(kind, depth + 1);
                let action = self.action(&text);
                format!("x: {action} y")
            }
            8 | 9 => {
                let condition = self.condition();
                let (then, other) = (self.statement(depth - 1), self.statement(depth - 1));
                let start = self.action(&format!("if {condition}"));
                let middle = match self.below(3) {
                    0 => String::new(),
                    1 => self.action("else") + &other,
                    _ => {
                        let condition = self.condition();
                        self.action(&format!("else if {condition}")) + &other
                    }
                };
                format!("{start}{then}{middle}{}", self.action("end"))
            }
            10 | 11 => self.range(depth),
            12 | 13 => {
                let text = self.pipeline('a', 1);
                self.depth += 1;
                let body = self.statement(depth - 1);
                self.depth -= 1;
                let start = self.action(&format!("with {text}"));
                let other = if self.chance(2) {
                    self.action("else") + "empty"
                } else {
                    String::new()
                };
                format!("{start}{{{{ . | toJson }}}}{body}{other}{}", self.action("end"))
            }
            14 | 15 => {
                let kind = self.kind();
                let text = self.pipeline(kind, 1);
                let declared = self.action(&format!("$x := {text}"));
                self.variables.push("$x");
                let body = self.statement(depth - 1);
                let change = if self.chance(2) {
                    let text = self.pipeline('a', 1);
                    self.action(&format!("$x = {text}"))
                } else {
                    String::new()
                };
                self.variables.pop();
                format!("{declared}{body}{change}{{{{ $x }}}}")
            }
            16 => {
                let text = self.expression('a', 1);
                let name = self.one_of(&["a", "b"]);
                format!("t: {}", self.action(&format!("template \"{name}\" {text}")))
            }
            _ => {
                let map = self.one_of(&["$.Values.m", "$.Values", "$.Values.o"]);
                let key = self.word("keys");
                let value = self.expression('a', 1);
                format!(
                    "{}{{{{ $.Values | toJson }}}}",
                    self.action(&format!("$_ := set {map} {key} (deepCopy {value})"))
                )
            }
        }
    }

    fn range(&mut self, depth: usize) -> String {
        let kind = self
            .one_of(&["l", "m", "l", "a", "i"])
            .chars()
            .next()
            .unwrap_or('l');
        // Without variables and `.`: one of them may be a number that never ends.
        let variables = std::mem::take(&mut self.variables);
        let over = match kind {
            'i' => self.word("small").to_owned(),
            'a' => self.operand('m'),
            _ if self.chance(2) => self.operand(kind),
            _ => self.call(kind, 1),
        };
        self.variables = variables;
        let (head, names) = match self.below(3) {
            0 => (over, 0),
            1 => (format!("$v := {over}"), 1),
            _ => (format!("$k, $v := {over}"), 2),
        };
        self.variables.extend(["$v", "$k"].iter().take(names));
        self.depth += 1;
        let body = self.statement(depth - 1);
        let body = if self.chance(6) {
            let flow = self.one_of(&["{{ break }}", "{{ continue }}"]);
            let condition = self.condition();
            format!("{{{{ if {condition} }}}}{flow}{{{{ end }}}}{body}")
        } else {
            body
        };
        self.depth -= 1;
        self.variables.truncate(self.variables.len() - names);
        let other = if self.chance(3) {
            self.action("else") + "none"
        } else {
            String::new()
        };
        let start = self.action(&format!("range {head}"));
        format!("{start}{{{{ . }}}}{body},{other}{}", self.action("end"))
    }

    fn condition(&mut self) -> String {
        let kind = if self.chance(3) { 'a' } else { 'b' };
        self.pipeline(kind, 1)
    }

    fn kind(&mut self) -> Kind {
        let at = self.below(12);
        "ssssnnbllmma".chars().nth(at).unwrap_or('a')
    }

    /// A command, perhaps with others behind it.
    fn pipeline(&mut self, kind: Kind, depth: usize) -> String {
        let text = self.expression(kind, depth);
        match self.below(5) {
            0 => format!(
                "{text} | {}",
                self.one_of(&[
                    "quote",
                    "toYaml",
                    "toJson",
                    "toString",
                    "kindOf",
                    "default \"d\"",
                    "squote",
                    "typeOf",
                    "print",
                    "toRawJson",
                    "empty",
                    "html",
                    "not",
                    "int",
                    "len"
                ])
            ),
            1 => format!(
                "{text} | {} | {}",
                self.one_of(&["toYaml", "toString", "toJson", "toPrettyJson", "toYamlPretty"]),
                self.one_of(&[
                    "indent 2",
                    "nindent 4",
                    "quote",
                    "trim",
                    "upper",
                    "b64enc",
                    "trunc 5",
                    "sha256sum",
                    "fromYaml",
                    "fromJson",
                    "fromYamlArray",
                    "len"
                ])
            ),
            _ => text
                .strip_prefix('(')
                .and_then(|inner| inner.strip_suffix(')'))
                .map_or(text.clone(), |inner| {
                    // Only where the parentheses belong together.
                    if balanced(inner) {
                        inner.to_owned()
                    } else {
                        text.clone()
                    }
                }),
        }
    }

    /// An operand: a constant, a field, a variable, or a call in parentheses.
    fn expression(&mut self, kind: Kind, depth: usize) -> String {
        // Types that do not fit are what half of Go's errors are about.
        let kind = if "snblma".contains(kind) && self.chance(100) {
            self.kind()
        } else {
            kind
        };
        if kind == 'D' {
            let map = self.expression('m', depth.saturating_sub(1));
            return format!("(deepCopy {map})");
        }
        if depth == 0 || kind == 'I' || self.chance(3) {
            return self.operand(kind);
        }
        if kind == 's' && self.chance(6) {
            return self.printf(depth);
        }
        self.call(kind, depth)
    }

    /// A call of a function with results of this kind.
    fn call(&mut self, kind: Kind, depth: usize) -> String {
        let functions: Vec<&'static str> = words("functions")
            .iter()
            .copied()
            .filter(|line| kind == 'a' || line.ends_with(kind))
            .collect();
        let Some(line) = functions.get(self.below(functions.len())) else {
            return self.operand(kind);
        };
        let mut words = line.split(' ');
        let (name, signature) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if name == "fail" && !self.chance(10) {
            return self.operand(kind);
        }
        let mut kinds: Vec<Kind> = signature
            .chars()
            .filter(|letter| !"*-".contains(*letter))
            .collect();
        if signature.ends_with('*') {
            let last = kinds.pop().unwrap_or('a');
            kinds.extend((0..=self.below(3)).map(|_| last));
        }
        if self.chance(60) {
            kinds.pop();
        }
        let mut arguments: Vec<String> = Vec::new();
        for (at, kind) in kinds.iter().enumerate() {
            arguments.push(match (name, at) {
                ("include", 0) => format!("\"{}\"", self.one_of(&["a", "b"])),
                ("tpl", 0) => format!(
                    "\"{}\"",
                    self.one_of(&[
                        "plain",
                        "{{ . }}",
                        "{{ .Values.s }}",
                        "{{ if . }}a{{ else }}b{{ end }}",
                        "{{ .a.b }}",
                        "{{",
                        "{{ nope }}",
                        "{{ define \\\"x\\\" }}d{{ end }}{{ template \\\"x\\\" }}",
                        "{{ $x := . }}{{ $x | toJson }}"
                    ])
                ),
                ("kindIs" | "typeIs" | "typeIsLike", 0) => format!(
                    "\"{}\"",
                    self.one_of(&[
                        "string",
                        "map",
                        "slice",
                        "float64",
                        "int",
                        "int64",
                        "bool",
                        "invalid",
                        "map[string]interface {}",
                        "[]interface {}"
                    ])
                ),
                _ => self.expression(*kind, depth - 1),
            });
        }
        if kinds.len() > 1 && self.chance(3) {
            let last = arguments.pop().unwrap_or_default();
            return format!("({last} | {name} {})", arguments.join(" "));
        }
        format!("({name} {})", arguments.join(" ")).replace(" )", ")")
    }

    fn printf(&mut self, depth: usize) -> String {
        let format = self.word("formats");
        let count = self.below(3);
        let arguments: Vec<String> = (0..count)
            .map(|_| {
                let kind = self.kind();
                self.expression(kind, depth - 1)
            })
            .collect();
        format!("(printf {format} {})", arguments.join(" ")).replace(" )", ")")
    }

    /// An operand without fields of the root.
    fn constant(&mut self, kind: Kind) -> String {
        match kind {
            's' => self.word("texts").to_owned(),
            'n' => self.word("numbers").to_owned(),
            'b' => self.one_of(&["true", "false"]).to_owned(),
            'l' => self
                .one_of(&["(list)", "(list 1 \"b\" nil)", "(until 2)"])
                .to_owned(),
            'm' => self.one_of(&["(dict)", "(dict \"a\" 1 \"b\" \"x\")"]).to_owned(),
            'a' => match self.below(6) {
                0 => self.constant('s'),
                1 => self.constant('n'),
                2 => self.constant('l'),
                3 => self.constant('m'),
                _ => ".".to_owned(),
            },
            _ => self.operand_of(kind),
        }
    }

    fn operand(&mut self, kind: Kind) -> String {
        if !self.variables.is_empty() && "snlma".contains(kind) && self.chance(4) {
            let variables = self.variables.clone();
            return self.one_of(&variables).to_owned();
        }
        if self.inside {
            return self.constant(kind);
        }
        self.operand_of(kind)
    }

    fn operand_of(&mut self, kind: Kind) -> String {
        match kind {
            's' if self.chance(2) => self
                .one_of(&[
                    "$.Values.s",
                    "$.Values.t",
                    "$.Release.Name",
                    "$.Chart.Version",
                    "($.Values.block | toString)",
                ])
                .to_owned(),
            's' => self.word("texts").to_owned(),
            'n' if self.chance(3) => self.one_of(&["$.Values.n", "$.Values.i"]).to_owned(),
            'n' => self.word("numbers").to_owned(),
            'i' | 'I' => self.word("small").to_owned(),
            'b' => self.one_of(&["true", "false", "$.Values.b"]).to_owned(),
            'l' if self.chance(2) => "$.Values.l".to_owned(),
            'l' => self
                .one_of(&[
                    "(list)",
                    "(list 1 2 3)",
                    "(list \"b\" \"a\" \"\")",
                    "(list 1 \"x\" nil true)",
                    "(splitList \",\" \"c,a,b\")",
                    "(until 3)",
                    "(list (dict \"a\" 1) (list 2))",
                ])
                .to_owned(),
            'm' if self.chance(2) => self.one_of(&["$.Values.m", "$.Values", "$.Values.m"]).to_owned(),
            'm' => self
                .one_of(&[
                    "(dict)",
                    "(dict \"a\" 1 \"b\" \"x\")",
                    "(dict \"a\" (dict \"b\" (list 1)))",
                    "(dict \"key\" nil \"num\" 0 \"s\" \"\")",
                ])
                .to_owned(),
            'k' => self.word("keys").to_owned(),
            'r' => self.word("regexes").to_owned(),
            'v' => self.word("versions").to_owned(),
            'c' => self.word("constraints").to_owned(),
            'd' => self.word("layouts").to_owned(),
            't' => self
                .one_of(&[
                    "(toDate \"2006-01-02\" \"2024-02-29\")",
                    "(toDate \"2006-01-02 15:04:05\" \"1999-12-31 23:59:58\")",
                    "0",
                    "1700000000",
                ])
                .to_owned(),
            'o' => format!("(semver {})", self.word("versions")),
            _ => match self.below(12) {
                0 => "nil".to_owned(),
                1 => "$.Values.o".to_owned(),
                2 => "$.Values.missing".to_owned(),
                3 => format!("$.Values.m.{}", self.one_of(&["a", "b", "key", "name", "num"])),
                4 => format!("(get (dict \"a\" $.Values.o) {})", self.word("keys")),
                // Never the root, which prints addresses.
                5 if self.depth > 0 => ".".to_owned(),
                5 => "$.Chart".to_owned(),
                6 => self.operand('s'),
                7 => self.operand('n'),
                8 => self.operand('l'),
                9 => self.operand('m'),
                10 => self.operand('b'),
                _ => format!(
                    "((($.Values.m).{}).{})",
                    self.one_of(&["a", "map", "none"]),
                    self.one_of(&["a", "b"])
                ),
            },
        }
    }
}

/// Whether no parenthesis closes before it opens, outside of strings.
fn balanced(text: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    for sign in text.chars() {
        match sign {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}
