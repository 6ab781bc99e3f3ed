//! Charts that mean harm: `airlock template` refuses them in time, with little memory, and says what is wrong.
//!
//! What stops it is always a count, never a clock. The times here only tell a refusal from a hang.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use airlock_tests::memory::cost_and_output;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use crate::desk::Desk;

const CHART: &str = "apiVersion: v2\nname: site\nversion: 1.0.0\n";
/// Five seconds are the aim on a machine that does nothing else.
const TIME: Duration = Duration::from_secs(40);
const MEMORY: u64 = 600_000_000;

/// Runs `airlock template`, whose answer has to be no: one clear error with these texts in it, and nothing else.
#[track_caller]
fn refused(desk: &Desk, words: &[&str], expected: &[&str]) {
    let mut all = vec!["template"];
    all.extend(words);
    let (cost, output) = cost_and_output(&mut desk.command(&all), TIME);
    let said = String::from_utf8(output.stderr).unwrap();
    figure(&format!(
        "{words:?}: {:?}, {} MB: {}",
        cost.time,
        cost.peak / 1_000_000,
        said.lines().next().unwrap_or_default()
    ));
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{words:?} {} {said}",
        output.status
    );
    assert!(output.stdout.is_empty(), "{words:?} printed something");
    assert!(
        said.starts_with("error: ") && said.matches("error: ").count() <= 2,
        "{words:?} {said}"
    );
    for text in expected {
        assert!(said.contains(text), "{words:?} says nothing of {text:?}\n{said}");
    }
    assert!(said.len() < 8000, "{words:?} says {} bytes", said.len());
    let printable = |char: char| char == '\n' || !char.is_control();
    assert!(said.chars().all(printable), "{words:?} {said:?}");
    assert!(cost.peak <= MEMORY, "{words:?} took {} bytes", cost.peak);
}

/// For those who run it with `--nocapture`.
#[expect(clippy::print_stderr, reason = "figures of a test")]
fn figure(line: &str) {
    eprintln!("{line}");
}

