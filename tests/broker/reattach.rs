//! Clients that lose their connections and come back: nothing is lost, doubled or out of order; nobody else may have their sessions.

use bench::prove::random::Random;
use bench::prove::reattach::{Client, Lie, Plan};

use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{CommandId, ConsumerId, CorrelationId, ForcedSequence};
use protocol::core::packet::Packet;
use protocol::core::packet::consumer::ForceDelivery;
use protocol::core::packet::response::PacketsConfirmed;
use protocol::core::packet::session::ReattachSession;
use protocol::core::packet::transaction::Commit;
use ringmq::broker::Reattach;
use ringmq::limits::ORPHANS_PER_CORE_MAX;
use ringmq::message::Origin;

use crate::peer::{AUTOMATIC, How, What, consume, create_named, create_session, send};
use crate::rig::{CHECK_MS, Peer, Rig};

/// When a connection is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// When so many bytes of the client have reached the broker.
    Up(usize),
    /// When so many bytes of the broker have reached the client.
    Down(usize),
    Never,
}

/// How a run went.
#[derive(Debug, Default)]
struct Run {
    resumed: u64,
    /// Bytes of the last connection in both directions.
    up: usize,
    down: usize,
}

fn plan(rig: &Rig, cores: usize, window: i32, messages: u64, commits: u64) -> Plan {
    // Each on its own home, as far as there are cores.
    let home = |at: usize| {
        (0..).map(|number| format!("line{at}.{number}")).find(|name| rig.home_of(name) == at % cores).unwrap()
    };
    Plan { window, messages, commits, queues: [home(0), home(1), home(2)] }
}

/// One client does its work, over as many connections as it takes.
fn live(cores: u16, seed: u64, lie: Lie, mut cut: impl FnMut(u64, &mut Random) -> Cut) -> Result<Run, String> {
    let mut rig = Rig::new(cores, seed);
    let mut random = Random::new(seed);
    let window = [300, 1 << 20][usize::from(random.percent(50))];
    let plan = plan(&rig, usize::from(cores), window, 6, 3);
    let mut client = Client::new(&plan, "client", lie);
    for life in 0..10_000 {
        let core = rig.below(usize::from(cores));
        let peer = rig.connect(core);
        let cut = cut(life, &mut random);
        client.connected();
        let (mut up, mut down) = (0, 0);
        while connection(&mut rig, peer, &mut client, cut, (&mut up, &mut down), &mut random)? {
            if client.is_done() {
                return Ok(Run { resumed: client.resumed, up, down });
            }
        }
        client.lost();
        end(&mut rig, peer, &mut random);
    }
    Err("it never ends".to_owned())
}

/// Some bytes in both directions. False: the connection was cut.
fn connection(
    rig: &mut Rig,
    peer: Peer,
    client: &mut Client,
    cut: Cut,
    (up, down): (&mut usize, &mut usize),
    random: &mut Random,
) -> Result<bool, String> {
    let sent = client.take();
    if let Cut::Up(at) = cut
        && *up + sent.len() >= at
    {
        rig.receive(peer, &sent[..at - *up]);
        rig.go_on(random.between(0, 30));
        return Ok(false);
    }
    *up += sent.len();
    if !sent.is_empty() {
        rig.receive(peer, &sent);
    }
    if random.percent(70) {
        rig.settle();
    } else {
        rig.go_on(random.between(1, 10));
    }
    let mut heard = rig.take_heard(peer);
    if heard.is_empty() {
        rig.settle();
        heard = rig.take_heard(peer);
    }
    if rig.has_closed(peer) {
        return Err("the broker closed the connection".to_owned());
    }
    if heard.is_empty() && sent.is_empty() {
        return Err(format!("nothing happens any more: {}", client.state()));
    }
    if let Cut::Down(at) = cut
        && *down + heard.len() >= at
    {
        client.heard(&heard[..at - *down])?;
        return Ok(false);
    }
    *down += heard.len();
    client.heard(&heard)?;
    Ok(true)
}

