//! All inputs of the decision at a start: every possible one has exactly one row by conditions that do not know each other's order, the decision
//! is of that row, and nobody activates who must not.

use super::*;

const BOOL: [bool; 2] = [false, true];
const VERDICTS: [Verdict; 7] = [
    Verdict::Mine { pull: false },
    Verdict::Mine { pull: true },
    Verdict::Sole,
    Verdict::Theirs,
    Verdict::NoProof,
    Verdict::BothAcked,
    Verdict::Corrupt,
];

/// Every combination of these bits, as booleans.
fn bits<const N: usize>() -> impl Iterator<Item = [bool; N]> {
    (0..1_usize << N).map(|bits| std::array::from_fn(|at| bits & (1 << at) != 0))
}

fn peers() -> Vec<Peer> {
    let mut peers = vec![Peer::Silent, Peer::Active { current: false }, Peer::Active { current: true }];
    for [member, willing] in bits() {
        peers.extend(VERDICTS.map(|verdict| Peer::Passive { member, willing, verdict }));
    }
    peers
}

fn registers() -> Vec<RegisterFacts> {
    let mut registers = vec![RegisterFacts::Absent];
    registers.extend(BOOL.map(|unresolved| RegisterFacts::Unreadable { unresolved }));
    for agreed in [Agreed::No, Agreed::Compared, Agreed::Empty] {
        registers.extend(bits().map(|[search, searched, refuse_stale, cold_start]| {
            RegisterFacts::Unconfigured(Unregistered { search, searched, refuse_stale, cold_start, agreed })
        }));
    }
    for member in [Membership::None, Membership::Unfit, Membership::Entitled] {
        registers.extend(bits().map(
            |[mine, others, stale, rolled_back, unresolved, lease_over, peer_waited, tail_waited]| {
                RegisterFacts::Value(Registered {
                    mine,
                    member,
                    others,
                    stale,
                    rolled_back,
                    unresolved,
                    lease_over,
                    peer_waited,
                    tail_waited,
                })
            },
        ));
    }
    registers
}

/// Why an input cannot be; `None` for those that can.
fn impossible(facts: &StartFacts) -> Option<&'static str> {
    let member = matches!(facts.peer, Peer::Passive { member: true, .. });
    match facts.register {
        _ if !facts.data && facts.tail != Tail::Whole => Some("a store without data has no hole"),
        RegisterFacts::Value(value) if value.mine && value.member == Membership::None => {
            Some("the holder is in its own in-sync set")
        }
        RegisterFacts::Value(value) if !value.mine && !value.others => Some("another holder is another member"),
        RegisterFacts::Value(value) if member && !value.others => Some("a set without others has no other member"),
        RegisterFacts::Value(value)
            if value.mine && !value.stale && matches!(facts.peer, Peer::Active { current: true }) =>
        {
            Some("the register was read after the peer's answer, and would show it as the holder")
        }
        RegisterFacts::Value(_) => None,
        _ if member => Some("without a value nobody is a member"),
        _ => None,
    }
}

fn for_all(mut see: impl FnMut(&StartFacts)) {
    let (registers, peers) = (registers(), peers());
    let owns = [Own::New, Own::Alone, Own::Solo, Own::Whole, Own::Lacking, Own::Given, Own::Quarantined];
    for register in registers {
        for &peer in &peers {
            for own in owns {
                for tail in [Tail::Whole, Tail::Evidence, Tail::Lost] {
                    for [backup, data, pulled, isolated] in bits() {
                        let role = if backup { Role::Backup } else { Role::Primary };
                        see(&StartFacts { role, register, own, data, tail, pulled, peer, isolated });
                    }
                }
            }
        }
    }
}

