//! The recording inside the venue: lines become stream messages, and fills of our orders.

use super::player::{LINES_PER_TURN, Player, UNREAD_BYTES_MAX};
use super::streams::StreamKind;
use super::venue::BinancePractice;
use crate::practice::liquidity::Liquidity;
use crate::practice::recorded::Frame;
use crate::practice::server::{Clock, Outbox};
use crate::practice::types::Side;

/// The instrument that is recorded.
pub(in crate::binance) const RECORDED: usize = 0;

impl BinancePractice {
    /// Plays what is due, as long as the clients keep up.
    pub(in crate::binance) fn play(&mut self, clock: Clock, out: &mut Outbox<'_>) {
        let Some(mut player) = self.player.take() else {
            return;
        };
        let listened = self.streams.any_of(RECORDED);
        if listened {
            player.start(clock.now_ns);
        }
        for _ in 0..LINES_PER_TURN {
            if player.due_ns().is_none_or(|due_ns| due_ns > clock.now_ns) {
                break;
            }
            if player.is_max() && !(listened && self.keep_up(out)) {
                break;
            }
            if !self.play_line(&mut player, clock, out) {
                break;
            }
        }
        self.player = Some(player);
    }

    fn keep_up(&self, out: &Outbox<'_>) -> bool {
        self.streams
            .clients()
            .all(|client| out.unread_bytes(client) <= UNREAD_BYTES_MAX)
    }

    /// When the player wants its next turn.
    pub(in crate::binance) fn player_due_ns(&self, out: &Outbox<'_>) -> u64 {
        let Some(due_ns) = self.player.as_ref().and_then(Player::due_ns) else {
            return u64::MAX;
        };
        let waits = self.player.as_ref().is_some_and(Player::is_max)
            && !(self.streams.any_of(RECORDED) && self.keep_up(out));
        // A client that reads again wakes the loop by itself.
        if waits { u64::MAX } else { due_ns }
    }

    fn play_line(&mut self, player: &mut Player, clock: Clock, out: &mut Outbox<'_>) -> bool {
        let spec = self.core.exchange.listings[RECORDED].spec.clone();
        let mut line = None;
        let played = player.play(&spec, |message| {
            line = Some((
                message.stream.map(str::to_owned),
                message.payload.to_owned(),
                message.frame,
            ));
        });
        if played.is_err() {
            // The file was whole at the start: it was changed under us. The market stands still,
            // and `finished` stays false.
            return false;
        }
        if let Some((stream, payload, frame)) = line {
            self.core.exchange.apply_recorded(RECORDED, &frame);
            self.note_recorded(&frame);
            if let Some(name) = stream {
                self.pass_on(&name, &payload, clock, out);
            }
        }
        true
    }

    /// What the slow depth stream, which is not recorded, will send.
    fn note_recorded(&mut self, frame: &Frame) {
        if let Frame::Depth { bids, asks, .. } = frame {
            let window = &mut self.tapes[RECORDED].slow;
            bids.iter()
                .for_each(|(price, qty)| window.note(Side::Buy, *price, *qty));
            asks.iter()
                .for_each(|(price, qty)| window.note(Side::Sell, *price, *qty));
        }
    }

    /// Sends a recorded payload, byte for byte, to whoever wants its stream.
    fn pass_on(&mut self, name: &str, payload: &str, clock: Clock, out: &mut Outbox<'_>) {
        match self.streams.parse(name) {
            Some(stream) => self.publish(stream, payload, clock, out),
            None => self.streams.publish_named(name, payload, out),
        }
    }

    /// Whether a stream comes out of the recording and is not made here.
    pub(in crate::binance) fn is_recorded(&self, stream: (usize, StreamKind)) -> bool {
        let (instrument, kind) = stream;
        match &self.core.exchange.listings[instrument].liquidity {
            Liquidity::Synthetic { .. } => false,
            Liquidity::Recorded(_) => match kind {
                StreamKind::Trade | StreamKind::BookTicker => true,
                StreamKind::Depth { fast } => fast,
                StreamKind::Partial { .. }
                | StreamKind::AggTrade
                | StreamKind::MarkPrice
                | StreamKind::ForceOrder => false,
            },
        }
    }
}
