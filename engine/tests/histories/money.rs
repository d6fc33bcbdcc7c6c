//! Random histories of money: fills of spot, linear and inverse contracts that name two
//! strategies or nobody, fees and rebates in any asset, transfers, loans, funding, reports,
//! snapshots. After each event: both sides of the books sum to zero, sub-accounts sum to the
//! account, profit and equity are what plain sums over the events say.

mod steps;

use std::collections::BTreeMap;

use engine::machine::{Machine, Outputs};
use engine::strategy::Registry;
use model::blob::{self, BlobKind};
use model::body::{AssetName, Fill, Funding, Liquidity, Mark, Rate, Side, Transfer, TransferKind};
use model::codec::encode_snapshot;
use model::control::Scope;
use model::ids::{AccountId, ClientOrderId, InstrumentId, SourceId, StrategyId};
use model::instrument::{Contract, InstrumentSpec, MaintenanceTier, Perpetual};
use model::num::{Lots, Money, Ticks};
use model::record::{Kind, Record};
use rust_decimal::Decimal;

use crate::kit::{self, ACCOUNT};
use crate::runner::{Part, Random, run};

const ASSETS: [&str; 3] = ["BTC", "USDT", "BNB"];
const HOUR: u64 = 3_600_000_000_000;

#[derive(Debug, Clone, Copy)]
enum Step {
    Fill {
        instrument: u32,
        owner: u64,
        side: Side,
        price: i64,
        qty: i64,
        fee: i64,
        paid: &'static str,
    },
    /// The last fill, or the last movement, again.
    Again,
    Transfer {
        kind: TransferKind,
        asset: &'static str,
        amount: i64,
    },
    Funding {
        instrument: u32,
        amount: i64,
    },
    Balance {
        asset: &'static str,
        amount: i64,
    },
    Mark {
        instrument: u32,
        price: i64,
    },
    Rate {
        asset: &'static str,
        rate: i64,
    },
    Tick {
        hours: u64,
    },
    Freeze,
}

/// The machine, and plain sums over the same events.
struct Desk {
    machine: Machine,
    out: Outputs,
    specs: [InstrumentSpec; 3],
    now: u64,
    number: u64,
    last: Option<Record>,
    events: u64,
    /// Of each asset all that moved, but for the profit of perpetuals.
    moved: BTreeMap<&'static str, Decimal>,
    debts: BTreeMap<&'static str, Decimal>,
    reported: BTreeMap<&'static str, Decimal>,
    rates: BTreeMap<&'static str, Decimal>,
    marks: BTreeMap<u32, Decimal>,
    /// Of each instrument: lots by owner, and what all fills were worth.
    lots: BTreeMap<(u32, u64), i64>,
    worth: BTreeMap<u32, Decimal>,
}

fn specs() -> [InstrumentSpec; 3] {
    let terms = |settle: &str| Perpetual {
        multiplier: Decimal::ONE,
        settle: settle.to_owned(),
        maintenance: vec![MaintenanceTier {
            value_from: Decimal::ZERO,
            rate_bps: 50,
            deduction: Decimal::ZERO,
        }],
    };
    let named = |id: u32, symbol: &str, quote: &str, contract| InstrumentSpec {
        id: InstrumentId(id),
        symbol: symbol.to_owned(),
        name: symbol.to_owned(),
        quote: quote.to_owned(),
        contract,
        ..kit::spec()
    };
    [
        kit::spec(),
        named(1, "LINEAR", "USDT", Contract::Linear(terms("USDT"))),
        named(2, "INVERSE", "USD", Contract::Inverse(terms("BTC"))),
    ]
}

fn name(asset: &str) -> AssetName {
    AssetName::whole(asset).unwrap()
}

fn settle(instrument: u32) -> &'static str {
    if instrument == 2 { "BTC" } else { "USDT" }
}

