//! The OKX gateway against the practice OKX, spot and perpetuals: the start, orders from placement
//! to end, money.

use std::time::{Duration, Instant};

use connectors::okx::practice::okx_instrument;
use connectors::practice::{MarginMode, OrderStatus};
use connectors::sign::HmacKey;
use model::body::{OrderType, RejectReason, TimeInForce};
use model::event::{Event, event};
use model::instrument::Contract;
use model::num::{Lots, Ticks};
use model::record::Kind;
use rust_decimal::Decimal;

use super::rig::{LOW, Venue, keys};
use crate::gateway::support::{BTC, DEADLINE, Order, about, bid, filled, kinds, notices, sale};
use crate::usdm::rig::{last_position, last_wallet, report};

const BOTH: [bool; 2] = [false, true];

#[test]
fn instruments_numbers_tiers_and_time_are_loaded() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let loaded = venue.load(Some(&keys(0))).unwrap();
        let ours = okx_instrument(venue.symbol()).unwrap().spec;
        let spec = &loaded.instruments[0];
        assert_eq!((spec.tick, spec.lot), (ours.tick, ours.lot));
        assert_eq!((spec.qty_min, spec.qty_max), (ours.qty_min, ours.qty_max));
        assert!(loaded.codes[0].is_some() && loaded.time.offset_ns.abs() < 1_000_000_000);
        if let (Contract::Linear(terms), Contract::Linear(known)) = (&spec.contract, &ours.contract)
        {
            assert_eq!(terms.multiplier, known.multiplier);
            let rates: Vec<u32> = terms.maintenance.iter().map(|tier| tier.rate_bps).collect();
            assert_eq!(rates, [40, 50, 100]);
            // Joined with half of today's price: never less than the venue reckons with.
            assert!(terms.maintenance[1].value_from < known.maintenance[1].value_from);
            let watched = venue.load(None).unwrap();
            let Contract::Linear(terms) = &watched.instruments[0].contract else {
                panic!()
            };
            assert_eq!(terms.maintenance[0].rate_bps, 5_000, "without a key");
        }
        // Another one: each start asks for the time five times, and the venue counts.
        let venue = Venue::quiet(perpetuals, |_| {});
        let mut wrong = keys(0);
        wrong.secret = HmacKey::new(b"wrong");
        let refused = venue.load(Some(&wrong)).unwrap_err();
        assert!(refused.contains("50113"), "{refused}");
        wrong.passphrase = "quote\"".to_owned();
        let refused = venue.load(Some(&wrong)).unwrap_err();
        assert!(refused.contains("passphrase"), "{refused}");
    }
}

#[test]
fn order_is_acknowledged_amended_and_cancelled() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let tenth = venue.tenth();
        let mut rig = venue.rig();
        let id = rig.place(bid(LOW, tenth));
        let acked = rig.until_order(Kind::OrderAcked, id);
        assert_eq!(acked.instrument(), Some(BTC));
        assert!(report(&acked).venue_order_id > 0);
        rig.amend(id, tenth / 2);
        let amended = rig.until_order(Kind::OrderAmended, id);
        let Event::OrderAmended(amended) = event(&amended).unwrap() else {
            panic!()
        };
        assert_eq!(amended.qty, Lots(tenth / 2));
        let open = venue.server.truth().unwrap().open_orders;
        assert_eq!((open[0].qty, open[0].price), (Lots(tenth / 2), Some(LOW)));
        rig.cancel(id, 0);
        let cancelled = report(&rig.until_order(Kind::OrderCancelled, id));
        assert_eq!(cancelled.status, model::body::OrderStatus::Cancelled);
        assert_eq!((venue.open(), kinds(&rig.events.0, id)[0]), (0, Kind::Sent));
    }
}

#[test]
fn order_of_an_instrument_without_a_number_goes_over_rest() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let mut rig = venue.rig_with(0, |config| config.codes = vec![None]);
        let id = rig.place(bid(LOW, venue.tenth()));
        rig.until_order(Kind::OrderAcked, id);
        rig.amend(id, venue.tenth() / 2);
        rig.until_order(Kind::OrderAmended, id);
        rig.cancel(id, 0);
        rig.until_order(Kind::OrderCancelled, id);
        let id = rig.place(bid(LOW, 0));
        let refused = report(&rig.until_order(Kind::OrderRejected, id));
        assert_eq!(refused.code, 51_000, "a quantity of nothing");
    }
}

