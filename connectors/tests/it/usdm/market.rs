//! The market feed of USD-M against its practice venue: real sockets, TLS, two stream servers, the
//! snapshot and open interest over REST, a gap, a lost connection. Seed 11.

use connectors::binance::usdm::feed::UsdmStreams;
use connectors::practice::MarketConfig;
use model::body::LinkState;

use super::rig::{Venue, spec};
use crate::feed::live::Session;

fn start(redundant: bool) -> Session<UsdmStreams> {
    let venue = Venue::quiet(|config| {
        config.market = MarketConfig::Synthetic {
            seed: 11,
            events_per_second: 40.0,
        };
    });
    Session::start(venue.server, spec(), redundant)
}

#[test]
fn feed_builds_the_venues_book_and_brings_marks_and_open_interest() {
    let mut session = start(false);
    session.book_is_the_venues();
    session.until(|_, heard| {
        ["Trade", "Quote", "Mark", "OpenInterest"]
            .iter()
            .all(|kind| heard.kinds.contains_key(kind))
    });
    assert_eq!(session.feed.unparsed(), 0);
    assert_eq!(session.saw(LinkState::Stale, true), 0);
}

#[test]
fn feed_heals_a_gap_and_a_cut_connection() {
    let mut session = start(false);
    session.book_is_the_venues();
    session.fault("gap@1");
    session.until(|_, heard| heard.links.contains(&(LinkState::Stale, true)));
    session.book_is_the_venues();
    session.heard.links.clear();
    session.fault("drop-market@0s");
    session.until(|_, heard| heard.links.contains(&(LinkState::Down, false)));
    let stale = session
        .heard
        .links
        .iter()
        .position(|link| *link == (LinkState::Stale, true));
    let down = session
        .heard
        .links
        .iter()
        .position(|link| *link == (LinkState::Down, false));
    assert!(stale < down, "stale first: {:?}", session.heard.links);
    session.book_is_the_venues();
    assert_eq!(session.feed.unparsed(), 0);
}

#[test]
fn book_comes_back_behind_every_fault_at_once() {
    start(false).book_comes_back_behind_every_fault();
}

#[test]
fn redundant_connections_bring_each_trade_once() {
    let mut session = start(true);
    session.book_is_the_venues();
    session.until(|_, heard| heard.trades.len() >= 20);
    let mut trades = session.heard.trades.clone();
    trades.sort_unstable();
    trades.dedup();
    assert_eq!(trades.len(), session.heard.trades.len(), "each once");
    session.book_is_the_venues();
    assert_eq!(session.saw(LinkState::Stale, true), 0);
}
