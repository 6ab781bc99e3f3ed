//! Anchors, tags and directives.

use super::{Kind, Piece, Result, Scanner, Token, hex};

impl Scanner<'_> {
    /// The number of letters, digits, `_` and `-` from there.
    fn name_length(&self, offset: usize) -> usize {
        let mut length = 0;
        while matches!(self.at(offset + length), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-') {
            length += 1;
        }
        length
    }

    pub(super) fn anchor(&mut self, kind: Kind) -> Result<()> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let line = self.line;
        let start = self.pos + 1;
        let length = self.name_length(1);
        self.advance(1 + length);
        let ends =
            self.blankz_at(0) || matches!(self.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if length == 0 || !ends {
            return self.fail("did not find expected alphabetic or numeric character");
        }
        self.push(kind, line, Piece::Span(start, start + length), key);
        Ok(())
    }

    pub(super) fn tag(&mut self) -> Result<()> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let line = self.line;
        let (handle, suffix) = if self.at(1) == b'<' {
            self.advance(2);
            let suffix = self.tag_uri(&[])?;
            if self.at(0) != b'>' {
                return self.fail("did not find the expected '>'");
            }
            self.advance(1);
            (Vec::new(), suffix)
        } else {
            let handle = self.tag_handle(false)?;
            if handle.len() > 1 && handle.ends_with(b"!") {
                let suffix = self.tag_uri(&[])?;
                (handle, suffix)
            } else {
                let suffix = self.tag_uri(&handle)?;
                if suffix.is_empty() {
                    (suffix, handle)
                } else {
                    (b"!".to_vec(), suffix)
                }
            }
        };
        if !self.blankz_at(0) {
            return self.fail("did not find expected whitespace or line break");
        }
        self.tokens.push_back(Token {
            kind: Kind::Tag,
            line,
            text: Piece::Owned(handle),
            suffix,
            key,
        });
        Ok(())
    }

    fn tag_handle(&mut self, directive: bool) -> Result<Vec<u8>> {
        if self.at(0) != b'!' {
            return self.fail("did not find expected '!'");
        }
        let mut length = 1 + self.name_length(1);
        if self.at(length) == b'!' {
            length += 1;
        } else if directive && length != 1 {
            self.advance(length);
            return self.fail("did not find expected '!'");
        }
        let handle = self
            .input
            .get(self.pos..self.pos + length)
            .unwrap_or_default()
            .to_vec();
        self.advance(length);
        Ok(handle)
    }

    fn tag_uri(&mut self, head: &[u8]) -> Result<Vec<u8>> {
        let mut uri = head.get(1..).unwrap_or_default().to_vec();
        let mut found = !head.is_empty();
        loop {
            match self.at(0) {
                b'%' => self.uri_escape(&mut uri)?,
                byte @ (b'0'..=b'9'
                | b'A'..=b'Z'
                | b'a'..=b'z'
                | b'_'
                | b'-'
                | b';'
                | b'/'
                | b'?'
                | b':'
                | b'@'
                | b'&'
                | b'='
                | b'+'
                | b'$'
                | b','
                | b'.'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b'['
                | b']') => {
                    uri.push(byte);
                    self.advance(1);
                }
                _ => break,
            }
            found = true;
        }
        if found {
            Ok(uri)
        } else {
            self.fail("did not find expected tag URI")
        }
    }

    fn uri_escape(&mut self, uri: &mut Vec<u8>) -> Result<()> {
        let mut left = None;
        while left != Some(0) {
            let (Some(high), Some(low), b'%') = (hex(self.at(1)), hex(self.at(2)), self.at(0)) else {
                return self.fail("did not find URI escaped octet");
            };
            let octet = u8::try_from(high * 16 + low).unwrap_or(0);
            let rest = match left {
                Some(rest) => {
                    if octet & 0xc0 != 0x80 {
                        return self.fail("found an incorrect trailing UTF-8 octet");
                    }
                    rest
                }
                None => match octet {
                    0..0x80 => 1,
                    0xc0..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    0xf0..0xf8 => 4,
                    _ => return self.fail("found an incorrect leading UTF-8 octet"),
                },
            };
            uri.push(octet);
            self.advance(3);
            left = Some(rest - 1);
        }
        Ok(())
    }

    pub(super) fn directive(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_key()?;
        self.key_allowed = false;
        let line = self.line;
        self.advance(1);
        let length = self.name_length(0);
        let name = self.input.get(self.pos..self.pos + length).unwrap_or_default();
        self.advance(length);
        if length == 0 {
            return self.fail("could not find expected directive name");
        }
        if !self.blankz_at(0) {
            return self.fail("found unexpected non-alphabetical character");
        }
        let token = match name {
            b"YAML" => self.version(line)?,
            b"TAG" => self.tag_directive(line)?,
            _ => return self.fail("found unknown directive name"),
        };
        self.end_line()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn version(&mut self, line: usize) -> Result<Token> {
        self.skip_blanks();
        let major = self.version_number()?;
        if self.at(0) != b'.' {
            return self.fail("did not find expected digit or '.' character");
        }
        self.advance(1);
        let minor = self.version_number()?;
        Ok(Token {
            kind: Kind::Version,
            line,
            text: Piece::Owned(vec![major, minor]),
            suffix: Vec::new(),
            key: None,
        })
    }

    fn version_number(&mut self) -> Result<u8> {
        let mut number = 0;
        let mut length = 0;
        while let digit @ b'0'..=b'9' = self.at(0) {
            length += 1;
            if length > 2 {
                return self.fail("found extremely long version number");
            }
            number = number * 10 + (digit - b'0');
            self.advance(1);
        }
        if length == 0 {
            return self.fail("did not find expected version number");
        }
        Ok(number)
    }

    fn tag_directive(&mut self, line: usize) -> Result<Token> {
        self.skip_blanks();
        let handle = self.tag_handle(true)?;
        if !self.blank_at(0) {
            return self.fail("did not find expected whitespace");
        }
        self.skip_blanks();
        let prefix = self.tag_uri(&[])?;
        if !self.blankz_at(0) {
            return self.fail("did not find expected whitespace or line break");
        }
        Ok(Token {
            kind: Kind::TagDirective,
            line,
            text: Piece::Owned(handle),
            suffix: prefix,
            key: None,
        })
    }
}
