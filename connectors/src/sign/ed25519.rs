//! Ed25519 keys: signing with a private key, checking with a public one.
//!
//! The private key lives inside the crypto library (which wipes it); PEM and DER text that we
//! decode on the way is wiped here.
//!
//! Trade-offs: the crypto library allocates one buffer for each signature, and a signature costs
//! far more than an HMAC. Where a venue lets the connection be signed instead of the order (a
//! log-on), use that.
//!
//! Thread: any. Hot path: `sign_base64` only, where it cannot be avoided. Syscalls: none.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::Zeroizing;

use super::SignatureText;

/// Why a private key was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM with a PKCS#8 private key.
    #[error("the private key is not PKCS#8 PEM: give a file with BEGIN PRIVATE KEY")]
    Pem,
    /// PKCS#8, but not an Ed25519 key.
    #[error("the private key is not an Ed25519 key in PKCS#8")]
    NotEd25519,
    /// The system's random source failed.
    #[error("the system's random source failed while making a key")]
    Random,
}

/// A private key.
pub struct Ed25519Key {
    pair: Ed25519KeyPair,
}

impl Ed25519Key {
    /// Reads a PKCS#8 PEM text (`BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// The text is not PEM, or the key is not Ed25519.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError::Pem)?;
        Self::from_pkcs8_der(Zeroizing::new(der).secret_pkcs8_der())
    }

    /// Reads PKCS#8 DER, with or without the public key inside.
    ///
    /// # Errors
    ///
    /// The key is not Ed25519 in PKCS#8.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::NotEd25519)?;
        Ok(Self { pair })
    }

    /// Makes a fresh key, for the practice venue; gives it and its PKCS#8 DER (wiped on drop).
    ///
    /// # Errors
    ///
    /// The system's random source failed.
    pub fn generate() -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?;
        let document = pair.to_pkcs8v1().map_err(|_| KeyError::Random)?;
        let der = Zeroizing::new(document.as_ref().to_vec());
        Ok((Self { pair }, der))
    }

    /// The raw public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        let mut public_key = [0; 32];
        public_key.copy_from_slice(self.pair.public_key().as_ref());
        public_key
    }

    /// Writes the signature in base64 into `out`.
    pub(crate) fn sign_base64<'a>(&self, payload: &[u8], out: &'a mut SignatureText) -> &'a str {
        let signature = self.pair.sign(payload);
        let length = STANDARD
            .encode_slice(signature.as_ref(), out)
            .expect("Invariant: base64 of 64 bytes is 88 characters");
        str::from_utf8(&out[..length]).expect("Invariant: base64 is ASCII")
    }
}

impl std::fmt::Debug for Ed25519Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Ed25519Key(***)")
    }
}

/// PKCS#8 DER as PEM text, lines of 64 characters.
#[must_use]
pub fn pkcs8_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = left;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}

/// A raw public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ed25519PublicKey([u8; 32]);

impl Ed25519PublicKey {
    /// Wraps 32 raw bytes; a wrong key simply verifies nothing.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn verify_base64(&self, payload: &[u8], text: &[u8]) -> bool {
        // One spare block: the decoder wants room for its estimate, not for the exact length.
        let mut signature = [0; 66];
        let Ok(length) = STANDARD.decode_slice(text, &mut signature) else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(payload, &signature[..length]).is_ok()
    }
}