/// The broker hears of the end of a connection at once, later, or never by itself.
fn end(rig: &mut Rig, peer: Peer, random: &mut Random) {
    match random.between(0, 2) {
        0 => rig.lose(peer),
        1 => {
            rig.go_on(random.between(0, 40));
            rig.lose(peer);
        }
        _ => rig.go_on(random.between(0, 40)),
    }
}

/// How many positions a run of this length is cut at.
fn positions(length: usize) -> impl Iterator<Item = usize> {
    let all = std::env::var("RINGMQ_CUTS").is_ok_and(|cuts| cuts == "all");
    // Its steps share no factor with the lengths of frames.
    (1..length).step_by(if all { 1 } else { 37 })
}

#[test]
fn a_connection_may_be_cut_at_any_byte() {
    for cores in [1, 2, 3] {
        for seed in 0..2 {
            let whole = live(cores, seed, Lie::None, |_, _| Cut::Never).unwrap();
            assert!(whole.resumed == 0 && whole.up > 2_000 && whole.down > 2_000, "{whole:?}");
            let ups = positions(whole.up).map(Cut::Up);
            for cut in ups.chain(positions(whole.down).map(Cut::Down)) {
                let once = |life, _: &mut Random| if life == 0 { cut } else { Cut::Never };
                if let Err(what) = live(cores, seed, Lie::None, once) {
                    panic!("{cores} cores, seed {seed}, {cut:?}: {what}");
                }
            }
        }
    }
}

fn often(_: u64, random: &mut Random) -> Cut {
    let at = usize::try_from(random.between(1, 1_500)).unwrap();
    if random.percent(50) { Cut::Up(at) } else { Cut::Down(at) }
}

#[test]
fn connections_may_be_cut_again_and_again() {
    let mut resumed = 0;
    for seed in 0..60 {
        let cores = 1 + u16::try_from(seed % 3).unwrap();
        match live(cores, seed, Lie::None, often) {
            Ok(run) => resumed += run.resumed,
            Err(what) => panic!("{cores} cores, seed {seed}: {what}"),
        }
    }
    assert!(resumed > 600, "{resumed} sessions went on: the runs prove little");
}

#[test]
fn a_wrong_number_is_noticed() {
    for lie in Lie::ALL {
        let caught = (0..20).filter(|seed| live(2, *seed, lie, often).is_err()).count();
        assert!(caught >= 15, "{lie:?} was noticed in {caught} runs of 20");
    }
}

/// A session that outlives its connection.
pub(crate) const WINDOWED: How = How { automatic: true, window: 1 << 20 };
pub(crate) const NAME: &str = "a name";

fn host(address: u128) -> Origin {
    Origin { address, identity: None }
}

/// A client from this host that has said which protocol it speaks.
pub(crate) fn greet(rig: &mut Rig, core: usize, address: u128) -> Peer {
    let peer = rig.connect_from(core, host(address));
    rig.receive(peer, &HANDSHAKE);
    peer
}

/// A client with a session of this name, on channel 10.
pub(crate) fn named(rig: &mut Rig, core: usize, address: u128, how: How) -> Peer {
    let peer = greet(rig, core, address);
    rig.receive(peer, &create_named(10, NAME, how));
    rig.settle();
    assert_eq!(whats(rig, peer), [What::SessionOpen]);
    peer
}

pub(crate) fn reattach(rig: &mut Rig, peer: Peer, name: &str, last_received: i32) -> Vec<What> {
    let reattach = ReattachSession { name: name.into(), last_confirmed: CommandId(last_received) };
    rig.tell(peer, 1, &Packet::ReattachSession(reattach));
    rig.settle();
    whats(rig, peer)
}

pub(crate) fn whats(rig: &mut Rig, peer: Peer) -> Vec<What> {
    rig.hear(peer).into_iter().map(|heard| heard.what).collect()
}

pub(crate) const REFUSED: What = What::Reattached(-1, false);

