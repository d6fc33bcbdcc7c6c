//! The other side: hftbacktest's exchange with partial fills, given the same market. One thread.

use std::cell::RefCell;
use std::rc::Rc;

use hftbacktest::backtest::assettype::LinearAsset;
use hftbacktest::backtest::data::Data;
use hftbacktest::backtest::models::{
    CommonFees, ConstantLatency, LatencyModel, LogProbQueueFunc, LogProbQueueFunc2,
    PowerProbQueueFunc, PowerProbQueueFunc2, PowerProbQueueFunc3, ProbQueueModel, QueueModel,
    RiskAdverseQueueModel, TradingValueFeeModel,
};
use hftbacktest::backtest::{Backtest, DataSource, ExchangeKind, L2AssetBuilder};
use hftbacktest::depth::{HashMapMarketDepth, L2MarketDepth, MarketDepth};
use hftbacktest::types::{Bot, Event, OrdType, Order, Status, TimeInForce};
use model::body::Side;
use replay::backtest::Share;

use crate::data::Failure;
use crate::ours::{Decision, Delays, Fates, Fill};

/// What its exchange answered: an order, the local time of the answer.
type Answers = Rc<RefCell<Vec<(Order, u64)>>>;

/// Constant delays that remember every answer of the exchange, since the strategy is shown only the
/// last one of an order.
#[derive(Clone)]
struct Remembers {
    delays: ConstantLatency,
    answers: Answers,
}

impl LatencyModel for Remembers {
    fn entry(&mut self, at_ns: i64, order: &Order) -> i64 {
        self.delays.entry(at_ns, order)
    }

    fn response(&mut self, at_ns: i64, order: &Order) -> i64 {
        let delay = self.delays.response(at_ns, order);
        let here_ns = (at_ns + delay).cast_unsigned();
        self.answers.borrow_mut().push((order.clone(), here_ns));
        delay
    }
}

/// The same queue model as ours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Queue {
    RiskAverse,
    Share(Share),
}

fn queue<MD: MarketDepth + 'static>(queue: Queue) -> Box<dyn QueueModel<MD>> {
    match queue {
        Queue::RiskAverse => Box::new(RiskAdverseQueueModel::new()),
        Queue::Share(Share::Power(n)) => Box::new(ProbQueueModel::new(PowerProbQueueFunc::new(n))),
        Queue::Share(Share::PowerOfAll(n)) => {
            Box::new(ProbQueueModel::new(PowerProbQueueFunc2::new(n)))
        }
        Queue::Share(Share::PowerOfRatio(n)) => {
            Box::new(ProbQueueModel::new(PowerProbQueueFunc3::new(n)))
        }
        Queue::Share(Share::Log) => Box::new(ProbQueueModel::new(LogProbQueueFunc::new())),
        Queue::Share(Share::LogOfAll) => Box::new(ProbQueueModel::new(LogProbQueueFunc2::new())),
    }
}

/// A queue model behind a pointer, so that one type serves them all.
struct AnyQueue<MD>(Box<dyn QueueModel<MD>>);

impl<MD: MarketDepth> QueueModel<MD> for AnyQueue<MD> {
    fn new_order(&self, order: &mut Order, depth: &MD) {
        self.0.new_order(order, depth);
    }

    fn trade(&self, order: &mut Order, qty: f64, depth: &MD) {
        self.0.trade(order, qty, depth);
    }

    fn depth(&self, order: &mut Order, before: f64, now: f64, depth: &MD) {
        self.0.depth(order, before, now, depth);
    }

    /// A hair more where an order gets exactly what is left of it: its exchange forgets to take
    /// such an order out, and the next fill of it ends the run.
    fn is_filled(&self, order: &mut Order, depth: &MD) -> f64 {
        let got = self.0.is_filled(order, depth);
        let hair = depth.lot_size() / 1e6;
        if (got - order.leaves_qty).abs() < hair {
            order.leaves_qty + hair
        } else {
            got
        }
    }
}

