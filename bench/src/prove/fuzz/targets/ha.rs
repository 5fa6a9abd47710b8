//! What a pair reads of its register: the value, alone and as etcd's answers bring it. `ha.state` is the journal's and stands there.
//!
//! Anybody who may write to the key can put anything there, and a takeover hangs on what is made of it.

use ha_engine::ids::{Epoch, Incarnation, InstanceId, Member};
use ha_engine::limits::IN_SYNC_MAX;
use ha_engine::register::{AckMode, Register};
use ha_engine::register_client::etcd::{Found, Meaning, TxnAnswer, compare, lost_to, meaning_of_get, meaning_of_txn};
use ha_engine::register_client::{Answer, Compare};
use ha_engine::register_value::{decode, encode};

use super::{refused, walk};
use crate::prove::fuzz::target::Target;
use crate::prove::random::Random;

const CRC_BYTES: usize = 4;

pub(super) fn targets() -> Vec<Target> {
    vec![value(), answers()]
}

/// Values of every number of members and every ack mode.
fn examples() -> Vec<Vec<u8>> {
    let modes = [AckMode::Durable, AckMode::Memory, AckMode::Local];
    let registers = (1..=IN_SYNC_MAX as u128).zip(modes.into_iter().cycle()).map(|(members, ack_mode)| Register {
        version: u64::MAX >> members,
        epoch: Epoch { number: 7, activation: u128::MAX / 3 },
        holder: InstanceId(members),
        in_sync: (1..=members)
            .map(|instance| Member {
                instance: InstanceId(instance),
                incarnation: Incarnation { counter: 3, nonce: u64::MAX - 5 },
            })
            .collect(),
        ack_mode,
        voters_version: 2,
    });
    registers.filter_map(|register| Some(encode(&register).ok()?.to_vec())).collect()
}

/// Puts the checksum right in three of four, so that the fields are reached.
fn sealed() -> impl Fn(&mut Vec<u8>, &mut Random) + Send + Sync + 'static {
    |bytes, random| {
        if random.number().is_multiple_of(4) {
            return;
        }
        if let Some((body, crc)) = bytes.split_last_chunk_mut::<CRC_BYTES>() {
            *crc = crc32c::crc32c(body).to_le_bytes();
        }
    }
}

fn value() -> Target {
    Target::new("register value", examples(), |bytes, _| match decode(bytes) {
        Ok(register) => walk(&register),
        Err(error) => refused(&error),
    })
    .repaired(sealed())
    .checked(|bytes, _| {
        let register = decode(bytes).map_err(|error| error.to_string())?;
        let again = encode(&register).map_err(|error| error.to_string())?;
        let same = again.as_slice() == bytes;
        if same { Ok(()) } else { Err(format!("{register:?} comes back otherwise")) }
    })
}

/// What is compared, and with which version, for a choice.
fn compared(choice: u64, version: u64) -> Compare {
    match choice % 3 {
        0 => Compare::Absent,
        1 => Compare::Version(version),
        _ => Compare::Version(choice),
    }
}

/// What the same bytes mean when a get brings them, when that get was for a lost write, and when a lost comparison brings them.
fn meanings(bytes: &[u8], choice: u64) -> [Meaning; 3] {
    let found = || Some(Found { value: bytes, mod_revision: choice });
    let version = decode(bytes).map_or(0, |register| register.version);
    let answer = TxnAnswer { succeeded: false, revision: choice, found: found() };
    [meaning_of_get(found()), lost_to(found()), meaning_of_txn(compared(choice, version), choice, answer)]
}

/// Nothing else than what could be read may count as an answer.
fn answers() -> Target {
    Target::new("register answer", examples(), |bytes, choice| {
        let meanings = meanings(bytes, choice);
        for meaning in &meanings {
            walk(&(&meaning.answer, compare(compared(choice, choice), meaning.known)));
        }
        meanings.iter().all(|meaning| meaning.unreadable.is_none())
    })
    .repaired(sealed())
    .checked(|bytes, choice| {
        let read = decode(bytes).map_err(|error| error.to_string())?;
        let [got, lost, txn] = meanings(bytes, choice);
        let same = got.answer == Answer::Value(Some(read.clone()))
            && lost.answer == Answer::Lost(Some(read.clone()))
            && [Answer::Lost(Some(read)), Answer::Unreachable].contains(&txn.answer);
        if same { Ok(()) } else { Err(format!("{got:?}, {lost:?}, {txn:?}")) }
    })
}
