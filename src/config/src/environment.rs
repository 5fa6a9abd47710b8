//! Overrides from the environment: `RINGMQ_` and the path of a row in capitals, `-` and `.` written `_`.
//!
//! Must stay true: a variable that looks like ours and is not known is a warning and never an error, because other
//! programs may own such names too; Kubernetes writes `RINGMQ_PORT` and `RINGMQ_SERVICE_*` beside a service that is
//! called `ringmq`, and those are passed over in silence.

use std::ffi::OsString;

use crate::diagnostic::{Code, Diagnostic};
use crate::load::Draft;
use crate::origin::Origin;
use crate::suggest;
use crate::table::TABLE;
use crate::text::Raw;

/// Variables that the command line reads, and no row does: the configuration file, and how clients reach a broker.
const OF_THE_COMMAND_LINE: [&str; 3] = ["RINGMQ_CONFIG", "RINGMQ_URL", "RINGMQ_PASSWORD"];

/// Takes every variable of ours into the draft, in the order of their names, so that the report does not depend on
/// the order of the environment.
pub(crate) fn apply(environment: &[(OsString, OsString)], draft: &mut Draft) {
    let mut ours: Vec<(&str, &OsString)> = environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value)))
        .filter(|(name, _)| {
            name.starts_with("RINGMQ_") && !OF_THE_COMMAND_LINE.contains(name) && !is_from_kubernetes(name)
        })
        .collect();
    ours.sort_unstable();
    for (name, value) in ours {
        let source = format!("environment {name}");
        let Some(attribute) = TABLE.iter().find(|row| row.environment_name() == name) else {
            let known: Vec<String> = TABLE.iter().map(crate::Attribute::environment_name).collect();
            let note = match suggest::nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "it has no effect".to_owned(),
            };
            let message = format!("no attribute answers to the variable `{name}`");
            draft.report.push(Diagnostic::warning(Code::UNKNOWN_VARIABLE, message).source(source).note(note));
            continue;
        };
        let anchor = Diagnostic::error(Code::NOT_A_VALUE, "").source(source);
        let Some(text) = value.to_str() else {
            let message = format!("`{}` is not UTF-8 text", attribute.path());
            draft.report.push(Diagnostic { code: Code::NOT_TEXT, message, ..anchor });
            continue;
        };
        draft.set(attribute, Raw::Bare(text), Origin::Environment { name: name.to_owned() }, anchor);
    }
}

fn is_from_kubernetes(name: &str) -> bool {
    name == "RINGMQ_PORT" || name.starts_with("RINGMQ_PORT_") || name.starts_with("RINGMQ_SERVICE_")
}
