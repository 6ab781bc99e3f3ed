use proptest::prelude::*;

use super::*;

const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn policy() -> Policy {
    Policy::at("2026-01-01T00:00:00Z".parse().unwrap())
}

fn text(extra: &str) -> String {
    format!(
        "Origin: Debian\nSuite: stable\nCodename: trixie\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n\
         Architectures: amd64 arm64\nComponents: main\nAcquire-By-Hash: yes\n{extra}SHA256:\n \
         {SUM} 12 main/binary-amd64/Packages\n {SUM} 10 main/binary-amd64/Packages.xz\n"
    )
}

fn read(text: &str) -> Result<Release, ReleaseError> {
    Release::read(text.as_bytes(), &policy())
}

#[test]
fn fields_are_read() {
    let release = read(&text(
        "NotAutomatic: yes\nButAutomaticUpgrades: no\nSigned-By: ABC!, DEF\n",
    ))
    .unwrap();
    assert!(release.is_called("stable") && release.is_called("trixie") && !release.is_called("sid"));
    assert!(release.acquire_by_hash && release.not_automatic && !release.but_automatic_upgrades);
    assert_eq!(release.architectures, ["amd64", "arm64"]);
    assert_eq!(release.signed_by, ["ABC", "DEF"]);
    assert_eq!(release.files["main/binary-amd64/Packages"].size, 12);
    let listed = &release.files["main/binary-amd64/Packages.xz"];
    assert_eq!(
        by_hash("main/binary-amd64/Packages.xz", &listed.checksum),
        format!("main/binary-amd64/by-hash/SHA256/{SUM}")
    );
    assert_eq!(
        by_hash("Packages", &listed.checksum),
        format!("by-hash/SHA256/{SUM}")
    );
}

#[test]
fn its_age_is_judged_unless_lifted() {
    let expired = text("Valid-Until: Wed, 31 Dec 2025 23:59:59 UTC\n");
    let error = read(&expired).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the release expired on Wed, 31 Dec 2025 23:59:59 UTC"
    );
    assert_eq!(error.accepted_by(), Some(Override::ExpiredRelease));
    let lifted = policy().with_override(Override::ExpiredRelease);
    Release::read(expired.as_bytes(), &lifted).unwrap();
    read(&text("Valid-Until: Thu, 01 Jan 2026 00:00:00 UTC\n")).unwrap();

    let future = text("").replace("01 Jan 2026", "02 Jan 2026");
    let error = read(&future).unwrap_err();
    assert_eq!(error.accepted_by(), Some(Override::FutureRelease));
    Release::read(
        future.as_bytes(),
        &policy().with_override(Override::FutureRelease),
    )
    .unwrap();
    Release::read(future.as_bytes(), &policy().with_tolerance(86_400)).unwrap();
}

#[test]
fn weak_checksums_need_a_name_and_never_win() {
    let weak = format!(
        "Date: Thu, 01 Jan 2026 00:00:00 UTC\nMD5Sum:\n {} 1 a\n {} 1 b\nSHA1:\n {} 1 a\n",
        &SUM[..32],
        &SUM[..32],
        &SUM[..40]
    );
    let error = read(&weak).unwrap_err();
    assert_eq!(error.to_string(), "the release has only weak checksums: SHA1");
    assert_eq!(error.accepted_by(), Some(Override::WeakChecksum));
    let lifted = policy().with_override(Override::WeakChecksum);
    let release = Release::read(weak.as_bytes(), &lifted).unwrap();
    assert_eq!(release.files["a"].checksum.algorithm(), Algorithm::Sha1);
    // What only the weak list has is nothing to rely on where there is a strong one.
    let both = format!("{weak}SHA256:\n {SUM} 1 a\n");
    for policy in [policy(), lifted] {
        let release = Release::read(both.as_bytes(), &policy).unwrap();
        assert_eq!(release.files.len(), 1);
        assert_eq!(release.files["a"].checksum.algorithm(), Algorithm::Sha256);
    }
    let long = format!("Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA512:\n {SUM}{SUM} 1 a\n");
    assert_eq!(
        read(&long).unwrap().files["a"].checksum.algorithm(),
        Algorithm::Sha512
    );
    let differ = format!("{long}SHA256:\n {SUM} 2 a\n");
    assert_eq!(read(&differ).unwrap_err(), ReleaseError::Conflict("a".to_owned()));
}

