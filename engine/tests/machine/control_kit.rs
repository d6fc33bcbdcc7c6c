//! What the tests of change control and of kills share: notices, answers, requests.

use engine::machine::{ChangeRefusal, LevelConfig};
use model::body::{ControlAction, ControlRequest, Notice, NoticeCode};
use model::control::{Control, Scope};
use model::event::{Event, event};
use model::record::{Kind, Record};
use zerocopy::TryFromBytes as _;

use crate::kit::{Rig, config, kinds, maker, request, tick};
use crate::sim::Sim;

pub(crate) fn trading() -> Sim {
    let mut sim = Sim::new(3, vec![maker()]);
    sim.push(tick());
    while sim.resting() < 2 {
        sim.step();
    }
    sim
}

pub(crate) fn placements(commands: &[Record]) -> usize {
    kinds(commands)
        .iter()
        .filter(|kind| matches!(kind, Kind::NewOrder | Kind::ReplaceOrder))
        .count()
}

pub(crate) fn notices(rig: &Rig) -> Vec<Notice> {
    let told = |record: &Record| match event(record) {
        Ok(Event::RiskNotice(notice)) => Some(*notice),
        _ => None,
    };
    rig.log.iter().filter_map(told).collect()
}

pub(crate) fn codes(rig: &Rig) -> Vec<NoticeCode> {
    notices(rig).iter().map(|notice| notice.code).collect()
}

/// The answer to a request.
pub(crate) fn answer(rig: &Rig, number: u64) -> (NoticeCode, i64) {
    let answers = [
        NoticeCode::ChangeProposed,
        NoticeCode::ChangeApplied,
        NoticeCode::ChangeRefused,
        NoticeCode::ChangeWithdrawn,
    ];
    let all = notices(rig);
    let mut mine = all
        .iter()
        .filter(|notice| notice.other == number && answers.contains(&notice.code));
    let first = mine.next().expect("an answer");
    (first.code, first.value)
}

pub(crate) fn refused(rig: &Rig, number: u64) -> ChangeRefusal {
    let (code, value) = answer(rig, number);
    assert_eq!(code, NoticeCode::ChangeRefused);
    ChangeRefusal::from_code(value).unwrap()
}

pub(crate) fn change(record: Record, how: impl FnOnce(&mut ControlRequest)) -> Record {
    let mut record = record;
    how(ControlRequest::try_mut_from_bytes(&mut record.body).unwrap());
    record
}

pub(crate) fn limit(number: u64, person: u16, control: Control, values: (i64, i64, i64)) -> Record {
    let asked = request(number, person, ControlAction::SetLimit, Scope::Overall);
    change(asked, |body| {
        body.control = control.code();
        (body.old, body.new, body.soft) = values;
    })
}

pub(crate) fn levelled() -> Rig {
    let mut config = config(vec![maker()]);
    config.control.levels = vec![LevelConfig {
        control: Control::DailyLoss,
        scope: Scope::Overall,
        soft: Some(50),
        hard: 100,
    }];
    let mut rig = Rig::new();
    rig.start(&config, 0);
    rig.apply(tick());
    rig
}

/// Applies an event, and then the refusals and notices that it caused, until there are none.
pub(crate) fn push(rig: &mut Rig, record: Record) {
    rig.apply(record);
    let mut told: Vec<Record> = rig.out.refusals.clone();
    while !told.is_empty() {
        let next = told.remove(0);
        rig.apply(next);
        told.extend(rig.out.refusals.clone());
    }
}
