//! A trace that is written down somewhere, taken again: cheap, where finding it anew takes minutes.

use std::collections::HashSet;

use crate::trace::Trace;
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

/// Takes, again and again, the first step whose sentence begins so, from `root` on, until something is wrong; and what that is, if it is at the
/// end that nothing comes right any more.
///
/// # Errors
///
/// No step is told like that there, and what could be done instead.
pub(crate) fn lead<W: World>(root: &W, beginnings: &[&str]) -> Result<Option<Trace>, String> {
    let (mut state, mut told, mut steps) = (root.clone(), Vec::new(), Vec::new());
    for beginning in beginnings {
        steps.clear();
        state.steps(&mut steps);
        let sentences: Vec<String> = steps.iter().map(|step| state.tell(step)).collect();
        let taken = steps.iter().zip(&sentences).find(|(_, sentence)| sentence.starts_with(beginning));
        let Some((step, sentence)) = taken else {
            let (number, others) = (told.len() + 1, sentences.join("\n"));
            return Err(format!("step {number} cannot be taken: {beginning}; these can:\n{others}"));
        };
        told.push(sentence.clone());
        state = state.take(step);
        if let Err(violation) = state.judge() {
            return Ok(Some(Trace { steps: told, violation }));
        }
    }
    Ok(state.judge_end().err().map(|violation| Trace { steps: told, violation }))
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
    #[test]
    fn a_way_is_led_by_the_beginnings_of_its_sentences() {
        let world = Counter::with_lost_update(2);
        let trace = lead(&world, &["0 reads", "1 reads", "0 writes", "1"]).unwrap().unwrap();
        assert_eq!(trace.steps, ["0 reads 0", "1 reads 0", "0 writes 1", "1 writes 1"]);
        assert_eq!(lead(&Counter::sound(2), &["0 adds", "1 adds"]), Ok(None));
        let other = lead(&world, &["0 reads", "0 jumps"]).unwrap_err();
        assert_eq!(other, "step 2 cannot be taken: 0 jumps; these can:\n0 writes 1\n1 reads 0");
    }
}