#[test]
fn fill_brings_fee_and_money_that_are_the_venues() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let qty = venue.tenth() / 2;
        let mut rig = venue.rig();
        let id = rig.place(sale(qty));
        rig.until(|events| (filled(events, id) == qty).then_some(()));
        let truth = venue.server.truth().unwrap();
        let fees: Decimal = about(&rig.events.0, id)
            .filter_map(|record| match event(&record).unwrap() {
                Event::OrderFilled(fill) => {
                    assert_eq!(fill.fee_asset.as_str(), "USDT");
                    Some(fill.fee.get())
                }
                _ => None,
            })
            .sum();
        let charged: Decimal = truth.trades.iter().map(|trade| trade.commission).sum();
        assert!(fees > Decimal::ZERO && fees == charged);
        let free = truth.balances[0]["USDT"].free;
        rig.until(|events| (last_wallet(events) == Some(free)).then_some(()));
        if perpetuals {
            rig.until(|events| {
                last_position(events)
                    .filter(|seen| seen.qty == Lots(-qty))
                    .map(drop)
            });
            let seen = last_position(&rig.events.0).unwrap();
            let entry = truth.positions[0].entry.unwrap();
            assert!((seen.entry.get() - entry).abs() < Decimal::new(1, 9));
        }
    }
}

#[test]
fn every_type_ends_as_the_venue_says() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let tenth = venue.tenth();
        let mut rig = venue.rig();
        let order = |order_type, time_in_force, price, qty| Order {
            order_type,
            time_in_force,
            ..bid(Ticks(price), qty)
        };
        // Post-only that would take is accepted and then cancelled: a refusal for that reason.
        let id = rig.place(order(OrderType::PostOnly, TimeInForce::Gtc, 610_000, tenth));
        let refused = report(&rig.until_order(Kind::OrderRejected, id));
        assert_eq!(refused.reason, RejectReason::WouldTake);
        for time_in_force in [TimeInForce::Ioc, TimeInForce::Fok] {
            let id = rig.place(order(OrderType::Limit, time_in_force, 500_000, tenth));
            rig.until_order(Kind::OrderExpired, id);
        }
        // Too far from the market, and too much for the account.
        let id = rig.place(order(OrderType::Limit, TimeInForce::Gtc, 700_000, tenth));
        let refused = report(&rig.until_order(Kind::OrderRejected, id));
        assert_eq!(
            (refused.code, refused.reason),
            (51_137, RejectReason::Filter)
        );
        let much = 10_000 * tenth;
        let id = rig.place(order(OrderType::Limit, TimeInForce::Gtc, 500_000, much));
        let refused = report(&rig.until_order(Kind::OrderRejected, id));
        assert_eq!(
            (refused.code, refused.reason),
            (51_008, RejectReason::Balance)
        );
        // A taker fills, with its fills before its end.
        let id = rig.place(order(OrderType::Limit, TimeInForce::Ioc, 612_000, tenth));
        rig.until(|events| (filled(events, id) == tenth).then_some(()));
        let id = rig.place(order(OrderType::Market, TimeInForce::Ioc, 1, tenth));
        rig.until(|events| (filled(events, id) == tenth).then_some(()));
        assert_eq!(venue.open(), 0);
    }
}

#[test]
fn replacement_is_a_cancel_and_then_a_placement() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let tenth = venue.tenth();
        let mut rig = venue.rig();
        let old = rig.place(bid(LOW, tenth));
        rig.until_order(Kind::OrderAcked, old);
        let new = rig.replace(old, bid(Ticks(LOW.0 + 10), 2 * tenth));
        rig.until_order(Kind::OrderCancelled, old);
        rig.until_order(Kind::OrderAcked, new);
        let open = venue.server.truth().unwrap().open_orders;
        assert_eq!((open.len(), open[0].qty), (1, Lots(2 * tenth)));
    }
}

#[test]
fn cancel_all_lists_and_cancels_in_parts() {
    for perpetuals in BOTH {
        let venue = Venue::quiet(perpetuals, |_| {});
        let mut rig = venue.rig();
        // More than one request of cancels takes.
        for at in 0..25 {
            let id = rig.place(bid(Ticks(LOW.0 - at), venue.tenth() / 10));
            rig.until_order(Kind::OrderAcked, id);
        }
        rig.cancel_all(Some(BTC));
        rig.until(|_| (venue.open() == 0).then_some(()));
    }
}

#[test]
fn dead_mans_switch_leaves_nothing_open() {
    let venue = Venue::quiet(true, |_| {});
    let mut rig = venue.rig_with(0, |config| {
        config.dead_man = Some(Duration::from_secs(10));
    });
    let id = rig.place(bid(LOW, venue.tenth()));
    rig.until_order(Kind::OrderAcked, id);
    rig.until(|_| {
        let requests = venue.server.requests().unwrap();
        let set = requests.iter().any(|one| one.method == "cancel-all-after");
        set.then_some(())
    });
    // Nobody speaks any more: the venue cancels by itself.
    drop(rig);
    let deadline = Instant::now() + DEADLINE;
    while venue.open() > 0 {
        assert!(Instant::now() < deadline, "the switch did not work");
        std::thread::sleep(Duration::from_millis(20));
    }
    let order = venue.server.truth().unwrap().orders.pop().unwrap();
    assert_eq!(order.status, OrderStatus::Cancelled);
    assert_eq!(order.cancel_id.as_deref(), Some("20"));
}

