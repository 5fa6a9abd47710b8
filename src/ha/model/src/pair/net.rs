//! Connections between servers. Packets arrive in order and so do the blocks of a lane; but packets and lanes go by ways of their own, so that one may
//! overtake the other. A connection breaks for each end when it learns of it, and takes any of what was on the way along.

use std::collections::VecDeque;

use ha_engine::gate::Link;
use ha_engine::message::Packet;
use smallvec::SmallVec;

use super::disk::Block;

/// A block on its way: where it stands in its lane, and it.
pub(crate) type Sent = (usize, Block);

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct End {
    /// The server that it belongs to.
    pub(crate) side: usize,
    /// Not closed by its server, which has not learnt of a loss either.
    pub(crate) open: bool,
    /// On their way to it.
    pub(crate) packets: VecDeque<Packet>,
    /// Likewise, for each lane.
    pub(crate) blocks: SmallVec<[VecDeque<Sent>; 2]>,
}

impl End {
    fn new(side: usize, lanes: usize) -> Self {
        Self { side, open: true, packets: VecDeque::new(), blocks: SmallVec::from_elem(VecDeque::new(), lanes) }
    }

    fn close(&mut self) {
        self.open = false;
        self.packets.clear();
        self.blocks.iter_mut().for_each(VecDeque::clear);
    }

    fn is_silent(&self) -> bool {
        self.packets.is_empty() && self.blocks.iter().all(VecDeque::is_empty)
    }
}

/// A connection: the end of the server that dialled, and the other one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wire {
    pub(crate) link: Link,
    pub(crate) ends: [End; 2],
    /// Nothing more gets through.
    pub(crate) cut: bool,
}

/// All connections, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Net {
    pub(crate) wires: Vec<Wire>,
}

impl Net {
    /// A new connection, under the lowest number that is free.
    pub(crate) fn connect(&mut self, from: usize, to: usize, lanes: usize) -> Link {
        let link = (0u64..).map(Link).find(|link| self.wires.iter().all(|wire| wire.link != *link)).unwrap_or_default();
        self.wires.push(Wire { link, ends: [End::new(from, lanes), End::new(to, lanes)], cut: false });
        link
    }

    fn wire_mut(&mut self, link: Link) -> Option<&mut Wire> {
        self.wires.iter_mut().find(|wire| wire.link == link)
    }

    /// The end of `side`, and the other one, if that connection is open here.
    fn ends_mut(&mut self, side: usize, link: Link) -> Option<(&mut End, &mut End, bool)> {
        let wire = self.wire_mut(link)?;
        let cut = wire.cut;
        let [one, other] = &mut wire.ends;
        let (mine, theirs) = if one.side == side { (one, other) } else { (other, one) };
        (mine.side == side && mine.open).then_some((mine, theirs, cut))
    }

    pub(crate) fn send(&mut self, side: usize, link: Link, packet: Packet) {
        if let Some((_, theirs, false)) = self.ends_mut(side, link)
            && theirs.open
        {
            theirs.packets.push_back(packet);
        }
    }

    pub(crate) fn send_block(&mut self, side: usize, link: Link, lane: usize, sent: Sent) {
        if let Some((_, theirs, false)) = self.ends_mut(side, link)
            && theirs.open
            && let Some(lane) = theirs.blocks.get_mut(lane)
        {
            lane.push_back(sent);
        }
    }

    pub(crate) fn receive(&mut self, side: usize, link: Link) -> Option<Packet> {
        self.ends_mut(side, link)?.0.packets.pop_front()
    }

    pub(crate) fn receive_block(&mut self, side: usize, link: Link, lane: usize) -> Option<Sent> {
        self.ends_mut(side, link)?.0.blocks.get_mut(lane)?.pop_front()
    }

    /// Ends the connection for this side. What it sent before may still arrive.
    pub(crate) fn close(&mut self, side: usize, link: Link) {
        if let Some((mine, _, _)) = self.ends_mut(side, link) {
            mine.close();
        }
        self.sweep();
    }

    /// All connections of a server whose process has ended.
    pub(crate) fn close_all(&mut self, side: usize) {
        for end in self.wires.iter_mut().flat_map(|wire| &mut wire.ends).filter(|end| end.side == side) {
            end.close();
        }
        self.sweep();
    }

    pub(crate) fn cut(&mut self, link: Link) {
        if let Some(wire) = self.wire_mut(link) {
            wire.cut = true;
        }
    }

    /// Whether that end may learn of the connection's end: the other one is closed, or nothing gets through.
    pub(crate) fn may_lose(wire: &Wire, end: usize) -> bool {
        let [one, other] = &wire.ends;
        let (mine, theirs) = if end == 0 { (one, other) } else { (other, one) };
        mine.open && (!theirs.open || wire.cut)
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_silent(&self) -> bool {
        self.wires.iter().flat_map(|wire| &wire.ends).all(End::is_silent)
    }

    fn sweep(&mut self) {
        self.wires.retain(|wire| wire.ends.iter().any(|end| end.open));
    }
}

#[cfg(test)]
mod tests {
    use ha_engine::ids::Epoch;
    use ha_engine::message::Message;

    use super::*;

    fn packet(number: u64) -> Packet {
        Packet { epoch: Epoch { number, activation: 0 }, message: Message::SyncDoneAck }
    }

    #[test]
    fn packets_arrive_in_order_and_some_of_them_after_the_end() {
        let mut net = Net::default();
        let link = net.connect(0, 1, 1);
        (1..=3).for_each(|number| net.send(0, link, packet(number)));
        assert_eq!(net.receive(1, link), Some(packet(1)));
        net.close(0, link);
        net.send(0, link, packet(4));
        assert!(Net::may_lose(&net.wires[0], 1) && !Net::may_lose(&net.wires[0], 0));
        assert_eq!(net.receive(1, link), Some(packet(2)));
        net.close(1, link);
        assert_eq!(net.receive(1, link), None);
        assert!(net.wires.is_empty());
    }

    #[test]
    fn nothing_gets_through_a_cut_and_either_end_may_learn_of_it() {
        let mut net = Net::default();
        let link = net.connect(0, 1, 1);
        net.send(1, link, packet(1));
        net.cut(link);
        net.send(1, link, packet(2));
        assert!(Net::may_lose(&net.wires[0], 0) && Net::may_lose(&net.wires[0], 1));
        assert_eq!((net.receive(0, link), net.receive(0, link)), (Some(packet(1)), None));
    }

    #[test]
    fn a_number_is_free_again_when_both_ends_are_closed() {
        let mut net = Net::default();
        let first = net.connect(0, 1, 1);
        let second = net.connect(1, 0, 1);
        assert_ne!(first, second);
        net.close(0, first);
        assert!(![first, second].contains(&net.connect(0, 1, 1)));
        net.close(1, first);
        assert_eq!(net.connect(0, 1, 1), first);
    }
}