/// The full condition of each row, whatever the others say. Written from the table's texts, not from `decide`.
#[allow(clippy::too_many_lines)] // One arm a row: a table.
fn holds(row: Row, f: &StartFacts) -> bool {
    let free = f.own != Own::Quarantined;
    let none = |see: &dyn Fn(Unregistered) -> bool| {
        free && matches!(f.register, RegisterFacts::Unconfigured(known) if see(known))
    };
    let value =
        |see: &dyn Fn(Registered) -> bool| free && matches!(f.register, RegisterFacts::Value(value) if see(value));
    // Registers and disks that were restored aside.
    let sound = |see: &dyn Fn(Registered) -> bool| value(&|v| !v.stale && !v.rolled_back && see(v));
    let me = |see: &dyn Fn(Registered) -> bool| sound(&|v| v.mine && v.member == Membership::Entitled && see(v));
    let lost = f.tail == Tail::Lost;
    let fit = |see: &dyn Fn() -> bool| sound(&|v| !v.mine && v.member == Membership::Entitled && !lost && see());
    let (evidence, whole) = (f.tail == Tail::Evidence, f.tail == Tail::Whole);
    let (silent, follows) = (f.peer == Peer::Silent, f.peer == Peer::Active { current: true });
    let zombie = f.peer == Peer::Active { current: false };
    let passive = matches!(f.peer, Peer::Passive { .. });
    let willing = matches!(f.peer, Peer::Passive { willing: true, .. });
    let in_sync = matches!(f.peer, Peer::Passive { member: true, .. });
    let no_better = silent || matches!(f.peer, Peer::Passive { verdict: Verdict::Mine { .. } | Verdict::Sole, .. });
    let absent = free && f.register == RegisterFacts::Absent;
    let by_row_5 = |v: Registered| in_sync || f.pulled || silent && !v.tail_waited;
    let unread = |want: bool| {
        free && matches!(f.register, RegisterFacts::Unreadable { unresolved } if (follows && !unresolved) == want)
    };
    let quiet = |see: &dyn Fn(Unregistered) -> bool| none(&|k| silent && k.agreed == Agreed::No && see(k));
    let behind = matches!(f.own, Own::Given | Own::Lacking);
    let unknown = matches!(f.own, Own::Whole | Own::Solo) || f.own == Own::New && f.data;
    let primary =
        |see: &dyn Fn(Unregistered) -> bool| quiet(&|k| f.role == Role::Primary && !behind && !lost && see(k));
    let searches = |k: Unregistered| k.search || unknown && k.refuse_stale;
    match row {
        Row::R0 => !free,
        Row::R1 => absent && !f.data && no_better,
        Row::R1b => absent && !f.data && !no_better,
        Row::R2 => absent && f.data,
        Row::R3 => value(&|v| v.stale),
        Row::R4 => value(&|v| !v.stale && v.rolled_back),
        Row::R4b => sound(&|v| v.mine && v.member != Membership::Entitled),
        Row::R5 => me(&|v| v.others && by_row_5(v) && !lost),
        Row::R6 => me(&|v| !lost && (!v.others || !by_row_5(v) && whole)),
        Row::R6b => me(&|v| evidence && v.others && !by_row_5(v)),
        Row::R6c => me(&|v| lost && !v.others),
        Row::R6d => me(&|v| lost && v.others),
        Row::R7 => fit(&|| follows),
        Row::R7b => fit(&|| zombie),
        Row::R7c => fit(&|| willing),
        Row::R8 => fit(&|| (silent || passive && !willing) && !evidence),
        Row::R8b => fit(&|| (silent || passive && !willing) && evidence),
        Row::R9 => sound(&|v| !v.mine && (v.member != Membership::Entitled || lost)),
        Row::R10 => unread(true),
        Row::R11 => unread(false),
        Row::R12 => none(&|_| follows),
        Row::R12b => none(&|_| zombie),
        Row::R13 => none(&|k| passive || silent && k.agreed != Agreed::No),
        Row::R14 => quiet(&|_| behind),
        Row::R14b => quiet(&|_| !behind && lost),
        Row::R15 => primary(&|k| searches(k) && f.own == Own::Alone),
        Row::R16 => primary(&|k| searches(k) && f.own == Own::New && !f.data),
        Row::R17 => primary(&|k| searches(k) && unknown),
        Row::R18 => primary(&|k| !searches(k)),
        Row::R19 => quiet(&|_| f.role == Role::Backup && !behind && !lost),
    }
}

fn activates(decision: Decision) -> bool {
    matches!(decision.action, Action::Activate { .. } | Action::CreateRegister)
}

#[test]
fn every_input_has_exactly_one_row() {
    let (mut inputs, mut ruled_out, mut by_row) = (0_u64, std::collections::BTreeMap::new(), [0_u64; Row::ALL.len()]);
    for_all(|facts| {
        if let Some(reason) = impossible(facts) {
            *ruled_out.entry(reason).or_insert(0_u64) += 1;
            return;
        }
        inputs += 1;
        let row = decide(facts).row;
        assert!(holds(row, facts), "row {row} is taken and does not hold: {facts:?}");
        for other in Row::ALL.iter().filter(|other| **other != row) {
            assert!(!holds(*other, facts), "rows {row} and {other}: {facts:?}");
        }
        by_row[row as usize] += 1;
    });
    println!("{inputs} inputs; ruled out: {ruled_out:?}");
    for row in Row::ALL {
        println!("row {row}: {}", by_row[*row as usize]);
        assert!(by_row[*row as usize] > 0, "row {row} is never taken");
    }
    assert_eq!(ruled_out.len(), 6, "each reason rules something out");
    assert!(inputs > 1_000_000);
}

#[test]
fn rows_that_must_not_activate_never_do() {
    for_all(|facts| {
        let decision = decide(facts);
        if impossible(facts).is_some() || !activates(decision) {
            return;
        }
        let never = [
            Row::R0,
            Row::R2,
            Row::R3,
            Row::R4,
            Row::R4b,
            Row::R6c,
            Row::R6d,
            Row::R9,
            Row::R10,
            Row::R11,
            Row::R12,
            Row::R14,
            Row::R14b,
        ];
        assert!(!never.contains(&decision.row), "{decision:?} {facts:?}");
        assert!(!facts.isolated, "cut off: {decision:?} {facts:?}");
        assert!(facts.own != Own::Quarantined);
        assert!(facts.tail != Tail::Lost, "a hole in what was promised: {decision:?} {facts:?}");
        assert!(!matches!(facts.peer, Peer::Active { current: true }), "{decision:?} {facts:?}");
    });
}

