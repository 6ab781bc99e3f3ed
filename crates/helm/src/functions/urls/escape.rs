//! Escaping by percent signs, which differs from part to part of a URL.

/// The part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Path,
    UserPassword,
    Host,
    /// The zone of an IPv6 address.
    Zone,
    Fragment,
}

/// Whether a byte may not stand in the part as it is.
fn must_escape(byte: u8, mode: Mode) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    let allowed: &[u8] = match mode {
        Mode::Path => b"$&+,/:;=@",
        Mode::UserPassword => b"$&+,;=",
        Mode::Host | Mode::Zone => b"!$&'()*+,;=:[]<>\"",
        Mode::Fragment => b"$&+,/:;=?@!()*",
    };
    !allowed.contains(&byte)
}

/// The text as it stands in the part.
pub(super) fn escaped(text: &[u8], mode: Mode) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if must_escape(*byte, mode) {
            out.extend(format!("%{byte:02X}").bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

/// An error of Go's with something in quotes.
fn quoted(before: &str, text: &[u8], after: &str) -> Vec<u8> {
    let quoted = crate::functions::text::quoted(text);
    [before.as_bytes(), &quoted, after.as_bytes()].concat()
}

/// The text that stands in the part like this, or the text of Go's error.
pub(super) fn unescaped(text: &[u8], mode: Mode) -> Result<Vec<u8>, Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let hex = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'%' {
            let bad = || {
                quoted(
                    "invalid URL escape ",
                    rest.get(..rest.len().min(3)).unwrap_or_default(),
                    "",
                )
            };
            let (high, low) = match after {
                [high, low, ..] => hex(*high).zip(hex(*low)).ok_or_else(bad)?,
                _ => return Err(bad()),
            };
            let value = high << 4 | low;
            let percent = value == b'%';
            // In a host, only what is not ASCII may be escaped; in a zone, only what may stand there.
            if mode == Mode::Host && high < 8 && !percent
                || mode == Mode::Zone && !percent && value != b' ' && must_escape(value, Mode::Host)
            {
                return Err(bad());
            }
            out.push(value);
            rest = after.get(2..).unwrap_or_default();
        } else {
            if matches!(mode, Mode::Host | Mode::Zone) && byte.is_ascii() && must_escape(*byte, mode) {
                return Err(quoted("invalid character ", &[*byte], " in host name"));
            }
            out.push(*byte);
            rest = after;
        }
    }
    Ok(out)
}
