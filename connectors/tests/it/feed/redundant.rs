//! Two connections with the same data: the first one wins, each event leaves once.

use connectors::feed::FeedScope;

use super::toy::Session;

/// Both connections live at update 10.
fn live() -> Session {
    let scope = FeedScope {
        redundant: true,
        ..FeedScope::default()
    };
    let mut session = Session::start(2, scope);
    session.until(|session| (0..2).all(|talk| session.venue.heard(talk).len() == 2));
    let books = ["S 0 10 100:1 102:1", "S 1 10 100:1 102:1"];
    say(&mut session, 0, &books);
    let whole = session.taken().iter().filter(|said| *said == "Up").count();
    assert_eq!(whole, 2);
    say(&mut session, 1, &books);
    assert_eq!(session.taken(), [""; 0], "one snapshot is enough");
    session
}

/// Says it on one connection and waits until it is read: until the other instrument's trade that
/// is said behind it is there.
#[track_caller]
fn say(session: &mut Session, talk: usize, texts: &[&str]) {
    for text in texts {
        session.venue.say(talk, *text);
    }
    session.marks += 1;
    let mark = format!("trade {}", 1_000 + session.marks);
    session
        .venue
        .say(talk, format!("T 1 {} 1", 1_000 + session.marks));
    session.until_said(&mark);
    session.said.retain(|said| *said != mark);
}

#[test]
fn each_event_leaves_once_whichever_connection_is_first() {
    let mut session = live();
    say(
        &mut session,
        0,
        &[
            "U 0 10 11 100:2 -",
            "T 0 1 100",
            "T 0 2 100",
            "Q 0 11 100:2 102:1",
        ],
    );
    say(
        &mut session,
        1,
        &[
            "U 0 10 11 100:2 -",
            "T 0 1 100",
            "T 0 2 100",
            "Q 0 11 100:2 102:1",
        ],
    );
    say(
        &mut session,
        1,
        &[
            "U 0 11 12 100:3 -",
            "T 0 3 100",
            "T 0 5 100",
            "Q 0 12 100:3 102:1",
        ],
    );
    say(
        &mut session,
        0,
        &[
            "U 0 11 12 100:3 -",
            "T 0 3 100",
            "T 0 4 100",
            "Q 0 12 100:3 102:1",
        ],
    );
    let want = [
        "levels 11",
        "trade 1",
        "trade 2",
        "quote 11",
        "levels 12",
        "trade 3",
        "trade 5",
        "quote 12",
        "trade 4",
    ];
    assert_eq!(
        session.taken(),
        want,
        "a trade that one has lost is not lost"
    );
}

#[test]
fn quotes_go_on_where_the_venue_begins_its_ids_anew() {
    let mut session = live();
    let before = ["U 0 10 11 100:2 -", "Q 0 11 100:2 102:1 7"];
    let reset = ["U 0 11 3 100:3 -", "Q 0 3 100:3 102:1 8"];
    say(&mut session, 0, &before);
    say(&mut session, 0, &reset);
    let want = ["levels 11", "quote 11", "levels 3", "quote 3"];
    assert_eq!(session.taken(), want);
    // The other connection says the same later; what was before the reset is old there too.
    say(&mut session, 1, &before);
    say(&mut session, 1, &reset);
    say(&mut session, 1, &["Q 0 4 100:2 102:1 8"]);
    let said = session.taken();
    assert!(!said.contains(&"quote 11".to_owned()), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("quote 4"), "{said:?}");
}

#[test]
fn loss_of_one_connection_changes_nothing() {
    let mut session = live();
    session.venue.cut(0);
    session.until(|session| session.venue.connections() == 3);
    say(&mut session, 1, &["U 0 10 11 100:2 -"]);
    assert_eq!(session.taken(), ["levels 11"], "neither stale nor down");
    // The new one joins where the book is.
    session.until(|session| session.venue.heard(2).len() == 2);
    say(
        &mut session,
        2,
        &[
            "S 0 11 100:2 102:1",
            "S 1 10 100:1 102:1",
            "U 0 11 12 100:3 -",
        ],
    );
    assert_eq!(session.taken(), ["levels 12"]);
    session.venue.cut(1);
    session.until(|session| session.venue.connections() == 4);
    say(&mut session, 2, &["U 0 12 13 100:4 -"]);
    assert_eq!(session.taken(), ["levels 13"]);
    session.venue.cut(2);
    session.until_said("Stale");
}

#[test]
fn gap_of_one_connection_is_filled_by_the_other() {
    let mut session = live();
    say(&mut session, 0, &["U 0 12 13 100:4 -"]);
    assert_eq!(
        session.taken(),
        [""; 0],
        "the other may bring what is missing"
    );
    say(
        &mut session,
        1,
        &[
            "U 0 10 11 100:2 -",
            "U 0 11 12 100:3 -",
            "U 0 12 13 100:4 -",
        ],
    );
    assert_eq!(session.taken(), ["levels 11", "levels 12", "levels 13"]);
    say(&mut session, 0, &["U 0 13 14 100:5 -"]);
    assert_eq!(session.taken(), ["levels 14"], "it follows again");
}

#[test]
fn gap_of_both_connections_is_a_gap() {
    let mut session = live();
    say(&mut session, 0, &["U 0 12 13 100:4 -"]);
    say(&mut session, 1, &["U 0 12 13 100:4 -"]);
    session.until_said("Stale");
    session.until(|session| session.venue.heard(0).len() >= 3);
    assert_eq!(session.venue.heard(0)[2], "unsub 0.depth");
}
