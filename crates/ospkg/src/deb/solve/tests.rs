use super::*;
use crate::deb::pins::Preferences;
use crate::deb::universe::{Builder, Origin};

/// An index from lines like `a 1 Depends: b | c; Conflicts: d`.
fn index(lines: &str) -> String {
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, "1"));
        let (version, fields) = rest.split_once(' ').unwrap_or((rest, ""));
        let name_and_architecture = name.split_once(':').unwrap_or((name, "amd64"));
        let (name, architecture) = name_and_architecture;
        text.push_str(&format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n"
        ));
        for field in fields.split(';').map(str::trim).filter(|it| !it.is_empty()) {
            text.push_str(field);
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn universe(lines: &str) -> Universe {
    let mut builder = Builder::new("amd64", &["arm64"]);
    builder.add(Origin::default(), index(lines).as_bytes()).unwrap();
    builder.finish()
}

fn run(universe: &Universe, words: &str, recommends: bool) -> Result<Vec<String>, String> {
    let preferences = Preferences::default();
    let policy = Policy::new(universe, &preferences);
    let installed: Vec<RecordId> = universe.installed().collect();
    let candidates = Candidates::new(universe, &policy, &installed);
    let mut request = Request {
        recommends,
        ..Request::default()
    };
    for word in words.split_whitespace() {
        request
            .wanted
            .extend(wanted(universe, word).map_err(|it| it.to_string())?);
    }
    let solution = solve(universe, &candidates, &request).map_err(|it| it.to_string())?;
    let mut all: Vec<String> = solution
        .install
        .iter()
        .map(|it| {
            format!(
                "{}={}",
                universe.name(universe.package_of_record(it.record)),
                universe.version(it.record)
            )
        })
        .collect();
    all.extend(
        solution
            .remove
            .iter()
            .map(|it| format!("-{}", universe.name(universe.package_of_record(*it)))),
    );
    all.sort();
    Ok(all)
}

fn names(lines: &str, words: &str) -> String {
    match run(&universe(lines), words, false) {
        Ok(all) => all
            .iter()
            .map(|it| it.split('=').next().unwrap())
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => error,
    }
}

#[test]
fn the_first_alternative_is_taken_unless_another_is_there() {
    assert_eq!(names("a 1 Depends: b | c\nb 1\nc 1", "a"), "a b");
    assert_eq!(names("a 1 Depends: b | c\nb 1\nc 1", "c a"), "a c");
    assert_eq!(
        names("a 1 Depends: x, b | c\nx 1 Depends: c\nb 1\nc 1", "a"),
        "a c x"
    );
    assert_eq!(names("a 1 Depends: b (>= 2) | c\nb 1\nc 1", "a"), "a c");
    assert_eq!(names("a 1 Depends: b | c\nb 1 Depends: gone\nc 1", "a"), "a c");
}

#[test]
fn providers_are_taken_by_name_then_priority_then_order() {
    let all =
        "z 1 Depends: m\nexim 1 Provides: m\npostfix 1 Provides: m; Priority: important\nm2 1 Provides: m";
    assert_eq!(names(all, "z"), "postfix z");
    let equals = "z 1 Depends: m\none 1 Provides: m\nother 1 Provides: m";
    assert_eq!(names(equals, "z"), "other z");
    let real = "z 1 Depends: m\none 1 Provides: m; Priority: required\nm 1";
    assert_eq!(names(real, "z"), "m z");
    let versioned =
        "z 1 Depends: m (>= 2)\none 1 Provides: m\ntwo 1 Provides: m (= 1)\nthree 1 Provides: m (= 2)";
    assert_eq!(names(versioned, "z"), "three z");
}

#[test]
fn recommended_packages_are_taken_when_asked_for_and_possible() {
    let all = universe("a 1 Recommends: b, gone; Suggests: c\nb 1 Recommends: d\nc 1\nd 1 Depends: gone");
    assert_eq!(run(&all, "a", false).unwrap(), ["a=1"]);
    assert_eq!(run(&all, "a", true).unwrap(), ["a=1", "b=1"]);
}

#[test]
fn every_package_says_why_it_is_there() {
    let all = universe("a 1 Depends: b (>= 1) | c\nb 1 Pre-Depends: d:any\nd 1 Multi-Arch: allowed");
    let preferences = Preferences::default();
    let candidates = Candidates::new(&all, &Policy::new(&all, &preferences), &[]);
    let request = Request {
        wanted: wanted(&all, "a").unwrap(),
        recommends: false,
    };
    let solution = solve(&all, &candidates, &request).unwrap();
    let why: Vec<String> = solution
        .install
        .iter()
        .map(|it| match &it.why {
            Why::Wanted => "wanted".to_owned(),
            Why::Needed { by, kind, relation } => {
                format!("{} {kind}: {relation}", all.name(all.package_of_record(*by)))
            }
        })
        .collect();
    assert_eq!(why, ["wanted", "a Depends: b (>= 1) | c", "b Pre-Depends: d:any"]);
}

#[test]
fn what_contradicts_is_taken_back_or_searched_for() {
    // The walk takes b, which c cannot be with; only the search finds x.
    let all = "a 1 Depends: b | x, c\nb 1\nc 1 Conflicts: b\nx 1";
    assert_eq!(names(all, "a"), "a c x");
    let far = "a 1 Depends: p | q, r\np 1 Depends: s | t\nq 1\nr 1 Depends: u\nu 1 Breaks: p\ns 1\nt 1";
    assert_eq!(names(far, "a"), "a q r u");
    // A package does not conflict with itself.
    assert_eq!(names("a 1 Provides: m; Conflicts: m", "a"), "a");
    assert_eq!(names("a 1 Breaks: b (<< 2)\nb 2", "a b"), "a b");
}

#[test]
fn without_a_solution_sentences_say_why() {
    let error = names(
        "nginx 1.22 Depends: lib\nlib 3 Depends: libc6 (>= 2.38)\nlibc6 2.36",
        "nginx",
    );
    assert_eq!(
        error,
        "no set of packages satisfies everything that is needed: lib 3 needs libc6 (>= 2.38), the target release \
         has libc6 2.36; lib 3 is needed by nginx 1.22"
    );
    let error = names("a 1 Depends: gone | b (= 2)\nb 1", "a");
    assert!(
        error.ends_with("a 1 needs gone or b (= 2), no repository has gone, and the target release has b 1"),
        "{error}"
    );
    let error = names(
        "a 1 Depends: x\nb 1 Depends: y\nc 1\nx 1 Conflicts: y\ny 1",
        "a c b",
    );
    assert!(
        error.ends_with(
            "a and b cannot be installed together; x 1 conflicts with y 1; x 1 is needed by a 1; y 1 is needed by b 1"
        ),
        "{error}"
    );
}

#[test]
fn words_choose_versions_releases_architectures_and_tasks() {
    let mut builder = Builder::new("amd64", &["arm64"]);
    let stable = Origin {
        archive: "stable".into(),
        codename: "bookworm".into(),
        ..Origin::default()
    };
    let backports = Origin {
        archive: "stable-backports".into(),
        not_automatic: true,
        but_automatic_upgrades: true,
        ..Origin::default()
    };
    builder
        .add(
            stable,
            index("a 1 Task: web, x\nb 1 Task: web\na:arm64 1\nv 1 Provides: m\nw 1 Provides: m, n")
                .as_bytes(),
        )
        .unwrap();
    builder.add(backports, index("a 2").as_bytes()).unwrap();
    let all = builder.finish();
    let check = |words: &str| run(&all, words, false).map_or_else(|it| it, |it| it.join(" "));
    assert_eq!(check("a"), "a=1");
    assert_eq!(check("a=2"), "a=2");
    assert_eq!(check("a/stable-backports"), "a=2");
    assert_eq!(check("a/bookworm"), "a=1");
    assert_eq!(check("a:arm64"), "a=1");
    assert_eq!(check("web^"), "a=1 b=1");
    assert_eq!(check("n"), "w=1");
    assert_eq!(
        check("m"),
        "m is virtual, ask for one of the packages that provide it: v, w"
    );
    assert_eq!(
        check("a=3"),
        "no repository has this version of a (there is 2, 1): 3"
    );
    assert_eq!(
        check("b/stable-backports"),
        "b is in none of the repositories of this release: stable-backports"
    );
    assert_eq!(check("q"), "no repository has a package of this name: q");
    assert_eq!(check("y^"), "no package belongs to this task: y");
}

#[test]
fn architectures_serve_each_other_only_where_they_say_so() {
    assert_eq!(
        names("a 1 Depends: b\nb:arm64 1", "a").split(' ').next(),
        Some("no")
    );
    assert_eq!(names("a 1 Depends: b\nb:arm64 1 Multi-Arch: foreign", "a"), "a b");
    assert_eq!(
        names("a 1 Depends: b:any\nb:arm64 1 Multi-Arch: allowed", "a"),
        "a b"
    );
    assert_eq!(
        names("a 1 Depends: b:any\nb 1", "a").split(' ').next(),
        Some("no")
    );
    assert_eq!(names("a 1 Depends: b:arm64\nb 1\nb:arm64 1", "a"), "a b");
    assert_eq!(
        names("a 1 Depends: b:riscv64\nb 1", "a").split(' ').next(),
        Some("no")
    );
    assert_eq!(names("a:all 1 Depends: b\nb 1\nb:arm64 1", "a"), "a b");
}

/// What becomes of a system that has the first packages.
fn on(installed: &str, lines: &str, words: &str, recommends: bool) -> String {
    let status = index(installed).replace("\nVersion", "\nStatus: install ok installed\nVersion");
    let mut builder = Builder::new("amd64", &[]);
    builder.add(Origin::default(), index(lines).as_bytes()).unwrap();
    let origin = Origin {
        installed: true,
        ..Origin::default()
    };
    builder.add(origin, status.as_bytes()).unwrap();
    run(&builder.finish(), words, recommends).map_or_else(|it| it, |it| it.join(" "))
}

#[test]
fn what_is_installed_stays_is_upgraded_or_makes_room() {
    let with = |installed: &str, lines: &str, words: &str| on(installed, lines, words, false);
    assert_eq!(with("b 1", "a 1 Depends: b\nb 1", "a"), "a=1");
    assert_eq!(with("b 1", "a 1 Depends: b\nb 2", "a"), "a=1");
    assert_eq!(with("b 1", "a 1 Depends: b (>= 2)\nb 2", "a"), "a=1 b=2");
    assert_eq!(with("c 1", "a 1 Depends: b | c\nb 1\nc 1", "a"), "a=1");
    assert_eq!(with("c 1", "a 1 Conflicts: c\nc 1", "a"), "-c a=1");
    assert_eq!(with("a 1", "a 1", "a"), "");
}

/// What somebody did without stays away, as apt leaves it.
#[test]
fn recommendations_of_installed_packages_are_followed_when_new() {
    let with = |installed: &str, lines: &str, words: &str| on(installed, lines, words, true);
    let old = "b 1 Recommends: r";
    assert_eq!(with(old, "a 1 Depends: b\nb 1 Recommends: r\nr 1", "a"), "a=1");
    let new = "a 1 Depends: b (>= 2)\nb 2 Recommends: r, s\nr 1\ns 1";
    assert_eq!(with(old, new, "a"), "a=1 b=2 s=1");
    // What was there and would be broken by the upgrade comes along.
    let had = "b 1 Recommends: r\nr 1";
    let breaks = "a 1 Depends: b (>= 2)\nb 2 Recommends: r (>= 2)\nr 2";
    assert_eq!(with(had, breaks, "a"), "a=1 b=2 r=2");
}

/// What is needed by a package gives way to it, though it be named first.
#[test]
fn what_is_being_installed_is_not_taken_away_for_what_it_needs() {
    let all = "a 1 Recommends: calc\ncalc 1 Depends: base\nbase 1 Depends: nogui | core\n\
               nogui 1 Conflicts: calc\ncore 1 Conflicts: nogui";
    let found = run(&universe(all), "a", true).map(|it| it.join(" "));
    assert_eq!(found.as_deref(), Ok("a=1 base=1 calc=1 core=1"));
}

/// A chain that is deeper than any of Debian's does not end the program.
#[test]
fn a_deep_chain_ends_with_a_solution() {
    let mut lines: Vec<String> = (0..20_000)
        .map(|at| format!("p{at} 1 Depends: p{}", at + 1))
        .collect();
    lines.push("p20000 1".to_owned());
    let all = universe(&lines.join("\n"));
    assert_eq!(run(&all, "p0", false).map(|it| it.len()), Ok(20_001));
}
