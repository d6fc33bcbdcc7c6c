"""Another library's client (ccxt) against a practice venue on loopback.

Usage: client.py VENUE BASE_URL KEYS_DIR, where KEYS_DIR is what `caracal practice` wrote.
It loads the markets, reads a book, places, lists and cancels an order, takes a market order, and
looks at the balance and its trades; it ends with 0 only if each answer is what was to be expected.
"""

import sys
from pathlib import Path

import ccxt

VENUES = {
    "binance": {
        "class": "binance",
        "type": "spot",
        "symbol": "BTC/USDT",
        # An order that only the venue refuses: of too small a value.
        "wrong": (0.00001, 0.95),
        "paths": {"public": "/api/v3", "private": "/api/v3"},
    },
    "binance-usdm": {
        "class": "binanceusdm",
        "type": "future",
        "symbol": "BTC/USDT:USDT",
        "wrong": (0.001, 0.3),
        "paths": {
            "fapiPublic": "/fapi/v1",
            "fapiPublicV2": "/fapi/v2",
            "fapiPublicV3": "/fapi/v3",
            "fapiPrivate": "/fapi/v1",
            "fapiPrivateV2": "/fapi/v2",
            "fapiPrivateV3": "/fapi/v3",
        },
    },
    "okx-spot": {
        "class": "okx",
        "type": "spot",
        "symbol": "BTC/USDT",
        # Below the least size.
        "wrong": (0.000001, 0.95),
        "paths": {"rest": ""},
        # Else the amount of a market buy is money.
        "market": {"tgtCcy": "base_ccy"},
    },
    "okx-swap": {
        "class": "okx",
        "type": "swap",
        "symbol": "BTC/USDT:USDT",
        # Above the highest price that a buy may have.
        "wrong": (0.01, 1.2),
        "paths": {"rest": ""},
    },
}


def expect(what, holds):
    """Says what holds; ends the run if it does not."""
    print(f"{'ok  ' if holds else 'FAIL'} {what}")
    if not holds:
        sys.exit(1)


def client(venue, base, keys):
    """A client that talks to nobody but `base`, and trusts its certificate."""
    terms = VENUES[venue]
    kinds = {"spot": ["spot"], "future": ["linear"], "swap": ["swap"]}[terms["type"]]
    passphrase = keys / "passphrase"
    exchange = getattr(ccxt, terms["class"])(
        {
            "apiKey": (keys / "api-key").read_text().strip(),
            "secret": (keys / "secret").read_text().strip(),
            "password": passphrase.read_text().strip() if passphrase.exists() else None,
            "options": {
                "defaultType": terms["type"],
                "fetchMarkets": {"types": kinds},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )
    exchange.validateServerSsl = str(keys / "ca.pem")
    known = {name: "https://127.0.0.1:1" for name in exchange.urls["api"]}
    paths = {name: base + path for name, path in terms["paths"].items()}
    exchange.urls["api"] = {**known, **paths}
    return exchange


def main():
    """Plays the whole conversation."""
    venue, base, keys = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    exchange, symbol = client(venue, base, keys), VENUES[venue]["symbol"]
    markets = exchange.load_markets()
    expect(f"{len(markets)} markets, {symbol} among them", symbol in markets)
    book = exchange.fetch_order_book(symbol, 5)
    (bid, ask) = (book["bids"][0][0], book["asks"][0][0])
    expect(f"a book: {bid} / {ask}", bid < ask)
    price = exchange.price_to_precision(symbol, bid * 0.95)
    placed = exchange.create_order(symbol, "limit", "buy", 0.01, float(price))
    # OKX only says that it was taken.
    expect(f"order {placed['id']} placed at {price}", placed["status"] in ("open", None))
    listed = [order["id"] for order in exchange.fetch_open_orders(symbol)]
    expect("it is among the open orders", listed == [placed["id"]])
    found = exchange.fetch_order(placed["id"], symbol)
    expect("it is found as it was placed", found["price"] == float(price) and found["filled"] == 0)
    exchange.cancel_order(placed["id"], symbol)
    cancelled = exchange.fetch_order(placed["id"], symbol)
    expect("it is cancelled", cancelled["status"] == "canceled")
    expect("nothing is open", exchange.fetch_open_orders(symbol) == [])
    exchange.create_order(symbol, "market", "buy", 0.01, None, VENUES[venue].get("market", {}))
    trades = exchange.fetch_my_trades(symbol)
    bought = sum(trade["amount"] for trade in trades)
    expect(f"{len(trades)} trades of {bought:.3f} in all", abs(bought - 0.01) < 1e-9)
    expect("the balance has USDT", exchange.fetch_balance()["total"]["USDT"] > 0)
    if VENUES[venue]["type"] != "spot":
        held = [one["contracts"] for one in exchange.fetch_positions([symbol])]
        expect(f"a position of {held}", held == [0.01])
    amount, factor = VENUES[venue]["wrong"]
    what = "an order against the venue's rules is refused"
    try:
        price = exchange.price_to_precision(symbol, bid * factor)
        exchange.create_order(symbol, "limit", "buy", amount, float(price))
    except ccxt.ExchangeError as refused:
        expect(f"{what}: {str(refused)[:90]}", '"code"' in str(refused))
    else:
        expect(what, False)


main()
