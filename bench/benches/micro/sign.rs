//! Signing 250 bytes, the usual size of an order's parameters, to the text that goes on the wire.
//!
//! Base cases: the bare hash of the same bytes for HMAC, the bare signature for Ed25519.

use std::hint::black_box;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use connectors::sign::{SIGNATURE_TEXT_BYTES, Signer, Verifier};
use criterion::Criterion;
use sha2::{Digest, Sha256};

const PAYLOAD: [u8; 250] = [b'a'; 250];

pub(crate) fn bench(criterion: &mut Criterion) {
    hmac(criterion);
    ed25519(criterion);
}

fn hmac(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sign/hmac/250B");
    group.bench_function("base", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(&PAYLOAD)));
    });
    let secret = [b'k'; 64];
    let signer = Signer::hmac(&secret);
    let mut out = [0; SIGNATURE_TEXT_BYTES];
    let text = signer.sign_into(&PAYLOAD, &mut out).as_bytes();
    assert!(Verifier::hmac(&secret).verify(&PAYLOAD, text));
    group.bench_function("caracal", |bencher| {
        bencher.iter(|| signer.sign_into(black_box(&PAYLOAD), &mut out).len());
    });
    group.finish();
}

fn ed25519(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sign/ed25519/250B");
    let der = fixed_key();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
    group.bench_function("base", |bencher| {
        bencher.iter(|| pair.sign(black_box(&PAYLOAD)));
    });
    let signer = Signer::ed25519_pkcs8_der(&der).unwrap();
    let mut out = [0; SIGNATURE_TEXT_BYTES];
    let text = signer.sign_into(&PAYLOAD, &mut out).as_bytes();
    let public = pair.public_key().as_ref().try_into().unwrap();
    assert!(Verifier::ed25519(public).verify(&PAYLOAD, text));
    group.bench_function("caracal", |bencher| {
        bencher.iter(|| signer.sign_into(black_box(&PAYLOAD), &mut out).len());
    });
    group.finish();
}

/// A private key in PKCS#8 (RFC 8410, section 7), the same in every run.
fn fixed_key() -> Vec<u8> {
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(1..=32);
    der
}
