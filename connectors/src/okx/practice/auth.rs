//! Who asks, and is it so: key, passphrase, time and signature, of a login and of a REST request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Error;
use crate::practice::server::Request;
use crate::practice::{AccountSeed, Credential};
use crate::sign::HmacKey;

/// How far a client's clock may be off, milliseconds.
const SKEW_MAX_MS: i64 = 30_000;

/// A key and the account that it opens.
pub(super) struct Key {
    api_key: String,
    passphrase: String,
    secret: Option<HmacKey>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl Key {
    pub(super) fn new(account: &AccountSeed) -> Self {
        let (secret, passphrase) = match &account.credential {
            Credential::HmacWithPassphrase { secret, passphrase } => {
                (Some(HmacKey::new(secret)), passphrase.clone())
            }
            Credential::Hmac(secret) => (Some(HmacKey::new(secret)), String::new()),
            // The venue has no keys of this kind: it opens nothing.
            Credential::Ed25519(_) => (None, String::new()),
        };
        Self {
            api_key: account.api_key.clone(),
            passphrase,
            secret,
        }
    }

    fn signs(&self, payload: &str, signature: &str) -> bool {
        let Some(secret) = &self.secret else {
            return false;
        };
        STANDARD.encode(secret.sign_raw(payload.as_bytes())) == signature
    }
}

/// What a login says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login<'a> {
    pub(super) api_key: &'a str,
    pub(super) passphrase: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) sign: &'a str,
}

/// The account of a login.
pub(super) fn log_in(keys: &[Key], login: Login<'_>, now_ms: i64) -> Result<usize, Error> {
    let place = keys.iter().position(|key| key.api_key == login.api_key);
    let account = place.ok_or_else(|| Error::new(60_005, "Invalid apiKey"))?;
    let key = &keys[account];
    let time: Option<i64> = login.timestamp.parse().ok();
    let time_s = time.ok_or_else(|| Error::new(60_004, "Invalid timestamp"))?;
    if time_s.saturating_mul(1_000).abs_diff(now_ms) > SKEW_MAX_MS.unsigned_abs() + 1_000 {
        return Err(Error::new(60_006, "Timestamp request expired"));
    }
    if key.passphrase != login.passphrase {
        return Err(Error::new(60_024, "Wrong passphrase"));
    }
    let payload = format!("{}GET/users/self/verify", login.timestamp);
    if !key.signs(&payload, login.sign) {
        return Err(Error::new(60_007, "Invalid sign"));
    }
    Ok(account)
}

/// The account of a signed request.
pub(super) fn account_of(keys: &[Key], request: &Request, now_ms: i64) -> Result<usize, Error> {
    let refused = |code, message: &str| Error::with_status(401, code, message);
    let header = |name: &str, code, message: &str| {
        let value = request.header(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| refused(code, message))
    };
    let api_key = header(
        "ok-access-key",
        50_103,
        "Request header OK-ACCESS-KEY can not be empty.",
    )?;
    let passphrase = header(
        "ok-access-passphrase",
        50_104,
        "Request header OK-ACCESS-PASSPHRASE can not be empty.",
    )?;
    let sign = header(
        "ok-access-sign",
        50_106,
        "Request header OK-ACCESS-SIGN can not be empty.",
    )?;
    let timestamp = header(
        "ok-access-timestamp",
        50_107,
        "Request header OK-ACCESS-TIMESTAMP can not be empty.",
    )?;
    let place = keys.iter().position(|key| key.api_key == api_key);
    let account = place.ok_or_else(|| refused(50_111, "Invalid OK-ACCESS-KEY"))?;
    let key = &keys[account];
    if key.passphrase != passphrase {
        return Err(refused(
            50_105,
            "Request header OK-ACCESS-PASSPHRASE incorrect.",
        ));
    }
    let time_ms =
        millis(timestamp).ok_or_else(|| refused(50_112, "Invalid OK-ACCESS-TIMESTAMP"))?;
    if time_ms.abs_diff(now_ms) > SKEW_MAX_MS.unsigned_abs() {
        return Err(refused(50_102, "Timestamp request expired"));
    }
    let query = if request.query.is_empty() {
        String::new()
    } else {
        format!("?{}", request.query)
    };
    let payload = format!(
        "{timestamp}{}{}{query}{}",
        request.method, request.path, request.body
    );
    if !key.signs(&payload, sign) {
        return Err(refused(50_113, "Invalid Sign"));
    }
    Ok(account)
}

/// Milliseconds since the Unix epoch of `2020-12-08T09:08:57.715Z`.
fn millis(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let mut next = || parts.next()?.ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.split(':').map(str::parse::<i64>);
    let mut next = || parts.next()?.ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    let in_range = (1970..=9_999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..61).contains(&second);
    if !in_range || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let milli: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let days = days_from_civil(year, month, day);
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + milli)
}

/// Days since the Unix epoch of a date of the Gregorian calendar (Howard Hinnant's algorithm).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_a_header_is_read() {
        assert_eq!(millis("2020-12-08T09:08:57.715Z"), Some(1_607_418_537_715));
        assert_eq!(millis("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(millis("2024-02-29T23:59:59.9Z"), Some(1_709_251_199_900));
        for wrong in ["", "2020-12-08", "2020-13-08T09:08:57.715Z", "1607418537"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    /// The documentation's examples; see `SIGNATURE_VECTORS.json`.
    #[test]
    fn documented_signatures_open_the_account() {
        let keys = [Key {
            api_key: "k".to_owned(),
            passphrase: "p".to_owned(),
            secret: Some(HmacKey::new(b"22582BD0CFF14C41EDBF1AB98506286D")),
        }];
        let login = Login {
            api_key: "k",
            passphrase: "p",
            timestamp: "1704876947",
            sign: "5/36BgGV6m/6pmdc20zdqk0mzF5ZalmzzPD2fo3wavU=",
        };
        assert_eq!(log_in(&keys, login, 1_704_876_960_000), Ok(0));
        let late = log_in(&keys, login, 1_704_877_000_000);
        assert_eq!(late.unwrap_err().code, 60_006);
        let wrong = Login {
            passphrase: "q",
            ..login
        };
        let wrong = log_in(&keys, wrong, 1_704_876_960_000);
        assert_eq!(wrong.unwrap_err().code, 60_024);
    }
}
