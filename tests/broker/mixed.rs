//! Durable and non-durable messages of one transaction stand in the order in which they were sent.

use protocol::core::identity::{CorrelationId, ProducerId, RoutingType};
use protocol::core::packet::Packet;
use protocol::core::packet::transaction::Commit;
use protocol::core::packet::transfer::{Send, SendTrailer};
use protocol::message::MessageBuilder;

use crate::peer::{AUTOMATIC, TRANSACTED, What, consume};
use crate::rig::{Peer, Rig};

fn tell(rig: &mut Rig, peer: Peer, address: &str, text: &str, durable: bool) {
    let mut message = Vec::new();
    let builder = MessageBuilder::new(address).text(text).durable(durable).routing_type(RoutingType::ANYCAST);
    builder.write(&mut message);
    let trailer =
        SendTrailer { requires_response: false, correlation_id: CorrelationId(0), producer_id: ProducerId::UNNAMED };
    rig.tell(peer, 10, &Packet::Send(Send { message: &message, trailer }));
}

fn delivered(rig: &mut Rig, peer: Peer, address: &str) -> Vec<String> {
    rig.receive(peer, &consume(10, 1, address));
    rig.settle();
    let texts = rig.hear(peer).into_iter().filter_map(|heard| match heard.what {
        What::Delivery { text, .. } => Some(text),
        _ => None,
    });
    texts.collect()
}

/// In one lane, over lanes of one core and over cores: the first queue of the transaction need not be the first lane of the commit.
#[test]
fn a_transaction_keeps_the_order_of_what_is_durable_and_what_is_not() {
    for (cores, homes) in [(1, [0, 0]), (3, [0, 1]), (3, [2, 2])] {
        let mut rig = Rig::new(cores, 3);
        let other = (0..).map(|number| format!("other.{number}")).find(|name| rig.home_of(name) == homes[1]).unwrap();
        let addresses = [rig.address_on(homes[0]), other];
        let peer = rig.session(0, TRANSACTED);
        let mut sent = [Vec::new(), Vec::new()];
        for number in 0..24_usize {
            let (to, text) = (number / 2 % 2, format!("m{number}"));
            tell(&mut rig, peer, &addresses[to], &text, number % 3 != 0);
            sent[to].push(text);
        }
        rig.ask(peer, 10, &Packet::Commit(Commit { correlation_id: Some(CorrelationId(1)) }));
        rig.settle();
        for (address, sent) in addresses.iter().zip(&sent) {
            let reader = rig.session(0, AUTOMATIC);
            assert_eq!(&delivered(&mut rig, reader, address), sent, "{cores} cores, homes {homes:?}");
        }
    }
}
