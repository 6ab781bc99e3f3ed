//! The cleartext signature framework (RFC 9580, section 7).

use super::armor;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// Splits a message into the text that was signed and the armoured signature.
///
/// The text comes without its escapes and without white space at the ends of lines, separated by line
/// feeds: what a signature covers, and nothing that it does not.
pub(super) fn split(message: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    if message.contains(&0) {
        return Err("there is a zero byte in it");
    }
    let mut rest = message;
    if trim(line(&mut rest).unwrap_or_default())? != BEGIN {
        return Err("it does not begin with the line BEGIN PGP SIGNED MESSAGE");
    }
    loop {
        let header = trim(line(&mut rest).ok_or("it ends in its headers")?)?;
        if header.is_empty() {
            break;
        }
        // Anything else could pass for signed text before a careless reader's eyes.
        if !header.starts_with(b"Hash: ") {
            return Err("it has a header other than Hash");
        }
    }
    let mut text = Vec::with_capacity(message.len());
    let mut first = true;
    loop {
        let from_here = rest;
        let line = line(&mut rest).ok_or("it has no signature")?;
        if trim(line)? == BEGIN_SIGNATURE {
            return Ok((text, from_here));
        }
        if !std::mem::take(&mut first) {
            text.push(b'\n');
        }
        let line = match line.strip_prefix(b"- ") {
            Some(line) => line,
            None if line.starts_with(b"-") => return Err("a line that begins with a dash is not escaped"),
            None => line,
        };
        text.extend_from_slice(trim(line)?);
    }
}

/// Takes the next line, without its line feed.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    Some(line)
}

/// A line without white space at its end. Implementations differ on carriage returns elsewhere.
fn trim(line: &[u8]) -> Result<&[u8], &'static str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\r') {
        return Err("there is a carriage return within a line");
    }
    let end = line
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t'))
        .map_or(0, |last| last + 1);
    Ok(&line[..end])
}

/// Writes a message of a text whose lines must not end with white space, since it would not be covered.
pub(super) fn write(text: &str, digest: &str, signature: &[u8]) -> String {
    let mut message = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: {digest}\n\n");
    for line in text.split('\n') {
        if line.starts_with('-') {
            message.push_str("- ");
        }
        message.push_str(line);
        message.push('\n');
    }
    message.push_str(&armor::write(armor::SIGNATURE, signature));
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_comes_without_escapes_and_uncovered_space() {
        let message = b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\na \t\r\n- -b\n- c\n\nd\n-----BEGIN PGP SIGNATURE-----\n";
        let (text, signature) = split(message).unwrap();
        assert_eq!(text, b"a\n-b\nc\n\nd");
        assert_eq!(signature, b"-----BEGIN PGP SIGNATURE-----\n");
    }

    #[test]
    fn what_could_pass_for_signed_is_refused() {
        let good = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\na\n-----BEGIN PGP SIGNATURE-----\n";
        split(good.as_bytes()).unwrap();
        for bad in [
            format!("before\n{good}"),
            format!("\n{good}"),
            good.replace("Hash: SHA256", "Hash: SHA256\nSuite: stable"),
            good.replace("Hash: SHA256", "Suite: stable"),
            good.replace("\na\n", "\n-a\n"),
            good.replace("\na\n", "\n-----BEGIN PGP SIGNED MESSAGE-----\n"),
            good.replace("\na\n", "\na\rb\n"),
            good.replace("\na\n", "\na\0\n"),
            good.replace("-----BEGIN PGP SIGNATURE-----", ""),
        ] {
            assert!(split(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(lines in proptest::collection::vec("[-a-z ]{0,6}[-a-z]|", 0..8)) {
            let text = lines.join("\n");
            let message = write(&text, "SHA512", b"x");
            let (read, _) = split(message.as_bytes()).unwrap();
            prop_assert_eq!(read, text.as_bytes());
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = split(&[BEGIN, b"\n\n", &bytes, b"\n", BEGIN_SIGNATURE].concat());
        }
    }
}
