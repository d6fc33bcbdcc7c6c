//! Signatures against the collected vectors of the venues' documentation.
//!
//! Skipped, with a word, where the vectors are not present. ES256 (Coinbase's other key kind) is
//! not implemented and not applicable.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use connectors::sign::{Ed25519Key, HmacKey, KeyError, SIGNATURE_TEXT_BYTES, Signer, Verifier};
use serde_json::Value;

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared/venues/SIGNATURE_VECTORS.json"
);

/// PKCS#8 version 1 around a raw Ed25519 seed (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

fn load() -> Option<Vec<Value>> {
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        eprintln!("skipped: {VECTORS} is not present");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn text<'a>(vector: &'a Value, key: &str) -> Option<&'a str> {
    vector.get(key).and_then(Value::as_str)
}

fn parse_hex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn pkcs8_of_seed(seed_hex: &str) -> Vec<u8> {
    let mut der = PKCS8_PREFIX.to_vec();
    der.extend_from_slice(&parse_hex(seed_hex));
    der
}

fn check_hmac(vector: &Value, secret: &str, payload: &str) -> bool {
    if let Some(expected) = text(vector, "signature_hex") {
        let mut out = [0; SIGNATURE_TEXT_BYTES];
        let got = Signer::hmac(secret.as_bytes()).sign_into(payload.as_bytes(), &mut out);
        assert_eq!(got, expected, "{vector}");
        let verifier = Verifier::hmac(secret.as_bytes());
        assert!(verifier.verify(payload.as_bytes(), expected.as_bytes()));
        assert!(verifier.verify(payload.as_bytes(), expected.to_uppercase().as_bytes()));
        assert!(!verifier.verify(b"another payload", expected.as_bytes()));
        return true;
    }
    let Some(expected) = text(vector, "signature_base64") else {
        return false;
    };
    let tag = HmacKey::new(secret.as_bytes()).sign_raw(payload.as_bytes());
    assert_eq!(STANDARD.encode(tag), expected, "{vector}");
    true
}

fn check_ed25519(vector: &Value, seed_hex: &str) -> bool {
    let expected_from_jwt = || {
        let signature = text(vector, "jwt")?.rsplit('.').next()?;
        Some(STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap()))
    };
    let payload = text(vector, "payload")
        .or_else(|| text(vector, "signing_input"))
        .unwrap();
    let expected = text(vector, "signature_base64")
        .map(str::to_owned)
        .or_else(expected_from_jwt)
        .unwrap();
    let der = pkcs8_of_seed(seed_hex);
    let mut signers = vec![Signer::ed25519_pkcs8_der(&der).unwrap()];
    if let Some(pem) = text(vector, "private_key_pem") {
        signers.push(Signer::ed25519_pem(pem.as_bytes()).unwrap());
    }
    for signer in signers {
        let mut out = [0; SIGNATURE_TEXT_BYTES];
        assert_eq!(
            signer.sign_into(payload.as_bytes(), &mut out),
            expected,
            "{vector}"
        );
    }
    let public_key = Ed25519Key::from_pkcs8_der(&der).unwrap().public_key();
    if let Some(hex) = text(vector, "public_key_hex") {
        assert_eq!(public_key.to_vec(), parse_hex(hex));
    }
    let verifier = Verifier::ed25519(public_key);
    assert!(verifier.verify(payload.as_bytes(), expected.as_bytes()));
    assert!(!verifier.verify(b"another payload", expected.as_bytes()));
    true
}

#[test]
fn signature_of_every_vector_is_the_documented_one() {
    let Some(vectors) = load() else { return };
    let mut checked_binance = 0;
    let mut checked = 0;
    for vector in &vectors {
        let secret = text(vector, "secret").zip(text(vector, "payload"));
        let done = match (secret, text(vector, "seed_hex")) {
            (Some((secret, payload)), _) => check_hmac(vector, secret, payload),
            (None, Some(seed_hex)) => check_ed25519(vector, seed_hex),
            (None, None) => false,
        };
        checked += usize::from(done);
        checked_binance += usize::from(done && text(vector, "venue") == Some("binance"));
    }
    assert_eq!(checked_binance, 9, "every Binance vector is checked");
    assert_eq!(checked, vectors.len() - 1, "all but ES256 are checked");
}

#[test]
fn verifier_malformed_signature_is_false() {
    let payload = b"payload";
    let (key, _) = Ed25519Key::generate().unwrap();
    let verifiers = [
        Verifier::hmac(b"secret"),
        Verifier::ed25519(key.public_key()),
    ];
    let long = [b'0'; 300];
    for verifier in verifiers {
        for text in [
            &b""[..],
            b"0",
            b"zz",
            &long[..64],
            &long[..88],
            &long,
            "\u{e9}".as_bytes(),
        ] {
            assert!(!verifier.verify(payload, text));
        }
    }
}

#[test]
fn key_generated_survives_its_own_encoding() {
    let (key, der) = Ed25519Key::generate().unwrap();
    let mut out = [0; SIGNATURE_TEXT_BYTES];
    let signer = Signer::ed25519_pkcs8_der(&der).unwrap();
    let signature = signer.sign_into(b"payload", &mut out);
    assert!(Verifier::ed25519(key.public_key()).verify(b"payload", signature.as_bytes()));
    assert_ne!(
        Ed25519Key::generate().unwrap().0.public_key(),
        key.public_key()
    );
}

#[test]
fn key_malformed_is_refused_and_never_shown() {
    assert_eq!(Ed25519Key::from_pem(b"hello").unwrap_err(), KeyError::Pem);
    assert_eq!(
        Ed25519Key::from_pkcs8_der(b"hello").unwrap_err(),
        KeyError::NotEd25519
    );
    let (key, _) = Ed25519Key::generate().unwrap();
    assert_eq!(
        format!("{:?}", Signer::Ed25519(key)),
        "Ed25519(Ed25519Key(***))"
    );
    assert_eq!(
        format!("{:?}", Signer::hmac(b"secret")),
        "Hmac(HmacKey(***))"
    );
}
