//! From the sources to a [`Config`]: file, then environment, then command line; the later one wins.
//!
//! Owns: the order of the sources and the draft they are laid over each other in. Must stay true: nothing is skipped
//! because something before it was wrong, so that one run shows every error.

use std::ffi::OsString;
use std::sync::Arc;

use crate::attribute::{Attribute, EVERY_ADDRESS, Scope};
use crate::diagnostic::{Code, Diagnostic, Report, Severity};
use crate::file::FileText;
use crate::origin::Origin;
use crate::table::{Config, TABLE};
use crate::text::{Raw, Refusal, parse};
use crate::tls::Tls;
use crate::users::Users;
use crate::value::Value;
use crate::{check, command_line, environment, file};

/// Where settings come from. The default has none: every value is the default of its row.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The configuration file, already read: [`FileText::read`].
    pub file: Option<FileText>,
    /// The environment, usually `std::env::vars_os().collect()`. Only `RINGMQ_*` is looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// What the command line sets.
    pub command_line: Vec<crate::Override>,
}

/// The configuration, or everything that is wrong with it.
///
/// # Errors
/// A [`Report`] with at least one error. Warnings alone do not fail: they are in [`Config::warnings`].
pub fn load(sources: &Sources) -> Result<Config, Report> {
    draft(sources).finish()
}

/// The same without a look at the users file, at certificates, and at what must fit together: for those who make that file, and change what does not
/// fit yet.
///
/// # Errors
/// A [`Report`] with at least one error.
pub fn load_values(sources: &Sources) -> Result<Config, Report> {
    draft(sources).values().map(|(config, _)| config)
}

fn draft(sources: &Sources) -> Draft {
    let mut draft = Draft::default();
    if let Some(text) = &sources.file {
        file::apply(text, &mut draft);
    }
    environment::apply(&sources.environment, &mut draft);
    command_line::apply(&sources.command_line, &mut draft);
    draft
}

/// The value chosen for one row.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) attribute: &'static Attribute,
    /// The match in whose table it stands, if the attribute is one of addresses.
    pub(crate) addresses: Option<Arc<str>>,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// The diagnostic to start from when this value turns out not to fit another one: it knows the place.
    pub(crate) anchor: Option<Diagnostic>,
}

impl Chosen {
    /// The full name of the row.
    pub(crate) fn path(&self) -> String {
        self.attribute.path_in(self.addresses.as_deref())
    }
}

/// The settings found so far, the last one for each row, and what was wrong on the way.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    set: Vec<Chosen>,
    pub(crate) report: Report,
}

impl Draft {
    /// Takes one value for one row; if it is one of addresses, for all of them. `anchor` carries the place; it is completed into an
    /// error if the value is refused.
    pub(crate) fn set(&mut self, attribute: &'static Attribute, raw: Raw<'_>, origin: Origin, anchor: Diagnostic) {
        let addresses = (attribute.scope == Scope::Address).then(|| Arc::from(EVERY_ADDRESS));
        self.set_in(addresses, attribute, raw, origin, anchor);
    }

    /// As [`Draft::set`], in the table of this match.
    pub(crate) fn set_in(
        &mut self,
        addresses: Option<Arc<str>>,
        attribute: &'static Attribute,
        raw: Raw<'_>,
        origin: Origin,
        anchor: Diagnostic,
    ) {
        match parse(&attribute.kind, raw) {
            Ok(value) => {
                // In the file a row of a match stands once.
                if !matches!(origin, Origin::File(_)) {
                    self.set.retain(|earlier| !earlier.attribute.is(attribute) || earlier.addresses != addresses);
                }
                self.set.push(Chosen { attribute, addresses, value, origin, anchor: Some(anchor) });
            }
            Err(refusal) => self.report.push(complete(anchor, &attribute.path_in(addresses.as_deref()), refusal)),
        }
    }

    /// Fills the gaps with defaults and builds the typed result; gives what was found on the way too.
    fn values(mut self) -> Result<(Config, Report), Report> {
        let mut chosen = Vec::with_capacity(TABLE.len());
        for attribute in TABLE {
            let addresses: Option<Arc<str>> = (attribute.scope == Scope::Address).then(|| Arc::from(EVERY_ADDRESS));
            let is_it = |set: &Chosen| set.attribute.is(attribute) && set.addresses == addresses;
            if let Some(at) = self.set.iter().position(is_it) {
                chosen.push(self.set.remove(at));
                continue;
            }
            let anchor = Diagnostic::error(Code::TABLE, "").source("the table of attributes");
            match parse(&attribute.kind, Raw::Bare(attribute.default)) {
                Ok(value) => {
                    chosen.push(Chosen { attribute, addresses, value, origin: Origin::Default, anchor: None });
                }
                Err(refusal) => self.report.push(complete(anchor, &attribute.path(), refusal)),
            }
        }
        // What is left stands in the tables of other matches.
        chosen.append(&mut self.set);
        let Some(config) = Config::assemble(chosen) else {
            if !self.report.has_errors() {
                self.report.push(Diagnostic::error(Code::TABLE, "a row of the table does not fit its field"));
            }
            return Err(self.report);
        };
        Ok((config, self.report))
    }

    /// The values, with users, after a look at what must fit together.
    fn finish(self) -> Result<Config, Report> {
        let (mut config, mut report) = self.values()?;
        match Users::read(&config) {
            Ok(users) => config.users = users,
            Err(found) => report.extend(found),
        }
        config.tls = Tls::read(&config, &mut report);
        check::relations(&config, &mut report);
        if report.has_errors() {
            return Err(report);
        }
        config.warnings = report.into_diagnostics();
        debug_assert!(config.warnings.iter().all(|warning| warning.severity == Severity::Warning));
        Ok(config)
    }
}

/// The anchor with what is wrong filled in.
fn complete(anchor: Diagnostic, path: &str, refusal: Refusal) -> Diagnostic {
    let message = format!("`{path}` {}", refusal.problem);
    let mut diagnostic = Diagnostic { code: refusal.code, message, note: refusal.note, ..anchor };
    diagnostic.help.extend(refusal.help);
    diagnostic
}
