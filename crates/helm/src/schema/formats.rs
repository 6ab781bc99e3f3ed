//! What `format` asks of a string, up to draft 7.

/// Whether the text has the format; a format that is not known allows everything.
pub(super) fn check(format: &str, text: &str) -> Result<(), String> {
    match format {
        "ipv4" => ipv4(text),
        "ipv6" => ipv6(text),
        "hostname" => hostname(text),
        "email" => email(text),
        "date" => date(text),
        "time" => time(text),
        "date-time" => date_time(text),
        "uuid" => uuid(text),
        "duration" => duration(text),
        "uri" | "iri" => uri(text),
        "uri-reference" | "iri-reference" if text.contains('\\') => Err("contains \\".to_owned()),
        "uri-reference" | "iri-reference" | "uri-template" => address(text),
        "json-pointer" => json_pointer(text),
        "relative-json-pointer" => relative_pointer(text),
        "semver" => semver(text),
        _ => Ok(()),
    }
}

/// Fails with the text unless the condition holds.
fn ensure(holds: bool, text: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text.into()) }
}

/// The character as `%q` prints it.
fn shown(character: char) -> String {
    if character == '\'' {
        return "'\\''".to_owned();
    }
    if character == '"' {
        return "'\"'".to_owned();
    }
    let text = crate::format::quote(character.encode_utf8(&mut [0; 4]).as_bytes());
    format!("'{}'", text.get(1..text.len() - 1).unwrap_or_default())
}

fn invalid(character: char) -> Result<(), String> {
    Err(format!("invalid character {}", shown(character)))
}

fn ipv4(text: &str) -> Result<(), String> {
    let groups: Vec<&str> = text.split('.').collect();
    ensure(groups.len() == 4, "expected four decimals")?;
    for group in groups {
        ensure(group.len() < 2 || !group.starts_with('0'), "leading zeros")?;
        let number: i64 = match group.parse() {
            Ok(number) => number,
            Err(error) => {
                let quoted = crate::format::quote(group.as_bytes());
                let why = match error.kind() {
                    std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                        "value out of range"
                    }
                    _ => "invalid syntax",
                };
                return Err(format!("strconv.Atoi: parsing {quoted}: {why}"));
            }
        };
        ensure((0..=255).contains(&number), "decimal must be between 0 and 255")?;
    }
    Ok(())
}

fn ipv6(text: &str) -> Result<(), String> {
    ensure(text.contains(':'), "missing colon")?;
    let (address, zone) = text
        .split_once('%')
        .map_or((text, None), |(text, zone)| (text, Some(zone)));
    if address.parse::<std::net::Ipv6Addr>().is_err() || zone == Some("") {
        let quoted = crate::format::quote(text.as_bytes());
        return Err(format!("ParseAddr({quoted}): unable to parse IP"));
    }
    ensure(zone.is_none(), "zone id is not a part of ipv6 address")
}

fn hostname(text: &str) -> Result<(), String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    ensure(text.len() <= 253, "more than 253 characters long")?;
    for label in text.split('.') {
        ensure(
            (1..=63).contains(&label.len()),
            "label must be 1 to 63 characters long",
        )?;
        ensure(!label.starts_with('-'), "label starts with hyphen")?;
        ensure(!label.ends_with('-'), "label ends with hyphen")?;
        if let Some(bad) = label
            .chars()
            .find(|character| !character.is_ascii_alphanumeric() && *character != '-')
        {
            return invalid(bad);
        }
    }
    Ok(())
}

fn email(text: &str) -> Result<(), String> {
    ensure(text.len() <= 254, "more than 255 characters long")?;
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Err("missing @".to_owned());
    };
    ensure(local.len() <= 64, "local part more than 64 characters long")?;
    if local.len() > 1 && local.starts_with('"') {
        let mut inner = local.chars();
        inner.next();
        inner.next_back();
        ensure(
            !inner.as_str().contains(['\\', '"']),
            "backslash and quote are not allowed within quoted local part",
        )?;
    } else {
        ensure(!local.starts_with('.'), "starts with dot")?;
        ensure(!local.ends_with('.'), "ends with dot")?;
        ensure(!local.contains(".."), "consecutive dots")?;
        if let Some(bad) = local.chars().find(|character| {
            !character.is_ascii_alphanumeric() && !".!#$%&'*+-/=?^_`{|}~".contains(*character)
        }) {
            return invalid(bad);
        }
    }
    if let Some(literal) = domain
        .strip_prefix('[')
        .and_then(|domain| domain.strip_suffix(']'))
    {
        return match literal.strip_prefix("IPv6:") {
            Some(address) => ipv6(address).map_err(|error| format!("invalid ipv6 address: {error}")),
            None => ipv4(literal).map_err(|error| format!("invalid ipv4 address: {error}")),
        };
    }
    hostname(domain).map_err(|error| format!("invalid domain: {error}"))
}

