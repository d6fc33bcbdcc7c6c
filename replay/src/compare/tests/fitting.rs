//! What is learned from a journal: delays and queue models, against answers known by hand.

use super::*;

#[test]
fn delays_are_those_of_the_waterfalls() {
    let mut tape = Tape::new(0);
    four_orders(&mut tape);
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("journal");
    tape.write(&dir);
    let falls = waterfalls(&dir).unwrap();
    // Each way took 2 ms; a time of the venue's means the middle of its millisecond.
    let half = MS / 2;
    assert_eq!(falls.new, vec![2 * MS + half; 4]);
    assert_eq!(falls.cancel, vec![2 * MS + half; 3]);
    assert_eq!(falls.back, vec![2 * MS - half; 4 + 3 + 2]);
    assert_eq!(falls.feed, vec![2 * MS - half; 4]);
    assert_eq!(falls.decide, vec![0; 7]);
    assert!(falls.amend.is_empty());
    let open = || Delay::Drawn(Vec::new());
    let mut latencies = Latencies {
        feed: Some(open()),
        new: open(),
        amend: open(),
        cancel: Delay::Constant(7),
        ..Latencies::none()
    };
    falls.fill(&mut latencies);
    assert_eq!(latencies.new, Delay::Drawn(falls.new.clone()));
    // What the run had none of is like a new order; what was set stays.
    assert_eq!(latencies.amend, latencies.new);
    assert_eq!(latencies.cancel, Delay::Constant(7));
    assert_eq!(latencies.feed, Some(Delay::Drawn(falls.feed.clone())));
    assert!(!is_open(&latencies.new) && is_open(&open()));
    let none = home.path().join("none");
    let mut tape = Tape::new(0);
    tape.trade(20, Side::Sell, 100, 40);
    tape.write(&none);
    let text = waterfalls(&none).unwrap_err().to_string();
    assert!(text.contains("no delays to learn from"), "{text}");
}

#[test]
fn no_delay_is_negative_where_no_offset_fits() {
    let mut tape = Tape::new(0);
    four_orders(&mut tape);
    // The venue says that it had this one 4 ms before it was sent.
    tape.ask(5, 108, (Side::Buy, OrderType::Limit), 90, 5);
    tape.report(Kind::OrderAcked, 5, 102, RejectReason::None);
    let found = tape.compare(true).unwrap();
    assert!(found.clock.is_torn());
    // One of many: the others are not moved for it by more than they can bear.
    let (low, high) = (-(2 * MS).cast_signed(), 0);
    let offset = found.clock.offset_ns;
    assert!((low..=high).contains(&offset), "{offset}");
    let last = found.pairs.last().unwrap();
    assert_eq!(last.predicted.arrived_ns, START_NS + 102 * MS);
    let new = found.delays.iter().find(|row| row.name == "new").unwrap();
    assert_eq!(new.first.count + new.rest.count, 5);
    assert_eq!(new.rest.p50_ns, 0, "{new:?}");
}

fn pair(counter: u32, right: bool) -> Pair {
    let mut actual = Fate::NONE;
    actual.fill(Ticks(100), Lots(20), (START_NS, START_NS), 20);
    let order = Order {
        client_id: id(counter),
        strategy: None,
        account: AccountId(0),
        instrument: OWN,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        price: Ticks(100),
        qty: Lots(20),
        decided_ns: 1,
        sent_ns: u64::from(counter),
    };
    Pair {
        order,
        actual,
        predicted: if right { actual } else { Fate::NONE },
    }
}

#[test]
fn queue_model_is_chosen_by_the_first_orders_and_judged_by_the_rest() {
    // Of 100 orders the asked-for model errs on every second one, the other on every fourth; behind
    // the 70th it is the other way round in the third model.
    let model = |name: &str, wrong: fn(u32) -> bool, count: u32| {
        let pairs = (0..count).map(|place| pair(place + 1, !wrong(place)));
        (name.to_owned(), pairs.collect::<Vec<Pair>>())
    };
    let models = [
        model("asked", |place| place % 2 == 0, 100),
        model("better", |place| place % 4 == 0, 100),
        model("lucky", |place| place < 70, 100),
    ];
    let fit = QueueFit::of(&models).unwrap();
    assert_eq!((fit.chosen, fit.hindsight, fit.alike()), (1, 2, 0));
    assert_eq!(
        (fit.rows[0].first.orders, fit.rows[0].rest.orders),
        (70, 30)
    );
    assert!((fit.rows[0].rest.score - 0.5).abs() < 1e-12);
    // Of 70 to 99 the fourth ones are 72, 76, ... 96: 7 of 30, against 15.
    let gain = fit.gain().unwrap();
    assert!((gain - (1.0 - 7.0 / 15.0)).abs() < 1e-12, "{gain}");
    let few = [model("asked", |_| false, 29)];
    assert!(QueueFit::of(&few).is_none());
    let right = [model("asked", |_| false, 30), model("same", |_| false, 30)];
    let fit = QueueFit::of(&right).unwrap();
    assert_eq!((fit.chosen, fit.alike(), fit.gain()), (0, 1, None));
}