#[test]
fn with_a_register_only_an_entitled_member_activates() {
    for_all(|facts| {
        let decision = decide(facts);
        if impossible(facts).is_some() || !activates(decision) {
            return;
        }
        match facts.register {
            RegisterFacts::Unconfigured(_) => {}
            RegisterFacts::Unreadable { .. } => panic!("{decision:?} {facts:?}"),
            RegisterFacts::Absent => {
                assert!(!facts.data && facts.role == Role::Primary, "{decision:?} {facts:?}");
                assert_eq!(decision.action, Action::CreateRegister);
            }
            RegisterFacts::Value(value) => {
                assert_eq!(value.member, Membership::Entitled, "SR4, SR13: {facts:?}");
                assert!(!value.stale && !value.rolled_back, "{facts:?}");
                // A holder's evidence is cut only if nobody else could have what is missing; another's never.
                let cut = matches!(decision.action, Action::Activate { cut: true, .. });
                assert!(!cut || value.mine && (!value.others || facts.pulled), "{facts:?}");
            }
        }
    });
}

#[test]
fn without_a_register_whoever_has_no_proof_says_so() {
    for_all(|facts| {
        let RegisterFacts::Unconfigured(known) = facts.register else {
            return;
        };
        let decision = decide(facts);
        if impossible(facts).is_some() || !activates(decision) {
            return;
        }
        let fresh = facts.own == Own::New && !facts.data;
        let agreed = known.agreed != Agreed::No;
        let proof = match known.agreed {
            Agreed::Compared => true,
            Agreed::Empty => facts.own == Own::Alone,
            Agreed::No => (known.search || facts.role == Role::Backup) && (facts.own == Own::Alone || fresh),
        };
        assert_eq!(decision.notice == Some(Notice::PossiblyStale), !proof, "{decision:?} {facts:?}");
        assert!(agreed || facts.role == Role::Primary || known.cold_start, "{decision:?} {facts:?}");
        assert!(agreed || !matches!(facts.own, Own::Given | Own::Lacking), "{decision:?} {facts:?}");
        assert!(agreed || known.searched || !known.search, "nobody was looked for: {decision:?} {facts:?}");
        // What stands behind a hole is dropped only by who was alone, or after the peer was asked.
        let cut = matches!(decision.action, Action::Activate { cut: true, .. });
        assert!(!cut || facts.own.is_sole() || facts.pulled, "{decision:?} {facts:?}");
    });
}

#[test]
fn rights_only_shrink_in_isolation() {
    for_all(|facts| {
        let (cut_off, free) = (decide(&StartFacts { isolated: true, ..*facts }), decide(facts));
        assert_eq!(cut_off.row, free.row, "{facts:?}");
        assert!(!matches!(cut_off.action, Action::AskConsent), "{facts:?}");
        if !activates(free) && free.action != Action::AskConsent {
            assert_eq!(cut_off.action, free.action, "{facts:?}");
        }
    });
}

#[test]
fn of_two_who_look_at_each_other_one_acts() {
    // Both passive and well, no register: the verdict is the other's in the mirror, so one asks and the other waits for it, unless both stop.
    for verdict in VERDICTS {
        let facts = |verdict| StartFacts {
            role: Role::Primary,
            register: RegisterFacts::Unconfigured(Unregistered {
                search: true,
                searched: true,
                refuse_stale: false,
                cold_start: false,
                agreed: Agreed::No,
            }),
            own: Own::Whole,
            data: true,
            tail: Tail::Whole,
            pulled: true,
            peer: Peer::Passive { member: false, willing: true, verdict },
            isolated: false,
        };
        let (here, there) = (decide(&facts(verdict)).action, decide(&facts(verdict.swapped())).action);
        let acts = [here, there].into_iter().filter(|action| *action == Action::AskConsent).count();
        assert_eq!(
            acts,
            usize::from(matches!(verdict, Verdict::Mine { .. } | Verdict::Sole | Verdict::Theirs)),
            "{verdict:?}"
        );
    }
}

#[test]
fn a_row_too_wide_would_be_noticed() {
    // The control: row 8 without its word on evidence, as the table first had it, meets row 8b.
    let wide = |facts: &StartFacts| {
        holds(Row::R8, facts)
            || holds(Row::R8, &StartFacts { tail: Tail::Whole, ..*facts }) && facts.tail == Tail::Evidence
    };
    let mut met = 0;
    for_all(|facts| met += u32::from(impossible(facts).is_none() && wide(facts) && decide(facts).row == Row::R8b));
    assert!(met > 0);
}

#[test]
fn the_table_shows_every_row_once() {
    let table = markdown();
    let shown: Vec<&str> = table.lines().skip(2).filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
    let names: Vec<&str> = Row::ALL.iter().map(|row| row.name()).collect();
    assert_eq!(shown, names);
    assert!(table.lines().all(|line| line.matches('|').count() == 6), "{table}");
    for notice in [Notice::PossiblyStale, Notice::Damaged, Notice::SplitBrain, Notice::RegisterOld] {
        assert!(table.contains(&format!("HA{}", notice.number())));
    }
}
