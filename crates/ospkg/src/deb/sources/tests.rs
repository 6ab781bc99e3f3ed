use proptest::prelude::*;

use super::*;

#[test]
fn a_sources_file_is_read() {
    let text = b"# comment\nTypes: deb deb-src\nURIs: http://deb.example/debian\n https://mirror.example/debian/\n\
        Suites: bookworm bookworm-updates\nComponents: main contrib\nArchitectures: amd64, arm64\n\
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\nX-Note: whatever\n\n\
        Types: deb\nURIs: http://x.example/\nSuites: ./\nTrusted: yes\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n =abcd\n -----END PGP PUBLIC KEY BLOCK-----\n\n\
        Types: deb\nEnabled: no\n";
    let sources = read_sources(text).unwrap();
    assert_eq!(sources.len(), 2);
    let first = &sources[0];
    assert_eq!((first.line, first.binary, first.source), (2, true, true));
    assert_eq!(first.uris.len(), 2);
    assert_eq!(first.suites[1], Suite::Named("bookworm-updates".to_owned()));
    assert_eq!(first.architectures, ["amd64", "arm64"]);
    assert_eq!(
        first.signed_by.paths,
        ["/usr/share/keyrings/debian-archive-keyring.gpg"]
    );
    let second = &sources[1];
    assert_eq!((second.line, second.trusted), (11, Some(true)));
    assert_eq!(second.suites, [Suite::Flat("./".to_owned())]);
    let key = second.signed_by.key.as_deref().unwrap();
    assert!(
        key.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n"),
        "{key}"
    );
}

#[test]
fn a_list_is_read() {
    let text = b"# comment\n\ndeb [ arch=amd64,arm64 signed-by=/k.gpg trusted=no ] http://x.example/debian bookworm main contrib # why\n\
        deb-src http://x.example/debian bookworm main\ndeb [signed-by=0123456789abcdef0123456789abcdef01234567] file:/srv/apt stable/$(ARCH)/\n";
    let sources = read_list(text).unwrap();
    assert_eq!(
        sources.iter().map(|source| source.line).collect::<Vec<_>>(),
        [3, 4, 5]
    );
    assert_eq!(sources[0].architectures, ["amd64", "arm64"]);
    assert_eq!(sources[0].components, ["main", "contrib"]);
    assert_eq!(sources[0].trusted, Some(false));
    assert!(sources[1].source && !sources[1].binary);
    assert_eq!(
        sources[2].signed_by.fingerprints,
        ["0123456789ABCDEF0123456789ABCDEF01234567"]
    );
    let address = |number: usize| {
        Source::release_address(&sources[number].uris[0], &sources[number].suites[0], "amd64")
    };
    assert_eq!(address(0), "http://x.example/debian/dists/bookworm/");
    assert_eq!(address(2), "file:/srv/apt/stable/amd64/");
    let root = Suite::Flat("./".to_owned());
    assert_eq!(
        Source::release_address("http://x.example/", &root, "amd64"),
        "http://x.example/"
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (line, part) in [
        ("dep http://x bookworm main", "neither deb nor deb-src: \"dep\""),
        ("deb", "there is no URIs"),
        ("deb http://x", "there is no Suites"),
        ("deb http://x bookworm", "needs a component"),
        ("deb http://x ./ main", "has no components"),
        (
            "deb cdrom:[Debian]/ bookworm main",
            "neither http, https, file nor copy",
        ),
        (
            "deb [signed-by=/k.gpg http://x bookworm main",
            "options are damaged",
        ),
        (
            "deb [signed_by=/k.gpg] http://x bookworm main",
            "no such option: \"signed_by\"",
        ),
        (
            "deb [signed-by=k.gpg] http://x bookworm main",
            "neither a path, a fingerprint nor a key",
        ),
        (
            "deb [trusted=perhaps] http://x bookworm main",
            "neither yes nor no",
        ),
        (
            "deb [arch=a arch=b] http://x bookworm main",
            "there are two of arch",
        ),
        ("deb [arch+=a] http://x bookworm main", "options are damaged"),
        ("deb http://x ../../etc main", "this is no name"),
        ("deb http://x ../../etc/", "this is no name"),
        ("deb http://x bookworm ../main", "this is no name"),
    ] {
        let error = read_list(format!("# first\n{line}\n").as_bytes()).unwrap_err();
        assert_eq!(error.line, 2, "{line}");
        assert!(error.to_string().contains(part), "{line}: {error}");
    }
    for (text, line, part) in [
        ("Types: deb\nURIs: http://x\nSuites: a\n", 1, "needs a component"),
        ("\nTypes: deb\nSuites: a\n", 2, "there is no URIs"),
        ("Types: deb\nTypes: deb\n", 1, "two of Types"),
        ("Types: deb\nURI: http://x\n", 1, "no such option: \"URI\""),
        ("Types: deb\nwhat\n", 2, "line 2"),
        (
            "Types: deb\nURIs: http://x\nSuites: a\nComponents: b\nEnabled: maybe\n",
            1,
            "enabled is neither",
        ),
    ] {
        let error = read_sources(text.as_bytes()).unwrap_err();
        assert_eq!(error.line, line, "{text}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "(deb|deb-src|#|\\[|\\]|=|[a-z/:. \n-]){0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_list(text.as_bytes());
        let _ = read_sources(text.as_bytes());
        let _ = read_list(&bytes);
        let _ = read_sources(&bytes);
    }
}
