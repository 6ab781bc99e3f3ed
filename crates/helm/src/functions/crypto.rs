//! Hashes, passwords, ciphers, keys and certificates.

mod aes_cbc;
mod certificate;
mod der;
mod password;
mod pem;
mod private_key;

use sha1::{Digest as _, Sha1};
use sha2::{Sha256, Sha512};

use super::args::{functions, string};
use crate::{
    call::{Call, FunctionError, Param},
    value::Value,
};

const CERTIFICATE: Param = Param::Other("sprig.certificate");

functions! {
    "sha1sum" (String) |call, a| {
        let text = hashed(call, a)?;
        Ok(hex(&Sha1::digest(text)).into())
    };
    "sha256sum" (String) |call, a| {
        let text = hashed(call, a)?;
        Ok(hex(&<Sha256 as sha2::Digest>::digest(text)).into())
    };
    "sha512sum" (String) |call, a| {
        let text = hashed(call, a)?;
        Ok(hex(&<Sha512 as sha2::Digest>::digest(text)).into())
    };
    "adler32sum" (String) |call, a| Ok(adler2::adler32_slice(hashed(call, a)?).to_string().into());
    "bcrypt" (String) password::bcrypt;
    "htpasswd" (String, String) password::htpasswd;
    "derivePassword" (Other("uint32"), String, String, String, String) password::derive;
    "encryptAES" (String, String) aes_cbc::encrypt;
    "decryptAES" (String, String) aes_cbc::decrypt;
    "genPrivateKey" (String) private_key::generate;
    "genCA" (String, Int) certificate::authority;
    "genCAWithKey" (String, Int, String) certificate::authority_with_key;
    "genSelfSignedCert" (String, List, List, Int) certificate::self_signed;
    "genSelfSignedCertWithKey" (String, List, List, Int, String) certificate::self_signed_with_key;
    "genSignedCert" (String, List, List, Int, CERTIFICATE) certificate::signed;
    "genSignedCertWithKey" (String, List, List, Int, CERTIFICATE, String) certificate::signed_with_key;
    "buildCustomCert" (String, String) certificate::custom;
}

/// The text to hash, whose reading is paid for.
fn hashed<'a>(call: &mut Call<'_>, args: &'a [Value]) -> Result<&'a [u8], FunctionError> {
    let text = string(args, 0)?;
    call.budget.step(1 + text.len() as u64 / 64)?;
    Ok(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
