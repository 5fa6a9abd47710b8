//! Who is measured when: a Latin square, so that each target stands at each place equally often.

/// The order of `count` targets in this round, as indices.
pub fn order(count: usize, round: u32) -> Vec<usize> {
    let from = usize::try_from(round).unwrap_or(0).checked_rem(count).unwrap_or(0);
    (0..count).map(|at| (at + from) % count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_each_place_once_in_as_many_rounds() {
        assert!(order(0, 3).is_empty());
        for place in 0..4 {
            let mut seen: Vec<usize> = (0..4).map(|round| order(4, round)[place]).collect();
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3]);
        }
    }
}
