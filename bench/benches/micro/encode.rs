//! An order from its command to the masked WebSocket frame, ready to be written.
//!
//! Base cases: a copy of the finished frame, and for the signed order the signature alone.

use std::hint::black_box;

use connectors::binance::wire::request::{Context, Proof, Scratch, place};
use connectors::net::Framer;
use connectors::net::frame::Opcode;
use connectors::sign::{SIGNATURE_TEXT_BYTES, Signer};
use connectors::wire::Symbols;
use criterion::Criterion;
use model::body::{Flag, NewOrder, OrderType, Side, TimeInForce};
use model::ids::InstrumentId;
use model::num::{Lots, Ticks};

use bench::messages;

/// A key as long as the venue's.
const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
/// Room for the longest frame.
const FRAME_BYTES_MAX: usize = 1_024;

pub(crate) fn bench(criterion: &mut Criterion) {
    let signer = Signer::hmac(&[b'k'; 64]);
    let signed = Proof::Signed {
        api_key: API_KEY,
        signer: &signer,
    };
    let mut group = criterion.benchmark_group("encode/order.place");
    for (name, proof) in [("session", Proof::Session), ("hmac", signed)] {
        let mut encoder = Encoder::new(proof);
        let frame = encoder.frame(1).to_vec();
        assert!(frame.len() > 200, "a whole order: {}", frame.len());
        let mut copy = [0; FRAME_BYTES_MAX];
        let bytes = frame.len();
        group.bench_function(format!("base_copy_{bytes}B"), |bencher| {
            bencher.iter(|| copy[..frame.len()].copy_from_slice(black_box(&frame)));
        });
        let mut id = 1;
        group.bench_function(format!("caracal_{name}_{bytes}B"), |bencher| {
            bencher.iter(|| {
                id += 1;
                black_box(encoder.frame(id)).len()
            });
        });
    }
    let (payload, mut text) = ([b'a'; 250], [0; SIGNATURE_TEXT_BYTES]);
    group.bench_function("base_hmac_250B", |bencher| {
        bencher.iter(|| signer.sign_into(black_box(&payload), &mut text).len());
    });
    group.finish();
}

/// What a gateway keeps beside its connection.
struct Encoder<'k> {
    symbols: Symbols,
    scratch: Scratch,
    framer: Framer,
    proof: Proof<'k>,
}

impl<'k> Encoder<'k> {
    fn new(proof: Proof<'k>) -> Self {
        Self {
            symbols: Symbols::new(&[messages::instrument()]).unwrap(),
            scratch: Scratch::default(),
            framer: Framer::new(FRAME_BYTES_MAX, 1),
            proof,
        }
    }

    fn frame(&mut self, id: u64) -> &[u8] {
        let context = Context {
            id,
            timestamp_ms: 1_723_161_255_343,
            recv_window_ms: 5_000,
            proof: self.proof,
        };
        let entry = self.symbols.of(InstrumentId(0)).unwrap();
        let scratch = &mut self.scratch;
        let order = order(id);
        let write = |room: &mut [u8]| place(&context, entry, &order, scratch, room).unwrap();
        self.framer.frame_with(Opcode::Text, write).unwrap()
    }
}

fn order(id: u64) -> NewOrder {
    NewOrder {
        command: id,
        client_id: (1 << 32) + id,
        price: Ticks(6_183_763),
        qty: Lots(100),
        tag: 0,
        side: Side::Buy,
        order_type: OrderType::PostOnly,
        time_in_force: TimeInForce::Gtc,
        reduce_only: Flag::No,
        self_trade: model::body::SelfTrade::NotStated,
        reserved: [0; 35],
    }
}
