//! Every bound of the system that two crates must agree on, with the proof of its relations.
//!
//! A limit that is a user's choice lives in the configuration; a limit here is part of the design.

/// Size of a record, bytes: two cache lines.
pub const RECORD_BYTES: usize = 128;
/// Size of a record's body, bytes.
pub const BODY_BYTES: usize = 80;
/// Book levels in one record.
pub const LEVELS_PER_RECORD: usize = 4;
/// Payload of one blob part, bytes.
pub const BLOB_PART_BYTES: usize = 72;
/// Longest blob, in parts (about 288 KiB): larger ones are refused by the writer.
pub const BLOB_PARTS_MAX: usize = 4_096;
/// Largest snapshot, bytes.
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 30;
/// Smallest ring or lane that the engine accepts, slots.
pub const RING_SLOTS_MIN: usize = 64;
/// Largest ring or lane, slots (128 MiB of records).
pub const RING_SLOTS_MAX: usize = 1 << 20;
/// Most intents that one strategy may raise at one event.
pub const INTENTS_PER_EVENT_MAX: usize = 8;
/// Most intents of one strategy that may wait for their verdict or acknowledgement.
pub const INTENTS_IN_FLIGHT_MAX: usize = 16;
/// Most strategies in one machine.
pub const STRATEGIES_MAX: usize = 64;
/// Most commands that may be approved and not yet reported as sent (or failed) by the gateway.
/// Half of the smallest ring, so that risk never waits for the command ring or the gateway's lane.
pub const COMMANDS_IN_FLIGHT_MAX: usize = 32;
/// Of these, the part that only cancels and queries may use, so that they are never starved.
pub const COMMANDS_RESERVED_FOR_CANCELS: usize = 12;
/// Of that part, what orders that can only reduce a position may use, too.
pub const COMMANDS_SHARED_WITH_REDUCTIONS: usize = 6;
/// Notices of risk that may be on their way to the sequencer at a time.
pub const NOTICES_IN_FLIGHT_MAX: usize = 16;
/// Open, held or unresolved orders in one machine.
pub const OPEN_ORDERS_MAX: usize = 16_384;
/// Most instruments in one machine.
pub const INSTRUMENTS_MAX: usize = 4_096;
/// Longest asset name, bytes.
pub const ASSET_NAME_BYTES: usize = 14;
/// Most digits behind the decimal point of a price or quantity on the wire.
pub const DECIMALS_MAX: u8 = 18;

const _: () = {
    assert!(RING_SLOTS_MIN.is_power_of_two());
    assert!(RING_SLOTS_MAX.is_power_of_two());
    assert!(RING_SLOTS_MIN <= RING_SLOTS_MAX);
    assert!(2 * COMMANDS_IN_FLIGHT_MAX <= RING_SLOTS_MIN);
    assert!(COMMANDS_RESERVED_FOR_CANCELS < COMMANDS_IN_FLIGHT_MAX);
    assert!(COMMANDS_SHARED_WITH_REDUCTIONS < COMMANDS_RESERVED_FOR_CANCELS);
    // A strategy stage takes an event only when its intent lane has room for that event's intents.
    assert!(INTENTS_PER_EVENT_MAX <= RING_SLOTS_MIN);
    assert!(INTENTS_PER_EVENT_MAX <= INTENTS_IN_FLIGHT_MAX);
    assert!(16 * LEVELS_PER_RECORD + 16 == BODY_BYTES);
    assert!(BLOB_PART_BYTES + 8 == BODY_BYTES);
};
