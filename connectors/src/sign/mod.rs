//! Keys and signatures: what proves to a venue that an order is ours.
//!
//! Payloads are bytes that a venue's `wire` built; this folder knows no venue. Secrets never
//! show: `Debug` prints `***`, nothing is `Clone`, and what we hold is wiped on drop.
//!
//! Thread: any. Hot path: `sign_into` only. Allocates there: no with HMAC; with Ed25519 the
//! crypto library does, once a signature.

mod ed25519;
mod hmac;

pub use ed25519::{Ed25519Key, Ed25519PublicKey, KeyError, pkcs8_pem};
pub use hmac::HmacKey;

/// Room for the longest signature text (base64 of an Ed25519 signature).
pub const SIGNATURE_TEXT_BYTES: usize = 88;

/// A buffer for a signature text; keep one beside the signer.
pub type SignatureText = [u8; SIGNATURE_TEXT_BYTES];

/// A key that signs.
#[derive(Debug)]
pub enum Signer {
    /// HMAC-SHA256; the text is 64 lower-case hex digits.
    Hmac(HmacKey),
    /// Ed25519; the text is 88 base64 characters (not percent-encoded).
    Ed25519(Ed25519Key),
}

impl Signer {
    /// A signer with a shared secret.
    #[must_use]
    pub fn hmac(secret: &[u8]) -> Self {
        Self::Hmac(HmacKey::new(secret))
    }

    /// A signer with a private key in PKCS#8 PEM (`BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// The text is not PEM, or the key is not Ed25519.
    pub fn ed25519_pem(pem: &[u8]) -> Result<Self, KeyError> {
        Ed25519Key::from_pem(pem).map(Self::Ed25519)
    }

    /// A signer with a private key in PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// The key is not Ed25519 in PKCS#8.
    pub fn ed25519_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        Ed25519Key::from_pkcs8_der(der).map(Self::Ed25519)
    }

    /// Signs `payload` and writes the text into `out`; the returned text lies in `out`.
    pub fn sign_into<'a>(&self, payload: &[u8], out: &'a mut SignatureText) -> &'a str {
        match self {
            Self::Hmac(key) => key.sign_hex(payload, out),
            Self::Ed25519(key) => key.sign_base64(payload, out),
        }
    }
}

/// A key that checks signatures: the practice venue's side.
#[derive(Debug)]
pub enum Verifier {
    /// HMAC-SHA256, compared in constant time.
    Hmac(HmacKey),
    /// Ed25519.
    Ed25519(Ed25519PublicKey),
}

impl Verifier {
    /// A verifier with a shared secret.
    #[must_use]
    pub fn hmac(secret: &[u8]) -> Self {
        Self::Hmac(HmacKey::new(secret))
    }

    /// A verifier with a raw public key.
    #[must_use]
    pub const fn ed25519(public_key: [u8; 32]) -> Self {
        Self::Ed25519(Ed25519PublicKey::new(public_key))
    }

    /// True when `signature_text` (hex or base64, as [`Signer::sign_into`] writes) is `payload`'s.
    #[must_use]
    pub fn verify(&self, payload: &[u8], signature_text: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => key.verify_hex(payload, signature_text),
            Self::Ed25519(key) => key.verify_base64(payload, signature_text),
        }
    }
}
