//! What must hold between values that are each in range.
//!
//! Takes: a complete [`Config`]. Gives: diagnostics at the place of the value that a person would change.

use std::path::{Component, Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, Report, Severity};
use crate::table::Config;
use crate::types::SessionReattach;
use crate::value::duration_text;

/// Adds an error or a warning for every relation that does not hold.
pub(crate) fn relations(config: &Config, report: &mut Report) {
    listens_on_loopback(config, report);
    directories_are_apart(config, report);
    pool_holds_the_minimum(config, report);
    ttl_is_seen_in_time(config, report);
    certificates_are_shown(config, report);
    waits_for_the_disk(config, report);
}

/// Where nobody has to log in, nobody beyond this host may reach the port.
fn listens_on_loopback(config: &Config, report: &mut Report) {
    let host = *config.acceptor_host;
    let has_users = config.users.as_ref().is_some_and(|users| !users.users.is_empty());
    if host.is_loopback() || has_users {
        return;
    }
    let reason = match &config.users {
        Some(_) => "the users file names no user",
        // A users file that is wrong has its own errors.
        None if report.has_errors() => return,
        None => "there are no users",
    };
    report.push(
        at(config, "acceptor.host", Code::OPEN_DOOR, format!("refusing to listen on {host}: {reason}"))
            .note("not a loopback address")
            .help(format!(
                "make a user: `ringmq user add NAME`, with the same settings; it goes to {}",
                config.users_path().display()
            ))
            .help("or listen on 127.0.0.1 or ::1, and reach the broker from elsewhere through an SSH tunnel"),
    );
}

/// Two kinds of data in one directory would take each other's files for their own.
fn directories_are_apart(config: &Config, report: &mut Report) {
    let directories = config.directories();
    let named = [
        ("bindings-directory", &directories.bindings),
        ("journal-directory", &directories.journal),
        ("large-messages-directory", &directories.large_messages),
        ("paging-directory", &directories.paging),
        ("ha-directory", &directories.ha),
    ];
    for (index, (name, path)) in named.iter().enumerate() {
        let clash = named.iter().take(index).find(|(_, earlier)| plain(earlier) == plain(path));
        if let Some((earlier, _)) = clash {
            // Point at the one of the two that a person has set.
            let (shown, other) = if is_set(config, name) { (*name, *earlier) } else { (*earlier, *name) };
            report.push(
                at(config, shown, Code::CONFLICT, format!("`{shown}` and `{other}` are the same directory"))
                    .note(format!("also `{other}`"))
                    .help("give each its own directory"),
            );
        } else if plain(path) == plain(&directories.data) {
            report.push(
                at(config, name, Code::CONFLICT, format!("`{name}` is the data directory itself"))
                    .note("expected a directory in it, or elsewhere")
                    .help("leave the line out to use the default"),
            );
        }
    }
}

/// The path without `.` components. Nothing is resolved: the directories need not exist yet.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|component| *component != Component::CurDir).collect()
}

fn pool_holds_the_minimum(config: &Config, report: &mut Report) {
    let (Some(pool), min) = (*config.journal_pool_files, *config.journal_min_files) else { return };
    if pool < min {
        let shown =
            if config.journal_pool_files.origin.is_default() { "journal-min-files" } else { "journal-pool-files" };
        report.push(
            at(config, shown, Code::CONFLICT, "`journal-pool-files` is smaller than `journal-min-files`")
                .note(format!("a pool of {pool}, but {min} files made ready"))
                .help("a pool below the minimum would delete files and make them again"),
        );
    }
}

fn ttl_is_seen_in_time(config: &Config, report: &mut Report) {
    let (Some(ttl), interval) = (*config.connection_ttl_override, *config.connection_ttl_check_interval) else {
        return;
    };
    if ttl < interval {
        let message = "`connection-ttl-override` is shorter than `connection-ttl-check-interval`";
        let note = format!("{} against {}", duration_text(ttl), duration_text(interval));
        let warning = at(config, "connection-ttl-override", Code::CONFLICT, message).note(note);
        report.push(Diagnostic {
            severity: Severity::Warning,
            ..warning.help("a silent connection is only noticed at the next look")
        });
    }
}

/// Where sessions go on by certificates only, and users are known by theirs, clients must be able to show some.
fn certificates_are_shown(config: &Config, report: &mut Report) {
    let asked =
        *config.acceptor_ssl_enabled && (*config.acceptor_need_client_auth || *config.acceptor_want_client_auth);
    if asked {
        return;
    }
    if *config.session_reattach == SessionReattach::Tls {
        report.push(
            at(
                config,
                "session-reattach",
                Code::CONFLICT,
                "`session-reattach` is tls, but clients show no certificates",
            )
            .note("no session could ever go on")
            .help("set `acceptor.ssl-enabled`, and `acceptor.need-client-auth` or `acceptor.want-client-auth`"),
        );
    }
    let by_certificate = |user: &&crate::users::User| user.certificate.is_some();
    if let Some(user) = config.users.as_ref().and_then(|users| users.users.iter().find(by_certificate)) {
        let message = format!("user {} has a certificate, but clients are not asked for theirs", user.name);
        let warning = at(config, "acceptor.need-client-auth", Code::CONFLICT, message);
        let note = "set `need-client-auth` or `want-client-auth`, and `ssl-enabled`";
        report.push(Diagnostic { severity: Severity::Warning, ..warning.note(note) });
    }
}

/// Answering before the disk has the data is allowed, but never without saying so.
fn waits_for_the_disk(config: &Config, report: &mut Report) {
    for (setting, name, what) in [
        (&config.journal_sync_transactional, "journal-sync-transactional", "commits"),
        (&config.journal_sync_non_transactional, "journal-sync-non-transactional", "durable sends"),
    ] {
        if !setting.value {
            let warning = at(
                config,
                name,
                Code::NOT_DURABLE,
                format!("NOT DURABLE: {what} are answered before the disk has them"),
            )
            .note("a power cut can lose what was answered");
            report.push(Diagnostic { severity: Severity::Warning, ..warning });
        }
    }
}

fn is_set(config: &Config, path: &str) -> bool {
    config.chosen.iter().any(|chosen| chosen.path() == path && !chosen.origin.is_default())
}

/// A diagnostic at the place where the row `path` was set.
pub(crate) fn at(config: &Config, path: &str, code: Code, message: impl Into<String>) -> Diagnostic {
    let anchor = config.chosen.iter().find(|chosen| chosen.path() == path);
    match anchor.and_then(|chosen| chosen.anchor.clone()) {
        Some(anchor) => Diagnostic { code, message: message.into(), ..anchor },
        None => Diagnostic::error(code, message).source(format!("default of `{path}`")),
    }
}
