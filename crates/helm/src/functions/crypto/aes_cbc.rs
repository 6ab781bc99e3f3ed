//! `encryptAES` and `decryptAES`: AES-256 in CBC mode, the key being the password as it is.

use aes::{
    Aes256,
    cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _},
};

use super::super::{
    args::{Outcome, bytes, string},
    random::Rng,
    strings::{decode_base64, encode_base64},
};
use crate::{
    call::{Call, FunctionError},
    value::Value,
};

const BLOCK: usize = 16;

/// The password, cut or filled with zeros.
fn cipher(password: &[u8]) -> Aes256 {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(password) {
        *place = *byte;
    }
    Aes256::new(&key.into())
}

pub(super) fn encrypt(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (password, text) = (string(args, 0)?, string(args, 1)?);
    if text.is_empty() {
        return Ok("".into());
    }
    call.budget.step(1 + text.len() as u64 / 64)?;
    call.budget.take(text.len().saturating_mul(3))?;
    let cipher = cipher(password);
    let padding = BLOCK - text.len() % BLOCK;
    let mut padded = text.to_vec();
    padded.resize(text.len() + padding, u8::try_from(padding).unwrap_or(0));
    let mut before: [u8; BLOCK] = Rng::draw(call.world).array();
    let mut out = before.to_vec();
    for block in padded.as_chunks::<BLOCK>().0 {
        let mut mixed = *block;
        for (byte, other) in mixed.iter_mut().zip(before) {
            *byte ^= other;
        }
        let mut mixed = mixed.into();
        cipher.encrypt_block(&mut mixed);
        before = mixed.into();
        out.extend(before);
    }
    Ok(Value::string(encode_base64(&out)))
}

pub(super) fn decrypt(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (password, text) = (string(args, 0)?, string(args, 1)?);
    if text.is_empty() {
        return Ok("".into());
    }
    call.budget.step(1 + text.len() as u64 / 64)?;
    let data = decode_base64(text)
        .map_err(|at| FunctionError::new(format!("illegal base64 data at input byte {at}")))?;
    let Some((vector, data)) = data.split_first_chunk::<BLOCK>() else {
        // Go's slice of what is not there; the capacity is that of the buffer that base 64 was decoded into.
        let capacity = text.len() / 4 * 3;
        return Err(FunctionError::new(if capacity < BLOCK {
            format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {capacity}")
        } else {
            format!(
                "runtime error: slice bounds out of range [{BLOCK}:{}]",
                data.len()
            )
        }));
    };
    let (blocks, rest) = data.as_chunks::<BLOCK>();
    if !rest.is_empty() {
        return Err(FunctionError::new("crypto/cipher: input not full blocks"));
    }
    let cipher = cipher(password);
    let mut before = *vector;
    let mut out = Vec::with_capacity(data.len());
    for block in blocks {
        let mut plain = (*block).into();
        cipher.decrypt_block(&mut plain);
        let plain: [u8; BLOCK] = plain.into();
        out.extend(plain.iter().zip(before).map(|(byte, other)| byte ^ other));
        before = *block;
    }
    let Some(padding) = out.last() else {
        return Err(FunctionError::new("runtime error: index out of range [-1]"));
    };
    let padding = usize::from(*padding);
    match out.len().checked_sub(padding) {
        Some(length) => {
            out.truncate(length);
            bytes(call, out)
        }
        None => Err(FunctionError::new(format!(
            "runtime error: slice bounds out of range [:-{}]",
            padding - out.len()
        ))),
    }
}
