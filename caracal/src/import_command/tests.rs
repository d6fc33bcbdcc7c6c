//! Goal: whatever is in a file, an import ends with a report or one line, and never with a panic.
//!
//! Method: a small good file of each format, changed at random (seeds 1 to 20, `RUN_SLOW_TESTS=1`:
//! to 2,000): bytes set, removed and repeated, and the end cut off. What was written must close.

use std::path::Path;

use clap::Parser;

use super::{ImportArgs, run};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: ImportArgs,
}

/// Good files: options of the command, and the content.
fn good() -> Vec<(&'static [&'static str], Vec<u8>)> {
    let capture = concat!(
        r#"1 {"e":"depthUpdate","E":5,"s":"ABCUSDT","U":1,"u":2,"b":[["9.1","1"]],"a":[]}"#,
        "\n",
        r#"2 {"lastUpdateId":2,"bids":[["9.0","3.5"]],"asks":[["9.4","1"],["9.5","2"]]}"#,
        "\n",
        r#"3 {"stream":"a","data":{"e":"trade","E":7,"s":"ABCUSDT","t":1,"p":"9.1","q":"1","#,
        r#""T":6,"m":true,"M":true}}"#,
        "\n",
        r#"4 {"u":5,"s":"ABCUSDT","b":"9.0","B":"1.0","a":"9.4","A":"2.0"}"#,
        "\n",
        r#"5 {"e":"depthUpdate","E":9,"s":"ABCUSDT","U":3,"u":4,"b":[["9.1","0"]],"a":[]}"#,
        "\n",
    );
    let okx = concat!(
        r#"1 {"arg":{"channel":"books","instId":"A-B"},"action":"snapshot","data":[{"asks":"#,
        r#"[["9.4","1","0","1"],["9.5","2","0","1"]],"bids":[["9.0","3.5","0","1"]],"ts":"5","#,
        r#""checksum":0,"prevSeqId":-1,"seqId":7}]}"#,
        "\n",
        r#"2 {"arg":{"channel":"trades","instId":"A-B"},"data":[{"instId":"A-B","tradeId":"1","#,
        r#""px":"9.1","sz":"1","side":"buy","ts":"6"}]}"#,
        "\n",
        r#"3 {"arg":{"channel":"bbo-tbt","instId":"A-B"},"data":[{"asks":[["9.4","1","0","1"]],"#,
        r#""bids":[],"ts":"6","seqId":8}]}"#,
        "\n",
        r#"4 {"arg":{"channel":"books","instId":"A-B"},"action":"update","data":[{"asks":[],"#,
        r#""bids":[["9.0","0","0","0"]],"ts":"7","checksum":3,"prevSeqId":7,"seqId":9}]}"#,
        "\n",
    );
    let aggregates = "1,5.5,2,7,8,1723161599123,true,true\n2,5.6,3,9,9,1723161599124,false,true\n";
    let klines = "1723161540000,5,5.4,4.9,5.2,10.3,1723161599999,1,1,1,1,0\n";
    let book = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n\
                a,bUSDT,9,10,true,bid,9.1,1\na,bUSDT,9,11,false,ask,9.2,1.5\n";
    let candles = "time,open,high,low,close,volume\n1723161540,5,5.4,4.9,5.2,10.3\n";
    vec![
        (&["binance-capture"], capture.into()),
        (&["okx-capture"], okx.into()),
        (
            &[
                "binance-archive",
                "--kind",
                "aggTrades",
                "--symbol",
                "ABCUSDT",
            ],
            aggregates.into(),
        ),
        (
            &["binance-archive", "--kind", "klines", "--symbol", "ABCUSDT"],
            klines.into(),
        ),
        (&["tardis"], book.into()),
        (&["hftbacktest", "--symbol", "ABCUSDT"], array()),
        (
            &["candles", "--symbol", "ABCUSDT", "--interval", "1m"],
            candles.into(),
        ),
    ]
}

/// An array of hftbacktest with three events.
fn array() -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = "{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), \
                  ('px', '<f8'), ('qty', '<f8'), ('order_id', '<u8'), ('ival', '<i8'), \
                  ('fval', '<f8')], 'fortran_order': False, 'shape': (3,), }\n";
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for (kind, price) in [(4_u64, 9.5_f64), (1, 9.0), (2, 9.5)] {
        bytes.extend((kind | 0b111 << 29).to_le_bytes());
        bytes.extend([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
        bytes.extend(price.to_le_bytes());
        bytes.extend(1.5_f64.to_le_bytes());
        bytes.extend([0; 24]);
    }
    bytes
}

/// A small generator (xorshift), so that a seed says what was changed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

fn changed(good: &[u8], random: &mut Random) -> Vec<u8> {
    const LIKELY: &[u8] = b"0123456789.-+eE,:\"[]{}\n \xff\0xUPK";
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => {
                let end = (at + random.below(40)).min(bytes.len());
                let part = bytes[at.min(end)..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = LIKELY[random.below(LIKELY.len())];
                }
            }
        }
    }
    bytes
}

fn import(directory: &Path, options: &[&str], content: &[u8]) -> Option<u64> {
    let out = directory.join("set");
    let _ = std::fs::remove_dir_all(&out);
    let file = directory.join("file");
    std::fs::write(&file, content).unwrap();
    let line = Line::try_parse_from(
        ["import"]
            .iter()
            .chain(options)
            .map(|text| (*text).to_owned())
            .chain([
                file.display().to_string(),
                "--out".to_owned(),
                out.display().to_string(),
            ]),
    );
    let (report, _) = run(&line.unwrap().args).ok()?;
    let stat = journal::stat(&out).unwrap();
    assert!(stat.was_closed);
    assert_eq!(stat.records, report.records());
    Some(report.records())
}

#[test]
fn damaged_files_never_panic_and_what_was_written_is_closed() {
    let is_slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let seeds = if is_slow { 2_000 } else { 20 };
    let directory = tempfile::tempdir().unwrap();
    for (options, content) in good() {
        let whole = import(directory.path(), options, &content);
        assert!(whole.is_some_and(|records| records > 5), "{options:?}");
        let mut refused = 0;
        for seed in 1..=seeds {
            let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
            let bytes = changed(&content, &mut random);
            refused += u64::from(import(directory.path(), options, &bytes).is_none());
        }
        assert!(
            0 < refused && refused < seeds,
            "{options:?}: {refused} of {seeds}"
        );
    }
}
