//! `airlock audit`: do upstream's signatures lead to the OS packages that are here?
//!
//! Everything is taken from the bundle or store: the signed releases, the indexes, and the packages, which are hashed. Whose
//! keys the releases have to be signed by is the one thing that cannot come from there; without `--keyring` that is said.

mod content;
mod report;

use airlock_content::{Event, GenerationView, Reporter};
use airlock_ospkg::deb::chain::audit::{Claim, Status, audit};
use airlock_ospkg::openpgp::{Keyring, Policy};
use airlock_spec::packages::{DebPackage, DebRepository};
use jiff::Timestamp;

use self::content::{Content, Set};
use self::report::{Keys, Package, Release, Report, SetReport, Signed};
use crate::args::{AuditArgs, Global};
use crate::failure::{Failure, Result};
use crate::opened::{self, Verify};
use crate::{files, print, progress};

/// More than any keyring has.
const KEYRING_LIMIT: u64 = 16 << 20;
/// How much later than its own date a release may be signed. Archives write it, and sign it when all of it is in place.
const SIGNING_TAKES: u32 = 24 * 60 * 60;

pub(crate) fn run(args: &AuditArgs, global: &Global) -> Result {
    let view = opened::open(&args.path, &args.bundle, "audited", Verify::Signatures)?;
    let given = keyring(args)?;
    let reporter = progress::reporter(global);
    let report = walk(&view, given.as_ref(), args.at, &*reporter)?;
    if report.sets.is_empty() {
        return Err(Failure::from(anyhow::anyhow!(
            "there are no OS packages to audit: {}",
            args.path.display()
        ))
        .hint("`airlock ls` lists what there is"));
    }
    print::result(global, &report, || report.text())?;
    if report.established {
        return Ok(());
    }
    let (bad, all) = report.counts();
    let failure = Failure::no(anyhow::anyhow!("{bad} of {all} packages are not established"));
    Err(match report.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// The keyrings that were given, as one; none if none was.
fn keyring(args: &AuditArgs) -> Result<Option<Keyring>> {
    let mut all = None;
    for path in &args.keyring {
        let bytes = files::read("the keyring", path, KEYRING_LIMIT)?;
        let read = Keyring::read(&bytes).map_err(|error| {
            let hint = error.hint();
            let failure = Failure::from(
                anyhow::Error::new(error).context(format!("the keyring cannot be used: {}", path.display())),
            );
            match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })?;
        all.get_or_insert_with(Keyring::default).extend(read);
    }
    Ok(all)
}

/// Audits every set of packages of the current generation.
fn walk<V: GenerationView>(
    view: &V,
    given: Option<&Keyring>,
    at: Option<Timestamp>,
    reporter: &dyn Reporter,
) -> Result<Report> {
    let generation = view.generation()?;
    let mut content = Content::new(view);
    let mut sets = Vec::new();
    for root in content::roots(&generation) {
        let name = root.reference.to_string();
        let set = content.set(&root.descriptor)?;
        let bytes = set.as_ref().map_or(0, Set::bytes);
        reporter.event(Event::Phase {
            name: "auditing",
            artifacts: 1,
            bytes,
        });
        sets.push(match set {
            Ok(set) => one(&mut content, name.clone(), &set, given, at, reporter)?,
            Err(problem) => SetReport::unreadable(name.clone(), problem),
        });
        reporter.event(Event::Done {
            name: &name,
            digest: None,
        });
    }
    Ok(Report::new(sets, given.is_some()))
}

/// Audits one set.
fn one<V: GenerationView>(
    content: &mut Content<'_, V>,
    name: String,
    set: &Set,
    given: Option<&Keyring>,
    at: Option<Timestamp>,
    reporter: &dyn Reporter,
) -> Result<SetReport> {
    let newest = set
        .list
        .repositories
        .iter()
        .map(|repository| repository.date)
        .max();
    let as_of = at.unwrap_or_else(|| Timestamp::from_second(newest.unwrap_or_default()).unwrap_or_default());
    let mut policy = Policy::at(as_of);
    if at.is_none() {
        policy = policy.with_tolerance(SIGNING_TAKES);
    }

    let mut releases = Vec::new();
    let mut evidence = Vec::new();
    for repository in &set.list.repositories {
        let (carried, mut problems) = content.evidence(repository)?;
        let (keys, keyring) = match given {
            Some(given) => (Keys::Given, given.clone()),
            None => match carried_keys(content, repository)? {
                Ok(keyring) => (Keys::Carried, keyring),
                Err(problem) => {
                    problems.push(problem);
                    (Keys::None, Keyring::default())
                }
            },
        };
        releases.push(Release::new(repository, keys, problems));
        evidence.push((carried, keyring));
    }

    let mut packages = Vec::new();
    let mut claims = Vec::new();
    for package in &set.list.packages {
        let mut line = Package::new(package);
        match content.claim(set, package, &mut |bytes| {
            reporter.event(Event::Progress { name: &name, bytes });
        })? {
            Ok(claim) => claims.push((packages.len(), package.repository, claim)),
            Err(why) => line.why = Some(why),
        }
        packages.push(line);
    }
    let pairs: Vec<_> = evidence.iter().map(|(evidence, keys)| (evidence, keys)).collect();
    let asked: Vec<Claim> = claims.iter().map(|(_, _, claim)| claim.clone()).collect();
    let found = audit(&pairs, &asked, &policy);
    for (release, walked) in releases.iter_mut().zip(found.releases) {
        release.signed_by = walked.signers.into_iter().map(Signed::from).collect();
        if release.keys != Keys::None {
            release.problems.extend(walked.problems);
        }
    }
    for ((at, repository, _), (_, status)) in claims.iter().zip(found.packages) {
        let Some(line) = packages.get_mut(*at) else {
            continue;
        };
        match status {
            Status::Established { release, index } => {
                line.established = true;
                line.release = Some(release);
                line.index = Some(index);
            }
            // Where its own release fails, it is no wonder that no other one lists it.
            Status::NotEstablished { .. }
                if releases
                    .get(*repository)
                    .is_some_and(|release| release.signed_by.is_empty()) =>
            {
                line.why = Some("the release that it is from is not established".to_owned());
            }
            Status::NotEstablished { why } => line.why = Some(why),
        }
    }
    Ok(SetReport::new(name, set, as_of, releases, packages))
}

/// The keys that the builder carried along with a release.
fn carried_keys<V: GenerationView>(
    content: &Content<'_, V>,
    repository: &DebRepository,
) -> Result<Result<Keyring, String>> {
    let Some(digest) = &repository.keyring else {
        return Ok(Err("no keys are carried along with it".to_owned()));
    };
    let bytes = content.blob(digest, KEYRING_LIMIT)?;
    Ok(bytes.and_then(|bytes| Keyring::read(&bytes).map_err(|error| error.to_string())))
}

/// A field of a package's paragraph.
fn field(package: &DebPackage, name: &str) -> String {
    package.field(name).unwrap_or_default().to_owned()
}
