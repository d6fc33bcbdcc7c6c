//! The market feed of OKX against its practice venue, spot and perpetuals: real sockets, TLS, two
//! stream servers, a gap, a lost connection. Seed 11.

use connectors::okx::feed::OkxStreams;
use connectors::okx::practice::okx_instrument;
use connectors::practice::MarketConfig;
use model::body::LinkState;

use super::rig::Venue;
use crate::feed::live::Session;

fn start(perpetuals: bool, redundant: bool) -> Session<OkxStreams> {
    let venue = Venue::quiet(perpetuals, |config| {
        config.market = MarketConfig::Synthetic {
            seed: 11,
            events_per_second: 40.0,
        };
    });
    let spec = okx_instrument(venue.symbol()).unwrap().spec;
    Session::start(venue.server, spec, redundant)
}

#[test]
fn feed_builds_the_venues_book_and_brings_what_it_tells() {
    for perpetuals in [false, true] {
        let mut session = start(perpetuals, false);
        session.book_is_the_venues();
        let wanted: &[&str] = if perpetuals {
            &["Trade", "Quote", "Mark", "OpenInterest", "Candle"]
        } else {
            &["Trade", "Quote", "Candle"]
        };
        session.until(|_, heard| wanted.iter().all(|kind| heard.kinds.contains_key(kind)));
        assert_eq!(session.feed.unparsed(), 0);
        assert_eq!(session.saw(LinkState::Stale, true), 0);
    }
}

#[test]
fn feed_heals_a_gap_and_a_cut_connection() {
    let mut session = start(true, false);
    session.book_is_the_venues();
    session.fault("gap@1");
    session.until(|_, heard| heard.links.contains(&(LinkState::Stale, true)));
    session.book_is_the_venues();
    session.heard.links.clear();
    session.fault("drop-market@0s");
    session.until(|_, heard| heard.links.contains(&(LinkState::Down, false)));
    let at = |link| session.heard.links.iter().position(|one| *one == link);
    let (stale, down) = (at((LinkState::Stale, true)), at((LinkState::Down, false)));
    assert!(stale < down, "stale first: {:?}", session.heard.links);
    session.book_is_the_venues();
    assert_eq!(session.feed.unparsed(), 0);
}

#[test]
fn book_comes_back_behind_every_fault_at_once() {
    for perpetuals in [false, true] {
        start(perpetuals, false).book_comes_back_behind_every_fault();
    }
}

#[test]
fn redundant_connections_bring_each_trade_once() {
    let mut session = start(false, true);
    session.book_is_the_venues();
    session.until(|_, heard| heard.trades.len() >= 20);
    let mut trades = session.heard.trades.clone();
    trades.sort_unstable();
    trades.dedup();
    assert_eq!(trades.len(), session.heard.trades.len(), "each once");
    session.book_is_the_venues();
    assert_eq!(session.saw(LinkState::Stale, true), 0);
}
