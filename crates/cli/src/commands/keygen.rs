//! `airlock keygen`: a signing key pair.

use std::path::PathBuf;

use airlock_trust::SecretKey;
use serde::Serialize;

use crate::args::{Global, KeyFormat, KeygenArgs};
use crate::failure::Result;
use crate::{files, keys, print};

#[derive(Serialize)]
struct Made {
    private_key: PathBuf,
    public_key: PathBuf,
    key_id: String,
}

pub(crate) fn run(args: &KeygenArgs, global: &Global) -> Result {
    let key = SecretKey::generate()?;
    let pem = if args.insecure_no_password {
        key.to_unencrypted_pkcs8_pem()
    } else {
        let password = keys::new_password(&args.password)?;
        match args.format {
            KeyFormat::Pkcs8 => key.to_encrypted_pkcs8_pem(password.as_bytes())?,
            KeyFormat::Cosign => key.to_cosign_pem(password.as_bytes())?,
        }
    };
    let public = args.out.with_extension("pub");
    // The public key first: if it cannot be written, no secret is left lying about.
    files::create_new("the public key", &public, 0o644, key.public().to_pem().as_bytes())?;
    if let Err(failure) = files::create_new("the private key", &args.out, 0o600, pem.as_bytes()) {
        // Only what this run made is taken back.
        let _ = std::fs::remove_file(&public);
        return Err(failure);
    }
    let made = Made {
        private_key: args.out.clone(),
        public_key: public,
        key_id: key.public().key_id().to_string(),
    };
    print::result(global, &made, || {
        format!(
            "private key  {} (keep it on the build side)\npublic key   {} (give it to every site)\nkey id       {}\n",
            made.private_key.display(),
            made.public_key.display(),
            made.key_id
        )
    })
}