/// A backtest of it over these rows.
fn build<MD, LM>(
    rows: Data<Event>,
    latency: LM,
    model: Queue,
    depth: impl Fn() -> MD + 'static,
) -> Result<Backtest<MD>, Failure>
where
    MD: MarketDepth + L2MarketDepth + 'static,
    LM: LatencyModel + Clone + 'static,
{
    let asset = L2AssetBuilder::new()
        .data(vec![DataSource::Data(rows)])
        .latency_model(latency)
        .asset_type(LinearAsset::new(1.0))
        .fee_model(TradingValueFeeModel::new(CommonFees::new(0.0, 0.0004)))
        .exchange(ExchangeKind::PartialFillExchange)
        .queue_model(AnyQueue(queue(model)))
        .depth(depth)
        .build()
        .map_err(|error| format!("hftbacktest: {error:?}"))?;
    let backtest = Backtest::builder().add_asset(asset).build();
    backtest.map_err(|error| format!("hftbacktest: {error:?}").into())
}

/// The same, for what is measured.
pub(crate) fn plain<MD: MarketDepth + L2MarketDepth + 'static>(
    rows: Data<Event>,
    delays: Delays,
    model: Queue,
    depth: impl Fn() -> MD + 'static,
) -> Result<Backtest<MD>, Failure> {
    build(rows, constant(delays), model, depth)
}

fn constant(delays: Delays) -> ConstantLatency {
    ConstantLatency::new(delays.there_ns.cast_signed(), delays.back_ns.cast_signed())
}

/// What came of the decisions there.
pub(crate) struct Played {
    pub(crate) fates: Fates,
    /// Decisions that it does not take, with its reason.
    pub(crate) untaken: Vec<(Decision, String)>,
    /// Position in lots that its strategy is told in the end.
    pub(crate) told_position: i64,
}

/// Plays decisions at their times.
pub(crate) fn play(
    rows: &[Event],
    decisions: &[Decision],
    delays: Delays,
    model: Queue,
    (tick, lot): (f64, f64),
) -> Result<Played, Failure> {
    let answers = Answers::default();
    let latency = Remembers {
        delays: constant(delays),
        answers: Rc::clone(&answers),
    };
    let depth = move || HashMapMarketDepth::new(tick, lot);
    let mut backtest = build(Data::from_data(rows), latency, model, depth)?;
    let mut untaken = Vec::new();
    // Its clock starts with the first row.
    backtest.elapse(0)?;
    for decision in decisions {
        let (Decision::New { at_ns, .. } | Decision::Cancel { at_ns, .. }) = *decision;
        let wait = at_ns.cast_signed() - backtest.current_timestamp();
        if wait > 0 {
            backtest.elapse(wait)?;
        }
        let taken = match *decision {
            Decision::New {
                id,
                side,
                price,
                qty,
                ..
            } => {
                let (price, qty) = (price as f64 * tick, qty as f64 * lot);
                let (gtx, limit) = (TimeInForce::GTX, OrdType::Limit);
                match side {
                    Side::Buy => backtest.submit_buy_order(0, id, price, qty, gtx, limit, false),
                    Side::Sell => backtest.submit_sell_order(0, id, price, qty, gtx, limit, false),
                }
            }
            Decision::Cancel { id, .. } => backtest.cancel(0, id, false),
        };
        if let Err(error) = taken {
            untaken.push((*decision, error.to_string()));
        }
    }
    backtest.goto_end()?;
    let told_position = (backtest.position(0) / lot).round() as i64;
    let mut fates = Fates::new();
    for (order, here_ns) in answers.borrow().iter() {
        let fate = fates.entry(order.order_id).or_default();
        // A cancel that came too late is answered with the order as we knew it.
        if order.req == Status::Rejected {
            continue;
        }
        match order.status {
            Status::Filled | Status::PartiallyFilled => fate.fills.push(Fill {
                here_ns: *here_ns,
                price: order.exec_price_tick,
                qty: (order.exec_qty / lot).round() as i64,
            }),
            Status::Expired => fate.refused = true,
            Status::None
            | Status::New
            | Status::Canceled
            | Status::Rejected
            | Status::Replaced
            | Status::Unsupported => {}
        }
    }
    Ok(Played {
        fates,
        untaken,
        told_position,
    })
}
