//! What a consumer with credit for everything gets at once is bounded, and all of it comes.

use crate::machine::{Machine, PLAIN, Setup, body};

const MESSAGES: u64 = 40;
const BYTES: usize = 60_000;
/// Room for the message that passes the bound.
const TURN_BYTES_MAX: usize = ringmq::limits::DELIVERY_BYTES_PER_TURN + BYTES;

#[test]
fn a_turn_delivers_so_much_and_the_next_ones_the_rest() {
    let mut machine = Machine::with(Setup { hot_bytes: 64 * 1024 * 1024, ..PLAIN });
    for number in 0..MESSAGES {
        machine.publish(&body(number, BYTES), false);
    }
    machine.settle();
    machine.consume();
    let (mut all, mut turns) = (machine.heard_bodies(), 0);
    assert!(all.iter().map(Vec::len).sum::<usize>() <= TURN_BYTES_MAX);
    while all.len() < usize::try_from(MESSAGES).unwrap() {
        assert!(machine.wants_turn(), "the rest would wait until something else happens");
        machine.turn();
        let now = machine.heard_bodies();
        assert!(now.iter().map(Vec::len).sum::<usize>() <= TURN_BYTES_MAX);
        all.extend(now);
        turns += 1;
    }
    assert!(turns > 3);
    assert!(all.into_iter().eq((0..MESSAGES).map(|number| body(number, BYTES))));
    assert!(!machine.wants_turn());
}

#[test]
fn nothing_is_delivered_while_letters_find_no_place() {
    let mut machine = Machine::with(Setup { hot_bytes: 64 * 1024 * 1024, ..PLAIN });
    machine.publish(&body(1, 100), false);
    machine.home.set_crowded(true);
    machine.consume();
    assert!(machine.delivered().is_empty());
    machine.home.set_crowded(false);
    assert_eq!(machine.delivered().len(), 1);
}
