//! The clock: right, or at least not certainly wrong.

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airlock_node::Change;

use crate::check::Outcome;
use crate::{Context, fixes};

/// What etcd and leases of Kubernetes bear with.
const TOLERATED: Duration = Duration::from_secs(2);
/// From here on certificates, tokens and leases of other nodes do not count any more.
const BROKEN: Duration = Duration::from_mins(1);
/// How long a time server is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// From 1900, which NTP counts from, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A difference between two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skew {
    /// This machine's clock shows a later time.
    Ahead(Duration),
    /// This machine's clock shows an earlier time.
    Behind(Duration),
}

impl Skew {
    /// How `here` differs from `there`.
    pub(crate) fn of(here: SystemTime, there: SystemTime) -> Self {
        match here.duration_since(there) {
            Ok(ahead) => Self::Ahead(ahead),
            Err(error) => Self::Behind(error.duration()),
        }
    }

    fn amount(self) -> Duration {
        match self {
            Self::Ahead(amount) | Self::Behind(amount) => amount,
        }
    }
}

impl std::fmt::Display for Skew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.amount().as_secs();
        let amount = match seconds {
            0..=119 => format!("{:.1} s", self.amount().as_secs_f64()),
            120..=7199 => format!("{} min", seconds / 60),
            7200..=172_799 => format!("{} h", seconds / 3600),
            _ => format!("{} days", seconds / 86_400),
        };
        match self {
            Self::Ahead(_) => write!(f, "{amount} ahead of"),
            Self::Behind(_) => write!(f, "{amount} behind"),
        }
    }
}

/// Certificates, leases and tokens depend on clocks that agree.
pub(crate) fn skew(context: &Context) -> Outcome {
    let servers = time_servers(context);
    let mut silent = Vec::new();
    if context.host.is_live() {
        for server in &servers {
            match ask(server, &context.settings.clock) {
                Ok(skew) => return judge(context, skew, &format!("time server {server}"), Duration::ZERO),
                Err(error) => silent.push(format!("time server {server}: {error}")),
            }
        }
        if let Some((mirror, Ok(answer))) = context.mirror()
            && let (Some(there), Some(here)) = (answer.date, answer.here)
        {
            // The header is cut to whole seconds.
            let exact = Skew::of(here, there + Duration::from_millis(500));
            let what = format!("the mirror {}", mirror.address());
            let outcome = judge(context, exact, &what, Duration::from_secs(1));
            return with_silent(outcome, &silent);
        }
    }
    let now = (context.settings.clock)();
    let Some(bound) = &context.settings.not_before else {
        let outcome = Outcome::unknown(
            "there is no time server and no mirror to compare the clock with, and no bundle or store that was made at a known time",
        );
        return with_silent(outcome, &silent);
    };
    match Skew::of(now, bound.time) {
        behind @ Skew::Behind(amount) if amount > TOLERATED => Outcome::fail(
            format!(
                "the clock is at least {behind} the right time: it is after {}",
                bound.what
            ),
            remedy(context),
        )
        .and(chrony(context)),
        _ => with_silent(
            Outcome::unknown(format!(
                "the clock is not before {}; there is no time server and no mirror to compare it with",
                bound.what
            )),
            &silent,
        ),
    }
}

fn with_silent(mut outcome: Outcome, silent: &[String]) -> Outcome {
    for line in silent {
        outcome.evidence.push_str("; ");
        outcome.evidence.push_str(line);
    }
    outcome
}

fn judge(context: &Context, skew: Skew, what: &str, precision: Duration) -> Outcome {
    let evidence = format!("the clock is {skew} {what}");
    if skew.amount() <= TOLERATED + precision {
        return Outcome::ok(evidence);
    }
    let outcome = if skew.amount() <= BROKEN {
        Outcome::warn(evidence, remedy(context))
    } else {
        Outcome::fail(evidence, remedy(context))
    };
    outcome.and(chrony(context))
}

fn time_servers(context: &Context) -> Vec<String> {
    context
        .site()
        .and_then(|site| site.services.ntp.as_ref())
        .map(|ntp| ntp.servers.clone())
        .unwrap_or_default()
}

fn remedy(context: &Context) -> String {
    let servers = time_servers(context);
    match servers.first() {
        Some(server) => format!(
            "let chrony follow {server}: `server {server} iburst` in its configuration, then `chronyc makestep`"
        ),
        None => "set it (`timedatectl set-time 'YYYY-MM-DD HH:MM:SS'`), and name the site's time servers as `services.ntp.servers` in site.yaml".to_owned(),
    }
}

fn chrony(context: &Context) -> Vec<Change> {
    fixes::chrony(&context.host, &time_servers(context))
}

