//! `FORMAT.md` and the code say the same of every kind of record: number, body, fields, words.
//!
//! The section is made from the types themselves; a field, a kind or a value that is added does not
//! compile or does not compare before it is written down. `WRITE_FORMAT=1` writes it anew.

use std::any::type_name;
use std::fmt::{Debug, Write as _};
use std::mem::{offset_of, size_of};
use std::path::PathBuf;

use model::body::*;
use model::command::CommandView;
use model::control::{Control, ScopeKind};
use model::event::{Event, View};
use model::record::{Kind, Record};
use zerocopy::TryFromBytes;

const HEAD: &str = "## Kinds of records\n";
const NEXT: &str = "\n## Seal\n";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The last part of a type's name, with its size where that does not follow.
fn plain(name: &str) -> String {
    let (head, rest) = name.split_once('<').unwrap_or((name, ""));
    let head = head.rsplit("::").next().unwrap();
    match (head, rest.strip_suffix('>')) {
        (head, Some(bytes)) => format!("{head} of {bytes} bytes"),
        ("Ticks" | "Lots", _) => format!("i64 {head}"),
        // The market's levels have the same name.
        ("Level", _) if name.contains("control::") => "NoticeLevel".to_owned(),
        ("Money", _) => "Money (16 bytes)".to_owned(),
        _ if name.starts_with('[') => {
            let (of, count) = name[1..name.len() - 1].split_once("; ").unwrap();
            format!("{count} x {}", plain(of))
        }
        _ => head.to_owned(),
    }
}

/// Name and fields of a structure. Each field has to be named, or this does not compile.
fn fields<T>(all: &[(&str, usize, &str)], size: usize) -> String {
    let first = size_of::<Record>() - size_of::<T>();
    let mut text = String::new();
    for (name, offset, of) in all {
        if name.starts_with("reserved") {
            continue;
        }
        let comma = if text.is_empty() { "" } else { ", " };
        let _infallible = write!(text, "{comma}{} `{name}` {}", first + offset, plain(of));
    }
    assert_eq!(size, size_of::<T>(), "fields without gaps");
    text
}

fn type_of<T, F>(_: fn(&T) -> &F) -> (&'static str, usize) {
    (type_name::<F>(), size_of::<F>())
}

macro_rules! layouts {
    ($($body:ident { $($field:ident),* })*) => {
        vec![$((stringify!($body), {
            #[expect(dead_code, reason = "compiles only if every field is named")]
            fn whole(it: &$body) {
                let $body { $($field: _),* } = it;
            }
            let mut size = 0;
            let all = [$({
                let (name, bytes) = type_of(|it: &$body| &it.$field);
                size += bytes;
                (stringify!($field), offset_of!($body, $field), name)
            }),*];
            fields::<$body>(&all, size)
        })),*]
    };
}

