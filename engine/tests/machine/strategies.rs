//! A strategy of a user's own in the whole machine: what it sees, what it asks, what survives.

use engine::machine::{ApplyError, Machine, MachineConfig, StrategyConfig};
use engine::strategy::{
    AskError, Asks, CandleFeed, Cause, InstrumentId, Lots, Parameter, Params, PriceSource,
    RefusedBy, Registry, RegistryError, Rehearsal, RehearsalError, Setup, SetupError, Side,
    Strategy, Ticks, Timer, Unit, View, Wish,
};
use model::body::{OrderStatus, RefusalReason, RejectReason};
use model::codec::encode_snapshot;
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};
use serde::{Deserialize, Serialize};

use crate::kit::{ACCOUNT, INSTRUMENT, Rig, SECOND, config, fill, new_order, report, sent, spec};

const OTHER: InstrumentId = InstrumentId(1);
const BEAT: Timer = Timer(3);

/// Trades the first instrument when the second one's trade is above a level, and remembers all
/// that it is told.
#[derive(Debug)]
struct Follower {
    traded: InstrumentId,
    watched: InstrumentId,
    level: i64,
    qty: Lots,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Memory {
    trades: u64,
    candles: u64,
    beats: u64,
    fills: i64,
    refused: Vec<u16>,
    closes: Vec<i64>,
}

impl Strategy for Follower {
    const KIND: &'static str = "follower";
    type State = Memory;

    fn parameters() -> Vec<Parameter> {
        vec![
            Parameter::new(
                "level",
                Unit::Price { of: 1 },
                1..=i64::MAX,
                "of the second",
            ),
            Parameter::new("qty", Unit::Lots { of: 0 }, 1..=100_000, "to buy").or(100),
        ]
    }

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        Ok(Self {
            traded: setup.instrument(0)?,
            watched: setup.instrument(1)?,
            level: setup.integer("level")?,
            qty: setup.lots("qty")?,
        })
    }

    fn candles(&self) -> Vec<CandleFeed> {
        vec![CandleFeed {
            instrument: self.watched,
            interval_ns: SECOND,
            kept: 3,
        }]
    }

    fn on_event(&self, memory: &mut Memory, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        match cause {
            Cause::Fresh => asks.ring_at(BEAT, view.time_ns() + SECOND).unwrap(),
            Cause::Trade(instrument, trade) if instrument == self.watched => {
                memory.trades += 1;
                if trade.price.0 > self.level && view.live_orders() == 0 {
                    let ask = view.market(self.traded).unwrap().book().top().unwrap().ask;
                    let wish = Wish::limit(self.traded, Side::Buy, ask.price, self.qty);
                    asks.place(wish.tagged(memory.trades)).unwrap();
                }
            }
            Cause::Candle(0) => {
                memory.candles += 1;
                let newest = view.candles(0).unwrap().closed(0).unwrap();
                memory.closes.push(newest.close.0);
            }
            Cause::Timer(BEAT) => {
                memory.beats += 1;
                asks.ring_at(BEAT, view.time_ns() + SECOND).unwrap();
            }
            Cause::Order(_) => memory.fills = view.position(self.traded).0,
            Cause::Refused(refused) => {
                let RefusedBy::Risk(reason) = refused.by else {
                    panic!("{refused:?}")
                };
                memory.refused.push(reason as u16);
            }
            Cause::Book(_)
            | Cause::Trade(..)
            | Cause::Candle(_)
            | Cause::Mark(_)
            | Cause::Timer(_) => {}
        }
    }
}

fn registry() -> Registry {
    Registry::standard().with::<Follower>().unwrap()
}

fn other() -> InstrumentSpec {
    InstrumentSpec {
        id: OTHER,
        symbol: "ETHUSDT".to_owned(),
        name: "ETH-USDT.BINANCE".to_owned(),
        base: "ETH".to_owned(),
        ..spec()
    }
}

fn follower(level: i64, qty: i64) -> MachineConfig {
    config(vec![StrategyConfig {
        name: "follower".to_owned(),
        account: ACCOUNT,
        instruments: vec![INSTRUMENT, OTHER],
        kind: Follower::KIND.to_owned(),
        params: Params::new().with("level", level).with("qty", qty),
    }])
}

fn rig(config: &MachineConfig) -> Rig {
    let mut rig = Rig::new();
    rig.machine = Machine::with(registry());
    rig.start(config, 0);
    let parts = model::blob::records(model::blob::BlobKind::Instrument, &other()).unwrap();
    for part in parts {
        rig.apply(part.from_source(model::ids::SourceId(9)));
    }
    rig
}

fn trade(rig: &mut Rig, price: i64) -> Vec<Record> {
    let body = model::body::Trade {
        trade_id: rig.now,
        venue_time_ns: rig.now,
        price: Ticks(price),
        qty: Lots(7),
        aggressor: Side::Buy,
        reserved: [0; 47],
    };
    rig.apply(Record::new(Kind::Trade, &body).on_instrument(OTHER))
}

