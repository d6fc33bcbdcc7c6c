"""NautilusTrader's backtest over a recording of Binance's depth and trades, by the clock.

usage: python backtest.py RECORDING.gz [TIMES]

One thread, its Python package, the compiled engine with a strategy in Python, as its users run it.
The rule is the one of bench/peers-backtest: each 100 ms five levels a side, 20 ticks from the
middle and 10 apart, moved by the position, post-only, 5 ms there. TIMES repeats the recording, each
behind the other, so that it is long enough to measure. Reading the file is not measured. Prints one
JSON object; an event is a level of depth or a trade, as there.
"""

import gzip
import json
import sys
import time
from decimal import Decimal

import nautilus_trader
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookAction, BookType
from nautilus_trader.model.enums import OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

LAST_OF_MESSAGE = 128
SNAPSHOT = 32
TICK = Decimal("0.01")
QTY, SPREAD, STEP, LEVELS, SKEW, POSITION_MAX = Decimal("0.02"), 20, 10, 5, 20, 10
EVERY_NS, DELAY_NS = 100_000_000, 5_000_000


def messages(path):
    """The recording's lines: our time, stream, content; of depth only what follows its snapshot."""
    known = None
    with gzip.open(path, "rt") as lines:
        for line in lines:
            here_ns, _, text = line.partition(" ")
            message = json.loads(text)
            if "lastUpdateId" in message:
                known = message["lastUpdateId"]
                yield int(here_ns), "snapshot", message
            elif "stream" in message:
                kind, data = message["stream"].split("@", 1)[1], message["data"]
                if kind.startswith("depth") and (known is None or data["u"] <= known):
                    continue
                yield int(here_ns), kind, data


def uncrossed(rows):
    """The same, where a level that a later one of the other side crosses is taken out, as our book
    and hftbacktest's do: this recording's snapshot has one that no message takes out."""
    bids, asks = {}, {}
    for here_ns, kind, message in rows:
        if kind == "snapshot":
            bids, asks = ({Decimal(p): q for p, q in message[side]} for side in ("bids", "asks"))
        elif kind.startswith("depth"):
            for book, key in ((bids, "b"), (asks, "a")):
                for price, qty in message[key]:
                    if Decimal(qty):
                        book[Decimal(price)] = qty
                    else:
                        book.pop(Decimal(price), None)
            fresh = {key: {Decimal(price) for price, _ in message[key]} for key in "ba"}
            ask = min(asks)
            for price in [one for one in bids if one >= ask and one not in fresh["b"]]:
                del bids[price]
                message["b"].append((str(price), "0"))
            bid = max(bids)
            for price in [one for one in asks if one <= bid and one not in fresh["a"]]:
                del asks[price]
                message["a"].append((str(price), "0"))
        yield here_ns, kind, message


def read(path, instrument, times):
    """Their data, by rising time, and how many levels and trades it has."""
    rows = list(uncrossed(messages(path)))
    span_ns = rows[-1][0] - rows[0][0] + 1_000_000_000
    data, events = [], 0
    for turn in range(times):
        for here_ns, kind, message in rows:
            at_ns = here_ns + turn * span_ns
            if kind.startswith("depth") or kind == "snapshot":
                deltas = levels(instrument, message, kind == "snapshot", at_ns)
                if deltas:
                    data.append(OrderBookDeltas(instrument.id, deltas))
                    events += len(deltas)
            elif kind == "trade":
                aggressor = AggressorSide.SELLER if message["m"] else AggressorSide.BUYER
                data.append(TradeTick(instrument.id, Price(Decimal(message["p"]), 2),
                    Quantity(Decimal(message["q"]), 6), aggressor,
                    TradeId(f"{turn}-{message['t']}"), at_ns, at_ns))
                events += 1
    return data, events


