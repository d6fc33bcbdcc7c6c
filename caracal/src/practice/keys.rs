//! Keys of a practice venue: made anew at each start, worth nothing, kept like real ones.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use connectors::practice::Credential;
use connectors::sign::{Ed25519Key, pkcs8_pem};

use crate::config::Signature;
use crate::output::{Failure, hex};

/// An API key and its secret.
pub(crate) struct KeyPair {
    /// What the client sends to say who it is.
    pub(crate) api_key: String,
    /// What the venue knows of it.
    pub(crate) credential: Credential,
    /// PKCS#8 PEM of the private key, or the shared secret.
    pub(crate) secret: String,
}

impl KeyPair {
    /// A fresh pair.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the system's random source failed.
    pub(crate) fn generate(signature: Signature) -> Result<Self, Failure> {
        let (key, der) = Ed25519Key::generate().map_err(Failure::because)?;
        let public_key = key.public_key();
        let api_key = format!("practice{}", hex(&public_key[..12]));
        let (credential, secret) = match signature {
            Signature::Ed25519 => (Credential::Ed25519(public_key), pkcs8_pem(&der)),
            // The private key's bytes are as good a random text as any.
            Signature::Hmac => {
                let secret = hex(&der[der.len().saturating_sub(32)..]);
                (Credential::Hmac(secret.clone().into_bytes()), secret)
            }
        };
        Ok(Self {
            api_key,
            credential,
            secret,
        })
    }

    /// Writes certificate, API key and secret into `directory`, which is made if need be. Only the
    /// owner can read the secret.
    ///
    /// # Errors
    ///
    /// [`Failure`], naming the file.
    pub(crate) fn write(&self, directory: &Path, certificate_pem: &str) -> Result<(), Failure> {
        let failed = |path: &Path, error| {
            Failure::while_doing(&format!("cannot write {}", path.display()), error)
        };
        fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
        let files = [
            ("ca.pem", certificate_pem, 0o644),
            ("api-key", self.api_key.as_str(), 0o600),
            ("secret", self.secret.as_str(), 0o600),
        ];
        for (name, text, mode) in files {
            let path = directory.join(name);
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(mode);
            options
                .open(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| failed(&path, error))?;
        }
        Ok(())
    }
}

/// A key file's text without the line's end.
///
/// # Errors
///
/// [`Failure`], naming the file.
pub(crate) fn read_trimmed(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::while_doing(&format!("cannot read {}", path.display()), error))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::Message(format!(
            "{} is empty: it must hold a key",
            path.display()
        )));
    }
    Ok(text.to_owned())
}
