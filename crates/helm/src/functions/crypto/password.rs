//! Passwords: hashed by bcrypt, or derived from a master password.

use blowfish::Blowfish;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::super::{
    args::{Outcome, any, string},
    random::Rng,
};
use crate::{
    call::{Call, FunctionError},
    value::Value,
};

/// What a hash of bcrypt takes, in steps.
const BCRYPT_STEPS: u64 = 1_000_000;

/// What deriving a password takes, in steps.
const SCRYPT_STEPS: u64 = 3_000_000;

/// Sprig's cost: two to the tenth rounds.
const COST: u32 = 10;

pub(super) fn bcrypt(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(hashed(call, string(args, 0)?)?.into())
}

pub(super) fn htpasswd(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (name, password) = (string(args, 0)?, string(args, 1)?);
    if name.contains(&b':') {
        return Ok(Value::string([b"invalid username: ", name.as_bytes()].concat()));
    }
    let hash = hashed(call, password)?;
    Ok(Value::string([name.as_bytes(), b":", hash.as_bytes()].concat()))
}

fn hashed(call: &mut Call<'_>, password: &[u8]) -> Result<String, FunctionError> {
    if password.len() > 72 {
        return Ok(
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned(),
        );
    }
    call.budget.step(BCRYPT_STEPS)?;
    let salt = Rng::draw(call.world).array();
    Ok(bcrypt_hash(password, &salt))
}

/// The hash in the form of `$2a$`.
fn bcrypt_hash(password: &[u8], salt: &[u8; 16]) -> String {
    // The zero that ends the string in C belongs to the key.
    let key = [password, &[0]].concat();
    let mut cipher = Blowfish::bc_init_state();
    cipher.salted_expand_key(salt, &key);
    for _ in 0..1_u32 << COST {
        cipher.bc_expand_key(&key);
        cipher.bc_expand_key(salt);
    }
    let mut hash = Vec::with_capacity(24);
    for block in b"OrpheanBeholderScryDoubt".as_chunks::<8>().0 {
        let both = u64::from_be_bytes(*block);
        let half = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
        let mut words = [half(both >> 32), half(both)];
        for _ in 0..64 {
            words = cipher.bc_encrypt(words);
        }
        hash.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }
    // One byte is left out, and has been since bcrypt was first written.
    hash.truncate(23);
    format!("$2a${COST:02}${}{}", base64(salt), base64(&hash))
}

/// The base 64 of bcrypt, with an alphabet of its own and without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=chunk.len() {
            let digit = group >> (18 - 6 * at) & 0x3f;
            out.push(char::from(ALPHABET.get(digit as usize).copied().unwrap_or(b'.')));
        }
    }
    out
}

/// What a password of each kind looks like: a letter stands for a set of characters.
fn patterns(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// `derivePassword`: the algorithm of Master Password, version 2.
pub(super) fn derive(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let counter = match any(args, 0) {
        Value::Uint(_, counter) => u32::try_from(*counter).unwrap_or(u32::MAX),
        Value::Int(_, counter) => u32::try_from(*counter).unwrap_or(u32::MAX),
        _ => 0,
    };
    let [kind, password, user, site] = [
        string(args, 1)?,
        string(args, 2)?,
        string(args, 3)?,
        string(args, 4)?,
    ];
    let Some(patterns) = patterns(kind) else {
        return Ok(Value::string(
            [b"cannot find password template ", kind.as_bytes()].concat(),
        ));
    };
    call.budget.step(SCRYPT_STEPS)?;
    let length = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    let salt = [SCOPE, &length(user), user.as_bytes()].concat();
    let mut key = [0; 64];
    let failed = || FunctionError::new("failed to derive password");
    let params = scrypt::Params::new(15, 8, 2).map_err(|_| failed())?;
    scrypt::scrypt(password, &salt, &params, &mut key).map_err(|_| failed())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| failed())?;
    mac.update(&[SCOPE, &length(site), site.as_bytes(), &counter.to_be_bytes()].concat());
    let seed = mac.finalize().into_bytes();
    let byte = |at: usize| usize::from(seed.get(at).copied().unwrap_or(0));
    let pattern = patterns
        .get(byte(0) % patterns.len())
        .copied()
        .unwrap_or_default();
    let out: Vec<u8> = pattern
        .bytes()
        .enumerate()
        .filter_map(|(at, letter)| {
            let characters = characters(letter);
            characters.get(byte(at + 1) % characters.len()).copied()
        })
        .collect();
    Ok(Value::string(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by golang.org/x/crypto/bcrypt.
    #[test]
    fn bcrypt_hashes_as_go_does() {
        for (hash, password) in BCRYPT {
            let salt = unbase64(&hash[7..29]);
            assert_eq!(bcrypt_hash(password.as_bytes(), &salt.try_into().unwrap()), *hash);
        }
    }

    fn unbase64(text: &str) -> Vec<u8> {
        let alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let (mut held, mut bits, mut out) = (0_u32, 0, Vec::new());
        for char in text.chars() {
            held = held << 6 | u32::try_from(alphabet.find(char).unwrap()).unwrap();
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                out.push(u8::try_from(held >> bits & 0xff).unwrap());
            }
        }
        out
    }

    const BCRYPT: &[(&str, &str)] = &[
        ("$2a$10$J9hMBrM79Qs6OMsBEMAJMeG0I2nVTTSdQv6WTHoB.E.DbuVDFCUQy", ""),
        (
            "$2a$10$3aieGcm8fQgwfb6Qywb6yehij5MXm.RjNYfOdUGzZBiGj5fgPAqZe",
            "password",
        ),
        (
            "$2a$10$5.jveIbAprdvwzSbKwhx7.PI2xt24GNF6i9PTEwghC1LVcd2yJLA6",
            "pässwörd",
        ),
        (
            "$2a$10$txV4i5JzCuFfvocUYygBMOc6xP5vq7fQ4jbkIcTRuIaebjZZBvvra",
            "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9",
        ),
    ];
}
