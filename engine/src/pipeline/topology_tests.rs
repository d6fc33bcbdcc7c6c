//! Tests of `topology`: every problem is found, and all of them at once.

use super::*;

fn shape() -> Shape {
    Shape {
        strategies: 2,
        feeds: vec!["binance".to_owned()],
        gateways: vec!["binance".to_owned()],
    }
}

fn worker(core: Option<usize>, stages: &[&str]) -> WorkerConfig {
    WorkerConfig {
        core,
        wait: Wait::Park,
        stages: stages.iter().map(|&name| name.to_owned()).collect(),
    }
}

/// Keys and values of the problems of `topology` on a machine with cores 0 and 1.
fn found(topology: &Topology) -> Vec<(String, String)> {
    let problems = topology.problems(&shape(), &[0, 1]);
    let pair = |problem: Problem| (problem.key, problem.value);
    problems.into_iter().map(pair).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    expected.iter().map(own).collect()
}

#[test]
fn topology_one_worker_has_no_problems() {
    assert_eq!(found(&Topology::one_worker(Wait::Park)), []);
}

#[test]
fn topology_split_by_names_has_no_problems() {
    let topology = Topology {
        workers: vec![
            worker(Some(1), &["feed.binance", "sequencer", "strategy.0"]),
            worker(Some(0), &["strategy.1", "risk", "timer"]),
            worker(None, &["journal", "gateway.binance"]),
        ],
        ..Topology::one_worker(Wait::Spin)
    };
    assert_eq!(found(&topology), []);
    assert!(topology.splits_strategies());
    assert!(!Topology::one_worker(Wait::Spin).splits_strategies());
}

#[test]
fn topology_wrong_everywhere_reports_all_at_once() {
    let topology = Topology {
        workers: vec![
            worker(Some(7), &["feed", "sequencer", "sequencer", "strategy.2"]),
            worker(Some(1), &["strategy", "risk", "strategy.0", "bogus"]),
            worker(Some(1), &[]),
        ],
        inbound_slots: 100,
        command_slots: 32,
        lane_slots: RING_SLOTS_MAX * 2,
    };
    assert_eq!(
        found(&topology),
        pairs(&[
            ("inbound_slots", "100"),
            ("command_slots", "32"),
            ("lane_slots", "2097152"),
            ("worker[0].core", "7"),
            ("worker[2].core", "1"),
            ("worker[0].stages[2]", "sequencer"),
            ("worker[0].stages[3]", "strategy.2"),
            ("worker[1].stages[2]", "strategy.0"),
            ("worker[1].stages[3]", "bogus"),
            ("worker[2].stages", "[]"),
            ("worker", "missing"),
            ("worker", "missing"),
            ("worker", "missing"),
        ])
    );
}

#[test]
fn topology_missing_stage_is_named() {
    let mut topology = Topology::one_worker(Wait::Park);
    topology.workers[0].stages.retain(|name| name != "risk");
    let problems = topology.problems(&shape(), &[]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].allowed.contains("stage risk must stand"));
}

#[test]
fn topology_without_feed_or_gateway_is_refused_without_strategy_it_runs() {
    let none = Shape {
        strategies: 0,
        feeds: Vec::new(),
        gateways: Vec::new(),
    };
    let problems = Topology::one_worker(Wait::Park).problems(&none, &[]);
    let keys: Vec<&str> = problems.iter().map(|problem| &*problem.key).collect();
    assert_eq!(
        keys,
        [
            "feed",
            "gateway",
            "worker[0].stages[0]",
            "worker[0].stages[6]"
        ]
    );
}

#[test]
fn cores_of_the_kernels_list_are_read() {
    assert_eq!(cores_of("1-3,7"), [1, 2, 3, 7]);
    assert_eq!(cores_of(""), [0; 0]);
    assert!(!available_cores().is_empty());
}

#[test]
fn wait_from_text_knows_three_words() {
    assert_eq!("park".parse(), Ok(Wait::Park));
    assert_eq!("Park".parse::<Wait>(), Err(UnknownWait));
}