/// A session that holds a message of a queue, and the queue. Its client has received the answer to its consumer and the message.
pub(crate) fn holding(rig: &mut Rig, core: usize, address: u128, how: How) -> (Peer, String) {
    let queue = rig.address_on(0);
    let peer = named(rig, core, address, how);
    rig.receive(peer, &[send(10, &queue, "one", None), consume(10, 0, &queue)].concat());
    rig.settle();
    let heard = whats(rig, peer);
    assert!(heard.iter().any(|what| matches!(what, What::Delivery { .. })), "{heard:?}");
    (peer, queue)
}

/// How often the message of a queue was delivered before, as another client sees it that gets it now; `None`: somebody has it.
pub(crate) fn delivered_again(rig: &mut Rig, queue: &str) -> Option<i32> {
    let other = rig.session(0, AUTOMATIC);
    rig.receive(other, &consume(10, 0, queue));
    rig.settle();
    let found = whats(rig, other).into_iter().find_map(|what| match what {
        What::Delivery { deliveries, .. } => Some(deliveries - 1),
        _ => None,
    });
    rig.tell(other, 10, &Packet::SessionClose);
    rig.settle();
    found
}

#[test]
fn only_who_comes_from_the_same_host_may_have_a_session() {
    for cores in [1, 2] {
        let mut rig = Rig::new(cores, 1);
        let (peer, queue) = holding(&mut rig, 0, 7, WINDOWED);
        rig.lose(peer);
        rig.settle();
        let thief = greet(&mut rig, usize::from(cores) - 1, 8);
        assert_eq!(reattach(&mut rig, thief, NAME, 1), [REFUSED]);
        // Neither may he end it by using its name.
        rig.receive(thief, &create_named(10, NAME, WINDOWED));
        rig.settle();
        assert_eq!(whats(&mut rig, thief), [What::SessionOpen]);
        assert_eq!(delivered_again(&mut rig, &queue), None);
        let owner = greet(&mut rig, usize::from(cores) - 1, 7);
        assert_eq!(reattach(&mut rig, owner, NAME, 1), [What::Reattached(3, true)]);
    }
}

/// A client from this host that has shown this certificate, or none, and has said which protocol it speaks.
fn shown(rig: &mut Rig, core: usize, (address, certificate): (u128, Option<u8>)) -> Peer {
    let peer = rig.connect_from(core, host(address));
    rig.secured(peer, certificate.map(|number| [number; 32]));
    rig.receive(peer, &HANDSHAKE);
    peer
}

#[test]
fn a_certificate_belongs_to_where_a_client_comes_from() {
    use Reattach::{Off, SameHost, Tls};
    for (rule, had, has, may) in [
        (SameHost, (7, Some(1)), (7, Some(1)), true),
        (SameHost, (7, Some(1)), (7, Some(2)), false),
        (SameHost, (7, Some(1)), (7, None), false),
        (SameHost, (7, Some(1)), (8, Some(1)), false),
        (SameHost, (7, None), (7, Some(1)), false),
        (SameHost, (7, None), (7, None), true),
        (Tls, (7, Some(1)), (8, Some(1)), true),
        (Tls, (7, Some(1)), (7, Some(2)), false),
        (Tls, (7, Some(1)), (7, None), false),
        (Tls, (7, None), (7, None), false),
        (Off, (7, Some(1)), (7, Some(1)), false),
    ] {
        for cores in [1, 2] {
            let mut rig = Rig::reattaching(cores, 1, rule);
            let owner = shown(&mut rig, 0, had);
            rig.receive(owner, &create_named(10, NAME, WINDOWED));
            rig.settle();
            assert_eq!(whats(&mut rig, owner), [What::SessionOpen]);
            rig.lose(owner);
            rig.settle();
            let back = shown(&mut rig, usize::from(cores) - 1, has);
            let answer = reattach(&mut rig, back, NAME, -1);
            assert!(matches!(answer[..], [What::Reattached(_, went_on)] if went_on == may), "{rule:?} {had:?} {has:?}");
        }
    }
}