/// A date as Go parses it, with the texts of its `time` package.
fn date(text: &str) -> Result<(), String> {
    let quoted = crate::format::quote(text.as_bytes());
    let cannot = |rest: &str, part: &str| {
        let rest = crate::format::quote(rest.as_bytes());
        Err(format!(
            "parsing time {quoted} as \"2006-01-02\": cannot parse {rest} as \"{part}\""
        ))
    };
    let digits = |from: usize, count: usize| {
        text.get(from..from + count)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u32>().ok())
    };
    let rest = |from: usize| text.get(from..).unwrap_or_default();
    let Some(year) = digits(0, 4) else {
        return cannot(text, "2006");
    };
    if !rest(4).starts_with('-') {
        return cannot(rest(4), "-");
    }
    let Some(month) = digits(5, 2) else {
        return cannot(rest(5), "01");
    };
    if !(1..=12).contains(&month) {
        return Err(format!("parsing time {quoted}: month out of range"));
    }
    if !rest(7).starts_with('-') {
        return cannot(rest(7), "-");
    }
    let Some(day) = digits(8, 2) else {
        return cannot(rest(8), "02");
    };
    if text.len() > 10 {
        let extra = crate::format::quote(rest(10).as_bytes());
        return Err(format!("parsing time {quoted}: extra text: {extra}"));
    }
    ensure(
        crate::calendar::is_date(year, month, day),
        format!("parsing time {quoted}: day out of range"),
    )
}

fn pair(text: &str) -> Option<u32> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn time(text: &str) -> Result<(), String> {
    ensure(text.len() >= 9, "less than 9 characters long")?;
    let bytes = text.as_bytes();
    ensure(
        bytes.get(2) == Some(&b':') && bytes.get(5) == Some(&b':'),
        "missing colon in correct place",
    )?;
    let part = |from: usize| text.get(from..from + 2).and_then(pair);
    let (Some(hour), Some(minute), Some(second)) = (part(0), part(3), part(6)) else {
        return Err("invalid hour/min/sec".to_owned());
    };
    ensure(
        hour <= 23 && minute <= 59 && second <= 60,
        "hour/min/sec out of range",
    )?;
    let mut rest = text.get(8..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let behind = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
        ensure(behind.len() < fraction.len(), "no digits in second fraction")?;
        rest = behind;
    }
    let mut minutes = hour * 60 + minute;
    if !matches!(rest, "z" | "Z") {
        ensure(rest.len() == 6, "offset must be 6 characters long")?;
        let (sign, offset) = rest.split_at_checked(1).unwrap_or((rest, ""));
        ensure(matches!(sign, "+" | "-"), "offset must begin with plus/minus")?;
        ensure(
            offset.as_bytes().get(2) == Some(&b':'),
            "missing colon in offset in correct place",
        )?;
        let zone = |from: usize| offset.get(from..from + 2).and_then(pair);
        let (Some(hours), Some(rest)) = (zone(0), zone(3)) else {
            return Err("invalid hour/min in offset".to_owned());
        };
        ensure(hours <= 23 && rest <= 59, "hour/min in offset out of range")?;
        let offset = hours * 60 + rest;
        minutes = if sign == "-" {
            minutes + offset
        } else {
            (minutes + 24 * 60).saturating_sub(offset) % (24 * 60)
        };
    }
    ensure(second < 60 || minutes == 23 * 60 + 59, "invalid leap second")
}

fn date_time(text: &str) -> Result<(), String> {
    ensure(text.len() >= 20, "less than 20 characters long")?;
    ensure(
        matches!(text.as_bytes().get(10), Some(b't' | b'T')),
        "11th character must be t or T",
    )?;
    date(text.get(..10).unwrap_or_default()).map_err(|error| format!("invalid date element: {error}"))?;
    time(text.get(11..).unwrap_or_default()).map_err(|error| format!("invalid time element: {error}"))
}

fn uuid(text: &str) -> Result<(), String> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    ensure(groups.len() == lengths.len(), "must have 5 elements")?;
    for (index, (group, length)) in groups.into_iter().zip(lengths).enumerate() {
        ensure(
            group.len() == length,
            format!("element {} must be {length} characters long", index + 1),
        )?;
        if let Some(bad) = group.chars().find(|digit| !digit.is_ascii_hexdigit()) {
            return Err(format!("non-hex character {}", shown(bad)));
        }
    }
    Ok(())
}

