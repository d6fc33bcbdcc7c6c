//! A strategy with its state, whatever its types are: what a runner holds.
//!
//! Hot path: yes. Allocates: only to save and to digest.

use std::sync::Arc;

use model::codec;

use super::{Asks, CandleFeed, Cause, Strategy, View};
use crate::machine::digest::Sink;
use crate::machine::saved::Unsound;

/// See the module's header.
pub(super) trait AnyStrategy: std::fmt::Debug + Send {
    fn on_event(&mut self, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>);

    fn candles(&self) -> Vec<CandleFeed>;

    fn hears_market(&self) -> bool;

    fn digest(&self, sink: &mut Sink);

    /// Its state, for a snapshot. Empty if it cannot be written, which reading then refuses.
    fn save(&self) -> Vec<u8>;

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Unsound>;

    fn boxed_clone(&self) -> Box<dyn AnyStrategy>;
}

impl Clone for Box<dyn AnyStrategy> {
    fn clone(&self) -> Self {
        self.as_ref().boxed_clone()
    }
}

/// A strategy of a known type.
#[derive(Debug)]
pub(super) struct Running<S: Strategy> {
    rules: Arc<S>,
    state: S::State,
}

impl<S: Strategy> Running<S> {
    pub(super) fn new(rules: S) -> Self {
        Self {
            rules: Arc::new(rules),
            state: S::State::default(),
        }
    }
}

impl<S: Strategy> AnyStrategy for Running<S> {
    fn on_event(&mut self, cause: Cause, view: &View<'_>, asks: &mut Asks<'_>) {
        self.rules.on_event(&mut self.state, cause, view, asks);
    }

    fn candles(&self) -> Vec<CandleFeed> {
        self.rules.candles()
    }

    fn hears_market(&self) -> bool {
        S::HEARS_MARKET
    }

    fn digest(&self, sink: &mut Sink) {
        sink.bytes(&self.save());
    }

    fn save(&self) -> Vec<u8> {
        // A mark first: a state without bytes (`()`) is not one that could not be written.
        codec::encode_snapshot(&(1_u8, &self.state)).unwrap_or_default()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Unsound> {
        let unsound = Unsound("state of a strategy");
        let (mark, state): (u8, S::State) = codec::decode_snapshot(bytes).map_err(|_| unsound)?;
        if mark != 1 || !self.rules.is_sound(&state) {
            return Err(unsound);
        }
        self.state = state;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn AnyStrategy> {
        Box::new(Self {
            rules: Arc::clone(&self.rules),
            state: self.state.clone(),
        })
    }
}
