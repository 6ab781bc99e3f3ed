use super::*;

const INDEX: &str = "Package: a\nVersion: 1:2-3\nArchitecture: amd64\nDepends: b (>= 1), c | d:any\nProvides: v (= 4), w\n\
    Source: src (2-3)\nFilename: pool/a.deb\nSize: 12\nInstalled-Size: 34\nTask: x, y\nEssential: yes\nPriority: required\n\
    SHA256: 00000000000000000000000000000000000000000000000000000000000000ff\n\nPackage: b\nVersion: 1\nArchitecture: all\n\n\
    Package: c\nVersion: 1\nArchitecture: riscv64\n";

fn read(text: &str) -> Result<Universe, PackagesError> {
    let mut builder = Builder::new("amd64", &[]);
    builder.add(Origin::default(), text.as_bytes())?;
    Ok(builder.finish())
}

#[test]
fn what_is_needed_in_one_version() {
    let mut builder = Builder::new("amd64", &[]);
    let index = b"Package: a\nVersion: 1\nArchitecture: amd64\nDepends: b (= 2), c (>= 1) | d (= 1), e\n\n\
        Package: b\nVersion: 1\nArchitecture: amd64\n\nPackage: b\nVersion: 2\nArchitecture: amd64\n\n\
        Package: d\nVersion: 1\nArchitecture: amd64\n\nPackage: e\nVersion: 1\nArchitecture: amd64\n";
    builder.add(Origin::default(), index).unwrap();
    let universe = builder.finish();
    let record = universe.versions(universe.package("a", None).unwrap())[0];
    let found: Vec<String> = universe
        .needs_exactly(record)
        .map(|(target, relation)| format!("{relation}: {}", universe.version(target)))
        .collect();
    assert_eq!(found, ["b (= 2): 2", "d (= 1): 1"]);
}

#[test]
fn what_an_index_says_is_kept() {
    let all = read(INDEX).unwrap();
    assert_eq!(all.len(), 2, "packages of another architecture are passed over");
    let package = all.package("a", None).unwrap();
    let [record] = all.versions(package) else { panic!() };
    assert_eq!(all.version(*record), "1:2-3");
    assert_eq!(all.filename(*record), "pool/a.deb");
    assert_eq!((all.size(*record), all.installed_size(*record)), (12, 34));
    assert_eq!(all.sha256(*record).unwrap()[31], 255);
    assert_eq!(all.source(*record), ("src", "2-3"));
    assert_eq!(all.tasks(*record).collect::<Vec<_>>(), ["x", "y"]);
    assert!(all.is_essential(*record));
    assert_eq!(all.priority(*record), Priority::Required);
    assert_eq!(
        all.provides(*record).collect::<Vec<_>>(),
        [("v", Some("4")), ("w", None)]
    );
    let texts: Vec<_> = all.atoms(*record).iter().map(|it| all.atom_text(*it)).collect();
    assert_eq!(texts, ["b (>= 1)", "c", "d:any"]);
    assert_eq!(all.providers("v"), [*record]);
    let other = all.versions(all.package("b", None).unwrap())[0];
    assert_eq!(all.file_architecture(other), "all");
    assert_eq!(all.source(other), ("b", "1"));
}

#[test]
fn the_same_build_in_two_indexes_is_one_version() {
    let mut builder = Builder::new("amd64", &[]);
    let paragraph =
        |version: &str, more: &str| format!("Package: a\nVersion: {version}\nArchitecture: amd64\n{more}\n");
    let one = paragraph("1", "") + &paragraph("2", "");
    let two = paragraph("2", "") + &paragraph("1", "Depends: x\n") + &paragraph("10", "");
    builder.add(Origin::default(), one.as_bytes()).unwrap();
    builder.add(Origin::default(), two.as_bytes()).unwrap();
    let all = builder.finish();
    let versions = all.versions(all.package("a", None).unwrap());
    let texts: Vec<_> = versions.iter().map(|it| all.version(*it)).collect();
    assert_eq!(texts, ["10", "2", "1", "1"]);
    let indexes: Vec<_> = versions
        .iter()
        .map(|it| all.indexes(*it).map(|it| it.0).collect::<Vec<_>>())
        .collect();
    assert_eq!(indexes, [vec![1], vec![0, 1], vec![0], vec![1]]);
}

