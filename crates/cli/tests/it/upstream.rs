//! One of thirty images is missing upstream, as seen from the command line.

use airlock_testkit::{self as testkit, Action, Fault, Options};

use crate::guarded::Session;

fn thirty() -> (testkit::Upstream, Vec<String>) {
    let mut content = testkit::Upstream::new();
    let names: Vec<String> = (0..30).map(|at| format!("team/app-{at:02}")).collect();
    for name in &names {
        content.push(name, "1", &testkit::image(name, "linux/amd64"));
    }
    (content, names)
}

#[test]
fn one_of_thirty_images_is_missing() {
    let (content, names) = thirty();
    let session = Session::new(content, Options::default());
    let host = session.server.host();
    let images: Vec<String> = names.iter().map(|name| format!("{host}/{name}:1")).collect();
    session.manifest(&images, "");
    let lost = &names[17];
    let only_it = |text: &str| {
        let named: Vec<&String> = names
            .iter()
            .filter(|name| text.contains(&format!("/{name}")))
            .collect();
        assert_eq!(named, [lost], "{text}");
    };

    session
        .server
        .fault(Fault::on(format!("/v2/{lost}/manifests/*"), Action::Status(404)));
    let (code, text) = session.lock(&["--quiet"]);
    assert_eq!(code, 3, "{text}");
    only_it(&text);
    assert!(!session.path("airlock.lock").exists());

    session.server.heal();
    let (code, text) = session.lock(&[]);
    assert_eq!(code, 0, "{text}");

    // Everything is locked, then one image goes.
    session
        .server
        .fault(Fault::on(format!("/v2/{lost}/*"), Action::Status(404)));
    let (code, text) = session.build(&["--quiet"]);
    assert_eq!(code, 3, "{text}");
    only_it(&text);
    assert!(session.bundles().is_empty());

    session.server.heal();
    let (code, text) = session.build(&[]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(session.bundles().len(), 1);
}