fn duration(text: &str) -> Result<(), String> {
    let Some(text) = text.strip_prefix('P') else {
        return Err("must start with P".to_owned());
    };
    ensure(!text.is_empty(), "nothing after P")?;
    if let Some(weeks) = text.strip_suffix('W') {
        ensure(!weeks.is_empty(), "no number in week")?;
        return ensure(weeks.bytes().all(|byte| byte.is_ascii_digit()), "invalid week");
    }
    for (index, part) in text.split('T').enumerate() {
        ensure(index == 0 || !part.is_empty(), "no time elements")?;
        let Some(all) = ["YMD", "HMS"].get(index) else {
            return Err("more than one T".to_owned());
        };
        let mut units = *all;
        let mut rest = part;
        while !rest.is_empty() {
            let behind = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            ensure(behind.len() < rest.len(), "missing number")?;
            let Some(unit) = behind.chars().next() else {
                return Err("missing unit".to_owned());
            };
            let Some(place) = units.find(unit) else {
                let unit = shown(unit);
                return Err(if all.contains(behind.chars().next().unwrap_or_default()) {
                    format!("unit {unit} out of order")
                } else {
                    format!("invalid unit {unit}")
                });
            };
            units = units.get(place + 1..).unwrap_or_default();
            rest = behind.get(unit.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(())
}

/// Whether Go's `net/url` parses the text; only its commonest complaints are told apart.
fn address(text: &str) -> Result<(), String> {
    let quoted = crate::format::quote(text.as_bytes());
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(format!(
            "parse {quoted}: net/url: invalid control character in URL"
        ));
    }
    if text.starts_with(':') {
        return Err(format!("parse {quoted}: missing protocol scheme"));
    }
    let behind = text.split_once("://").map(|(_, behind)| behind);
    let host = behind.map(|behind| behind.split(['/', '?', '#']).next().unwrap_or_default());
    if let Some(bad) =
        host.and_then(|host| host.chars().find(|character| " <>\"\\^`{|}".contains(*character)))
    {
        let bad = crate::format::quote(bad.encode_utf8(&mut [0; 4]).as_bytes());
        return Err(format!("parse {quoted}: invalid character {bad} in host name"));
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let mut rest = path;
    while let Some(place) = rest.find('%') {
        let escape = rest.get(place..).unwrap_or_default();
        let digits = escape
            .bytes()
            .skip(1)
            .take(2)
            .filter(u8::is_ascii_hexdigit)
            .count();
        if digits < 2 {
            let shown: String = escape.chars().take(3).collect();
            let shown = crate::format::quote(shown.as_bytes());
            return Err(format!("parse {quoted}: invalid URL escape {shown}"));
        }
        rest = escape.get(3..).unwrap_or_default();
    }
    Ok(())
}

fn uri(text: &str) -> Result<(), String> {
    address(text)?;
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    ensure(named, "relative url")
}

fn json_pointer(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    ensure(text.starts_with('/'), "not starting with /")?;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '~' {
            ensure(
                matches!(characters.next(), Some('0' | '1')),
                "~ must be followed by 0 or 1",
            )?;
        }
    }
    Ok(())
}

fn relative_pointer(text: &str) -> Result<(), String> {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let digits = text.len() - rest.len();
    ensure(digits > 0, "must start with non-negative integer")?;
    ensure(digits == 1 || !text.starts_with('0'), "starts with zero")?;
    if rest == "#" { Ok(()) } else { json_pointer(rest) }
}

fn semver(text: &str) -> Result<(), String> {
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(text, build)| (text, Some(build)));
    let allowed = |character: &char| character.is_ascii_alphanumeric() || *character == '-';
    if let Some(build) = build {
        ensure(!build.is_empty(), "build is empty")?;
        for part in build.split('.') {
            ensure(!part.is_empty(), "build identifier is empty")?;
            if let Some(bad) = part.chars().find(|character| !allowed(character)) {
                return Err(format!("invalid character {} in build identifier", shown(bad)));
            }
        }
    }
    let (core, before) = text
        .split_once('-')
        .map_or((text, None), |(core, before)| (core, Some(before)));
    for part in before.into_iter().flat_map(|before| before.split('.')) {
        ensure(!part.is_empty(), "pre-release identifier is empty")?;
        if let Some(bad) = part.chars().find(|character| !allowed(character)) {
            return Err(format!(
                "invalid character {} in pre-release identifier",
                shown(bad)
            ));
        }
        let number = part.bytes().all(|byte| byte.is_ascii_digit());
        ensure(
            !number || part.len() == 1 || !part.starts_with('0'),
            "pre-release numeric identifier starts with zero",
        )?;
    }
    let versions: Vec<&str> = core.split('.').collect();
    ensure(
        versions.len() == 3,
        "versionCore must have 3 numbers separated by dot",
    )?;
    for (version, name) in versions.into_iter().zip(["major", "minor", "patch"]) {
        ensure(!version.is_empty(), format!("{name} is empty"))?;
        ensure(
            version.len() == 1 || !version.starts_with('0'),
            format!("{name} starts with zero"),
        )?;
        ensure(
            version.bytes().all(|byte| byte.is_ascii_digit()),
            format!("{name} contains non-digit"),
        )?;
    }
    Ok(())
}