#[test]
fn a_connection_that_asks_for_wrong_names_is_closed() {
    for cores in [1, 2] {
        let mut rig = Rig::new(cores, 1);
        let (owner, queue) = holding(&mut rig, 0, 7, WINDOWED);
        let guesser = greet(&mut rig, 0, 7);
        assert_eq!(reattach(&mut rig, guesser, "a namf", 1), [REFUSED]);
        assert_eq!(reattach(&mut rig, guesser, "b name", 1), [REFUSED]);
        assert!(!rig.has_closed(guesser));
        assert_eq!(reattach(&mut rig, guesser, "", 1), [REFUSED]);
        assert!(rig.has_closed(guesser));
        assert_eq!(delivered_again(&mut rig, &queue), None);
        assert!(!rig.has_closed(owner));
        // A client whose sessions are all gone asks for each, and opens a new one after each answer.
        let mourner = greet(&mut rig, 0, 7);
        for channel in 10..30 {
            assert_eq!(reattach(&mut rig, mourner, &format!("gone {channel}"), -1), [REFUSED]);
            rig.receive(mourner, &create_session(channel, AUTOMATIC));
            rig.settle();
            assert_eq!(whats(&mut rig, mourner), [What::SessionOpen]);
        }
    }
}

#[test]
fn a_session_that_cannot_go_on_has_ended_before_its_client_hears_so() {
    for cores in [1, 2] {
        for (how, last_received) in [(WINDOWED, 2), (WINDOWED, -2), (WINDOWED, i32::MAX), (AUTOMATIC, -1)] {
            for noticed in [false, true] {
                let mut rig = Rig::new(cores, 1);
                let (peer, queue) = holding(&mut rig, 0, 7, how);
                if noticed {
                    rig.lose(peer);
                    rig.settle();
                }
                let back = greet(&mut rig, usize::from(cores) - 1, 7);
                assert_eq!(reattach(&mut rig, back, NAME, last_received), [REFUSED], "{how:?} {last_received}");
                assert_eq!(delivered_again(&mut rig, &queue), Some(1));
            }
        }
    }
}

#[test]
fn a_new_session_takes_the_place_of_one_that_waits_under_its_name() {
    for cores in [1, 2] {
        let mut rig = Rig::new(cores, 1);
        let (peer, queue) = holding(&mut rig, 0, 7, WINDOWED);
        rig.lose(peer);
        rig.settle();
        assert_eq!(delivered_again(&mut rig, &queue), None);
        named(&mut rig, usize::from(cores) - 1, 7, WINDOWED);
        assert_eq!(delivered_again(&mut rig, &queue), Some(1));
    }
}

#[test]
fn a_session_waits_for_its_time_to_live() {
    let mut rig = Rig::new(2, 1);
    let (peer, queue) = holding(&mut rig, 1, 7, WINDOWED);
    rig.lose(peer);
    rig.wait_ms(59_000);
    assert_eq!(delivered_again(&mut rig, &queue), None);
    rig.wait_ms(CHECK_MS + 1_000);
    assert_eq!(delivered_again(&mut rig, &queue), Some(1));
    let late = greet(&mut rig, 1, 7);
    assert_eq!(reattach(&mut rig, late, NAME, 1), [REFUSED]);
    // Without a window it does not wait.
    let mut rig = Rig::new(2, 1);
    let (peer, queue) = holding(&mut rig, 1, 7, AUTOMATIC);
    rig.lose(peer);
    rig.settle();
    assert_eq!(delivered_again(&mut rig, &queue), Some(1));
}

#[test]
fn a_client_that_breaks_the_protocol_does_not_come_back() {
    let mut rig = Rig::new(1, 1);
    let (peer, queue) = holding(&mut rig, 0, 7, WINDOWED);
    rig.receive(peer, &[0, 0, 0, 9, 99, 0, 0, 0, 0, 0, 0, 0, 0]);
    rig.settle();
    assert!(rig.has_closed(peer));
    assert_eq!(delivered_again(&mut rig, &queue), Some(1));
}