/// The strategy's own state, as its `Debug` shows it.
fn memory(rig: &Rig) -> String {
    let runner = format!("{:?}", rig.machine.strategies()[0]);
    let (_, state) = runner.split_once("state: Memory ").unwrap();
    let (state, _) = state.split_once('}').unwrap();
    state.to_owned()
}

#[test]
fn strategy_trades_one_instrument_on_the_signal_of_another() {
    let mut rig = rig(&follower(2_000, 100));
    assert!(trade(&mut rig, 2_000).is_empty());
    let commands = trade(&mut rig, 2_001);
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].instrument(), Some(INSTRUMENT));
    let order = new_order(&commands[0]);
    assert_eq!(
        (order.price, order.qty, order.tag),
        (Ticks(1_000_002), Lots(100), 2)
    );
    rig.apply(sent(&commands[0]));
    let none = RejectReason::None;
    rig.apply(report(
        Kind::OrderAcked,
        order.client_id,
        OrderStatus::Open,
        0,
        none,
    ));
    rig.apply(fill(order.client_id, 1, Side::Buy, 1_000_002, 60));
    assert_eq!(rig.machine.strategies()[0].position(INSTRUMENT), Lots(60));
    assert_eq!(rig.machine.strategies()[0].position(OTHER), Lots(0));
    assert!(memory(&rig).contains("fills: 60"), "{}", memory(&rig));
}

#[test]
fn strategy_candles_and_timers_come_from_events_alone() {
    let mut rig = rig(&follower(i64::MAX, 100));
    for price in [1_500, 1_501, 1_502] {
        trade(&mut rig, price);
        rig.pass(SECOND);
    }
    rig.pass(2 * SECOND);
    rig.apply(crate::kit::tick());
    let state = memory(&rig);
    // Two candles closed by trades, one call for the three that the tick closed.
    assert!(state.contains("candles: 3, beats: 3"), "{state}");
    assert!(state.contains("closes: [1500, 1501, 1502]"), "{state}");
}

#[test]
fn strategy_survives_a_snapshot_at_every_event_and_decides_the_same() {
    let mut rig = rig(&follower(1_502, 100));
    let mut twin = Rig::new();
    twin.machine = Machine::with(registry());
    for step in 0_i64..40 {
        rig.book(2 + step.cast_unsigned(), 999_998, 1_000_002);
        trade(&mut rig, 1_495 + step % 10);
        rig.pass(SECOND / 3);
        if let Some(command) = rig.out.commands.first().map(|one| *one.as_ref()) {
            rig.apply(sent(&command));
            let order = new_order(&command);
            rig.apply(fill(order.client_id, rig.now, Side::Buy, 1_000_002, 100));
        }
    }
    for record in rig.log.clone() {
        twin.now = record.time_ns;
        twin.apply(record);
        let bytes = encode_snapshot(&twin.machine).unwrap();
        twin.machine = Machine::from_snapshot(&bytes, &registry()).unwrap();
    }
    assert!(rig.commands.len() > 3, "it traded");
    assert_eq!(twin.commands, rig.commands);
    assert_eq!(twin.machine.state_hash(), rig.machine.state_hash());
    assert!(
        Machine::from_snapshot(
            &encode_snapshot(&rig.machine).unwrap(),
            &Registry::standard()
        )
        .is_err()
    );
}

#[test]
fn strategy_hears_why_risk_refused() {
    let mut rig = rig(&follower(2_000, 50_000));
    assert!(trade(&mut rig, 2_001).is_empty());
    assert_eq!(rig.refusal_reasons(), [RefusalReason::MaxQuantity]);
    let refusal = rig.refusals[0];
    assert_eq!(refusal.instrument(), Some(INSTRUMENT));
    rig.apply(refusal);
    let told = format!("refused: [{}]", RefusalReason::MaxQuantity as u16);
    assert!(memory(&rig).contains(&told), "{}", memory(&rig));
}

