//! Which cases run on which client: all of them on the javax client of the program's release, a named part on the others.
//!
//! `RINGMQ_JMS_ALL=1` runs every case on every client. Gives, for each client, the prefix of its test names, its program and
//! its cases. Must stay true: a name in the lists here is a name of the program, or the run fails.

use crate::build::{self, Program, Refusal};

/// Releases of the javax client beside the program's own: the oldest that is met in the field, and two between.
const GENERATIONS: [&str; 3] = ["2.6.4", "2.18.0", "2.40.0"];

/// What an older client is asked for: connecting, bodies, acknowledgements, transactions, windows, listeners, sends of every
/// kind, coming back after its connection was cut, and logging in.
const SMOKE: [&str; 13] = [
    "connect_close_50",
    "client_id_unique",
    "text_umlauts",
    "map_conversions",
    "properties_types",
    "headers_round_trip",
    "ack_client",
    "tx_receive_rollback",
    "window_0",
    "listener",
    "async_send_window",
    "cut_reconnect_window",
    "login_wrong_then_right",
];

/// What the jakarta client is asked for beside [`SMOKE`]. Its code is that of the javax client under another package name,
/// so this is the part of the suite that has to do with the classes of JMS rather than with the broker.
const JAKARTA: [&str; 65] = [
    "client_id_in_url",
    "client_id_shared",
    "client_metadata",
    "client_metadata_unique",
    "queue_names",
    "text_null",
    "message_without_body",
    "bytes_typed",
    "bytes_unsigned",
    "bytes_objects",
    "bytes_end",
    "bytes_modes",
    "map_extreme_values",
    "map_objects",
    "map_names",
    "map_absent_and_null",
    "map_read_only_until_cleared",
    "stream_values",
    "stream_conversions",
    "stream_objects",
    "stream_end",
    "stream_reset",
    "stream_modes",
    "object_round_trip",
    "object_null",
    "object_deny_list",
    "object_allow_list",
    "property_conversions",
    "property_objects",
    "property_illegal_names",
    "property_names",
    "property_read_only_until_cleared",
    "property_foreign_message",
    "headers_correlation_bytes",
    "headers_disabled",
    "reply_to_queue",
    "ack_auto",
    "ack_individual",
    "recover_auto",
    "recover_transacted",
    "recover_two_consumers",
    "redelivery_count_through_all_ways",
    "tx_send_commit",
    "tx_several_queues",
    "receive_blocks_until_sent",
    "listener_replaced",
    "listener_closes_connection",
    "listener_commits",
    "exception_listener_after_cut",
    "temporary_request_reply",
    "blocking_ooo_window",
    "blocking_dna",
    "context_send_and_receive",
    "context_producer_chain",
    "context_delivery_settings",
    "context_bodies",
    "context_receive_body_wrong",
    "context_transacted",
    "context_closed",
    "completion_means_stored",
    "completion_of_closed_producer",
    "completion_of_context",
    "redelivery_after_kill",
    "login_of_context",
    "permission_browse",
];

/// What is asked for within TLS: connecting, what is longer than a record, and coming back after a cut or a restart.
const WITHIN_TLS: [&str; 10] = [
    "connect_close_50",
    "client_id_unique",
    "text_umlauts",
    "tx_receive_rollback",
    "listener",
    "async_send_window",
    "cut_reconnect_window",
    "reattach_async_sends",
    "reattach_transactions",
    "restart_messages_survive",
];

/// The cases of one client.
pub(crate) struct Suite {
    /// Empty for the program's own client.
    pub(crate) prefix: String,
    kind: Kind,
    /// Without the prefix.
    pub(crate) names: Vec<String>,
}

enum Kind {
    Javax,
    Tls,
    Jakarta,
    Generation(&'static str),
}

impl Suite {
    /// Does it need a broker that speaks TLS?
    pub(crate) fn is_within_tls(&self) -> bool {
        matches!(self.kind, Kind::Tls)
    }

    /// Builds what it runs on.
    pub(crate) fn program(&self, javax: &Program) -> Result<Program, Refusal> {
        match self.kind {
            Kind::Javax | Kind::Tls => build::program(),
            Kind::Jakarta => build::jakarta(),
            Kind::Generation(version) => build::generation(javax, version),
        }
    }
}

/// All suites with those of their cases whose names contain one of `words`; `all` are the cases of the program.
pub(crate) fn suites(all: &[String], words: &[String]) -> Vec<Suite> {
    let everything = std::env::var("RINGMQ_JMS_ALL").is_ok_and(|value| value == "1");
    let part = |names: &[&str]| -> Vec<String> {
        if everything { all.to_vec() } else { names.iter().map(|name| (*name).to_owned()).collect() }
    };
    let jakarta: Vec<&str> = SMOKE.iter().chain(&JAKARTA).copied().collect();
    let mut suites = vec![
        Suite { prefix: String::new(), kind: Kind::Javax, names: all.to_vec() },
        Suite { prefix: "jakarta::".to_owned(), kind: Kind::Jakarta, names: part(&jakarta) },
    ];
    suites.extend(GENERATIONS.map(|version| {
        let prefix = format!("client_{}::", version.replace('.', "_"));
        Suite { prefix, kind: Kind::Generation(version), names: part(&SMOKE) }
    }));
    let names = WITHIN_TLS.map(str::to_owned).to_vec();
    suites.push(Suite { prefix: "tls::".to_owned(), kind: Kind::Tls, names });
    for suite in &mut suites {
        let prefix = &suite.prefix;
        suite.names.retain(|name| asked(&format!("jms::{prefix}{name}"), words));
    }
    suites.retain(|suite| !suite.names.is_empty());
    suites
}

/// Does the command line ask for this test?
pub(crate) fn asked(test: &str, words: &[String]) -> bool {
    words.is_empty() || words.iter().any(|word| test.contains(word))
}