#[test]
fn what_is_not_a_release_is_refused() {
    for (text, part) in [
        (String::new(), "0 paragraphs"),
        (format!("{}\nSuite: other\n", text("")), "2 paragraphs"),
        (text("Suite: other\n"), "twice"),
        (
            text("").replace("Date: Thu, 01 Jan 2026 00:00:00 UTC\n", ""),
            "no field Date",
        ),
        (text("").replace("UTC", "CET"), "not a time in UTC"),
        (text("").replace("yes", "perhaps"), "neither yes nor no"),
        (text("").replace(" 12 ", " -12 "), "not checksum, size and path"),
        (text("").replace(" 12 ", " 12 x "), "not checksum, size and path"),
        (text("").replace(SUM, &SUM[1..]), "not checksum, size and path"),
        (text("").replace("main/", "../main/"), "leads elsewhere"),
        (text("").replace("main/", "/main/"), "absolute"),
        (text("").replace("main/", "main//"), "empty name"),
        (text("").replace("main/", "%2E%2e/"), "escape"),
        (text("").replace("main/", "ma\\in/"), "no path here needs"),
        (
            text("").replace("Packages.xz", "Packages"),
            "two things about one file",
        ),
        (
            text("").split("SHA256").next().unwrap().to_owned(),
            "lists no files",
        ),
        ("what".to_owned(), "not a control file"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn times_are_read_as_apt_reads_them() {
    for (text, time) in [
        ("Sat, 11 Jul 2026 10:16:37 UTC", "2026-07-11T10:16:37Z"),
        ("Sun,  1 Feb 2026 00:00:00 GMT", "2026-02-01T00:00:00Z"),
        ("11 Jul 2026 10:16:37 +0000", "2026-07-11T10:16:37Z"),
        ("Thu, 29 Feb 2024 23:59:60 Z", "2024-02-29T23:59:59Z"),
    ] {
        assert_eq!(parse_date(text), Some(time.parse().unwrap()), "{text}");
    }
    for bad in [
        "",
        "Sat,",
        "Sat, 11 Jul 2026 10:16:37",
        "Sat, 11 Jul 2026 10:16:37 CEST",
        "Sat, 11 Jul 2026 10:16:37 +0200",
        "Sat, 31 Feb 2026 10:16:37 UTC",
        "Sat, 11 Jul 2026 24:00:00 UTC",
        "Sat, 11 Jul 2026 10:16 UTC",
        "Sat, 11 Jul 2026 10:16:37:00 UTC",
        "Sat, 11 Jul 26x 10:16:37 UTC",
        "Sat, +1 Jul 2026 10:16:37 UTC",
    ] {
        assert_eq!(parse_date(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn times_round_trip(seconds in 0_i64..4_000_000_000) {
        let time = Timestamp::from_second(seconds).unwrap();
        prop_assert_eq!(parse_date(&format_date(time)), Some(time));
    }

    #[test]
    fn nothing_panics(text in "(Date: |Suite: |SHA256:|\n| |/|\\.\\.|[0-9a-f]{64}|[a-z0-9]){0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Release::read(text.as_bytes(), &policy());
        let _ = Release::read(&bytes, &policy());
        let _ = parse_date(&text);
    }

    #[test]
    fn accepted_paths_stay_below(path in "(a|b|/|\\.|\\.\\.|%2e|\\\\){0,12}") {
        if check_path(&path).is_ok() {
            let joined = std::path::Path::new("/repository").join(&path);
            let plain = joined.components().all(|part| !matches!(part, std::path::Component::ParentDir | std::path::Component::CurDir));
            prop_assert!(joined.starts_with("/repository") && plain);
        }
    }
}
