//! Fills in a recorded market, rule by rule, on a book that fits on the screen.

use super::*;

/// One lot is ten grains. Bids 100 and 99, asks 102 and 103, ten lots each.
fn market() -> RecordedMarket {
    let mut market = RecordedMarket::new(10);
    let bids = vec![(100, 100), (99, 100)];
    let asks = vec![(102, 100), (103, 100)];
    market.apply(&Frame::Snapshot { id: 10, bids, asks });
    market
}

fn order(id: u64, owner: u32, side: Side, price: i64, qty: i64) -> Incoming {
    Incoming {
        id,
        owner,
        side,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        self_trade: SelfTrade::ExpireMaker,
        price,
        qty,
    }
}

fn trade(price: i64, qty: i64, buyer_is_maker: bool) -> Frame {
    Frame::Trade {
        id: 1,
        price,
        qty,
        buyer_is_maker,
        time_ms: 0,
    }
}

fn depth(last_id: u64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Frame {
    Frame::Depth {
        first_id: last_id,
        last_id,
        bids: bids.to_vec(),
        asks: asks.to_vec(),
    }
}

fn fill(order: u64, price: i64, qty: i64) -> MakerFill {
    MakerFill { order, price, qty }
}

#[test]
fn taker_eats_levels_until_they_are_refreshed() {
    let mut market = market();
    let matched = market.submit(&order(1, 1, Side::Buy, 103, 12)).unwrap();
    let got: Vec<(i64, i64)> = matched
        .fills
        .iter()
        .map(|fill| (fill.price, fill.qty))
        .collect();
    assert_eq!(got, [(102, 10), (103, 2)]);
    assert_eq!(market.best(Side::Sell), Some((103, 8)));
    assert_eq!(
        market.top(Side::Sell),
        Some((102, 100)),
        "what others see is the recording"
    );
    market.apply(&Frame::Top {
        id: 11,
        bid: (100, 100),
        ask: (102, 100),
    });
    assert_eq!(
        market.best(Side::Sell),
        Some((103, 8)),
        "a repeated quantity is no news"
    );
    market.apply(&Frame::Top {
        id: 12,
        bid: (100, 100),
        ask: (102, 70),
    });
    assert_eq!(market.best(Side::Sell), Some((102, 7)));
    market.apply(&depth(13, &[], &[(103, 105)]));
    let reach = market.reach(&order(2, 1, Side::Buy, 103, 99), 99);
    assert_eq!(reach.qty, 20, "105 grains are ten whole lots");
}

#[test]
fn resting_order_waits_for_the_queue_ahead() {
    let mut market = market();
    market.submit(&order(1, 1, Side::Buy, 100, 3)).unwrap();
    assert_eq!(market.apply(&trade(100, 60, true)), []);
    assert_eq!(
        market.apply(&trade(100, 60, false)),
        [],
        "that trade took asks"
    );
    assert_eq!(market.apply(&trade(100, 50, true)), [fill(1, 100, 1)]);
    assert_eq!(market.apply(&trade(100, 50, true)), [fill(1, 100, 2)]);
    assert_eq!(market.cancel(1), None);
}

#[test]
fn resting_order_moves_up_when_its_level_shrinks() {
    let mut market = market();
    market.submit(&order(1, 1, Side::Buy, 100, 3)).unwrap();
    market.apply(&depth(11, &[(100, 15)], &[]));
    market.apply(&depth(12, &[(100, 500)], &[]));
    assert_eq!(
        market.apply(&trade(100, 20, true)),
        [],
        "two lots are ahead, rounded up"
    );
    assert_eq!(market.apply(&trade(100, 30, true)), [fill(1, 100, 3)]);
}

#[test]
fn resting_order_fills_when_the_market_goes_through_it() {
    let mut market = market();
    market.submit(&order(1, 1, Side::Buy, 100, 3)).unwrap();
    market.submit(&order(2, 1, Side::Buy, 101, 2)).unwrap();
    assert_eq!(
        market.apply(&trade(99, 40, true)),
        [fill(2, 101, 2), fill(1, 100, 2)]
    );
    let crossing = Frame::Top {
        id: 11,
        bid: (98, 10),
        ask: (99, 10),
    };
    assert_eq!(market.apply(&crossing), [fill(1, 100, 1)]);
    assert_eq!(market.apply(&crossing), []);
}

#[test]
fn post_only_and_fill_or_kill_look_before_they_act() {
    let mut market = market();
    let mut post_only = order(1, 1, Side::Buy, 102, 1);
    post_only.kind = OrderKind::PostOnly;
    assert_eq!(market.submit(&post_only), Err(WouldTake));
    let mut whole = order(2, 1, Side::Buy, 102, 11);
    whole.time_in_force = TimeInForce::Fok;
    assert_eq!(market.submit(&whole).unwrap().ended, 11);
    assert_eq!(market.best(Side::Sell), Some((102, 10)));
}

#[test]
fn own_orders_meet_behind_the_recording_and_self_trade_is_prevented() {
    let mut market = market();
    market.submit(&order(1, 1, Side::Sell, 102, 5)).unwrap();
    market.submit(&order(2, 2, Side::Sell, 101, 5)).unwrap();
    let matched = market.submit(&order(3, 1, Side::Buy, 102, 20)).unwrap();
    let makers: Vec<(u64, i64)> = matched
        .fills
        .iter()
        .map(|fill| (fill.maker, fill.qty))
        .collect();
    assert_eq!(makers, [(2, 5), (0, 10)]);
    assert_eq!(matched.prevented_makers, [(1, 5)]);
    assert_eq!(matched.resting, 5);
}

#[test]
fn older_messages_change_nothing() {
    let mut market = market();
    market.apply(&depth(10, &[(100, 1)], &[]));
    market.apply(&Frame::Top {
        id: 9,
        bid: (90, 1),
        ask: (91, 1),
    });
    assert_eq!(market.top(Side::Buy), Some((100, 100)));
    assert_eq!(market.update_id(), 10);
}
