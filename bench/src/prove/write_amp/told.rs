//! What the broker tells of its lanes when it stops (event JN105), beside what lies in their files.

use super::blocks::{Block, Lanes};

/// The event, and the fields of it that are compared.
const EVENT: &str = " JN105 ";

/// A line of the event for each lane must say what the lane's files say. Gives how many groups there were in all.
pub(super) fn compare(log: &str, lanes: &Lanes) -> Result<u64, String> {
    let mut groups = 0;
    for (lane, blocks) in lanes {
        let line = log.lines().find(|line| line.contains(EVENT) && line.contains(&format!(" lane={lane} ")));
        let line = line.ok_or_else(|| format!("the broker told nothing of lane {lane}"))?;
        let field = |name: &str| {
            let value = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok()).unwrap_or(u64::MAX)
        };
        let told = [field("blocks"), field("idle_seals"), field("bytes_written")];
        let seals = blocks.iter().filter(|block| block.is_seal());
        let found =
            [blocks.len() as u64, seals.count() as u64, blocks.iter().map(|block: &Block| block.bytes).sum::<u64>()];
        if told != found {
            return Err(format!("blocks, seals and bytes of lane {lane} are {found:?} in its files; told was: {line}"));
        }
        groups += field("groups");
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_tells_something_else_is_caught() {
        let block = |lsn, fragments| Block { lsn, bytes: 4096, fragments };
        let lanes = Lanes::from([("j00".to_owned(), vec![block(0, 1), block(4096, 2), block(8192, 0)])]);
        let line =
            "t DEBUG JN105 a lane was closed lane=j00 records=3 blocks=3 groups=3 idle_seals=1 bytes_written=12288";
        assert_eq!(compare(line, &lanes), Ok(3));
        compare(&line.replace("idle_seals=1", "idle_seals=0"), &lanes).unwrap_err();
        compare(&line.replace("bytes_written=12288", ""), &lanes).unwrap_err();
        compare(&line.replace("lane=j00", "lane=j01"), &lanes).unwrap_err();
    }
}
