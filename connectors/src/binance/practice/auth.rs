//! Who asks, and is it so: API key, signature, timestamp.

use super::error::ApiError;
use super::params::Params;
use crate::practice::Credential;
use crate::sign::Verifier;

const RECV_WINDOW_DEFAULT_MS: i64 = 5_000;
const RECV_WINDOW_MAX_MS: i64 = 60_000;
/// How far a client's clock may run ahead.
const AHEAD_MAX_MS: i64 = 1_000;

/// A key and the account that it opens.
#[derive(Debug)]
pub(in crate::binance) struct Key {
    pub(in crate::binance) api_key: String,
    pub(in crate::binance) verifier: Verifier,
    pub(in crate::binance) ed25519: bool,
}

impl Key {
    pub(in crate::binance) fn new(api_key: &str, credential: &Credential) -> Self {
        let (verifier, ed25519) = match credential {
            Credential::Hmac(secret) | Credential::HmacWithPassphrase { secret, .. } => {
                (Verifier::hmac(secret), false)
            }
            Credential::Ed25519(public_key) => (Verifier::ed25519(*public_key), true),
        };
        Self {
            api_key: api_key.to_owned(),
            verifier,
            ed25519,
        }
    }
}

/// The account of an API key.
pub(in crate::binance) fn account(keys: &[Key], api_key: Option<&str>) -> Result<usize, ApiError> {
    let Some(api_key) = api_key.filter(|key| !key.is_empty()) else {
        return Err(ApiError::new(401, -2014, "API-key format invalid."));
    };
    if !api_key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    {
        return Err(ApiError::new(401, -2014, "API-key format invalid."));
    }
    let message = "Invalid API-key, IP, or permissions for action.";
    keys.iter()
        .position(|key| key.api_key == api_key)
        .ok_or_else(|| ApiError::new(401, -2015, message))
}

/// Checks the signature of `signed_text`.
pub(in crate::binance) fn check_signature(
    key: &Key,
    params: &Params,
    signed_text: &str,
) -> Result<(), ApiError> {
    let signature = params.need("signature")?;
    // Hex may be upper case; base64 may not change.
    let lower = signature.to_ascii_lowercase();
    let signature = if key.ed25519 { signature } else { &lower };
    if key
        .verifier
        .verify(signed_text.as_bytes(), signature.as_bytes())
    {
        Ok(())
    } else {
        Err(ApiError::bad(
            -1022,
            "Signature for this request is not valid.",
        ))
    }
}

/// Checks that the request is of now.
pub(in crate::binance) fn check_time(params: &Params, now_ms: i64) -> Result<(), ApiError> {
    let mut timestamp = params
        .integer("timestamp")?
        .ok_or_else(|| ApiError::missing("timestamp"))?;
    // Sixteen digits are microseconds.
    if timestamp >= 1_000_000_000_000_000 {
        timestamp /= 1_000;
    }
    let window_ms = match params.get("recvWindow") {
        None => RECV_WINDOW_DEFAULT_MS,
        Some(_) => {
            let window = params.decimal("recvWindow", 3)?.unwrap_or_default();
            window.ceil().try_into().unwrap_or(i64::MAX)
        }
    };
    if window_ms > RECV_WINDOW_MAX_MS {
        return Err(ApiError::bad(
            -1131,
            "'recvWindow' must be less than 60000.",
        ));
    }
    if timestamp >= now_ms.saturating_add(AHEAD_MAX_MS) {
        let message = "Timestamp for this request was 1000ms ahead of the server's time.";
        return Err(ApiError::bad(-1021, message));
    }
    if now_ms.saturating_sub(timestamp) > window_ms {
        let message = "Timestamp for this request is outside of the recvWindow.";
        return Err(ApiError::bad(-1021, message));
    }
    Ok(())
}
