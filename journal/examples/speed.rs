//! throw-away
use journal::*;
use model::record::*;
use std::time::*;
fn minflt() -> u64 {
    let s = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    s.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(7)
        .unwrap()
        .parse()
        .unwrap()
}
fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    std::fs::create_dir_all(&dir).unwrap();
    let mut r = Record::ZERO;
    r.kind = 4;
    r.body = [3; 80];
    let mb: u64 = 256 << 20;
    let n = (mb - 8192) / 128;
    let mut tape = Tape::new(&dir, mb).unwrap();
    for round in 0..5 {
        let t = Instant::now();
        for i in 0..n {
            r.event = i;
            tape.copy(std::hint::black_box(&r));
        }
        let c = t.elapsed().as_nanos() as f64 / n as f64;
        let t = Instant::now();
        for i in 0..n {
            r.event = i;
            tape.append(std::hint::black_box(&r));
        }
        let a = t.elapsed().as_nanos() as f64 / n as f64;
        println!("round {round} copy {c:.2} append {a:.2} ratio {:.2}", a / c);
    }
    drop(tape);
    let mut tape = Tape::new(&dir, 1 << 20).unwrap();
    for round in 0..3 {
        let t = Instant::now();
        for i in 0..n {
            r.event = i;
            tape.copy(std::hint::black_box(&r));
        }
        let c = t.elapsed().as_nanos() as f64 / n as f64;
        let t = Instant::now();
        for i in 0..n {
            r.event = i;
            tape.append(std::hint::black_box(&r));
        }
        let a = t.elapsed().as_nanos() as f64 / n as f64;
        println!(
            "1MiB round {round} copy {c:.2} append {a:.2} ratio {:.2}",
            a / c
        );
    }
    drop(tape);
    for (name, durability) in [
        ("process", Durability::Process),
        ("interval", Durability::Interval(Duration::from_millis(10))),
    ] {
        let sub = dir.join(name);
        let t = Instant::now();
        let (mut w, _) = Writer::open(&sub, Options::new(durability)).unwrap();
        println!("{name}: open {:?}", t.elapsed());
        let f0 = minflt();
        let t = Instant::now();
        let mut h = [0u64; 8];
        for i in 0..1_500_000u64 {
            r.event = i;
            let t0 = Instant::now();
            w.append(&r).unwrap();
            let d = t0.elapsed().as_nanos() as u64;
            let b = match d {
                0..=60 => 0,
                61..=100 => 1,
                101..=300 => 2,
                301..=1000 => 3,
                1001..=10_000 => 4,
                10_001..=100_000 => 5,
                100_001..=1_000_000 => 6,
                _ => 7,
            };
            h[b] += 1;
            if i % 64 == 0 {
                while t.elapsed().as_nanos() < i as u128 * 1000 {
                    std::hint::spin_loop()
                }
            }
        }
        println!(
            "{name} 1M/s: faults {} durable lag {} hist<60,100,300,1us,10us,100us,1ms,> {:?}",
            minflt() - f0,
            w.last_seq() - w.durable_seq(),
            h
        );
        let f0 = minflt();
        let t = Instant::now();
        let m = 500_000u64;
        for i in 0..m {
            r.event = i;
            w.append(std::hint::black_box(&r)).unwrap();
        }
        println!(
            "{name} flat out: {:.2} ns faults {}",
            t.elapsed().as_nanos() as f64 / m as f64,
            minflt() - f0
        );
        let t = Instant::now();
        let mut rd = Reader::open(&sub).unwrap();
        let mut k = 0u64;
        while rd.next().unwrap().is_some() {
            k += 1;
        }
        println!(
            "read {k} at {:.2} ns",
            t.elapsed().as_nanos() as f64 / k as f64
        );
        let t = Instant::now();
        let mut rd = Reader::open(&sub).unwrap();
        let mut k = 0u64;
        while rd.next().unwrap().is_some() {
            k += 1;
        }
        println!(
            "read again {k} at {:.2} ns",
            t.elapsed().as_nanos() as f64 / k as f64
        );
        let t = Instant::now();
        if name == "process" {
            drop(w);
        } else {
            w.close().unwrap();
        }
        println!("close {:?}", t.elapsed());
        let t = Instant::now();
        let (w, rec) = Writer::open(&sub, Options::new(durability)).unwrap();
        println!("{name}: reopen {:?} {}", t.elapsed(), rec.clean);
        drop(w);
        std::fs::remove_dir_all(&sub).unwrap();
    }
}