#[test]
fn what_is_under_way_is_finished_before_the_session_goes_on() {
    let mut rig = Rig::new(2, 1);
    let peer = named(&mut rig, 0, 7, How { automatic: false, window: 1 << 20 });
    let queues = [rig.address_on(0), rig.address_on(1)];
    rig.disk_stands = true;
    for queue in &queues {
        rig.receive(peer, &send(10, queue, "text", None));
    }
    rig.tell(peer, 10, &Packet::Commit(Commit { correlation_id: Some(CorrelationId(5)) }));
    rig.settle();
    rig.lose(peer);
    let back = greet(&mut rig, 1, 7);
    assert_eq!(reattach(&mut rig, back, NAME, -1), []);
    rig.disk_stands = false;
    rig.settle();
    assert_eq!(whats(&mut rig, back), [What::Null(5), What::Reattached(2, true)]);
    for queue in &queues {
        assert_eq!(delivered_again(&mut rig, queue), Some(0));
    }
}

#[test]
fn there_is_a_bound_to_sessions_that_wait() {
    let mut rig = Rig::new(1, 1);
    let (peer, queue) = holding(&mut rig, 0, 7, WINDOWED);
    rig.lose(peer);
    rig.settle();
    for count in 0..ORPHANS_PER_CORE_MAX {
        assert_eq!(rig.census()[0].sessions, 1 + count);
        let peer = greet(&mut rig, 0, 7);
        rig.receive(peer, &create_session(10, WINDOWED));
        rig.settle();
        rig.lose(peer);
        rig.settle();
    }
    assert_eq!(rig.census()[0].sessions, ORPHANS_PER_CORE_MAX);
    assert_eq!(delivered_again(&mut rig, &queue), Some(1), "who has waited longest gives way");
}

#[test]
fn deliveries_wait_for_a_client_that_confirms_nothing() {
    let mut rig = Rig::new(2, 1);
    let queue = rig.address_on(0);
    let sender = rig.session(0, AUTOMATIC);
    let peer = named(&mut rig, 0, 7, How { automatic: true, window: 100_000 });
    let text = "x".repeat(20_000);
    for _ in 0..60 {
        rig.receive(sender, &send(10, &queue, &text, None));
        rig.settle();
    }
    rig.receive(peer, &consume(10, 0, &queue));
    rig.settle();
    // With the answer to the consumer.
    let mut came = whats(&mut rig, peer).len();
    assert!((14..45).contains(&came), "{came} messages came");
    // Whoever reads has confirmed all but its window: more follows.
    let confirmed = PacketsConfirmed { command_id: CommandId(i32::try_from(came).unwrap() - 3) };
    let more = rig.ask(peer, 10, &Packet::PacketsConfirmed(confirmed)).len();
    assert!(more > 10, "{more} more came");
    came += more;
    // What it has not confirmed is there for it when it comes back.
    rig.lose(peer);
    rig.settle();
    let back = greet(&mut rig, 1, 7);
    let again = reattach(&mut rig, back, NAME, i32::try_from(came).unwrap() - 6);
    assert!(again[..5].iter().all(|what| matches!(what, What::Delivery { .. })), "{again:?}");
    assert_eq!(again[5], What::Reattached(2, true));
}

#[test]
fn a_question_whether_there_is_more_is_answered_when_the_client_is_back() {
    let mut rig = Rig::new(2, 1);
    let (peer, queue) = holding(&mut rig, 0, 7, WINDOWED);
    let sender = rig.session(0, AUTOMATIC);
    // It comes behind the news that nothing can be delivered.
    rig.lose(peer);
    rig.settle();
    rig.receive(sender, &send(10, &queue, "two", None));
    rig.settle();
    let back = greet(&mut rig, 1, 7);
    let heard = reattach(&mut rig, back, NAME, 1);
    assert!(matches!(heard[..], [What::Reattached(3, true), What::Delivery { .. }]), "{heard:?}");
    let force = ForceDelivery { consumer_id: ConsumerId(0), sequence: ForcedSequence(0) };
    let heard = rig.ask(back, 10, &Packet::ForceDelivery(force));
    assert_eq!(heard[0].what, What::NothingMore { consumer: 0, sequence: 0 });
}
