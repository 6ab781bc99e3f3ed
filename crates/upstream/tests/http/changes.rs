//! Files that are replaced while they are read.

use airlock_content::{FileFacts, MetadataSource, Origin, SourceErrorKind, digest_of};
use airlock_testkit::{Action, FakeUpstream, Fault, Hold, Options, noise};
use airlock_types::{Descriptor, media_type};
use bytes::Bytes;

use crate::{anonymous, read, serve};

const SIZE: usize = 400_000;
const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 09:49:37 GMT";

/// How a server tells versions of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    Tag,
    Date,
    Nothing,
}

struct Changing {
    server: FakeUpstream,
    origin: Origin,
    hold: Hold,
}

/// `/tool`, of which the first answer breaks off after half of it; by then it can be another.
async fn changing(tells: Tells) -> Changing {
    let server = serve(Options::default(), |content| {
        content.file("/tool", noise("first", SIZE));
    })
    .await;
    let hold = Hold::new();
    server.fault(
        Fault::on("/tool", Action::Reset(SIZE as u64 / 2))
            .method("GET")
            .times(1),
    );
    server.fault(
        Fault::on("/tool", Action::HoldAt(SIZE as u64 / 2, hold.clone()))
            .method("GET")
            .times(1),
    );
    if tells != Tells::Tag {
        server.fault(Fault::on("/tool", Action::WithoutHeader("etag")));
    }
    if tells == Tells::Date {
        server.fault(Fault::on("/tool", Action::Header("date", LATER.into())));
        server.fault(
            Fault::on("/tool", Action::Header("last-modified", OLD.into()))
                .method("GET")
                .times(1),
        );
    }
    let origin = Origin::Http(server.url("/tool").parse().unwrap());
    Changing { server, origin, hold }
}

impl Changing {
    async fn replace(&self, tells: Tells, bytes: Bytes) {
        self.hold.held(1).await;
        self.server.update(|content| content.file("/tool", bytes));
        if tells == Tells::Date {
            let changed = Action::Header("last-modified", LATER.into());
            self.server.fault(Fault::on("/tool", changed));
        }
        self.hold.open();
    }
}

/// The second half of the other version must not be put behind the first half of this one.
#[tokio::test]
async fn another_version_is_noticed() {
    for tells in [Tells::Tag, Tells::Date, Tells::Nothing] {
        let other = noise("second", SIZE);
        // Without a digest to compare with.
        let changing = changing(tells).await;
        let upstream = anonymous();
        let (facts, ()) = futures::join!(
            upstream.file(&changing.origin, None),
            changing.replace(tells, other.clone())
        );
        let error = facts.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Corrupt, "{tells:?}");
        assert!(
            error.to_string().contains("changed the file while"),
            "{tells:?}: {error}"
        );
        // Asked anew, it is the other one.
        let facts = upstream.file(&changing.origin, None).await.unwrap();
        assert_eq!((facts.digest, facts.size), (digest_of(&other), SIZE as u64));
    }
}

/// With a digest: never the mixture, whatever the server tells.
#[tokio::test]
async fn a_digest_is_never_met_by_a_mixture() {
    for tells in [Tells::Tag, Tells::Date, Tells::Nothing] {
        let wanted = noise("first", SIZE);
        let want = Descriptor::new(media_type::OCTET_STREAM, digest_of(&wanted), SIZE as u64);
        let changing = changing(tells).await;
        let upstream = anonymous();
        let (got, ()) = futures::join!(
            read(&upstream, &changing.origin, &want, 0),
            changing.replace(tells, noise("second", SIZE))
        );
        match got {
            Ok(bytes) => assert!(tells == Tells::Nothing && bytes != wanted),
            Err(error) => assert_eq!(error.kind, SourceErrorKind::Corrupt),
        }
        // The same by those who check.
        let (facts, ()) = {
            let changing = self::changing(tells).await;
            let upstream = anonymous();
            changing
                .server
                .fault(Fault::on("/tool", Action::Status(405)).method("HEAD"));
            let replaced = changing.replace(tells, noise("second", SIZE));
            let (facts, ()) = futures::join!(upstream.file(&changing.origin, Some(&want.digest)), replaced);
            (facts, ())
        };
        assert_eq!(facts.unwrap_err().kind, SourceErrorKind::Corrupt, "{tells:?}");
    }
}

/// The same version goes on where it broke, without reading anything twice where the server can tell.
#[tokio::test]
async fn the_same_version_is_gone_on_with() {
    for tells in [Tells::Tag, Tells::Date, Tells::Nothing] {
        let changing = changing(tells).await;
        changing.hold.open();
        if tells == Tells::Date {
            let unchanged = Action::Header("last-modified", OLD.into());
            changing.server.fault(Fault::on("/tool", unchanged));
        }
        let expected = FileFacts {
            digest: digest_of(&noise("first", SIZE)),
            size: SIZE as u64,
        };
        assert_eq!(
            anonymous().file(&changing.origin, None).await.unwrap(),
            expected,
            "{tells:?}"
        );
        let second = changing.server.requests("/tool").remove(1);
        let tag = format!("\"{}\"", &expected.digest.hex()[..16]);
        let (if_range, half) = match tells {
            Tells::Tag => (tag.as_str(), true),
            Tells::Date => (OLD, true),
            Tells::Nothing => ("", false),
        };
        assert_eq!(second.header("if-range"), if_range, "{tells:?}");
        assert_eq!(second.status, if half { 206 } else { 200 });
        assert!(
            (second.sent <= SIZE as u64 / 2 + 65_536) == half,
            "{tells:?}: {}",
            second.sent
        );
    }
}
