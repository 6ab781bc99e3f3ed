//! Keys as files: passwords from a prompt, a file or the environment.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use airlock_trust::{Policy, Protection, PublicKey, SecretKey, needs_password};
use anyhow::Context;
use zeroize::Zeroizing;

use crate::args::PasswordArgs;
use crate::failure::{Failure, Result};
use crate::files;

/// More than any key file needs.
const LIMIT: u64 = 64 * 1024;
/// Holds a key's password, for machines.
const PASSWORD_VARIABLE: &str = "AIRLOCK_KEY_PASSWORD";

/// Reads the private key that signs.
pub(crate) fn secret(path: &Path, password: &PasswordArgs) -> Result<(SecretKey, Protection)> {
    let text = Zeroizing::new(
        files::read("the private key", path, LIMIT)
            .map_err(|failure| failure.hint_if_absent("make a key pair with `airlock keygen`"))?,
    );
    let about = || format!("the private key could not be opened: {}", path.display());
    let password = if needs_password(&text).with_context(about)? {
        Some(existing(password, &format!("Password of {}: ", path.display()))?)
    } else {
        None
    };
    Ok(SecretKey::from_pem(&text, password.as_ref().map(|text| text.as_bytes())).with_context(about)?)
}

/// The policy that any of these public keys, or `threshold` of them, must have signed.
pub(crate) fn policy(paths: &[PathBuf], threshold: u16) -> Result<Policy> {
    let mut keys = Vec::new();
    for path in paths {
        let text = files::read("the public key", path, LIMIT)?;
        let key = PublicKey::from_pem(&text)
            .with_context(|| format!("the public key could not be read: {}", path.display()))?;
        keys.push(key);
    }
    Ok(Policy::new(keys)?.with_threshold(threshold.into())?)
}

/// The password of a key that exists.
fn existing(args: &PasswordArgs, prompt: &str) -> Result<Zeroizing<String>> {
    match given(args)? {
        Some(password) => Ok(password),
        None => ask(prompt),
    }
}

/// A password for a new key: given, or asked for twice.
pub(crate) fn new_password(args: &PasswordArgs) -> Result<Zeroizing<String>> {
    let password = if let Some(password) = given(args)? {
        password
    } else {
        let first = ask("Password for the new key: ")?;
        if *first != *ask("The same again: ")? {
            return Err(anyhow::anyhow!("the two passwords differ").into());
        }
        first
    };
    if password.is_empty() {
        return Err(Failure::from(anyhow::anyhow!("the password is empty"))
            .hint("give one, or say --insecure-no-password if the file system protects the key"));
    }
    Ok(password)
}

fn given(args: &PasswordArgs) -> Result<Option<Zeroizing<String>>> {
    if let Some(path) = &args.password_file {
        let text = Zeroizing::new(files::read_text("the password file", path, LIMIT)?);
        return Ok(Some(Zeroizing::new(
            text.lines().next().unwrap_or_default().to_owned(),
        )));
    }
    Ok(std::env::var(PASSWORD_VARIABLE).ok().map(Zeroizing::new))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::from(anyhow::anyhow!(
            "the key needs a password, and there is no terminal to ask on"
        ))
        .hint(format!("give --password-file FILE or set {PASSWORD_VARIABLE}")));
    }
    Ok(Zeroizing::new(
        rpassword::prompt_password(prompt).context("the password could not be read")?,
    ))
}
