//! Closures of the names on standard input, a line each; what `cargo xtask apt-oracle` compares with apt.
//!
//! ```text
//! closures --versions < pairs
//! closures ARCHITECTURE [--recommends] [--status FILE] RELEASE PACKAGES [RELEASE PACKAGES]... < names
//! ```
#![allow(clippy::print_stdout, reason = "an example for the command line")]

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use airlock_ospkg::deb::pins::{Policy, Preferences};
use airlock_ospkg::deb::solve::{Candidates, Request, solve};
use airlock_ospkg::deb::universe::{Builder, Origin};
use airlock_ospkg::deb::{control, version};

fn origin(release: &[u8]) -> Result<Origin, Box<dyn Error>> {
    // The signature around it is another's business.
    let start = memchr::memmem::find(release, b"\nOrigin:").map_or(0, |at| at + 1);
    let end = memchr::memmem::find(release, b"\n-----BEGIN PGP SIGNATURE").unwrap_or(release.len());
    let release = control::paragraphs(&release[start..end])
        .next()
        .ok_or("an empty Release file")??;
    let text = |field| {
        release
            .get(field)
            .map(|it| String::from_utf8_lossy(it).into_owned())
    };
    let yes = |field| release.get(field) == Some(b"yes");
    Ok(Origin {
        archive: text("Suite").unwrap_or_default(),
        codename: text("Codename").unwrap_or_default(),
        origin: text("Origin").unwrap_or_default(),
        label: text("Label").unwrap_or_default(),
        version: text("Version").unwrap_or_default(),
        not_automatic: yes("NotAutomatic"),
        but_automatic_upgrades: yes("ButAutomaticUpgrades"),
        ..Origin::default()
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    if std::env::args().nth(1).is_some_and(|it| it == "--versions") {
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            let (one, other) = line.split_once(' ').ok_or("not a pair")?;
            println!("{}", version::compare(one, other) as i8);
        }
        return Ok(());
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = Builder::new(&arguments.next().ok_or("no architecture")?, &[]).threads(threads);
    let (mut recommends, mut status) = (false, None);
    let mut indexes = Vec::new();
    while let Some(word) = arguments.next() {
        match word.as_str() {
            "--recommends" => recommends = true,
            "--status" => status = arguments.next(),
            release => {
                let packages = std::fs::read(arguments.next().ok_or("a Release without Packages")?)?;
                indexes.push((origin(&std::fs::read(release)?)?, packages));
            }
        }
    }
    let bytes: usize = indexes.iter().map(|(_, packages)| packages.len()).sum();
    let begin = Instant::now();
    for (origin, packages) in indexes {
        builder.add(origin, &packages)?;
    }
    if let Some(status) = status {
        let origin = Origin {
            installed: true,
            ..Origin::default()
        };
        builder.add(origin, &std::fs::read(status)?)?;
    }
    let read = begin.elapsed().as_secs_f64();
    let universe = builder.finish();
    let preferences = Preferences::default();
    let policy = Policy::new(&universe, &preferences);
    let installed: Vec<_> = universe.installed().collect();
    let candidates = Candidates::new(&universe, &policy, &installed);
    println!(
        "{{\"open\": {}, \"read\": {read}, \"bytes\": {bytes}}}",
        begin.elapsed().as_secs_f64()
    );
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let begin = Instant::now();
        let mut request = Request {
            recommends,
            ..Request::default()
        };
        let mut unknown = false;
        for word in line.split_whitespace() {
            match universe.package(word, None) {
                Some(package) => request.wanted.push((package, None)),
                None => unknown = true,
            }
        }
        let solution = if unknown {
            Err("unknown".to_owned())
        } else {
            solve(&universe, &candidates, &request).map_err(|error| error.to_string())
        };
        let names: Vec<String> = line.split_whitespace().map(|word| format!("{word:?}")).collect();
        let seconds = begin.elapsed().as_secs_f64();
        print!("{{\"names\": [{}], \"seconds\": {seconds}", names.join(", "));
        match solution {
            Ok(solution) => {
                let installed = solution.install.iter().map(|it| {
                    let package = universe.package_of_record(it.record);
                    [
                        universe.name(package),
                        universe.version(it.record),
                        universe.file_architecture(it.record),
                    ]
                });
                let removed = solution.remove.iter().map(|it| {
                    let package = universe.package_of_record(*it);
                    [universe.name(package), "-", universe.architecture(package)]
                });
                let mut all: Vec<_> = installed.chain(removed).map(|it| format!("{it:?}")).collect();
                all.sort_unstable();
                println!(", \"packages\": [{}]}}", all.join(", "));
            }
            Err(error) => println!(", \"error\": {error:?}}}"),
        }
    }
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!("{{\"peak\": {}}}", peak.unwrap_or("0"));
    Ok(())
}
