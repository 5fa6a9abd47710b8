//! Overrides from the command line: the last word.

use crate::diagnostic::{Code, Diagnostic};
use crate::load::Draft;
use crate::origin::Origin;
use crate::suggest;
use crate::table::TABLE;
use crate::text::Raw;

/// One attribute that an option of the command line sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The path of the row: `acceptor.port`.
    pub path: String,
    /// The value as it was typed.
    pub value: String,
    /// The option as it was typed, for messages: `--port`.
    pub option: String,
}

/// Takes the overrides into the draft.
pub(crate) fn apply(overrides: &[Override], draft: &mut Draft) {
    for Override { path, value, option } in overrides {
        let anchor = Diagnostic::error(Code::UNKNOWN_OVERRIDE, "").source(format!("command line {option}"));
        let Some(attribute) = TABLE.iter().find(|row| row.path() == *path) else {
            let known: Vec<String> = TABLE.iter().map(crate::Attribute::path).collect();
            let near = suggest::nearest(path, known.iter().map(String::as_str));
            let note = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            let message = format!("no attribute is called `{path}`");
            draft.report.push(Diagnostic { message, note, ..anchor });
            continue;
        };
        draft.set(attribute, Raw::Bare(value), Origin::CommandLine { option: option.clone() }, anchor);
    }
}