#[test]
fn only_what_is_installed_is_read_of_a_status_file() {
    let paragraph = |name: &str, status: &str| {
        format!(
            "Package: {name}\nStatus: {status}\nVersion: 1\nArchitecture: amd64\nConffiles:\n /etc/x 0 obsolete\n\n"
        )
    };
    let text = paragraph("a", "install ok installed")
        + &paragraph("b", "deinstall ok config-files")
        + &paragraph("c", "hold ok installed")
        + &paragraph("d", "install ok triggers-pending")
        + &paragraph("e", "install ok not-installed")
        + "Package: f\nStatus: deinstall ok not-installed\nArchitecture: amd64\n\n";
    let mut builder = Builder::new("amd64", &[]);
    let origin = Origin {
        installed: true,
        ..Origin::default()
    };
    builder.add(origin, text.as_bytes()).unwrap();
    let all = builder.finish();
    let names: Vec<_> = all
        .installed()
        .map(|it| all.name(all.package_of_record(it)))
        .collect();
    assert_eq!(names, ["a", "c", "d"]);
}

#[test]
fn what_is_no_index_is_refused_with_its_line() {
    let wrong = |text: &str| {
        let error = read(&format!("Package: ok\nVersion: 1\nArchitecture: all\n\n{text}")).unwrap_err();
        let source = std::error::Error::source(&error)
            .map(|it| format!(": {it}"))
            .unwrap_or_default();
        format!("{error}{source}")
    };
    let start = "Package: a\nVersion: 1\nArchitecture: all\n";
    assert_eq!(
        wrong("Package: a\nVersion: 1\n"),
        "the paragraph at line 5 has no Architecture"
    );
    assert_eq!(
        wrong(&format!("{start}Depends: b\nDepends: c\n")),
        "the paragraph at line 5 has two fields Depends"
    );
    assert_eq!(
        wrong(&format!("{start}Depends: b (\n")),
        "the paragraph at line 5 has a wrong Depends: a bracket of a relation is not closed: \"b (\""
    );
    assert_eq!(
        wrong(&format!("{start}Size: x\n")),
        "the paragraph at line 5 has a wrong Size: \"x\""
    );
    assert_eq!(
        wrong(&format!("{start}SHA256: 00\n")),
        "the paragraph at line 5 has a wrong SHA256: \"00\""
    );
    assert!(wrong(&format!("{start}Filename: pool/../../etc\n")).contains("wrong Filename"));
    assert!(wrong(&format!("{start}Filename: /etc/passwd\n")).contains("wrong Filename"));
    assert!(wrong(&format!("{start}Provides: b (>= 1)\n")).contains("wrong Provides"));
    assert!(wrong("no field\n").contains("line 5"));
    assert!(
        wrong(&format!(
            "Package: a\nVersion: {}\nArchitecture: all\n",
            "1".repeat(70_000)
        ))
        .contains("wrong Version")
    );
}

#[test]
fn names_that_were_never_seen_are_not_found() {
    let all = read(INDEX).unwrap();
    assert_eq!(all.package("zz", None), None);
    assert_eq!(all.package("d", None), None, "only named by others");
    assert_eq!(all.package("a", Some("arm64")), None);
    assert_eq!(all.providers("zz"), []);
    let none = read("").unwrap();
    assert!(none.is_empty());
    assert_eq!(none.packages().count(), 0);
}

/// Names beyond the first size of the table, and versions of one package beyond any real number.
#[test]
fn many_names_and_many_versions_are_kept_apart() {
    let mut text = String::new();
    for at in 0..20_000 {
        text.push_str(&format!(
            "Package: p{at}\nVersion: 1\nArchitecture: all\nDepends: p{}\n\n",
            at + 1
        ));
        text.push_str(&format!("Package: one\nVersion: {at}\nArchitecture: all\n\n"));
    }
    let all = read(&text).unwrap();
    for at in [0, 1, 4095, 4096, 19_999] {
        let package = all.package(&format!("p{at}"), None).unwrap();
        assert_eq!(all.name(package), format!("p{at}"));
        assert_eq!(all.versions(package).len(), 1);
    }
    let versions = all.versions(all.package("one", None).unwrap());
    assert_eq!((versions.len(), all.version(versions[0])), (20_000, "19999"));
}