def levels(instrument, message, whole, at_ns):
    """A message's levels; the last one says so, for there its book is shown to the strategy."""
    bids, asks = (message.get("b", message.get("bids", [])), message.get("a", message.get("asks", [])))
    both = [(OrderSide.BUY, level) for level in bids] + [(OrderSide.SELL, level) for level in asks]
    deltas = []
    if whole:
        deltas.append(OrderBookDelta.clear(instrument.id, 0, at_ns, at_ns))
    for place, (side, (price, qty)) in enumerate(both):
        qty = Decimal(qty)
        action = BookAction.UPDATE if qty else BookAction.DELETE
        flags = (LAST_OF_MESSAGE if place + 1 == len(both) else 0) | (SNAPSHOT if whole else 0)
        order = BookOrder(side, Price(Decimal(price), 2), Quantity(qty, 6), 0)
        deltas.append(OrderBookDelta(instrument.id, action, order, flags, 0, at_ns, at_ns))
    return deltas


class GridConfig(StrategyConfig, frozen=True):
    """Nothing: the rule is fixed."""


class Grid(Strategy):
    """The grid of both sides; prices in ticks."""

    def __init__(self, instrument):
        super().__init__(GridConfig())
        self.instrument = instrument
        self.qty = Quantity(QTY, instrument.size_precision)
        self.placed = self.filled = self.looks = self.position = 0

    def on_start(self):
        self.subscribe_order_book_deltas(self.instrument.id, book_type=BookType.L2_MBP)
        self.subscribe_trade_ticks(self.instrument.id)
        self.clock.set_timer_ns("look", EVERY_NS, 0, 0, self.look)

    def on_order_filled(self, event):
        lots = event.last_qty.as_decimal() / QTY
        self.position += lots if event.order_side == OrderSide.BUY else -lots
        self.filled += 1

    def look(self, _event):
        self.looks += 1
        book = self.cache.order_book(self.instrument.id)
        best = (book.best_bid_price(), book.best_ask_price()) if book else (None, None)
        if None in best:
            return
        bid, ask = (int(price.as_decimal() / TICK) for price in best)
        if bid >= ask:
            return
        centre_x2 = bid + ask - int(SKEW * self.position * 2 / POSITION_MAX)
        for side, sign in ((OrderSide.BUY, 1), (OrderSide.SELL, -1)):
            outer = centre_x2 - sign * SPREAD
            if sign > 0:
                first = min(outer // (2 * STEP) * STEP, ask - 1)
            else:
                first = max(-(-outer // (2 * STEP)) * STEP, bid + 1)
            count = min(int(max(POSITION_MAX - self.position * sign, 0)), LEVELS)
            wanted = {first - index * STEP * sign for index in range(count)}
            alive = self.cache.orders_open(strategy_id=self.id, side=side)
            for own in alive + self.cache.orders_inflight(strategy_id=self.id, side=side):
                price = int(own.price.as_decimal() / TICK)
                if price in wanted:
                    wanted.discard(price)
                elif not own.is_pending_cancel:
                    self.cancel_order(own)
            for price in sorted(wanted):
                self.submit_order(self.order_factory.limit(self.instrument.id, side, self.qty,
                    Price(price * TICK, 2), TimeInForce.GTC, post_only=True))
                self.placed += 1


def main():
    path, times = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    venue = Venue("BINANCE")
    instrument = TestInstrumentProvider.btcusdt_binance()
    data, events = read(path, instrument, times)
    engine = BacktestEngine(BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True),
        run_analysis=False))
    engine.add_venue(venue, OmsType.NETTING, AccountType.MARGIN,
        [Money(10_000_000, USDT), Money(1_000, BTC)], book_type=BookType.L2_MBP,
        latency_model=LatencyModel(DELAY_NS), trade_execution=True)
    engine.add_instrument(instrument)
    for kind in (OrderBookDeltas, TradeTick):
        engine.add_data([one for one in data if isinstance(one, kind)])
    strategy = Grid(instrument)
    engine.add_strategy(strategy)
    began = time.perf_counter()
    engine.run()
    took = time.perf_counter() - began
    print(json.dumps({
        "version": nautilus_trader.__version__, "events": events, "seconds": round(took, 3),
        "events_per_s": round(events / took), "looks": strategy.looks, "orders": strategy.placed,
        "fills": strategy.filled,
    }))


if __name__ == "__main__":
    main()
