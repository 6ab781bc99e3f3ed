//! The services of a site, by the programs that they are written for: what `airlock install` writes is read by chrony
//! and dnsmasq, and in namespaces of their own nodes ask each other for time and names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_tests::command::{Output, clean, run};
use airlock_tests::{Airlock, peer};

use crate::systemd::release::Release;

const DEBIAN: &str = "ID=debian\nVERSION_ID=\"12\"\n";
const ROCKY: &str = "ID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";

/// The tree of a server whose site has these services.
struct Node {
    airlock: Airlock,
    root: PathBuf,
}

impl Node {
    fn install(os: &str, services: &str) -> Self {
        let airlock = Airlock::new();
        airlock.write("root/etc/os-release", os);
        let site = format!("apiVersion: airlock.dev/v1\nkind: Site\nmetadata: {{name: edge}}\n{services}");
        airlock.write("site.yaml", site);
        let store = Release::shared().path("store");
        let mut words: Vec<&Path> = vec!["install".as_ref(), &store];
        words.extend(["--role", "server", "--init", "systemd"].map(Path::new));
        words.extend(["--config", "site.yaml", "--root", "root"].map(Path::new));
        airlock.run(words).succeeds();
        let root = airlock.path("root");
        Self { airlock, root }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The only file of these that is there.
    fn only(&self, paths: &[&str]) -> PathBuf {
        let found: Vec<PathBuf> = paths.iter().map(|path| self.path(path)).collect();
        let mut found = found.into_iter().filter(|path| path.exists());
        let first = found.next().expect("one of the files is there");
        assert_eq!(found.next(), None);
        first
    }

    fn chrony(&self) -> PathBuf {
        self.only(&["etc/chrony/chrony.conf", "etc/chrony.conf"])
    }

    /// Puts a line at the end of a file, which nobody wrote.
    fn spoiled(&self, file: &Path, line: &str) -> PathBuf {
        let text = fs::read_to_string(file).unwrap() + line + "\n";
        self.airlock.write("spoiled.conf", text)
    }
}

fn with(program: &str, words: &[&str], file: &Path) -> Output {
    run(Command::new(program).args(words).arg(file))
}

/// Directives of a file, without its comments.
fn directives(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect()
}

/// Runs a script in namespaces of its own; everything that it starts ends with it. Its first word is a folder of its own.
fn alone(place: &Path, script: &str, words: &[&Path]) -> Option<Output> {
    let flags = [
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
    ];
    let mut trial = Command::new("unshare");
    let possible = run(trial
        .args(flags)
        .args(["sh", "-c", "mount -t tmpfs none /run && ip link set lo up"]));
    if !possible.status.success() {
        peer::skip(&format!(
            "no namespaces can be made here: {}",
            possible.stderr().trim()
        ));
        return None;
    }
    let mut unshare = clean("unshare", place);
    unshare
        .args(flags)
        .args(["sh", "-euc", script])
        .arg(place)
        .args(words);
    Some(run(&mut unshare))
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        output.stdout(),
        output.stderr()
    );
    output.stdout()
}

const ASKS: &str = "services: {ntp: {servers: [10.9.0.1]}}\n";
const ANSWERS: &str = "services: {ntp: {localStratum: 10, allow: [10.9.0.0/24, \"fd09::/64\"]}}\n";

#[test]
fn chronyd_reads_what_is_written() {
    if !peer::require(&["chronyd"]) {
        return;
    }
    let passes_on = "services: {ntp: {servers: [10.9.0.1, ntp.site, \"fd09::1\"], allow: [10.0.0.0/8], localStratum: 5}}\n";
    for (os, site) in [
        (DEBIAN, ASKS),
        (DEBIAN, ANSWERS),
        (DEBIAN, passes_on),
        (ROCKY, ASKS),
    ] {
        let node = Node::install(os, site);
        let file = node.chrony();
        let read = said(&with("chronyd", &["-p", "-f"], &file));
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(directives(&read), directives(&text), "{site}");
        for broken in ["server", "allow network", "local stratum 99", "no-such-word 1"] {
            let spoiled = node.spoiled(&file, broken);
            let output = with("chronyd", &["-p", "-f"], &spoiled);
            assert!(!output.status.success(), "{broken}: {}", output.stdout());
        }
    }
}

