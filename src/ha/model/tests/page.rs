//! `docs/ha-rules.md` and `docs/ha-lanes.md` show for each rule what happens without it: whatever must be caught has its trace there, between marks, and
//! its steps lead to what the page says. They are taken again here, which is quick. `RINGMQ_REGENERATE=1 cargo test -p ha-model --test page` finds those anew that
//! lead nowhere any more, and with the value `all` every one, which takes minutes.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use ha_model::{Expect, Size, Trace, Variant, Violation};

const PAGES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha-rules.md"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ha-lanes.md"),
];
const MARK: &str = "<!-- trace: ";
/// SR1 to SR19.
const RULES: usize = 19;
const END: &str = "<!-- end -->";

/// What must be caught.
struct Caught(Variant);

impl Caught {
    fn all() -> Vec<Self> {
        ha_model::variants().into_iter().filter(|variant| variant.expects != Expect::Holds).map(Self).collect()
    }

    fn name(&self) -> &'static str {
        self.0.name
    }

    fn find(&self) -> Trace {
        self.0.find(Size::Small).unwrap().unwrap_or_else(|| panic!("{} is not caught", self.name()))
    }

    fn follow(&self, steps: &[String]) -> Result<Violation, String> {
        self.0.follow(Size::Small, steps)
    }

    /// In words: what is different, the way to what comes of that, and what that is.
    fn told(&self, steps: &[String], violation: &Violation) -> String {
        let mut out = format!("\n*{}*: {}.\n\n", self.name(), self.0.about);
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

/// The rules under whose headings a page shows no trace, and how many it has.
fn unshown(page: &str) -> (Vec<&str>, usize) {
    let sections = page.split("\n## ").filter(|section| section.starts_with("SR"));
    let bare = sections.clone().filter(|section| shown(section).is_empty());
    (bare.filter_map(|section| section.lines().next()).collect(), sections.count())
}

#[test]
fn each_of_the_rules_is_missed() {
    let pages = PAGES.map(|path| std::fs::read_to_string(path).unwrap());
    let found: Vec<(Vec<&str>, usize)> = pages.iter().map(|page| unshown(page)).collect();
    assert!(found.iter().all(|(bare, _)| bare.is_empty()), "{found:?}");
    assert_eq!(found.iter().map(|(_, sections)| sections).sum::<usize>(), RULES);
    assert_eq!(unshown("\n## SR1\n<!-- trace: one -->\n\n## SR2\n\n## End\n"), (vec!["SR2"], 2));
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