/// Asks an NTP server as a client of SNTP does (RFC 4330), and tells how this machine's clock differs.
fn ask(server: &str, clock: &crate::Clock) -> io::Result<Skew> {
    let with_port = if server.parse::<std::net::SocketAddr>().is_ok() || is_with_port(server) {
        server.to_owned()
    } else if server.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{server}]:123")
    } else {
        format!("{server}:123")
    };
    let address = with_port
        .to_socket_addrs()?
        .next()
        .ok_or(io::ErrorKind::NotFound)?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(address)?;
    let sent = clock();
    let request = request(sent);
    socket.send(&request)?;
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            io::Error::from(io::ErrorKind::TimedOut)
        } else {
            error
        }
    })?;
    let received = clock();
    let there = buffer
        .get(..length)
        .and_then(|answer| read_answer(answer, &request))
        .ok_or_else(|| io::Error::other("no usable answer"))?;
    // The answer was written about half way between the two.
    let way = received.duration_since(sent).unwrap_or_default() / 2;
    Ok(Skew::of(sent + way, there))
}

fn is_with_port(server: &str) -> bool {
    server
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.contains(':') && port.parse::<u16>().is_ok())
}

/// Version 4, mode 3 (client), with the time of sending, by which the answer is known.
fn request(now: SystemTime) -> [u8; 48] {
    let mut out = [0; 48];
    out[0] = 0x23;
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX) & 0xffff_ffff;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    let stamp = (seconds << 32) | (fraction & 0xffff_ffff);
    out[40..].copy_from_slice(&stamp.to_be_bytes());
    out
}

/// The time at which a server sent its answer; `None` where it is not synchronised, or answers something else.
fn read_answer(answer: &[u8], request: &[u8; 48]) -> Option<SystemTime> {
    let (first, stratum) = (*answer.first()?, *answer.get(1)?);
    let is_alarmed = first >> 6 == 3;
    if first & 7 != 4 || is_alarmed || !(1..=15).contains(&stratum) {
        return None;
    }
    if answer.get(24..32)? != request.get(40..48)? {
        return None;
    }
    let stamp = u64::from_be_bytes(*answer.get(40..48)?.first_chunk()?);
    let (seconds, fraction) = (stamp >> 32, stamp & 0xffff_ffff);
    if seconds == 0 {
        return None;
    }
    // The count of seconds begins anew in 2036 (RFC 4330, section 3).
    let era = if seconds < 0x8000_0000 { 1_u64 << 32 } else { 0 };
    let nanos = u32::try_from((fraction * 1_000_000_000) >> 32).ok()?;
    UNIX_EPOCH.checked_add(Duration::new((seconds + era).checked_sub(NTP_TO_UNIX)?, nanos))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_time_server_is_asked_and_believed_only_when_it_answers_the_question() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        let now = at(1_800_000_000);
        let clock: crate::Clock = Arc::new(move || now);
        let answers = std::thread::spawn(move || {
            for kind in ["good", "replayed", "alarmed"] {
                let mut buffer = [0; 48];
                let (_, from) = server.recv_from(&mut buffer).unwrap();
                let mut answer = request(at(1_800_000_000 + 3600));
                answer[0] = if kind == "alarmed" { 0xe4 } else { 0x24 };
                answer[1] = 2;
                if kind != "replayed" {
                    let (left, right) = (24..32, 40..48);
                    answer[left].copy_from_slice(&buffer[right]);
                }
                server.send_to(&answer, from).unwrap();
            }
        });
        assert_eq!(
            ask(&address, &clock).unwrap(),
            Skew::Behind(Duration::from_hours(1))
        );
        ask(&address, &clock).unwrap_err();
        ask(&address, &clock).unwrap_err();
        answers.join().unwrap();
    }

    #[test]
    fn answers_of_any_bytes_are_borne() {
        let request = request(at(1_800_000_000));
        for length in 0..64 {
            for fill in [0, 4, 0x24, 0xff] {
                let _ = read_answer(&vec![fill; length], &request);
            }
        }
        let mut answer = [0; 48];
        answer[0] = 0x24;
        answer[1] = 1;
        answer[24..32].copy_from_slice(&request[40..48]);
        // One second into the era that begins in 2036.
        answer[43] = 1;
        let there = read_answer(&answer, &request).unwrap();
        assert_eq!(there, at((1 << 32) + 1 - NTP_TO_UNIX));
    }

    #[test]
    fn differences_are_told_in_words() {
        assert_eq!(Skew::of(at(10), at(7)).to_string(), "3.0 s ahead of");
        assert_eq!(Skew::of(at(0), at(900)).to_string(), "15 min behind");
        assert_eq!(Skew::of(at(1_000_000), at(0)).to_string(), "11 days ahead of");
    }
}