/// chronyd with the configuration `$1`, its files in memory; the clock stays as it is.
const CHRONYD: &str = "mount -t tmpfs none /run\nmkdir -m 750 /run/chrony\nmount -t tmpfs none /var/lib/chrony\n\
    ip link set lo up\nexec chronyd -d -x -u root -f \"$1\"\n";

/// `$1` is the configuration of a node that has the time, `$2` that of one that asks it. What the second one thinks of the
/// first is printed, after `$3` seconds or when it follows.
const TIME: &str = r#"
    unshare --net --mount sleep 60 &
    other=$!
    while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
    ip link add one type veth peer name two netns $other
    ip address add 10.9.0.1/24 dev one
    ip link set one up
    nsenter -t $other -n ip address add 10.9.0.2/24 dev two
    nsenter -t $other -n ip link set two up
    sh -eu "$0/chronyd.sh" "$1" 2>"$0/first.log" &
    nsenter -t $other -n -m sh -eu "$0/chronyd.sh" "$2" 2>"$0/second.log" &
    last=
    for second in $(seq "$3"); do
        sleep 1
        last=$(nsenter -t $other -n -m chronyc -c -n sources 2>/dev/null || true)
        case $last in '^,*,'*) break ;; esac
    done
    echo "$last"
"#;

#[test]
fn a_node_follows_the_time_of_another() {
    if !peer::require(&["chronyd", "unshare", "nsenter", "ip"]) {
        return;
    }
    let asks = Node::install(DEBIAN, ASKS);
    let others = "services: {ntp: {localStratum: 10, allow: [10.77.0.0/16]}}\n";
    for (site, seconds, follows) in [(ANSWERS, "30", true), (others, "7", false)] {
        let answers = Node::install(DEBIAN, site);
        answers.airlock.write("chronyd.sh", CHRONYD);
        let place = answers.airlock.path("");
        let words = [answers.chrony(), asks.chrony(), seconds.into()];
        let words: Vec<&Path> = words.iter().map(PathBuf::as_path).collect();
        let Some(output) = alone(&place, TIME, &words) else {
            return;
        };
        let logs = ["first.log", "second.log"].map(|log| fs::read_to_string(place.join(log)).unwrap());
        let line = said(&output);
        let fields: Vec<&str> = line.trim().split(',').collect();
        // Mode, state, address, stratum, poll, reach.
        assert!(fields.len() > 5 && fields[2] == "10.9.0.1", "{line}{logs:?}");
        if follows {
            assert_eq!((fields[1], fields[3]), ("*", "10"), "{line}{logs:?}");
        } else {
            assert_eq!((fields[1], fields[5]), ("?", "0"), "{line}{logs:?}");
        }
    }
}

const NAMES: &str = "services:\n  dns:\n    listen: [10.9.0.5, \"fd09::5\"]\n    domain: site\n    \
    records: {registry.site: [10.9.0.5, \"fd09::5\"], two.site: [10.9.0.7, 10.9.0.8], plain: [10.9.0.6]}\n";
const UPSTREAM: &str = "    upstream: [10.9.0.9]\n";

/// The configuration that a distribution's dnsmasq starts with, which takes in ours. Rocky's has lines of its own.
fn main_of(node: &Node, os: &str) -> PathBuf {
    let folder = node.path("etc/dnsmasq.d");
    let text = if os == ROCKY {
        format!(
            "interface=lo\nbind-interfaces\nconf-dir={},.rpmnew,.rpmsave,.rpmorig\n",
            folder.display()
        )
    } else {
        format!("conf-dir={},.dpkg-dist,.dpkg-old,.dpkg-new\n", folder.display())
    };
    node.airlock.write("dnsmasq.conf", text)
}