fn layouts() -> Vec<(&'static str, String)> {
    layouts! {
        RunStarted { epoch, reserved0, commands_journaled, reserved }
        RunEnded { open_orders, reserved }
        BlobPart { kind, part, parts, used, bytes }
        Tick { count, reserved }
        Connection { venue, channel, state, reserved, code, text }
        BookReset { update_id, level_records, reserved }
        BookLevels { update_id, venue_time_ns, levels }
        BookOrder { order_id, venue_time_ns, price, qty, side, change, reserved }
        Trade { trade_id, venue_time_ns, price, qty, aggressor, reserved }
        Quote { update_id, venue_time_ns, bid, ask, reserved }
        Mark { mark, index, funding_rate_e9, next_funding_ns, venue_time_ns, reserved }
        Rate { rate, venue_time_ns, asset, reserved }
        Candle {
            open_time_ns, venue_time_ns, open, high, low, close, volume, taker_bought, trades,
            interval_s, closed, reserved
        }
        OpenInterest { qty, venue_time_ns, reserved }
        Liquidation { venue_time_ns, price, average, qty, filled, side, reserved }
        OrderReport {
            client_id, venue_order_id, venue_time_ns, cum_qty, code, status, reason, text
        }
        Fill {
            client_id, venue_order_id, venue_time_ns, trade_id, price, qty, fee, fee_asset, side,
            liquidity
        }
        Sent {
            command, client_id, received_ns, sequenced_ns, intended_ns, approved_ns, taken_ns,
            written_ns, reserved
        }
        OpenOrders { ours, foreign, reserved }
        Amended { client_id, venue_order_id, venue_time_ns, qty, cum_qty, reserved }
        Balance { free, locked, venue_time_ns, asset, reserved }
        Transfer { amount, id, venue_time_ns, asset, kind, reserved }
        Funding { amount, id, rate_e9, qty, venue_time_ns, asset, reserved }
        PositionReport {
            qty, entry, liquidation, margin, venue_time_ns, leverage_bps, mode, reserved
        }
        Operator { action, reserved, text }
        ControlRequest {
            number, target, old, new, soft, scope_id, control, person, action, scope, outcome,
            reason
        }
        Refusal {
            number, cause, tag, value, threshold, price, qty, client_id, reason, side, control,
            scope_id, version, scope, level, reserved
        }
        Notice {
            number, cause, value, threshold, other, price, qty, scope_id, version, code, control,
            scope, level, reserved
        }
        DurableMark { durable_seq, reserved }
        StateHash { at_event, hash, reserved }
        Recovered { from_seq, bytes, whole_records, durable_mark, reserved }
        NewOrder {
            command, client_id, price, qty, tag, side, order_type, time_in_force, reduce_only,
            self_trade, reserved
        }
        CancelOrder { command, client_id, venue_order_id, reserved }
        ReplaceOrder {
            command, cancel_client_id, cancel_venue_order_id, client_id, price, qty, tag, side,
            order_type, time_in_force, reduce_only, self_trade, reserved
        }
        QueryOrder { command, client_id, venue_order_id, reserved }
        QueryOpenOrders { command, reserved }
        AmendOrder { command, client_id, venue_order_id, qty, reserved }
        CancelAll { command, reserved }
        Latch { command, scope_id, scope, on, reserved }
    }
}

fn event_body<B>(_: for<'a> fn(Event<'a>) -> Option<&'a B>) -> &'static str {
    type_name::<B>()
}

fn command_body<B>(_: for<'a> fn(CommandView<'a>) -> Option<&'a B>) -> &'static str {
    type_name::<B>()
}

macro_rules! bodies {
    (events $($event:ident)* ; commands $($command:ident)*) => {
        /// The body that the code reads a kind as.
        fn body_of(kind: Kind) -> &'static str {
            match kind {
                $(Kind::$event => event_body(|event| match event {
                    Event::$event(body) => Some(body),
                    _ => None,
                }),)*
                $(Kind::$command => command_body(|command| match command {
                    CommandView::$command(body) => Some(body),
                    _ => None,
                }),)*
                Kind::DurableMark => {
                    fn of<B>(_: for<'a> fn(View<'a>) -> Option<&'a B>) -> &'static str {
                        type_name::<B>()
                    }
                    of(|view| match view {
                        View::Mark(body) => Some(body),
                        _ => None,
                    })
                }
            }
        }
    };
}

bodies! {
    events
        RunStarted RunEnded BlobPart Tick Connection BookReset BookLevels Trade Quote Mark Rate
        BookOrder Candle OpenInterest Liquidation
        OrderAcked OrderRejected OrderFilled OrderCancelled OrderExpired OrderUnknown OrderStatus
        OrderAbsent CancelRejected Sent SendFailed OpenOrders OrderAmended AmendRejected Balance
        Transfer Funding PositionReport Operator Control RiskRefused RiskNotice StateHash Recovered;
    commands
        NewOrder CancelOrder ReplaceOrder QueryOrder QueryOpenOrders AmendOrder CancelAll Latch
}

/// All values that a type of one byte or two has.
fn words<T: TryFromBytes + Debug>() -> (&'static str, String) {
    let mut text = String::new();
    for code in 0..1_u32 << (8 * size_of::<T>()) {
        if let Ok(value) = T::try_read_from_bytes(&code.to_le_bytes()[..size_of::<T>()]) {
            let comma = if text.is_empty() { "" } else { ", " };
            let _infallible = write!(text, "{comma}{code} {value:?}");
        }
    }
    (type_name::<T>(), text)
}

