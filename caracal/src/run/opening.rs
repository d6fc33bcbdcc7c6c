//! The first events of a run, applied and journaled before any thread starts.
//!
//! They change the machine's structure (strategies, accounts, instruments), so they come while the
//! machine is whole. From then on only the sequencer numbers events.

use engine::machine::{Machine, MachineConfig, Outputs};
use engine::pipeline::SOURCE_OPERATOR;
use journal::{Recovery, Writer};
use model::blob::{self, BlobKind};
use model::body::{ControlAction, ControlRequest, Outcome, Recovered, RunEnded, RunStarted, Text};
use model::control::ScopeKind;
use model::instrument::InstrumentSpec;
use model::record::{Kind, Record};

use crate::control::obey::person;
use crate::output::Failure;

/// Who releases the kill of everything, and why.
pub(crate) struct Release<'a> {
    /// Why.
    pub(crate) reason: &'a str,
    /// The first person.
    pub(crate) by: &'a str,
    /// The second one.
    pub(crate) approved_by: &'a str,
}

/// Machine and journal, one event at a time.
pub(crate) struct Opening<'a> {
    /// The machine.
    pub(crate) machine: &'a mut Machine,
    /// The journal.
    pub(crate) writer: &'a mut Writer,
    /// Time of the events.
    pub(crate) now_ns: u64,
}

impl Opening<'_> {
    /// Writes the start of a run.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the journal refuses a record, or the machine the configuration.
    pub(crate) fn start(
        &mut self,
        commands_journaled: u64,
        config: &MachineConfig,
        instruments: &[InstrumentSpec],
        release_kill: Option<&Release<'_>>,
    ) -> Result<(), Failure> {
        let started = RunStarted {
            epoch: self.machine.epoch() + 1,
            reserved0: 0,
            commands_journaled,
            reserved: [0; 64],
        };
        self.event(&Record::new(Kind::RunStarted, &started))?;
        let parts = blob::records(BlobKind::MachineConfig, config).map_err(Failure::because)?;
        self.events(&parts)?;
        for instrument in instruments {
            let parts =
                blob::records(BlobKind::Instrument, instrument).map_err(Failure::because)?;
            self.events(&parts)?;
        }
        match release_kill {
            Some(release) => self.release(release),
            None => Ok(()),
        }
    }

    /// Two persons release the kill of everything: a proposal and its approval.
    fn release(&mut self, release: &Release<'_>) -> Result<(), Failure> {
        let ask = |name: &str| {
            let place = person(self.machine, name);
            place.map_err(|error| Failure::while_doing("--release-kill", error))
        };
        let (first, second) = (ask(release.by)?, ask(release.approved_by)?);
        if first == second {
            let what = "--by and --approved-by must be two persons: nothing was released";
            return Err(Failure::Message(what.to_owned()));
        }
        if !self.machine.kill_latched() {
            return Ok(());
        }
        let request = |number, target, person, action| ControlRequest {
            number,
            target,
            old: i64::MAX,
            new: 0,
            soft: i64::MAX,
            scope_id: 0,
            control: 0,
            person,
            action,
            scope: ScopeKind::Overall,
            outcome: Outcome::None,
            reason: Text::cut(release.reason),
        };
        let number = self.now_ns;
        for request in [
            request(number, 0, first, ControlAction::Release),
            request(number + 1, number, second, ControlAction::Approve),
        ] {
            self.event(&Record::new(Kind::Control, &request))?;
        }
        if self.machine.kill_latched() {
            let what = "--release-kill: risk refused it; see the journal's RiskNotice records";
            return Err(Failure::Message(what.to_owned()));
        }
        Ok(())
    }

    /// Writes what recovery cut off the journal before this run, if it did.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the journal refuses the record.
    pub(crate) fn note_cut(&mut self, recovery: &Recovery) -> Result<(), Failure> {
        let from_seq = recovery.removed.iter().map(|cut| cut.from_seq).min();
        let Some(from_seq) = from_seq else {
            return Ok(());
        };
        let cut = Recovered {
            from_seq,
            bytes: recovery.removed.iter().map(|cut| cut.bytes).sum(),
            whole_records: recovery.removed.iter().map(|cut| cut.whole_records).sum(),
            durable_mark: recovery.durable_mark,
            reserved: [0; 48],
        };
        self.event(&Record::new(Kind::Recovered, &cut))
    }

    /// Writes the end of a run.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the journal refuses the record.
    pub(crate) fn end(&mut self, open_orders: u64) -> Result<(), Failure> {
        self.event(&Record::new(
            Kind::RunEnded,
            &RunEnded {
                open_orders,
                reserved: [0; 72],
            },
        ))
    }

    fn events(&mut self, records: &[Record]) -> Result<(), Failure> {
        records.iter().try_for_each(|record| self.event(record))
    }

    fn event(&mut self, record: &Record) -> Result<(), Failure> {
        let mut record = record.from_source(SOURCE_OPERATOR);
        record.event = self.machine.last_event() + 1;
        record.time_ns = self.now_ns.max(self.machine.time_ns());
        let mut outputs = Outputs::new();
        self.machine
            .apply(&record, &mut outputs)
            .map_err(Failure::because)?;
        if !outputs.commands.is_empty() || !outputs.refusals.is_empty() {
            let kind = record.kind().map_or("?", Kind::name);
            return Err(Failure::Message(format!(
                "the machine decided something at {kind}"
            )));
        }
        self.writer
            .append(&record)
            .map(|_seq| ())
            .map_err(|error| Failure::while_doing("cannot write to the journal", error))
    }
}