#[test]
fn dnsmasq_reads_what_is_written() {
    if !peer::require(&["dnsmasq"]) {
        return;
    }
    for os in [DEBIAN, ROCKY] {
        for site in [NAMES.to_owned(), format!("{NAMES}{UPSTREAM}")] {
            let node = Node::install(os, &site);
            let file = node.path("etc/dnsmasq.d/airlock.conf");
            for file in [&file, &main_of(&node, os)] {
                let output = with("dnsmasq", &["--test", "-C"], file);
                assert!(output.status.success(), "{}", output.stderr());
                assert!(output.stderr().contains("syntax check OK"), "{}", output.stderr());
            }
            for broken in ["no-such-word=1", "listen-address=10.9.0.300"] {
                let spoiled = node.spoiled(&file, broken);
                let output = with("dnsmasq", &["--test", "-C"], &spoiled);
                assert!(!output.status.success(), "{broken}: {}", output.stderr());
            }
        }
    }
}

/// `$1` is the configuration of a node that answers; a name server beyond it answers everything with 10.66.0.1. Prints what
/// the C library makes of each further word, by IPv4 and IPv6.
const ASK: &str = r#"
    cd "$0"
    ip link set lo up
    ip link add one type veth peer name two
    ip address add 10.9.0.5/24 dev one
    ip address add fd09::5/64 dev one nodad
    ip address add 10.9.0.9/24 dev two
    ip link set one up
    ip link set two up
    echo 'hosts: files dns' > nsswitch.conf
    echo '127.0.0.1 localhost' > hosts
    : > resolv.conf
    for file in resolv.conf hosts nsswitch.conf; do mount --bind $file /etc/$file; done
    mount -t tmpfs none /run
    dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --listen-address=10.9.0.9 --bind-interfaces \
        '--address=/#/10.66.0.1' --keep-in-foreground --user=root --pid-file=/run/beyond 2>beyond.log &
    dnsmasq --conf-file="$1" --keep-in-foreground --user=root --pid-file=/run/node 2>node.log &
    shift
    addresses() { (getent "$1" "$2" || true) | cut -d' ' -f1 | sort -u | tr '\n' ' '; }
    for server in 10.9.0.5 fd09::5; do
        printf 'nameserver %s\noptions timeout:1 attempts:1\n' $server > resolv.conf
        tries=0
        until [ -n "$(addresses ahostsv4 registry.site)" ]; do
            tries=$((tries + 1))
            if [ $tries -gt 50 ]; then cat node.log; exit 1; fi
            sleep 0.1
        done
        for name in "$@"; do
            echo "$server $name: $(addresses ahostsv4 $name)$(addresses ahostsv6 $name)"
        done
    done
"#;

#[test]
fn a_node_answers_for_the_names_of_its_site() {
    if !peer::require(&["dnsmasq", "unshare", "ip"]) {
        return;
    }
    for os in [DEBIAN, ROCKY] {
        for (more, beyond) in [("", ""), (UPSTREAM, "10.66.0.1 ::ffff:10.66.0.1")] {
            let node = Node::install(os, &format!("{NAMES}{more}"));
            let main = main_of(&node, os);
            let names = [
                "registry.site",
                "two.site",
                "plain",
                "unknown.site",
                "elsewhere.example",
            ];
            let mut words = vec![main.as_path()];
            words.extend(names.map(Path::new));
            let Some(output) = alone(&node.airlock.path(""), ASK, &words) else {
                return;
            };
            let text = said(&output);
            let expected: Vec<String> = ["10.9.0.5", "fd09::5"]
                .iter()
                .flat_map(|server| {
                    [
                        format!("{server} registry.site: 10.9.0.5 fd09::5"),
                        format!("{server} two.site: 10.9.0.7 10.9.0.8 ::ffff:10.9.0.7 ::ffff:10.9.0.8"),
                        format!("{server} plain: 10.9.0.6 ::ffff:10.9.0.6"),
                        // What is not known here is asked for nowhere else.
                        format!("{server} unknown.site:"),
                        format!("{server} elsewhere.example: {beyond}"),
                    ]
                })
                .map(|line| line.trim_end().to_owned())
                .collect();
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            assert_eq!(lines, expected, "{os}{more}");
        }
    }
}
