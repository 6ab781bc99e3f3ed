//! Closures of packages, ours against those of apt itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{cargo, command, root, run, skipped, target};

mod base;
mod sources;

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Chooses the random packages
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many packages are chosen
    #[arg(long, value_name = "M", default_value_t = 100)]
    count: usize,
    /// The release that packages are taken from
    #[arg(long, default_value = "bookworm")]
    release: String,
    /// The architecture of the target
    #[arg(long, default_value = "amd64")]
    arch: String,
    /// Install recommended packages too
    #[arg(long)]
    recommends: bool,
    /// What the target has: nothing, what every Debian has, or what a dpkg status file lists
    #[arg(long, value_name = "empty|minimal|FILE", default_value = "empty")]
    base: String,
    /// Packages to compare besides; names joined with '+' are asked for together
    #[arg(long, value_name = "NAME[+NAME]...", value_delimiter = ',')]
    set: Vec<String>,
    /// Fetch the indexes again
    #[arg(long)]
    update: bool,
    /// Compare the order of so many pairs of version numbers instead
    #[arg(long, value_name = "N")]
    versions: Option<usize>,
}

const PYTHON: &str = "/usr/bin/python3";

pub(crate) fn compare(options: &Options) -> Result<()> {
    if let Some(missing) = missing() {
        return skipped("apt-oracle", missing);
    }
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "airlock-ospkg",
        "--example",
        "closures",
    ]))?;
    if let Some(count) = options.versions {
        return versions(count, options.seed);
    }
    let scratch = target()?
        .join("apt-oracle")
        .join(format!("{}-{}", options.release, options.arch));
    let root = sources::Root::prepare(&scratch, &options.release, &options.arch, options.update)?;
    let base = base::prepare(&root, &options.base)?;
    let mut questions: Vec<String> = options.set.iter().map(|set| set.replace('+', " ")).collect();
    questions.extend(sample(&root.names()?, options.seed, options.count));

    let theirs = theirs(&root, &base, options.recommends, &questions)?;
    let (ours, facts) = ours(&root, &base, options.recommends, &questions)?;
    report(&questions, &theirs, &ours, &facts)
}

/// What is needed and not here, and how to get it.
fn missing() -> Option<&'static str> {
    let works = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !works("apt-get", &["--version"]) {
        Some("apt-get is not here; this needs Debian")
    } else if !works(PYTHON, &["-c", "import apt_pkg"]) {
        Some("the system's Python has no apt_pkg (apt-get install python3-apt)")
    } else {
        None
    }
}

fn script() -> PathBuf {
    root().join("xtask/src/apt_oracle/answer.py")
}

/// The next of a row of numbers that depend on the seed alone (splitmix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *seed;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn below(seed: &mut u64, limit: usize) -> usize {
    usize::try_from(next(seed) % limit.max(1) as u64).unwrap_or(0)
}

fn sample(names: &BTreeSet<String>, mut seed: u64, count: usize) -> Vec<String> {
    let mut names: Vec<&String> = names.iter().collect();
    let mut chosen = Vec::new();
    while chosen.len() < count && !names.is_empty() {
        chosen.push(names.swap_remove(below(&mut seed, names.len())).clone());
    }
    chosen
}

