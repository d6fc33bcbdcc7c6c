//! Subscriptions in batches over several connections; gaps, crossed books, wrong checksums.

use std::time::Duration;

use connectors::feed::FeedScope;

use super::toy::Session;

/// One instrument, live at update 10 with a bid of 100 and an ask of 102.
fn live() -> Session {
    let mut session = Session::start(1, FeedScope::default());
    session.until(|session| session.venue.heard(0).len() == 1);
    assert_eq!(session.venue.heard(0), ["sub 0.depth 0.quotes 0.trades"]);
    session.venue.say(0, "S 0 10 100:1 102:1");
    session.until_said("Up");
    let want = [
        "[Syncing]",
        "Syncing",
        "reset 10",
        "levels 10",
        "Up",
        "[Up]",
    ];
    assert_eq!(session.taken(), want);
    session
}

/// The book was lost: it is left and joined again, and whole with the next snapshot.
#[track_caller]
fn heals(session: &mut Session, before: &[&str]) {
    session.until(|session| session.venue.heard(0).len() == 2);
    assert_eq!(session.taken(), before);
    assert_eq!(session.venue.heard(0)[1], "unsub 0.depth");
    session.venue.say(0, "U 0 30 31 99:7 -");
    session.run(Duration::from_millis(50));
    assert_eq!(
        session.venue.heard(0).len(),
        2,
        "waits for the venue's word"
    );
    session.venue.say(0, "L 0");
    session.until(|session| session.venue.heard(0).len() == 3);
    assert_eq!(session.venue.heard(0)[2], "sub 0.depth");
    session.venue.say(0, "U 0 40 41 99:7 -");
    session.venue.say(0, "S 0 50 100:1 102:1");
    session.venue.say(0, "U 0 50 51 - 102:2");
    session.until_said("levels 51");
    let want = ["reset 50", "levels 50", "Up", "levels 51"];
    assert_eq!(session.taken(), want, "nothing of the time between");
}

#[test]
fn many_instruments_are_spread_and_told_in_batches() {
    let mut session = Session::start(7, FeedScope::default());
    // Seven topics a connection hold two instruments of three, four topics go into a message.
    session.until(|session| {
        let told = |talk| session.venue.heard(talk).len();
        session.venue.connections() == 4 && (0..4).map(told).sum::<usize>() == 7
    });
    let mut all: Vec<_> = (0..4).map(|talk| session.venue.heard(talk)).collect();
    all.sort();
    let two = |first: usize| {
        let second = first + 1;
        vec![
            format!("sub {first}.depth {first}.quotes {first}.trades {second}.depth"),
            format!("sub {second}.quotes {second}.trades"),
        ]
    };
    let last = vec!["sub 6.depth 6.quotes 6.trades".to_owned()];
    assert_eq!(all, [two(0), two(2), two(4), last]);
    for talk in 0..4 {
        let slot: u32 = session.venue.heard(talk)[0][4..5].parse().unwrap();
        session.venue.say(talk, format!("S {slot} 10 1:1 2:1"));
        session.venue.say(talk, format!("T {slot} 5 1"));
    }
    session.until(|session| {
        session
            .said
            .iter()
            .filter(|said| *said == "trade 5")
            .count()
            == 4
    });
    let venue_up = session.said.iter().filter(|said| *said == "[Up]").count();
    assert_eq!(venue_up, 1, "the venue is up with its first connection");
    session.taken();
    // One of four is lost: its books are stale, the venue is not down.
    session.venue.cut(0);
    session.until_said("Stale");
    session.until(|session| session.venue.connections() == 5);
    assert!(
        !session.said.iter().any(|said| said == "[Down]"),
        "{:?}",
        session.said
    );
}

#[test]
fn gap_is_stale_first_and_subscribed_to_anew() {
    let mut session = live();
    session.venue.say(0, "U 0 10 11 100:2 -");
    session.venue.say(0, "U 0 12 13 100:3 -");
    heals(&mut session, &["levels 11", "Stale"]);
}

#[test]
fn duplicates_and_messages_without_a_change_are_no_gap() {
    let mut session = live();
    for text in [
        "U 0 10 11 100:2 -",
        "U 0 10 11 100:2 -",
        "U 0 11 11 - -",
        "U 0 11 3 100:3 -",
        "U 0 3 4 100:4 -",
        "T 0 7 100",
    ] {
        session.venue.say(0, text);
    }
    session.until_said("trade 7");
    let want = ["levels 11", "levels 3", "levels 4", "trade 7"];
    assert_eq!(
        session.taken(),
        want,
        "ids may fall at a reset of the venue's"
    );
}

#[test]
fn crossed_book_is_stale_before_any_of_it_leaves() {
    let mut session = live();
    session.venue.say(0, "U 0 10 11 101:1 -");
    // Through the old ask, which goes in the same message: not crossed.
    session.venue.say(0, "U 0 11 12 102:1 102:0,104:1");
    session.venue.say(0, "U 0 12 13 - 102:1");
    heals(&mut session, &["levels 11", "levels 12", "Stale"]);
}

#[test]
fn wrong_checksum_is_stale_before_any_of_it_leaves() {
    let mut session = live();
    session.venue.say(0, "U 0 10 11 100:2 - 302");
    session.venue.say(0, "U 0 11 12 100:3 - 999");
    heals(&mut session, &["levels 11", "Stale"]);
}

#[test]
fn crossed_snapshot_is_not_taken() {
    let mut session = Session::start(1, FeedScope::default());
    session.until(|session| session.venue.heard(0).len() == 1);
    session.venue.say(0, "S 0 10 103:1 102:1");
    session.until_said("Stale");
    assert!(!session.said.iter().any(|said| said.starts_with("reset")));
    session.taken();
    session.venue.say(0, "L 0");
    heals_after(&mut session);
}

fn heals_after(session: &mut Session) {
    session.until(|session| session.venue.heard(0).len() >= 2);
    session.venue.say(0, "L 0");
    session.until(|session| session.venue.heard(0).len() >= 3);
    session.venue.say(0, "S 0 20 100:1 102:1");
    session.until_said("Up");
}

#[test]
fn second_snapshot_replaces_the_book() {
    let mut session = live();
    session.venue.say(0, "S 0 20 90:1 91:1");
    session.venue.say(0, "U 0 20 21 90:2 -");
    session.until_said("levels 21");
    assert_eq!(
        session.taken(),
        ["reset 20", "levels 20", "Up", "levels 21"]
    );
}

#[test]
fn lost_connection_is_stale_first_and_comes_back() {
    let mut session = live();
    session.venue.cut(0);
    session.until_said("[Down]");
    assert_eq!(session.taken(), ["Stale", "[Down]"]);
    session.until(|session| session.venue.heard(1).len() == 1);
    session.venue.say(1, "S 0 30 100:1 102:1");
    session.until_said("Up");
    session.venue.say(1, "X");
    session.until_said("[Down]");
    session.until(|session| session.venue.heard(2).len() == 1);
}

#[test]
fn connection_that_does_not_answer_a_ping_is_replaced() {
    let mut session = live();
    session.run(Duration::from_millis(700));
    assert_eq!(session.venue.connections(), 1, "pings are answered");
    session.venue.is_deaf_to_pings();
    session.until_said("[Down]");
    assert_eq!(session.taken(), ["Stale", "[Down]"]);
    assert_eq!(session.unparsed(), 0);
}