/// Worth of signed lots: quote, of an inverse contract base with the other sign.
fn worth(spec: &InstrumentSpec, price: Decimal, lots: i64) -> Decimal {
    let quantity = spec.quantity(Lots(lots)).unwrap();
    match spec.contract {
        Contract::Inverse(_) => (-quantity / price).round_dp(12),
        Contract::Spot | Contract::Linear(_) => quantity * price,
    }
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self {
            machine: Machine::new(),
            out: Outputs::new(),
            specs: specs(),
            now: kit::START_NS,
            number: 0,
            last: None,
            events: 0,
            moved: BTreeMap::new(),
            debts: BTreeMap::new(),
            reported: BTreeMap::new(),
            rates: BTreeMap::from([("USDT", Decimal::ONE)]),
            marks: BTreeMap::new(),
            lots: BTreeMap::new(),
            worth: BTreeMap::new(),
        };
        let config = kit::config(vec![kit::maker(), kit::taker()]);
        desk.apply(kit::run_started(1, 0)).unwrap();
        let mut blobs = blob::records(BlobKind::MachineConfig, &config).unwrap();
        for spec in desk.specs.clone() {
            blobs.extend(blob::records(BlobKind::Instrument, &spec).unwrap());
        }
        for record in blobs {
            desk.apply(record.from_source(SourceId(9))).unwrap();
        }
        // What follows from the instruments is made at the first event behind them.
        desk.apply(kit::tick()).unwrap();
        desk
    }

    fn apply(&mut self, record: Record) -> Result<(), String> {
        let mut record = record;
        record.event = self.machine.last_event() + 1;
        record.time_ns = self.now;
        let failed = |error| format!("event {}: {error}", record.event);
        self.machine.apply(&record, &mut self.out).map_err(failed)?;
        self.events += 1;
        Ok(())
    }

    fn add(&mut self, asset: &'static str, amount: Decimal) {
        *self.moved.entry(asset).or_default() += amount;
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        self.number += 1;
        match step {
            Step::Fill { .. } => self.fill(step)?,
            Step::Again => {
                if let Some(record) = self.last {
                    self.apply(record)?;
                }
            }
            Step::Transfer { .. } | Step::Funding { .. } => self.movement(step)?,
            Step::Balance { asset, amount } => {
                self.apply(kit::balance(asset, amount))?;
                if !self.reported.contains_key(asset) {
                    let before = self.total(asset);
                    self.add(asset, Decimal::from(amount) - before);
                }
                self.reported.insert(asset, Decimal::from(amount));
            }
            Step::Mark { instrument, price } => {
                let body = Mark {
                    mark: Ticks(price),
                    index: Ticks::ZERO,
                    funding_rate_e9: 0,
                    next_funding_ns: 0,
                    venue_time_ns: 0,
                    reserved: [0; 40],
                };
                let record = Record::new(Kind::Mark, &body);
                self.apply(record.on_instrument(InstrumentId(instrument)))?;
                self.marks.insert(instrument, Decimal::new(price, 2));
            }
            Step::Rate { asset, rate } => {
                let rate = Decimal::new(rate, 2);
                let body = Rate {
                    rate: Money::new(rate),
                    venue_time_ns: 0,
                    asset: name(asset),
                    reserved: [0; 42],
                };
                self.apply(Record::new(Kind::Rate, &body))?;
                self.rates.insert(asset, rate);
            }
            Step::Tick { hours } => {
                self.now += hours * HOUR;
                self.apply(kit::tick())?;
            }
            Step::Freeze => {
                let before = self.machine.state_hash();
                let bytes = encode_snapshot(&self.machine).unwrap();
                self.machine = Machine::from_snapshot(&bytes, &Registry::standard())
                    .map_err(|error| error.to_string())?;
                if self.machine.state_hash() != before {
                    return Err("another machine after a snapshot".to_owned());
                }
            }
        }
        self.compare()
    }

    fn fill(&mut self, step: Step) -> Result<(), String> {
        let Step::Fill {
            instrument,
            owner,
            side,
            price,
            qty,
            fee,
            paid,
        } = step
        else {
            return Ok(());
        };
        let strategy = (owner > 0).then(|| StrategyId(u16::try_from(owner - 1).unwrap()));
        let counter = u32::try_from(self.number).unwrap();
        let id = strategy.and_then(|id| ClientOrderId::new(1, Some(id), counter));
        let fee = Decimal::new(fee, 6);
        let body = Fill {
            client_id: id.map_or(0, ClientOrderId::raw),
            venue_order_id: 0,
            venue_time_ns: 0,
            trade_id: self.number,
            price: Ticks(price),
            qty: Lots(qty),
            fee: Money::new(fee),
            fee_asset: name(paid),
            side,
            liquidity: Liquidity::Taker,
        };
        let record = Record::new(Kind::OrderFilled, &body)
            .on_instrument(InstrumentId(instrument))
            .on_account(ACCOUNT);
        self.apply(record)?;
        self.last = Some(record);
        let lots = qty * side.sign();
        let spec = &self.specs[usize::try_from(instrument).unwrap()];
        let value = worth(spec, Decimal::new(price, 2), lots);
        let quantity = spec.quantity(Lots(lots)).unwrap();
        if instrument == 0 {
            self.add("BTC", quantity);
            self.add("USDT", -value);
        }
        self.add(paid, -fee);
        *self.worth.entry(instrument).or_default() += value;
        // No such order was ever placed: its fill is nobody's, whatever strategy its id names.
        *self.lots.entry((instrument, 0)).or_default() += lots;
        Ok(())
    }

    fn movement(&mut self, step: Step) -> Result<(), String> {
        let id = self.number;
        match step {
            Step::Transfer {
                kind,
                asset,
                amount,
            } => {
                let amount = Decimal::new(amount, 3);
                let body = Transfer {
                    amount: Money::new(amount),
                    id,
                    venue_time_ns: 0,
                    asset: name(asset),
                    kind,
                    reserved: [0; 33],
                };
                let record = Record::new(Kind::Transfer, &body).on_account(ACCOUNT);
                self.apply(record)?;
                self.last = Some(record);
                let wrong = match kind {
                    TransferKind::Deposit | TransferKind::Borrow => amount <= Decimal::ZERO,
                    TransferKind::Withdrawal | TransferKind::Repay => amount >= Decimal::ZERO,
                    TransferKind::Internal | TransferKind::Interest | TransferKind::Adjustment => {
                        amount.is_zero()
                    }
                };
                if wrong {
                    self.last = None;
                    return Ok(());
                }
                if matches!(kind, TransferKind::Borrow | TransferKind::Repay) {
                    *self.debts.entry(asset).or_default() += amount;
                }
                self.add(asset, amount);
            }
            Step::Funding { instrument, amount } => {
                let amount = Decimal::new(amount, 5);
                let body = Funding {
                    amount: Money::new(amount),
                    id,
                    rate_e9: 0,
                    qty: Lots::ZERO,
                    venue_time_ns: 0,
                    asset: name(settle(instrument)),
                    reserved: [0; 18],
                };
                let record = Record::new(Kind::Funding, &body)
                    .on_instrument(InstrumentId(instrument))
                    .on_account(ACCOUNT);
                self.apply(record)?;
                self.last = Some(record);
                self.add(settle(instrument), amount);
            }
            Step::Fill { .. }
            | Step::Again
            | Step::Balance { .. }
            | Step::Mark { .. }
            | Step::Rate { .. }
            | Step::Tick { .. }
            | Step::Freeze => {}
        }
        Ok(())
    }

    /// What the account holds: all that moved, and the profit that its perpetuals realised.
    fn total(&self, asset: &str) -> Decimal {
        let moved = self.moved.get(asset).copied().unwrap_or_default();
        let realised = [1, 2].into_iter().filter(|id| settle(*id) == asset);
        realised.fold(moved, |sum, id| sum + self.realised(id))
    }

    fn realised(&self, instrument: u32) -> Decimal {
        let position = self.machine.position(InstrumentId(instrument), ACCOUNT);
        position.map_or(Decimal::ZERO, |position| position.realised)
    }

    fn compare(&self) -> Result<(), String> {
        let books = self.machine.portfolio();
        let same = |what: &str, is: Option<Decimal>, want: Option<Decimal>| match is == want {
            true => Ok(()),
            false => Err(format!("{what}: {is:?}, must be {want:?}")),
        };
        if !books.holds() {
            return Err("the books do not sum to zero".to_owned());
        }
        let ledger = books.ledger(ACCOUNT).unwrap();
        for asset in ASSETS {
            same(
                asset,
                Some(ledger.total(&name(asset))),
                Some(self.total(asset)),
            )?;
            let shares = [StrategyId(0), StrategyId(1)]
                .map(|id| books.strategy_amount(id, ACCOUNT, name(asset)));
            let rest = books.unattributed(ACCOUNT, name(asset));
            let sum = rest.map(|rest| rest + shares[0] + shares[1]);
            same("sub-accounts", sum, Some(self.total(asset)))?;
        }
        let mut equity = ASSETS.into_iter().try_fold(Decimal::ZERO, |sum, asset| {
            let debt = self.debts.get(asset).copied().unwrap_or_default();
            let net = self.moved.get(asset).copied().unwrap_or_default() - debt;
            let held = self.total(asset) - debt;
            // An asset of which there is nothing needs no rate.
            let rate = self.rates.get(asset).copied();
            let rate = if held.is_zero() {
                rate.or(Some(Decimal::ZERO))
            } else {
                rate
            };
            Some(sum + net * rate?)
        });
        for spec in &self.specs {
            let open = self.compare_position(spec)?;
            equity = equity.and_then(|sum| Some(sum + open?));
        }
        let known = ASSETS.iter().all(|asset| self.rates.contains_key(asset));
        if known {
            same("equity", books.equity(AccountId(0)), equity)?;
        }
        // What is kept event by event is what is reckoned from all the books.
        let kept = books.running_equity(Scope::Overall);
        let kept = kept.map(|kept| Decimal::new(kept, 8));
        let near = match (kept, books.equity_total()) {
            (Some(kept), Some(whole)) => {
                let apart = (kept - whole).abs();
                apart <= Decimal::new(1, 5) + whole.abs() * Decimal::new(1, 12)
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !near {
            let whole = books.equity_total();
            return Err(format!("equity: kept {kept:?}, reckoned {whole:?}"));
        }
        Ok(())
    }

    /// Compares a position with sums of its fills. Returns all its profit, realised or not, in the
    /// reporting currency; zero for spot, whose assets count.
    fn compare_position(&self, spec: &InstrumentSpec) -> Result<Option<Decimal>, String> {
        let books = self.machine.portfolio();
        let id = spec.id.0;
        let owned = |owner: u64| self.lots.get(&(id, owner)).copied().unwrap_or(0);
        let position = books.position(ACCOUNT, spec.id).unwrap();
        let is = [
            position.lots.0,
            books.unattributed_lots(ACCOUNT, spec.id).unwrap().0,
            books.strategy_position(StrategyId(0), spec.id).0,
            books.strategy_position(StrategyId(1), spec.id).0,
        ];
        let lots = owned(0) + owned(1) + owned(2);
        let want = [lots, owned(0), owned(1), owned(2)];
        if is != want {
            return Err(format!("lots of {id}: {is:?}, must be {want:?}"));
        }
        let value = self.worth.get(&id).copied().unwrap_or_default();
        if position.realised - position.cost != -value {
            return Err(format!("profit of {id} is not what its fills say"));
        }
        if id == 0 {
            return Ok(Some(Decimal::ZERO));
        }
        let open = if lots == 0 {
            Some(Decimal::ZERO)
        } else {
            self.marks.get(&id).map(|mark| worth(spec, *mark, lots))
        };
        let rate = self.rates.get(settle(id)).copied();
        Ok(open.and_then(|open| Some((open - value) * rate?)))
    }
}

struct Moneys;

impl Part for Moneys {
    const NAME: &'static str = "money";
    const SMALL: u64 = 400;
    const BATCH: u64 = 16;
    type State = Desk;
    type Step = Step;

    fn start(&self) -> Desk {
        Desk::new()
    }

    fn history(&self, random: &mut Random) -> Vec<Step> {
        let length = 12 + random.below(24);
        (0..length).map(|_| steps::step(random)).collect()
    }

    fn check(&self, state: &mut Desk, steps: &[Step]) -> Result<u64, String> {
        let before = state.events;
        for &step in steps {
            state.step(step)?;
        }
        Ok(state.events - before)
    }
}

#[test]
fn books_sum_to_zero_and_equity_is_what_the_events_say() {
    run(&Moneys);
}
