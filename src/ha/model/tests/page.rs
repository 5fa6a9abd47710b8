//! `docs/ha-rules.md` and `docs/ha-lanes.md` show for each rule what happens without it: whatever must be caught has its trace there, between marks, and
//! its steps lead to what the page says. They are taken again here, which is quick. `RINGMQ_REGENERATE=1 cargo test -p ha-model --test page` finds those anew that
//! lead nowhere any more, and with the value `all` every one, which takes minutes.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use ha_model::mutants::{MUTANTS, Mutant};
use ha_model::{Expect, Limits, Size, Trace, Variant, Violation};

const PAGES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha-rules.md"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha-lanes.md"),
];
const MARK: &str = "<!-- trace: ";
const END: &str = "<!-- end -->";
/// Far more than any of them needs: who is not caught within these is not caught.
const STATES_MAX: usize = 20_000_000;

/// What must be caught.
enum Caught {
    /// By looking at every state.
    Variant(Variant),
    /// By walking through a world that is too large for that.
    Mutant(&'static Mutant),
}

impl Caught {
    fn all() -> Vec<Self> {
        let variants = [ha_model::lanes::variants(), ha_model::tail::variants()].into_iter().flatten();
        let variants = variants.filter(|variant| variant.expects != Expect::Holds).map(Self::Variant);
        variants.chain(MUTANTS.iter().map(Self::Mutant)).collect()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Variant(variant) => variant.name,
            Self::Mutant(mutant) => mutant.name,
        }
    }

    fn about(&self) -> &'static str {
        match self {
            Self::Variant(variant) => variant.about,
            Self::Mutant(mutant) => mutant.about,
        }
    }

    fn find(&self) -> Trace {
        let trace = match self {
            Self::Variant(variant) => {
                let limits = Limits { states_max: STATES_MAX, threads: 2 };
                variant.run(Size::Small, limits, &mut |_| {}).unwrap().trace().cloned()
            }
            Self::Mutant(mutant) => mutant.walk().unwrap().trace,
        };
        trace.unwrap_or_else(|| panic!("{} is not caught", self.name()))
    }

    fn follow(&self, steps: &[String]) -> Result<Violation, String> {
        match self {
            Self::Variant(variant) => variant.follow(Size::Small, steps),
            Self::Mutant(mutant) => mutant.follow(steps),
        }
    }

    /// In words: what is different, the way to what comes of that, and what that is.
    fn told(&self, steps: &[String], violation: &Violation) -> String {
        let mut out = format!("\n*{}*: {}.\n\n", self.name(), self.about());
        for (number, step) in (1..).zip(steps) {
            writeln!(out, "{number}. {step}").unwrap();
        }
        // What is tried in vain after the last step is told line by line; how it ends is enough.
        let mut lines = violation.0.lines();
        let (first, last) = (lines.next().unwrap_or_default(), lines.next_back());
        writeln!(out, "\nSo: {first}{}.\n", last.map(|last| format!(" {last}")).unwrap_or_default()).unwrap();
        out
    }

    /// What should stand between its marks, where `text` does. With `anew`, the steps need not lead anywhere.
    fn fresh(&self, text: &str, anew: Option<&str>) -> String {
        let steps = steps(text);
        match (self.follow(&steps), anew) {
            (Ok(violation), None | Some("1")) => self.told(&steps, &violation),
            (Err(error), None) => panic!("docs/ha-*.md, {}: {error}", self.name()),
            (_, Some(_)) => {
                let trace = self.find();
                self.told(&trace.steps, &trace.violation)
            }
        }
    }
}

/// The names of the traces that a page shows, in its order.
fn shown(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix(MARK)?.strip_suffix(" -->")).collect()
}

/// What stands between the marks of a name: what is before it, it, and what is behind it.
fn between<'a>(page: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let start = page.find(&format!("{MARK}{name} -->\n"))? + MARK.len() + name.len() + " -->\n".len();
    let length = page[start..].find(END)?;
    Some((&page[..start], &page[start..start + length], &page[start + length..]))
}

/// The steps that a text tells.
fn steps(text: &str) -> Vec<String> {
    let numbered = text.lines().filter_map(|line| line.split_once(". "));
    numbered.filter(|(number, _)| number.parse::<u32>().is_ok()).map(|(_, step)| step.to_owned()).collect()
}

#[test]
fn the_traces_lead_to_what_the_page_says() {
    let anew = std::env::var("RINGMQ_REGENERATE").ok();
    let all = Caught::all();
    for path in PAGES {
        let mut page = std::fs::read_to_string(path).unwrap();
        for caught in &all {
            let Some((before, text, behind)) = between(&page, caught.name()) else { continue };
            let fresh = caught.fresh(text, anew.as_deref());
            if anew.is_none() {
                let hint = "RINGMQ_REGENERATE=1 cargo test -p ha-model --test page";
                assert!(text == fresh, "{path}, {}, is stale: {hint}\n{fresh}", caught.name());
            }
            page = format!("{before}{fresh}{behind}");
        }
        if anew.is_some() {
            std::fs::write(path, page).unwrap();
        }
    }
}

#[test]
fn whatever_is_caught_is_shown_once_and_nothing_else() {
    let pages = PAGES.map(|path| std::fs::read_to_string(path).unwrap());
    let mut shown: Vec<&str> = pages.iter().flat_map(|page| shown(page)).collect();
    let mut caught: Vec<&str> = Caught::all().iter().map(Caught::name).collect();
    shown.sort_unstable();
    caught.sort_unstable();
    assert_eq!(shown, caught);
}

#[test]
fn a_trace_is_found_between_its_marks() {
    let page = "a\n<!-- trace: one -->\n1. old\n2. new\n<!-- end -->\nb\n<!-- trace: two -->\n<!-- end -->\n";
    assert_eq!(shown(page), ["one", "two"]);
    let (before, text, behind) = between(page, "one").unwrap();
    assert_eq!(steps(text), ["old", "new"]);
    assert!(before.ends_with("one -->\n") && behind.starts_with(END));
    assert_eq!(between(page, "two").map(|(_, text, _)| text), Some(""));
    assert_eq!(between(page, "three"), None);
}