#[test]
fn configuration_with_a_strategy_that_the_program_lacks_names_it_and_what_there_is() {
    let config = follower(1, 1);
    let problems = |registry: &Registry, config: &MachineConfig| {
        let problem = registry.check("strategies[0]", &config.strategies[0]);
        problem.map(|problem| problem.to_string())
    };
    assert_eq!(problems(&registry(), &config), None);
    let lacking = problems(&Registry::standard(), &config).unwrap();
    assert_eq!(
        lacking,
        "strategies[0].kind = follower: must be a strategy that this program has: grid, \
         market-maker, moving-average"
    );
    let with = |change: &dyn Fn(&mut StrategyConfig)| {
        let mut config = follower(1, 1);
        change(&mut config.strategies[0]);
        problems(&registry(), &config).unwrap()
    };
    let few = with(&|one| one.instruments.truncate(1));
    assert!(few.contains("symbols = as it is: must be as many"), "{few}");
    let range = with(&|one| one.params = one.params.clone().with("qty", 0));
    assert!(range.contains("qty = 0: must be 1 to 100000"), "{range}");
    let unknown = with(&|one| one.params = one.params.clone().with("colour", 1));
    assert!(
        unknown.contains("colour = 1: must be left out"),
        "{unknown}"
    );
    let missing = with(&|one| one.params = Params::new().with("qty", 1));
    assert!(missing.contains("level = nothing: must be"), "{missing}");

    let mut rig = Rig::new();
    rig.apply(crate::kit::run_started(1, 0));
    let parts = model::blob::records(model::blob::BlobKind::MachineConfig, &config).unwrap();
    let last = parts.len();
    for (number, part) in (1..).zip(parts) {
        let mut part = part.from_source(model::ids::SourceId(9));
        part.event = rig.machine.last_event() + 1;
        part.time_ns = rig.now;
        let applied = rig.machine.apply(&part, &mut rig.out);
        match (number == last, applied) {
            (true, Err(ApplyError::Config { first, .. })) => {
                assert_eq!(first.to_string(), lacking);
            }
            (false, Ok(())) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
}

/// Asks for more than can be, and notes each answer.
#[derive(Debug)]
struct Greedy(InstrumentId);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Answers(Vec<String>);

impl Strategy for Greedy {
    const KIND: &'static str = "greedy";
    type State = Answers;

    fn new(setup: &Setup<'_>) -> Result<Self, SetupError> {
        Ok(Self(setup.instrument(0)?))
    }

    fn on_event(&self, answers: &mut Answers, cause: Cause, _: &View<'_>, asks: &mut Asks<'_>) {
        if !matches!(cause, Cause::Timer(_) | Cause::Trade(..)) {
            return;
        }
        let buy = Wish::post_only(self.0, Side::Buy, Ticks(1), Lots(1));
        let mut note = |answer: Result<(), AskError>| answers.0.push(format!("{answer:?}"));
        note(
            asks.place(Wish::market(InstrumentId(9), Side::Buy, Lots(1)))
                .map(drop),
        );
        note(asks.ring_at(Timer(16), 1));
        note(asks.cancel(model::ids::ClientOrderId::new(1, None, 1).unwrap()));
        let mut last = asks.place(buy);
        while let Ok(order) = last {
            note(asks.amend(order, Lots(1)));
            last = asks.place(buy.stop_at(Ticks(5), PriceSource::Mid));
        }
        note(last.map(drop));
    }
}

#[test]
fn asks_that_cannot_be_have_typed_answers_and_do_nothing() {
    let btc = Rehearsal::spot(0, "BTC", "USDT", "0.01", "0.00001").unwrap();
    let mut stage = Rehearsal::of::<Greedy>(vec![btc], Params::new()).unwrap();
    let asked = stage
        .trade(INSTRUMENT, Ticks(5), Lots(1), Side::Buy)
        .unwrap();
    assert_eq!(asked.len(), model::limits::INTENTS_PER_EVENT_MAX);
    assert_eq!(stage.view().live_orders(), asked.len());
    stage.order_link(false).unwrap();
    let asked = stage
        .trade(INSTRUMENT, Ticks(5), Lots(1), Side::Buy)
        .unwrap();
    assert_eq!(asked, []);
    stage.restart().unwrap();
    stage.order_link(true).unwrap();
    let mut asked = 1;
    while asked > 0 {
        let actions = stage.trade(INSTRUMENT, Ticks(5), Lots(1), Side::Buy);
        asked = actions.unwrap().len();
    }
    assert_eq!(
        stage.view().live_orders(),
        128,
        "as many as a strategy may have"
    );
    let answers = format!("{stage:?}");
    for told in [
        "Instrument",
        "Number",
        "NotChangeable",
        "NoRoom",
        "NotTrading",
        "OrdersFull",
    ] {
        assert!(answers.contains(&format!("Err({told})")), "{told}");
    }
}

#[test]
fn registry_refuses_names_that_are_taken_or_cannot_be() {
    let twice = registry().with::<Follower>().unwrap_err();
    assert_eq!(twice, RegistryError::Twice("follower"));

    #[derive(Debug)]
    struct Shouting;
    impl Strategy for Shouting {
        const KIND: &'static str = "SHOUT it";
        type State = ();
        fn new(_: &Setup<'_>) -> Result<Self, SetupError> {
            Ok(Self)
        }
        fn on_event(&self, (): &mut (), _: Cause, _: &View<'_>, _: &mut Asks<'_>) {}
    }
    let shouting = Rehearsal::of::<Shouting>(Vec::new(), Params::new()).unwrap_err();
    assert!(matches!(
        shouting,
        RehearsalError::Registry(RegistryError::Name("SHOUT it"))
    ));

    #[derive(Debug)]
    struct Reserved;
    impl Strategy for Reserved {
        const KIND: &'static str = "reserved";
        type State = ();
        fn parameters() -> Vec<Parameter> {
            vec![Parameter::new("account", Unit::Count, 0..=1, "taken")]
        }
        fn new(_: &Setup<'_>) -> Result<Self, SetupError> {
            Ok(Self)
        }
        fn on_event(&self, (): &mut (), _: Cause, _: &View<'_>, _: &mut Asks<'_>) {}
    }
    let reserved = Registry::default().with::<Reserved>().unwrap_err();
    let (kind, name) = ("reserved", "account");
    assert_eq!(reserved, RegistryError::Parameter { kind, name });
}