/// The controls that `control` fields name.
fn controls() -> (&'static str, String) {
    let all = Control::ALL.iter();
    let texts = all.map(|one| format!("{} {}", one.code(), one.name()));
    (type_name::<Control>(), texts.collect::<Vec<_>>().join(", "))
}

/// What the code says of a kind where it is declared, the body left out.
fn what(kind: Kind) -> String {
    let source = std::fs::read_to_string(path("../model/src/record.rs")).unwrap();
    let line = format!("    {} = {},", kind.name(), kind.code());
    let before = source.split(&line).next().unwrap();
    let mut doc: Vec<&str> = Vec::new();
    for line in before.lines().rev() {
        match line.trim().strip_prefix("/// ") {
            Some(text) => doc.insert(0, text),
            None => break,
        }
    }
    let doc = doc.join(" ");
    let (start, rest) = doc.split_once("[`crate::body::").unwrap();
    let (_, end) = rest.split_once("`]").unwrap();
    let start = start.trim_end().trim_end_matches(':');
    let end = end.trim_start_matches('.').trim();
    if end.is_empty() {
        start.to_owned()
    } else {
        format!("{start}. {end}")
    }
}

fn section() -> String {
    let mut text = format!(
        "{HEAD}\nThe first 48 bytes of a record are those of `model/src/record.rs`; the 80 behind \
         them are the body. This\nsection is made from the code, and a test compares the two. A \
         body has the place, name and type of each field;\nwhat is not listed is zero. Codes of a \
         kind below {} are events, from there on commands.\n\n| code | kind | body | |\n\
         |---|---|---|---|\n",
        Kind::FIRST_COMMAND
    );
    for kind in Kind::ALL {
        let (code, name, body) = (kind.code(), kind.name(), plain(body_of(*kind)));
        let _infallible = writeln!(text, "| {code} | {name} | `{body}` | {} |", what(*kind));
    }
    text.push_str(
        "\n### Bodies\n\n`Ticks` and `Lots` are whole steps of the instrument's blob, `Money` is a \
         decimal (flags, then the low, middle and\nhigh 32 bits), a `Text` is UTF-8 that ends at \
         its first zero byte, a `Level` is `i64` Ticks and `i64` Lots. Other names\nare the words \
         below: one byte, `NoticeCode` two, as a `control` field, 0 where there is none.\n\n\
         | body | byte, name and type of each field |\n|---|---|\n",
    );
    for (body, fields) in layouts() {
        let _infallible = writeln!(text, "| `{body}` | {fields} |");
    }
    text.push_str("\n### Words\n\n| type | code and word |\n|---|---|\n");
    let types = [
        words::<Side>(),
        words::<BookChange>(),
        words::<OrderType>(),
        words::<TimeInForce>(),
        words::<SelfTrade>(),
        words::<Liquidity>(),
        words::<Flag>(),
        words::<OrderStatus>(),
        words::<RejectReason>(),
        words::<RefusalReason>(),
        words::<Channel>(),
        words::<LinkState>(),
        words::<TransferKind>(),
        words::<MarginMode>(),
        words::<OperatorAction>(),
        words::<ControlAction>(),
        words::<Outcome>(),
        words::<ScopeKind>(),
        words::<NoticeLevel>(),
        words::<NoticeCode>(),
        controls(),
    ];
    for (name, words) in types {
        let _infallible = writeln!(text, "| `{}` | {words} |", plain(name));
    }
    text
}

#[test]
fn format_lists_every_kind_body_and_word_as_the_code_has_them() {
    let file = path("FORMAT.md");
    let format = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = format.split_once(HEAD).unwrap();
    let (written, behind) = rest.split_once(NEXT).unwrap();
    let section = section();
    if std::env::var_os("WRITE_FORMAT").is_some() {
        std::fs::write(&file, format!("{before}{section}{NEXT}{behind}")).unwrap();
        return;
    }
    let written = format!("{HEAD}{written}");
    for (line, (theirs, ours)) in written.lines().zip(section.lines()).enumerate() {
        assert_eq!(
            theirs, ours,
            "line {line} of the section; WRITE_FORMAT=1 writes it"
        );
    }
    assert_eq!(
        written.trim_end(),
        section.trim_end(),
        "WRITE_FORMAT=1 writes it"
    );
}
