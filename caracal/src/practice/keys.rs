//! Keys of a practice venue: made anew at each start, worth nothing, kept like real ones.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use connectors::practice::Credential;
use connectors::protocol::Protocol;
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
    /// The word that goes with the key, where the venue wants one.
    pub(crate) passphrase: Option<String>,
}

impl KeyPair {
    /// A fresh pair. At OKX it always is a shared secret, with a passphrase.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the system's random source failed.
    pub(crate) fn generate(protocol: Protocol, signature: Signature) -> Result<Self, Failure> {
        let (key, der) = Ed25519Key::generate().map_err(Failure::because)?;
        let public_key = key.public_key();
        let api_key = format!("practice{}", hex(&public_key[..12]));
        // The private key's bytes are as good a random text as any.
        let shared = || hex(&der[der.len().saturating_sub(32)..]);
        let worded = match protocol {
            Protocol::OkxSpot | Protocol::OkxSwap => true,
            Protocol::BinanceSpot | Protocol::BinanceUsdm => false,
        };
        let (credential, secret, passphrase) = match signature {
            _ if worded => {
                let (secret, passphrase) = (shared(), hex(&public_key[12..24]));
                let credential = Credential::HmacWithPassphrase {
                    secret: secret.clone().into_bytes(),
                    passphrase: passphrase.clone(),
                };
                (credential, secret, Some(passphrase))
            }
            Signature::Ed25519 => (Credential::Ed25519(public_key), pkcs8_pem(&der), None),
            Signature::Hmac => {
                let secret = shared();
                (Credential::Hmac(secret.clone().into_bytes()), secret, None)
            }
        };
        Ok(Self {
            api_key,
            credential,
            secret,
            passphrase,
        })
    }

    /// Writes certificate, API key, secret and passphrase, if there is one, into `directory`, which
    /// is made if need be. Only the owner can read the secrets.
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
            Some(("ca.pem", certificate_pem, 0o644)),
            Some(("api-key", self.api_key.as_str(), 0o600)),
            Some(("secret", self.secret.as_str(), 0o600)),
            self.passphrase
                .as_deref()
                .map(|word| ("passphrase", word, 0o600)),
        ];
        for (name, text, mode) in files.into_iter().flatten() {
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