/// A chart folder of these files, and of `Chart.yaml`.
fn folder(desk: &Desk, name: &str, files: &[(&str, &str)]) {
    for (path, text) in [("Chart.yaml", CHART)].iter().chain(files) {
        let path = desk.path(name).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Each of these templates is refused, alone in a chart.
#[track_caller]
fn refused_templates(cases: &[(&str, &[&str])]) {
    let desk = Desk::new();
    for (text, expected) in cases {
        folder(&desk, "site", &[("templates/a.yaml", text)]);
        refused(&desk, &["site"], expected);
    }
}

/// An archive that is written as it is told.
struct Archive<W: io::Write>(W);

impl Archive<GzEncoder<BufWriter<File>>> {
    fn create(path: &Path) -> Self {
        let file = BufWriter::new(File::create(path).unwrap());
        Self(GzEncoder::new(file, Compression::fast()))
    }
}

impl<W: io::Write> Archive<W> {
    /// An entry whose header promises `size` bytes.
    fn header(&mut self, path: &str, kind: EntryType, size: u64, link: &str) {
        let mut header = Header::new_ustar();
        let old = header.as_old_mut();
        old.name[..path.len()].copy_from_slice(path.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        self.0.write_all(header.as_bytes()).unwrap();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        let rest = bytes.len().next_multiple_of(512) - bytes.len();
        self.0.write_all(&[0; 512][..rest]).unwrap();
    }

    fn file(&mut self, path: &str, bytes: &[u8]) {
        self.header(path, EntryType::Regular, bytes.len() as u64, "");
        self.bytes(bytes);
    }

    fn end(mut self) -> W {
        self.0.write_all(&[0; 1024]).unwrap();
        self.0
    }
}

/// `chart.tgz` with `Chart.yaml` and what `fill` adds.
fn archive(desk: &Desk, fill: impl FnOnce(&mut Archive<GzEncoder<BufWriter<File>>>)) {
    let mut archive = Archive::create(&desk.path("chart.tgz"));
    archive.file("site/Chart.yaml", CHART.as_bytes());
    fill(&mut archive);
    archive.end().finish().unwrap().flush().unwrap();
}

/// The bytes of such an archive.
fn packed(fill: impl FnOnce(&mut Archive<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
    let mut archive = Archive(GzEncoder::new(Vec::new(), Compression::fast()));
    archive.file("site/Chart.yaml", CHART.as_bytes());
    fill(&mut archive);
    archive.end().finish().unwrap()
}

#[test]
fn a_million_files() {
    let desk = Desk::new();
    archive(&desk, |archive| {
        let mut header = Header::new_ustar();
        header.set_size(0);
        header.set_mode(0o644);
        let mut path = String::new();
        for number in 0..1_000_000 {
            path.clear();
            write!(path, "site/files/{number:07}").unwrap();
            header.set_path(&path).unwrap();
            header.set_cksum();
            archive.0.write_all(header.as_bytes()).unwrap();
        }
    });
    refused(
        &desk,
        &["chart.tgz"],
        &[
            "cannot be loaded: chart.tgz",
            "more than the 50000 entries that are allowed",
        ],
    );

    // As many as the limits need. Behind it stands a file that would be refused for another reason, if it were read.
    for (name, count, ignored, expected) in [
        ("many", 20_000, "", "more than the 20000 files allowed"),
        (
            "ignored",
            200_000,
            "0*",
            "more than the 200000 files and folders allowed",
        ),
    ] {
        folder(&desk, name, &[(".helmignore", ignored)]);
        for number in 0..count {
            File::create(desk.path(name).join(format!("{number:07}"))).unwrap();
        }
        std::os::unix::fs::symlink("/etc", desk.path(name).join("zz")).unwrap();
        refused(&desk, &[name], &[expected, name, "hint: "]);
    }
}

#[test]
fn much_output() {
    let steps: &[&str] = &["steps that are allowed: site/templates/a.yaml", "hint: "];
    let memory: &[&str] = &[
        "bytes of memory that are allowed: site/templates/a.yaml",
        "hint: ",
    ];
    refused_templates(&[
        ("{{ range until 1000000000 }}x{{ end }}", memory),
        (
            "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}",
            steps,
        ),
        (
            "{{ range until 4000000 }}{{ $.Files.Get \"x\" }}{{ end }}{{ range 1000000000 }}{{ end }}",
            steps,
        ),
        ("{{ repeat 1000000000 \"x\" }}", memory),
        (
            "{{ $s := repeat 1000000 \"x\" }}{{ range until 1100 }}{{ $s }}{{ end }}",
            memory,
        ),
        ("{{ printf \"%999999d\" 1 | repeat 1100 }}", memory),
        (
            "{{ $s := \"x\" }}{{ range until 40 }}{{ $s = tpl (print $s $s) $ }}{{ end }}{{ $s }}",
            memory,
        ),
        (
            "{{ $l := list 1 }}{{ range until 40 }}{{ $l = concat $l $l }}{{ end }}{{ $l }}",
            memory,
        ),
        (
            "{{ range until 3000000 }}---\na: b\n{{ end }}",
            &["that are allowed: site/templates/a.yaml"],
        ),
    ]);
    let desk = Desk::new();
    for call in ["include", "template"] {
        let mut text = format!("{{{{ define \"l0\" }}}}{}{{{{ end }}}}", "x".repeat(1000));
        for level in 1..8 {
            let inner = format!("{{{{ {call} \"l{}\" . }}}}", level - 1).repeat(10);
            write!(text, "{{{{ define \"l{level}\" }}}}{inner}{{{{ end }}}}").unwrap();
        }
        let top = format!("{{{{ {call} \"l7\" . }}}}");
        folder(
            &desk,
            "nested",
            &[("templates/_h.tpl", &text), ("templates/a.yaml", &top)],
        );
        refused(
            &desk,
            &["nested"],
            &["bytes of memory that are allowed: site/templates/a.yaml"],
        );
    }
    // No file alone is much.
    let names: Vec<String> = (0..30).map(|number| format!("templates/{number}.yaml")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), "# {{ repeat 5000000 \"x\" }}"))
        .collect();
    folder(&desk, "wide", &files);
    refused(
        &desk,
        &["wide"],
        &["bytes of output that are allowed: site/templates/", "hint: "],
    );
}

#[test]
fn no_end() {
    let own = "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}";
    refused_templates(&[
        (
            own,
            &[
                "site/templates/a.yaml:1:19",
                "rendering template has a nested reference name: x",
                "bytes …",
            ],
        ),
        (
            "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}",
            &["site/templates/a.yaml", "exceeded maximum template depth (10000)"],
        ),
        (
            "{{ $t := \"{{ tpl .t . }}{{ tpl .t . }}\" }}{{ tpl $t (dict \"t\" $t) }}",
            &["nested calls that are allowed"],
        ),
        (
            "{{ $d := dict }}{{ $_ := set $d \"a\" $d }}{{ toYaml $d }}",
            &["levels of nesting"],
        ),
        (
            "{{ $d := dict }}{{ $_ := set $d \"a\" $d }}{{ $d }}",
            &["nested values"],
        ),
        (
            "{{ $d := dict }}{{ $_ := set $d \"a\" $d }}{{ deepCopy $d }}",
            &["values inside each other"],
        ),
        (
            "{{ $_ := set .Values \"a\" .Values }}{{ toJson .Values }}",
            &["levels of nesting"],
        ),
        (
            "{{ range until 300000 }}{{ $_ := set $.Values \"a\" (dict \"a\" $.Values.a) }}{{ end }}{{ toToml .Values }}",
            &["that are allowed"],
        ),
    ]);
}

#[test]
fn paths_that_leave_the_archive() {
    let desk = Desk::new();
    let words: &[&str] = &["the chart cannot be loaded: chart.tgz", "hint: "];
    for path in [
        "../x",
        "/etc/passwd",
        "site//etc/passwd",
        "site/../../x",
        "site/a/../../../x",
        "..\\x",
        "site\\..\\..\\x",
        "C:\\site\\x",
        "site/C:/x",
        "\\\\server\\share\\x",
        "x",
    ] {
        archive(&desk, |archive| archive.file(path, b"x: 1\n"));
        refused(&desk, &["chart.tgz"], words);
    }
    // A name with a NUL needs an extended header.
    archive(&desk, |archive| {
        let record = b"29 path=site/templates/a\0b.y\n";
        archive.header("pax", EntryType::XHeader, record.len() as u64, "");
        archive.bytes(record);
        archive.file("site/templates/c.yaml", b"x: 1\n");
    });
    refused(&desk, &["chart.tgz"], words);
    for (first, second) in [
        ("site/values.yaml", "site/values.yaml"),
        ("site/templates/a.yaml", "site/./templates//a.yaml"),
        ("site/templates/a.yaml", "other/templates/a.yaml"),
    ] {
        archive(&desk, |archive| {
            archive.file(first, b"a: 1\n");
            archive.file(second, b"b: 1\n");
        });
        refused(
            &desk,
            &["chart.tgz"],
            &["the chart holds a file twice: ", "hint: "],
        );
    }
    archive(&desk, |archive| archive.file("site/Chart.yaml", CHART.as_bytes()));
    refused(
        &desk,
        &["chart.tgz"],
        &["the chart holds a file twice: \"Chart.yaml\""],
    );
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
    ] {
        archive(&desk, |archive| {
            archive.header("site/templates/a.yaml", kind, 0, "/etc/passwd");
        });
        refused(
            &desk,
            &["chart.tgz"],
            &[
                "the chart holds a link or a device where a file belongs: \"site/templates/a.yaml\"",
                "hint: ",
            ],
        );
    }
    // What is in the archive within the archive is not better.
    let inner = packed(|archive| archive.header("site/x", EntryType::Symlink, 0, "/etc/passwd"));
    archive(&desk, |archive| archive.file("site/charts/b.tgz", &inner));
    refused(
        &desk,
        &["chart.tgz"],
        &["error unpacking subchart b.tgz in site: ", "a link or a device"],
    );
    // Control characters steer no terminal.
    archive(&desk, |archive| {
        archive.file("site/templates/\x1b[2Jx.yaml", b"{{ fail \"\\x1b]0;x\\a\" }}");
    });
    refused(&desk, &["chart.tgz"], &["\\u{1b}[2Jx.yaml", "\\u{1b}]0;x\\u{7}"]);
}

#[test]
fn files_finds_nothing_outside_of_the_chart() {
    let desk = Desk::new();
    desk.write("secret", "a: secret\n");
    let text = "a:\n\
        {{ range list \"../secret\" \"../../../../../../etc/passwd\" \"/etc/passwd\" \"Chart.yaml\" \"templates/a.yaml\" \"a/../../secret\" }}\
        - [{{ $.Files.Get . | len }}, {{ $.Files.Lines . | len }}, {{ len ($.Files.GetBytes .) }}]\n{{ end }}\
        {{ range list \"../**\" \"/**\" \"**/secret\" \"..\" \"../{secret,x}\" }}\
        - {{ $.Files.Glob . | len }}\n{{ end }}";
    folder(&desk, "site", &[("templates/a.yaml", text)]);
    let (code, said) = desk.run(&["template", "site"]);
    let expected = format!("{}{}", "- [0, 0, 0]\n".repeat(6), "- 0\n".repeat(5));
    assert_eq!(
        (code, said),
        (0, format!("---\n# Source: site/templates/a.yaml\na:\n{expected}"))
    );

    // What the user names may lie anywhere.
    folder(&desk, "in/site", &[("templates/a.yaml", "{{ toJson .Values }}")]);
    let outside = desk.path("secret");
    let given = format!("f={}", outside.display());
    let words = [
        "template",
        "in/site",
        "-f",
        outside.to_str().unwrap(),
        "--set-file",
        &given,
    ];
    let (code, said) = desk.run(&words);
    assert!(
        code == 0 && said.contains("{\"a\":\"secret\",\"f\":\"a: secret\\n\"}"),
        "{said}"
    );
    for words in [["-f", "/dev/zero"], ["--set-file", "a=/dev/zero"]] {
        refused(
            &desk,
            &["in/site", words[0], words[1]],
            &["larger than 67108864 bytes: /dev/zero"],
        );
    }
}

/// Helm follows links wherever they lead, and goes round in circles until the name of a file is too long.
#[test]
fn links_that_leave_the_folder() {
    let desk = Desk::new();
    desk.write("secret", "secret: 1\n");
    let link = |chart: &str, path: &str, target: &str| {
        folder(&desk, chart, &[("templates/a.yaml", "a: 1\n")]);
        std::os::unix::fs::symlink(target, desk.path(chart).join(path)).unwrap();
    };
    for (chart, path, target, expected) in [
        (
            "a",
            "templates/s.yaml",
            "../../secret",
            "leads out of the chart folder",
        ),
        ("b", "values.yaml", "/etc/passwd", "leads out of the chart folder"),
        ("c", "files", "/etc", "leads out of the chart folder"),
        ("d", "zero", "/dev/zero", "leads out of the chart folder"),
        ("e", ".helmignore", "../secret", "leads out of the chart folder"),
        ("f", "charts", "..", "leads out of the chart folder"),
        ("g", "round", ".", "leads in a circle"),
        ("h", "nowhere", "/none", "leads nowhere"),
    ] {
        link(chart, path, target);
        refused(&desk, &[chart], &[expected, path]);
    }
    // Unless it is said that they may lead there.
    let (code, said) = desk.run(&["template", "a", "--follow-links"]);
    assert!(
        code == 0 && said.contains("# Source: site/templates/s.yaml\nsecret: 1\n"),
        "{said}"
    );
    for (chart, expected) in [("d", "a device, pipe or socket"), ("g", "in a circle")] {
        refused(&desk, &[chart, "--follow-links"], &[expected]);
    }
    // One that stays within is a file as any other.
    link("i", "templates/b.yaml", "a.yaml");
    let (code, said) = desk.run(&["template", "i"]);
    assert!(
        code == 0 && said.contains("# Source: site/templates/b.yaml\na: 1\n"),
        "{said}"
    );

    folder(&desk, "hole", &[]);
    File::create(desk.path("hole/x"))
        .unwrap()
        .set_len(10 << 30)
        .unwrap();
    refused(&desk, &["hole"], &["more than the 100.0 MiB allowed", "hole"]);
    folder(&desk, "big", &[]);
    File::create(desk.path("big/x"))
        .unwrap()
        .set_len(6 << 20)
        .unwrap();
    refused(
        &desk,
        &["big"],
        &[
            "cannot be loaded: big",
            "chart file \"x\" is larger than the maximum file size 5242880",
        ],
    );
    folder(&desk, "deep", &[]);
    fs::create_dir_all(desk.path("deep").join("d/".repeat(100))).unwrap();
    refused(&desk, &["deep"], &["more than the 64 levels of folders allowed"]);
}

#[test]
fn expressions() {
    refused_templates(&[
        (
            "{{ mustRegexMatch \"((((a{1,100}){1,100}){1,100}){1,100}){1,100}\" \"a\" }}",
            &["invalid repeat count"],
        ),
        (
            "{{ regexMatch (print (repeat 100000 \"(\") (repeat 100000 \")\")) \"a\" }}",
            &["that are allowed: site/templates/a.yaml"],
        ),
        (
            "{{ range until 100000 }}{{ regexMatch (printf \"(a{1,100}|b%d){1,9}\" .) \"a\" }}{{ end }}",
            &["that are allowed: site/templates/a.yaml"],
        ),
        (
            "{{ $s := repeat 1000000 \"a\" }}{{ range until 100000 }}{{ regexFind \"(a|a)*b\" $s }}{{ end }}",
            &["steps that are allowed: site/templates/a.yaml"],
        ),
        (
            "{{ $s := repeat 300000 \"aab\" }}{{ range until 100000 }}{{ regexFind \"[ab]*a[ab]{400}c\" $s }}{{ end }}",
            &["steps that are allowed: site/templates/a.yaml"],
        ),
        (
            "{{ regexReplaceAll \"\" (repeat 1000000 \"a\") (repeat 1000000 \"b\") }}",
            &["that are allowed: site/templates/a.yaml"],
        ),
        (
            "{{ regexFindAll \"a.*[^a]|a\" (repeat 1000000 \"a\") -1 }}",
            &["that are allowed: site/templates/a.yaml"],
        ),
    ]);
    // One that is bad for engines that try one way after the other is fast here.
    let desk = Desk::new();
    folder(
        &desk,
        "site",
        &[(
            "templates/a.yaml",
            "a: {{ regexMatch \"(a*)*b\" (repeat 100000 \"a\") }}",
        )],
    );
    let (code, said) = desk.run(&["template", "site"]);
    assert!(code == 0 && said.contains("a: false"), "{said}");
}

#[test]
fn aliases_that_multiply() {
    let mut laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (last, letter) in ('a'..'l').zip('b'..='l') {
        let all = vec![format!("*{last}"); 9].join(",");
        writeln!(laughs, "{letter}: &{letter} [{all}]").unwrap();
    }
    let excessive = "document contains excessive aliasing";
    let chart = format!("{CHART}{laughs}");
    let desk = Desk::new();
    for (at, (file, text, expected)) in [
        ("values.yaml", laughs.as_str(), "cannot load values.yaml: "),
        ("Chart.yaml", &chart, "cannot load Chart.yaml: "),
        ("Chart.lock", &laughs, "cannot load Chart.lock: "),
        ("requirements.yaml", &laughs, "cannot load requirements.yaml: "),
        (
            "templates/a.yaml",
            &laughs,
            "YAML parse error on site/templates/a.yaml: ",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("c{at}");
        folder(&desk, &name, &[(file, text)]);
        refused(&desk, &[&name], &[expected, excessive]);
    }
    desk.write("laughs.yaml", &laughs);
    refused(
        &desk,
        &["c4", "-f", "laughs.yaml"],
        &["failed to parse laughs.yaml: ", excessive],
    );
    // `fromYaml` gives the error as a value, as Helm's does.
    folder(
        &desk,
        "from",
        &[
            ("laughs.yaml", &laughs),
            (
                "templates/a.yaml",
                "{{ with .Files.Get \"laughs.yaml\" | fromYaml }}{{ required .Error nil }}{{ end }}",
            ),
        ],
    );
    refused(&desk, &["from"], &["site/templates/a.yaml:1", excessive]);
}

#[test]
fn depth() {
    const DEEP: usize = 200_000;
    let desk = Desk::new();
    let open = "[".repeat(DEEP);
    let deep = "levels of nesting that are allowed";
    for (at, (file, text, expected)) in [
        ("values.yaml", format!("a: {open}"), deep),
        ("values.yaml", "- ".repeat(DEEP), deep),
        ("values.yaml", format!("a: {}", "{a: ".repeat(DEEP)), deep),
        ("Chart.yaml", format!("a: {open}"), deep),
        ("values.schema.json", "{\"not\":".repeat(DEEP), deep),
        ("values.schema.json", "{\"$ref\":\"#\"}".to_owned(), "reference cycle"),
        ("templates/a.yaml", format!("a: {open}"), deep),
        ("templates/a.yaml", format!("{{{{ {}", "(".repeat(DEEP)), "(site/templates/a.yaml:1): max expression depth exceeded"),
        ("templates/a.yaml", "{{ if 1 }}".repeat(DEEP), "(site/templates/a.yaml:1): max nesting depth exceeded"),
        ("templates/a.yaml", format!("{{{{ .Values{} }}}}", ".a".repeat(DEEP)), "site/templates/a.yaml:1:10"),
        ("templates/a.yaml", format!("{{{{ mustFromJson (repeat {DEEP} \"[\") }}}}"), deep),
        ("templates/a.yaml", format!("{{{{ fromYaml (print \"a: \" (repeat {DEEP} \"[\")) }}}}"), deep),
        ("templates/a.yaml", format!("{{{{ fromToml (print \"a = \" (repeat {DEEP} \"[\")) }}}}"), deep),
        ("templates/a.yaml", format!("{{{{ fromToml (print \"a\" (repeat {DEEP} \".a\") \" = 1\") }}}}"), deep),
        (
            "templates/a.yaml",
            format!("{{{{ $d := dict }}}}{{{{ range until {DEEP} }}}}{{{{ $d = dict \"a\" $d }}}}{{{{ end }}}}{{{{ toYaml $d }}}}"),
            deep,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("c{at}");
        folder(&desk, &name, &[(file, &text)]);
        refused(&desk, &[&name], &[expected]);
    }
    let json = format!("a={open}");
    let levels = format!("a{}=1", ".a".repeat(20_000));
    folder(&desk, "flat", &[]);
    for (words, expected) in [
        (["--set-json", &json[..100_000]], "failed parsing --set-json data"),
        (["--set", &levels], "nested level is greater than maximum"),
        (
            ["--set", "a[99999999]=1"],
            "index of 99999999 is greater than maximum",
        ),
    ] {
        refused(&desk, &["flat", words[0], words[1]], &[expected]);
    }
}

#[test]
fn archives_that_swell() {
    let desk = Desk::new();
    let swollen = "decompressed chart is larger than the maximum size 104857600";
    let zeros = vec![0; 4 << 20];
    archive(&desk, |archive| {
        archive.header("site/x", EntryType::Regular, 2 << 30, "");
        (0..512).for_each(|_| archive.0.write_all(&zeros).unwrap());
    });
    refused(
        &desk,
        &["chart.tgz"],
        &["cannot be loaded: chart.tgz", swollen, "hint: "],
    );
    archive(&desk, |archive| {
        (0..200).for_each(|number| archive.file(&format!("site/{number}"), &zeros));
    });
    refused(&desk, &["chart.tgz"], &[swollen]);
    // Behind the end of the tar.
    archive(&desk, |archive| {
        archive.0.write_all(&[0; 1024]).unwrap();
        (0..200).for_each(|_| archive.0.write_all(&zeros).unwrap());
    });
    refused(&desk, &["chart.tgz"], &[swollen]);
    // Sizes that are not true.
    for size in [6 << 20, (1 << 33) - 1] {
        archive(&desk, |archive| {
            archive.header("site/x", EntryType::Regular, size, "");
        });
        refused(
            &desk,
            &["chart.tgz"],
            &["cannot be loaded: chart.tgz", "the chart archive cannot be read"],
        );
    }
    archive(&desk, |archive| {
        archive.header("@", EntryType::GNULongName, 32 << 20, "");
        (0..8).for_each(|_| archive.0.write_all(&zeros).unwrap());
    });
    refused(&desk, &["chart.tgz"], &["bytes of one name that are allowed"]);

    // Archives in archives: deep, heavy, and many small files in each.
    let mut inner = packed(|_| {});
    for _ in 0..40 {
        inner = packed(|archive| archive.file("site/charts/a.tgz", &inner));
    }
    fs::write(desk.path("chart.tgz"), &inner).unwrap();
    refused(&desk, &["chart.tgz"], &["charts within charts that are allowed"]);
    let heavy = packed(|archive| (0..20).for_each(|number| archive.file(&format!("site/{number}"), &zeros)));
    let small = packed(|archive| (0..45_000).for_each(|number| archive.file(&format!("site/{number}"), b"")));
    for inner in [heavy, small] {
        archive(&desk, |archive| {
            (0..100).for_each(|number| archive.file(&format!("site/charts/{number}.tgz"), &inner));
        });
        refused(
            &desk,
            &["chart.tgz"],
            &[
                "bytes in archives within the archive that are allowed",
                "chart.tgz",
            ],
        );
    }

    File::create(desk.path("chart.tgz"))
        .unwrap()
        .set_len(10 << 30)
        .unwrap();
    refused(
        &desk,
        &["chart.tgz"],
        &["the chart is larger than 104857600 bytes: chart.tgz"],
    );
    for bytes in [&b""[..], b"no archive", &packed(|_| {})[..60]] {
        fs::write(desk.path("chart.tgz"), bytes).unwrap();
        refused(
            &desk,
            &["chart.tgz"],
            &[
                "cannot be loaded: chart.tgz",
                "the chart archive cannot be read",
                "hint: ",
            ],
        );
    }
}
