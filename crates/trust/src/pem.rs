//! PEM blocks (RFC 7468), one to a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::KeyError;

const MAX_SIZE: usize = 64 * 1024;
const WIDTH: usize = 64;

/// The label of the only block in `text`, without decoding it.
pub(crate) fn label(text: &[u8]) -> Result<String, KeyError> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if text.len() > MAX_SIZE {
        return Err(KeyError::TooLarge(text.len()));
    }
    let mut starts = text
        .windows(BEGIN.len())
        .enumerate()
        .filter(|(_, window)| *window == BEGIN);
    let Some((at, _)) = starts.next() else {
        return Err(KeyError::NotPem);
    };
    let more = starts.count();
    if more > 0 {
        return Err(KeyError::SeveralBlocks(more + 1));
    }
    let line = text[at + BEGIN.len()..]
        .split(|c| *c == b'\r' || *c == b'\n')
        .next();
    line.and_then(|line| std::str::from_utf8(line).ok()?.trim_end().strip_suffix("-----"))
        .filter(|label| label.len() <= 64)
        .map(str::to_owned)
        .ok_or(KeyError::NotPem)
}

/// The contents of the only block in `text`.
pub(crate) fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    label(text)?;
    let (_, contents) = pkcs8::der::pem::decode_vec(text.trim_ascii()).map_err(KeyError::Pem)?;
    Ok(Zeroizing::new(contents))
}

/// A block with a final line feed, zeroized when dropped.
pub(crate) fn encode(label: &str, contents: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(contents));
    // Room for everything from the start, so that no growth leaves a copy of a secret behind.
    let mut out = Zeroizing::new(String::with_capacity(
        base64.len() + base64.len() / WIDTH + 2 * label.len() + 64,
    ));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    for start in (0..base64.len()).step_by(WIDTH) {
        out.push_str(&base64[start..base64.len().min(start + WIDTH)]);
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn says_what_the_file_is() {
        assert!(matches!(label(b"ssh-rsa AAAA"), Err(KeyError::NotPem)));
        assert!(matches!(label(b"-----BEGIN X"), Err(KeyError::NotPem)));
        let long = "A".repeat(65);
        assert!(matches!(
            label(encode(&long, b"1").as_bytes()),
            Err(KeyError::NotPem)
        ));
        let two = [encode("A", b"1").as_bytes(), encode("B", b"2").as_bytes()].concat();
        assert!(matches!(label(&two), Err(KeyError::SeveralBlocks(2))));
        assert!(matches!(
            label(&vec![b'x'; 70_000]),
            Err(KeyError::TooLarge(70_000))
        ));
        assert!(matches!(
            decode(b"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n"),
            Err(KeyError::Pem(_))
        ));
    }

    #[test]
    fn editors_may_change_line_ends_and_add_blank_lines() {
        let text = encode("A B", &[7; 100]).replace('\n', "\r\n") + "\r\n\n";
        assert_eq!(label(text.as_bytes()).unwrap(), "A B");
        assert_eq!(**decode(text.as_bytes()).unwrap(), [7; 100]);
    }

    proptest! {
        #[test]
        fn round_trips(contents in proptest::collection::vec(any::<u8>(), 1..400)) {
            let text = encode("A B", &contents);
            prop_assert!(text.lines().all(|line| line.len() <= WIDTH));
            prop_assert_eq!(label(text.as_bytes()).unwrap(), "A B");
            prop_assert_eq!(&**decode(text.as_bytes()).unwrap(), &contents);
        }
    }
}
