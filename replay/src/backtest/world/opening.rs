//! The first events of a backtest: the run, its configuration, instruments, balances, connections.

use model::blob::{self, BlobKind};
use model::body::{Channel, LinkState, RunStarted};
use model::ids::AccountId;
use model::record::{Kind, Record};

use super::World;
use crate::backtest::BacktestError;
use crate::backtest::common::Common;
use crate::backtest::mail::Place;
use crate::backtest::tape::Unobserved;
use crate::backtest::words;

impl World {
    /// Starts the run at the first moment of the data.
    pub(super) fn begin(&mut self, now_ns: u64, common: &mut Common) -> Result<(), BacktestError> {
        self.began = true;
        self.now_ns = now_ns;
        let started = RunStarted {
            epoch: 1,
            reserved0: 0,
            commands_journaled: 0,
            reserved: [0; 64],
        };
        let mut first = vec![Record::new(Kind::RunStarted, &started)];
        first.extend(blob::records(BlobKind::MachineConfig, &self.plan.machine)?);
        for spec in &self.specs {
            first.extend(blob::records(BlobKind::Instrument, spec)?);
        }
        for index in 0..self.venue_of.len() {
            first.extend(self.balances(index, now_ns));
        }
        for mut record in first {
            self.hear(&mut record, now_ns, None, common, &mut Unobserved)?;
        }
        self.mind.follow(common);
        self.next_tick_ns = now_ns.saturating_add(self.plan.tick_ns);
        self.next_sample_ns = now_ns.max(self.plan.from_ns);
        self.connect(now_ns);
        Ok(())
    }

    fn balances(&mut self, index: usize, now_ns: u64) -> Vec<Record> {
        let account = AccountId(u16::try_from(index).unwrap_or(u16::MAX));
        let Some(held) = self.venues.accounts.get_mut(index) else {
            return Vec::new();
        };
        let assets: Vec<_> = held.purses.iter().map(|purse| purse.asset).collect();
        let told = assets.into_iter().map(|asset| held.told(asset, now_ns));
        told.map(|record| record.on_account(account)).collect()
    }

    /// Each account's connection comes up when orders may be sent, and again behind each outage.
    fn connect(&mut self, now_ns: u64) {
        let opens_ns = now_ns.max(self.plan.from_ns);
        let outages = self.venues.outages().to_vec();
        for (index, venue) in self.venue_of.iter().enumerate() {
            let account = AccountId(u16::try_from(index).unwrap_or(u16::MAX));
            let says =
                |state, text| words::link(*venue, Channel::Orders, state, text).on_account(account);
            let up = says(LinkState::Up, "");
            self.mail.put(opens_ns, Place::CommandThere, up);
            for outage in outages.iter().filter(|outage| outage.to_ns > opens_ns) {
                let down = says(LinkState::Down, "the venue is away");
                self.mail
                    .put(outage.from_ns.max(opens_ns), Place::AnswerHere, down);
                self.mail.put(outage.to_ns, Place::CommandThere, up);
            }
        }
    }
}
