//! Two passive members of a pair with a register that look at each other: what each decides depends on whether the other is about to serve. As long
//! as one of them may serve and has all it needs, one does.

use super::*;

/// One of the two.
#[derive(Clone, Copy, Debug)]
struct Member {
    membership: Membership,
    tail: Tail,
    rolled_back: bool,
    isolated: bool,
    pulled: bool,
    willing: bool,
}

impl Member {
    fn is_fit(self) -> bool {
        self.membership == Membership::Entitled && self.tail != Tail::Lost && !self.rolled_back && !self.isolated
    }
}

/// The holder and the other.
type Two = [Member; 2];

fn decision(two: &Two, n: usize) -> Decision {
    let (own, other) = (two[n], two[1 - n]);
    let others = n == 1 || other.membership != Membership::None;
    decide(&StartFacts {
        role: if n == 0 { Role::Primary } else { Role::Backup },
        register: RegisterFacts::Value(Registered {
            mine: n == 0,
            member: own.membership,
            others,
            stale: false,
            rolled_back: own.rolled_back,
            unresolved: false,
            lease_over: true,
            peer_waited: true,
            tail_waited: true,
        }),
        own: Own::Whole,
        data: true,
        tail: own.tail,
        pulled: own.pulled,
        peer: Peer::Passive {
            member: other.membership == Membership::Entitled,
            willing: other.willing,
            verdict: Verdict::Theirs,
        },
        isolated: own.isolated,
    })
}

/// Lets both decide until nothing changes; who activates, if anybody does. `filled`: what is missing at the end of a lane, the other has.
fn settle(two: &mut Two, filled: bool) -> Option<usize> {
    for _ in 0..8 {
        for n in 0..2 {
            let action = decision(two, n).action;
            two[n].willing = matches!(action, Action::Activate { .. } | Action::Pull);
            match action {
                Action::Activate { .. } => return Some(n),
                Action::Pull => {
                    two[n].pulled = true;
                    if filled {
                        two[n].tail = Tail::Whole;
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn for_all(mut see: impl FnMut(Two, bool)) {
    let mut members = Vec::new();
    for membership in [Membership::None, Membership::Unfit, Membership::Entitled] {
        for tail in [Tail::Whole, Tail::Evidence, Tail::Lost] {
            for bits in 0..4 {
                let (rolled_back, isolated) = (bits & 1 != 0, bits & 2 != 0);
                members.push(Member { membership, tail, rolled_back, isolated, pulled: false, willing: false });
            }
        }
    }
    for holder in members.iter().filter(|member| member.membership != Membership::None) {
        for other in &members {
            for filled in [false, true] {
                see([*holder, *other], filled);
            }
        }
    }
}

#[test]
fn one_of_two_serves_if_one_may_and_has_all() {
    let (mut served, mut stuck) = (0, 0);
    for_all(|two, filled| {
        let mut after = two;
        let active = settle(&mut after, filled);
        if let Some(n) = active {
            served += 1;
            assert!(after[n].is_fit(), "{two:?}");
        } else {
            stuck += 1;
            let could = |n: usize| two[n].is_fit() && two[n].tail == Tail::Whole;
            assert!(!could(0) && !could(1), "both wait for ever: {two:?}: {:?}", [0, 1].map(|n| decision(&after, n)));
        }
    });
    println!("{served} served, {stuck} wait for the operator");
    assert!(served > 0 && stuck > 0);
}

#[test]
fn without_a_word_on_being_willing_both_would_wait() {
    // The control: the holder's disk was rolled back, it waits for an active; the other waits for it if it takes it to be willing.
    let fit = Member {
        membership: Membership::Entitled,
        tail: Tail::Whole,
        rolled_back: false,
        isolated: false,
        pulled: false,
        willing: false,
    };
    let mut two = [Member { rolled_back: true, ..fit }, fit];
    assert_eq!(settle(&mut two, false), Some(1));
    two[0].willing = true;
    assert_eq!([0, 1].map(|n| decision(&two, n).action), [Action::Wait(Wait::Active), Action::Wait(Wait::PeerActs)]);
}