/// Runs a program that answers each line with a line.
fn ask(command: &mut Command, questions: &[String]) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let mut input = child.stdin.take().context("no standard input")?;
    let text = questions
        .iter()
        .fold(String::new(), |text, line| text + line + "\n");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    // A program that ends early says why itself.
    let _ = writer.join();
    if !output.status.success() {
        bail!("{program} failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

type Answers = BTreeMap<String, Value>;

fn by_question(lines: &str) -> (Answers, Vec<Value>) {
    let mut answers = BTreeMap::new();
    let mut facts = Vec::new();
    for value in lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        match value["names"].as_array() {
            Some(names) => {
                let words: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                answers.insert(words.join(" "), value);
            }
            None => facts.push(value),
        }
    }
    (answers, facts)
}

/// apt's answers. They take long, so they are kept until the indexes or the base change.
fn theirs(root: &sources::Root, base: &Path, recommends: bool, questions: &[String]) -> Result<Answers> {
    let mut hasher = DefaultHasher::new();
    for index in &root.indexes {
        fs::read(&index.release)?.hash(&mut hasher);
    }
    fs::read(base)?.hash(&mut hasher);
    fs::read(script())?.hash(&mut hasher);
    recommends.hash(&mut hasher);
    let kept = root
        .folder
        .join(format!("answers-{:016x}.jsonl", hasher.finish()));
    let mut lines = fs::read_to_string(&kept).unwrap_or_default();
    let (known, _) = by_question(&lines);
    let new: Vec<String> = questions
        .iter()
        .filter(|it| !known.contains_key(*it))
        .cloned()
        .collect();
    // Some at a time, so that little is lost when this is interrupted.
    for some in new.chunks(50) {
        println!(
            "apt: {} of {} closures are known",
            by_question(&lines).0.len(),
            questions.len()
        );
        let mut python = command("nice");
        python
            .args([PYTHON.as_ref(), script().as_os_str()])
            .env("APT_CONFIG", root.configuration(base)?);
        if recommends {
            python.arg("--recommends");
        }
        lines.push_str(&ask(&mut python, some)?);
        fs::write(&kept, &lines)?;
    }
    Ok(by_question(&lines).0)
}

fn ours(
    root: &sources::Root,
    base: &Path,
    recommends: bool,
    questions: &[String],
) -> Result<(Answers, Vec<Value>)> {
    let mut command = command(&target()?.join("release/examples/closures").to_string_lossy());
    command.arg(&root.architecture).arg("--status").arg(base);
    if recommends {
        command.arg("--recommends");
    }
    for index in &root.indexes {
        command.arg(&index.release).arg(&index.packages);
    }
    Ok(by_question(&ask(&mut command, questions)?))
}

fn packages(answer: &Value) -> BTreeSet<String> {
    let all = answer["packages"].as_array().into_iter().flatten();
    all.map(ToString::to_string).collect()
}

fn report(questions: &[String], theirs: &Answers, ours: &Answers, facts: &[Value]) -> Result<()> {
    let (mut same, mut refused, mut seconds) = (0, 0, [0.0; 2]);
    for question in questions {
        let (Some(apt), Some(own)) = (theirs.get(question), ours.get(question)) else {
            println!("{question}: no answer");
            continue;
        };
        for (sum, answer) in seconds.iter_mut().zip([apt, own]) {
            *sum += answer["seconds"].as_f64().unwrap_or(0.0);
        }
        let (a, b) = (packages(apt), packages(own));
        if a == b && apt.get("error").is_some() == own.get("error").is_some() {
            same += 1;
            refused += usize::from(own.get("error").is_some());
            continue;
        }
        println!("{question} differs");
        for (who, answer, only) in [("apt", apt, &a - &b), ("airlock", own, &b - &a)] {
            let only: Vec<_> = only.into_iter().collect();
            let error = answer["error"].as_str().unwrap_or_default();
            println!("  only {who}: {} {error}", only.join(" "));
        }
    }
    println!(
        "{same} of {} closures are equal; in {refused} of these both find none",
        questions.len()
    );
    let [apt, own] = seconds;
    println!(
        "apt {apt:.2} s, airlock {own:.3} s: {:.0} times as fast",
        apt / own.max(1e-9)
    );
    for fact in facts {
        println!("airlock: {fact}");
    }
    if same < questions.len() {
        bail!("{} closures differ", questions.len() - same);
    }
    Ok(())
}

/// Pairs of version numbers of the few signs that decide.
fn versions(count: usize, mut seed: u64) -> Result<()> {
    const SIGNS: &[&str] = &[
        "0", "1", "2", "10", "01", "a", "b", "~", "+", ".", "-", "~rc1", "+b1", "-1", "+deb12u1",
    ];
    let mut version = || {
        let epoch = ["", "", "", "0:", "1:"][below(&mut seed, 5)];
        let mut text = format!("{epoch}{}", below(&mut seed, 3));
        for _ in 0..below(&mut seed, 7) {
            text.push_str(SIGNS[below(&mut seed, SIGNS.len())]);
        }
        // A revision is not empty.
        text.trim_end_matches('-').to_owned()
    };
    let pairs: Vec<String> = (0..count)
        .map(|_| format!("{} {}", version(), version()))
        .collect();
    let mut python = command("nice");
    python
        .args([PYTHON.as_ref(), script().as_os_str()])
        .arg("--versions");
    let theirs = ask(&mut python, &pairs)?;
    let mut command = command(&target()?.join("release/examples/closures").to_string_lossy());
    let ours = ask(command.arg("--versions"), &pairs)?;
    let dpkg = dpkg_order(&pairs)?;
    let mut differ = 0;
    for (((pair, apt), own), dpkg) in pairs.iter().zip(theirs.lines()).zip(ours.lines()).zip(&dpkg) {
        if apt != own || dpkg != own {
            differ += 1;
            println!("{pair}: apt {apt}, dpkg {dpkg}, airlock {own}");
        }
    }
    let compared = theirs.lines().count().min(ours.lines().count());
    println!("{compared} pairs of versions, {differ} in another order than that of apt or dpkg");
    if differ > 0 || compared < count {
        bail!("the order of versions differs");
    }
    Ok(())
}

/// What `dpkg --compare-versions` says of each pair, in the form of the others' answers.
fn dpkg_order(pairs: &[String]) -> Result<Vec<String>> {
    let holds = |pair: &str, relation: &str| -> Result<bool> {
        let (one, other) = pair.split_once(' ').context("not a pair")?;
        let status = command("dpkg")
            .args(["--compare-versions", one, relation, other])
            .status()
            .context("cannot start dpkg")?;
        match status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => bail!("dpkg failed: {status}"),
        }
    };
    let order = |pair: &String| {
        Ok(if holds(pair, "lt")? {
            "-1"
        } else if holds(pair, "gt")? {
            "1"
        } else {
            "0"
        }
        .to_owned())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = pairs.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let shares: Vec<_> = pairs
            .chunks(share)
            .map(|share| scope.spawn(|| share.iter().map(order).collect::<Result<Vec<_>>>()))
            .collect();
        let mut all = Vec::with_capacity(pairs.len());
        for share in shares {
            all.extend(share.join().map_err(|_| anyhow::anyhow!("a thread failed"))??);
        }
        Ok(all)
    })
}
