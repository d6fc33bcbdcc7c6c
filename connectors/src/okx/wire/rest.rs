//! Answers of the REST interface: the envelope, and the rows that a start needs.
//!
//! Control plane. Allocates.

use serde::Deserialize;

use crate::wire::error::{WireError, from_json};
use crate::wire::raw::Raw;
use crate::wire::text::Text;

/// A refusal in the venue's words.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// The venue's code; 0 where there is none that we can read.
    pub code: i32,
    /// Its words.
    pub words: Text<'a>,
    /// What it says of each part of the request, if anything.
    pub data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

/// What an answer's envelope holds: `data` if its code is 0. The status says nothing that the code
/// does not.
///
/// # Errors
///
/// [`WireError`] for bytes that are no envelope.
pub fn open(body: &[u8]) -> Result<Result<Raw<'_>, Failure<'_>>, WireError> {
    let envelope: Envelope<'_> = from_json(body)?;
    let code = envelope.code.ok_or(WireError::Missing { field: "code" })?;
    if code.as_str() == "0" {
        let data = envelope.data.ok_or(WireError::Missing { field: "data" })?;
        return Ok(Ok(data));
    }
    Ok(Err(Failure {
        code: code.as_str().parse().unwrap_or(0),
        words: envelope.msg.unwrap_or(Text("".into())),
        data: envelope.data,
    }))
}

/// The rows of an answer.
///
/// # Errors
///
/// [`WireError`] for bytes that are neither rows nor a refusal.
pub fn rows<'a, T: Deserialize<'a>>(
    body: &'a [u8],
) -> Result<Result<Vec<T>, Failure<'a>>, WireError> {
    match open(body)? {
        Ok(data) => crate::wire::error::from_raw(data).map(Ok),
        Err(failure) => Ok(Err(failure)),
    }
}

/// `/api/v5/public/time`.
#[derive(Debug, Clone, Deserialize)]
pub struct TimeRow<'a> {
    #[serde(borrow)]
    ts: Text<'a>,
}

impl TimeRow<'_> {
    /// The venue's time, milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`WireError`]: no whole number.
    pub fn ms(&self) -> Result<u64, WireError> {
        let wrong = WireError::Value { field: "ts" };
        self.ts.as_str().parse().map_err(|_| wrong)
    }
}

/// One instrument of `/api/v5/public/instruments`. Texts are empty where they do not apply.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstrumentRow<'a> {
    /// `SPOT`, `SWAP` and others.
    #[serde(borrow)]
    pub inst_type: Text<'a>,
    /// The venue's name.
    #[serde(borrow)]
    pub inst_id: Text<'a>,
    /// The number that stands for the name in orders over WebSocket; some have none.
    pub inst_id_code: Option<u64>,
    /// The pair of a contract.
    #[serde(borrow, default)]
    pub inst_family: Option<Text<'a>>,
    /// The same in older answers.
    #[serde(borrow, default)]
    pub uly: Option<Text<'a>>,
    /// Spot: asset bought or sold.
    #[serde(borrow)]
    pub base_ccy: Text<'a>,
    /// Spot: asset paid with.
    #[serde(borrow)]
    pub quote_ccy: Text<'a>,
    /// Contracts: asset of profit and margin.
    #[serde(borrow)]
    pub settle_ccy: Text<'a>,
    /// Contracts: how much one is, of `ct_val_ccy`.
    #[serde(borrow)]
    pub ct_val: Text<'a>,
    /// Contracts: how often.
    #[serde(borrow)]
    pub ct_mult: Text<'a>,
    /// Contracts: the asset of `ct_val`.
    #[serde(borrow)]
    pub ct_val_ccy: Text<'a>,
    /// Contracts: `linear` or `inverse`.
    #[serde(borrow)]
    pub ct_type: Text<'a>,
    /// Price step.
    #[serde(borrow)]
    pub tick_sz: Text<'a>,
    /// Quantity step: base asset, or contracts.
    #[serde(borrow)]
    pub lot_sz: Text<'a>,
    /// Smallest quantity.
    #[serde(borrow)]
    pub min_sz: Text<'a>,
    /// Largest quantity of a limit order.
    #[serde(borrow)]
    pub max_lmt_sz: Text<'a>,
    /// Largest quantity of a market order: contracts; of spot it is an amount of money.
    #[serde(borrow)]
    pub max_mkt_sz: Text<'a>,
    /// `live`, or why not.
    #[serde(borrow)]
    pub state: Text<'a>,
}

/// One tier of `/api/v5/public/position-tiers`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TierRow<'a> {
    /// The pair, or empty.
    #[serde(borrow, default)]
    pub inst_family: Option<Text<'a>>,
    /// Smallest position of the tier, contracts.
    #[serde(borrow)]
    pub min_sz: Text<'a>,
    /// Maintenance rate of the whole position, part of its value.
    #[serde(borrow)]
    pub mmr: Text<'a>,
}

/// One row of `/api/v5/public/mark-price`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkRow<'a> {
    /// The mark price.
    #[serde(borrow)]
    pub mark_px: Text<'a>,
}

/// `/api/v5/account/config`: how the account is set.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigRow<'a> {
    /// 1 is spot alone; 2, 3 and 4 hold contracts, too.
    #[serde(borrow, default)]
    pub acct_lv: Option<Text<'a>>,
    /// `net_mode` or `long_short_mode`.
    #[serde(borrow, default)]
    pub pos_mode: Option<Text<'a>>,
}