/// Funding and money that moved, told by the stream and, where that says nothing, by the list.
#[test]
fn funding_and_transfers_are_told_once_and_none_is_lost() {
    for muted in [false, true] {
        let venue = Venue::quiet(true, |config| {
            config.perps.funding_every = Duration::from_secs(2);
        });
        venue
            .server
            .set_mark(0, Some(Decimal::from(60_000)))
            .unwrap();
        let mut rig = venue.rig();
        let id = rig.place(sale(1_000));
        rig.until(|events| (filled(events, id) == 1_000).then_some(()));
        if muted {
            venue.fault("mute@1");
        }
        assert!(venue.server.transfer(0, "USDT", Decimal::TEN).unwrap());
        // A tenth of a coin short: 0.01 % of 6,000 each time. A silent stream is found out within a
        // minute; a new connection finds it sooner.
        if muted {
            std::thread::sleep(Duration::from_secs(3));
            venue.fault("drop-orders@1ms");
        }
        let paid = Decimal::new(6, 1);
        let amounts = |events: &[model::record::Record]| {
            let funding = events
                .iter()
                .filter_map(|record| match event(record).unwrap() {
                    Event::Funding(funding) => Some((funding.id, funding.amount.get())),
                    _ => None,
                });
            funding.collect::<Vec<_>>()
        };
        // The stream stays silent: what came before the connection is all that is found soon.
        let least = if muted { 1 } else { 2 };
        rig.until(|events| (amounts(events).len() >= least).then_some(()));
        let told = amounts(&rig.events.0);
        assert!(told.iter().all(|(_, amount)| *amount == paid), "{told:?}");
        let mut ids: Vec<u64> = told.iter().map(|(id, _)| *id).collect();
        ids.dedup();
        assert_eq!(ids.len(), told.len(), "each once");
        let moved = rig.until(|events| {
            events
                .iter()
                .find_map(|record| match event(record).unwrap() {
                    Event::Transfer(transfer) => Some(transfer.amount.get()),
                    _ => None,
                })
        });
        assert_eq!(moved, Decimal::TEN);
    }
}

#[test]
fn liquidation_is_told() {
    let venue = Venue::quiet(true, |_| {});
    let mut rig = venue.rig();
    let id = rig.place(sale(10_000));
    rig.until(|events| (filled(events, id) == 10_000).then_some(()));
    // A short of one coin with a million behind it ends beyond a million and 60,000.
    venue
        .server
        .set_mark(0, Some(Decimal::from(1_200_000)))
        .unwrap();
    rig.until(|events| {
        last_position(events)
            .filter(|seen| seen.qty == Lots(0))
            .map(drop)
    });
    let truth = venue.server.truth().unwrap();
    assert_eq!(truth.positions[0].lots, 0);
    let said = notices(&rig.events.0);
    let forced = said
        .iter()
        .any(|(_, words)| words.contains("full_liquidation"));
    assert!(forced, "{said:?}");
    rig.until(|events| (last_wallet(events) == Some(Decimal::ZERO)).then_some(()));
}

#[test]
fn reduce_only_and_isolated_margin_reach_the_venue() {
    let venue = Venue::quiet(true, |_| {});
    let mut rig = venue.rig_with(0, |config| {
        config.mode = connectors::okx::wire::request::TradeMode::Isolated;
    });
    let id = rig.place_reducing(bid(LOW, 1_000));
    let refused = report(&rig.until_order(Kind::OrderRejected, id));
    assert_eq!(refused.code, 51_169, "nothing to reduce");
    let short = rig.place(sale(1_000));
    rig.until(|events| (filled(events, short) == 1_000).then_some(()));
    let seen = rig.until(|events| last_position(events).filter(|seen| seen.qty == Lots(-1_000)));
    assert_eq!(seen.mode, model::body::MarginMode::Isolated);
    let truth = venue.server.truth().unwrap();
    assert_eq!(seen.margin.get(), truth.positions[0].margin.normalize());
    assert!(truth.positions[0].margin > Decimal::ZERO);
    let id = rig.place_reducing(bid(LOW, 1_000));
    rig.until_order(Kind::OrderAcked, id);
    assert!(venue.server.truth().unwrap().open_orders[0].reduce_only);
    // What it set aside is still ours.
    let set = venue.server.set_margin(0, 0, 5, MarginMode::Cross).unwrap();
    assert!(!set, "not beside a position");
}
