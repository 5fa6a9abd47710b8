//! A trace that is written down somewhere, taken again: cheap, where finding it anew takes minutes.

use std::collections::HashSet;

use crate::world::{Violation, World};

/// Sentences may fit several steps: more states than these are not followed at a time.
const STATES_MAX: usize = 4096;

/// Takes steps by their sentences, from `root` on, and gives what must not be and is at their end.
///
/// # Errors
///
/// No step is told like that one there; or nothing is wrong at the end.
pub(crate) fn follow<W: World>(root: &W, sentences: &[String]) -> Result<Violation, String> {
    let mut states = vec![root.clone()];
    let mut steps = Vec::new();
    for (number, sentence) in (1..).zip(sentences) {
        let (mut reached, mut prints) = (Vec::new(), HashSet::new());
        for state in &states {
            steps.clear();
            state.steps(&mut steps);
            for step in steps.iter().filter(|step| state.tell(step) == *sentence) {
                let next = state.take(step);
                if reached.len() < STATES_MAX && prints.insert(next.fingerprint()) {
                    reached.push(next);
                }
            }
        }
        if reached.is_empty() {
            return Err(format!("step {number} cannot be taken: {sentence}"));
        }
        states = reached;
    }
    let wrong = states.iter().find_map(|state| state.judge().err());
    // Where a random walk ended, it may be that nothing comes right any more.
    let wrong = wrong.or_else(|| states.iter().find_map(|state| state.judge_end().err()));
    wrong.ok_or_else(|| "nothing is wrong behind the last step".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explorer::{Limits, explore};
    use crate::toy::Counter;

    #[test]
    fn a_trace_leads_where_it_was_found_and_another_does_not() {
        let world = Counter::with_lost_update(2);
        let outcome = explore(&world, Limits { states_max: 1000, threads: 1 }, &mut |_| {});
        let trace = outcome.trace().unwrap();
        assert_eq!(follow(&world, &trace.steps), Ok(trace.violation.clone()));
        let mut shorter = trace.steps.clone();
        shorter.pop();
        assert!(follow(&world, &shorter).is_err());
        let mut wrong = trace.steps.clone();
        wrong[0] = "something else".to_owned();
        assert_eq!(follow(&world, &wrong), Err("step 1 cannot be taken: something else".to_owned()));
        assert!(follow(&Counter::sound(2), &trace.steps).is_err());
    }
}
