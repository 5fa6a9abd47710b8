//! The one table of attributes, and the typed [`Config`] that is generated from it.
//!
//! Owns: every row. Takes: parsed values. Gives: one typed field for each row. Must stay true: no setting exists
//! beside this table, every row has a reader (`used_by`), and every default is accepted by its own row.
//!
//! To add a setting, add a row; the file, the environment, `config show` and the reference page follow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::attribute::{Attribute, Choice, Kind, Scope, TakesEffect};
use crate::diagnostic::Diagnostic;
use crate::load::Chosen;
use crate::origin::Setting;
use crate::tls::Tls;
use crate::types::{
    Auto, ByteSize, FromValue, FullPolicy, JournalType, LogFormat, LogLevel, Pinning, Protocols, SessionReattach,
    SyncMode,
};
use crate::users::Users;

/// Turns the rows below into [`TABLE`] and [`Config`], so that a row and its field cannot part.
macro_rules! attributes {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ty = $name:literal { $($column:ident: $value:expr),+ $(,)? }
    )+
    addresses:
    $(
        $(#[doc = $help_of_match:literal])+
        $field_of_match:ident: $type_of_match:ty = $name_of_match:literal
            { $($column_of_match:ident: $value_of_match:expr),+ $(,)? }
    )+) => {
        /// Every attribute, in the order of the reference page.
        pub static TABLE: &[Attribute] = &[$(
            Attribute { name: $name, $($column: $value,)+ help: concat!($($help),+).trim_ascii() },
        )+ $(
            Attribute {
                name: $name_of_match,
                $($column_of_match: $value_of_match,)+
                help: concat!($($help_of_match),+).trim_ascii(),
            },
        )+];

        /// What is set for the addresses of one match; what is not, a less specific match says.
        #[derive(Debug, Clone)]
        pub struct AddressTable {
            /// The match: a name, in which `*` stands for one word and `#` for any number of words.
            pub addresses: String,
            $(
                $(#[doc = $help_of_match])+
                pub $field_of_match: Option<Setting<$type_of_match>>,
            )+
        }

        impl AddressTable {
            /// From the values chosen for this match; `None` as for [`Config::assemble`].
            fn assemble(addresses: &str, chosen: &[&Chosen]) -> Option<Self> {
                $(
                    let row = chosen.iter().find(|chosen| chosen.attribute.name == $name_of_match);
                    let $field_of_match = match row {
                        Some(row) => {
                            let value = <$type_of_match>::from_value(&row.value)?;
                            Some(Setting { value, origin: row.origin.clone() })
                        }
                        None => None,
                    };
                )+
                Some(Self { addresses: addresses.to_owned(), $($field_of_match,)+ })
            }
        }

        /// The configuration: one typed field for each row of [`TABLE`].
        #[derive(Debug, Clone)]
        pub struct Config {
            $(
                $(#[doc = $help])+
                pub $field: Setting<$type>,
            )+
            /// What is set for addresses. The first match is `#`, which says everything; the others follow in the order of the file.
            pub addresses: Vec<AddressTable>,
            /// Who may log in; none: nobody has to.
            pub users: Option<Users>,
            /// What the acceptor needs for TLS; none: it speaks none.
            pub tls: Option<Tls>,
            /// What a person should know though nothing is wrong enough to stop.
            pub warnings: Vec<Diagnostic>,
            /// The same values as they were parsed, in the order of the table, for [`crate::show()`]; then those of matches other than
            /// `#`, in the order of the file.
            pub(crate) chosen: Vec<Chosen>,
        }

        impl Config {
            /// The typed fields from the value chosen for each row. `None` if a row's kind and its field's type do not
            /// fit together, which no input can cause.
            pub(crate) fn assemble(chosen: Vec<Chosen>) -> Option<Self> {
                let mut rows = chosen.iter();
                let addresses = address_tables(&chosen)?;
                $(
                    let row = rows.next()?;
                    let $field =
                        Setting { value: <$type>::from_value(&row.value)?, origin: row.origin.clone() };
                )+
                Some(Self { $($field,)+ addresses, users: None, tls: None, warnings: Vec::new(), chosen })
            }
        }
    };
}

/// The tables of all matches, in the order in which they first appear.
fn address_tables(chosen: &[Chosen]) -> Option<Vec<AddressTable>> {
    let of_matches = || chosen.iter().filter_map(|row| Some((row.addresses.as_deref()?, row)));
    let mut names: Vec<&str> = Vec::new();
    let mut rows: HashMap<&str, Vec<&Chosen>> = HashMap::new();
    for (name, row) in of_matches() {
        let of_match = rows.entry(name).or_insert_with(|| {
            names.push(name);
            Vec::new()
        });
        of_match.push(row);
    }
    names.into_iter().map(|name| AddressTable::assemble(name, rows.get(name)?)).collect()
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

const DIRECTORY: Kind = Kind::Directory;

attributes! {
    /// Where everything of this broker is kept. The other directories lie in it unless they are set to an absolute
    /// path.
    data_directory: PathBuf = "data-directory" {
        aliases: &["data"], scope: Scope::Server, kind: DIRECTORY, default: "ringmq-data",
        takes_effect: TakesEffect::Reload, requirements: &["S1-065"], used_by: "server: opening the store",
    }
    /// The lane of addresses, queues and settings. A relative path starts at `data-directory`.
    bindings_directory: PathBuf = "bindings-directory" {
        aliases: &[], scope: Scope::Server, kind: DIRECTORY, default: "bindings",
        takes_effect: TakesEffect::Reload, requirements: &["S1-117"], used_by: "server: opening the store",
    }
    /// The lanes of messages. A relative path starts at `data-directory`.
    journal_directory: PathBuf = "journal-directory" {
        aliases: &[], scope: Scope::Server, kind: DIRECTORY, default: "journal",
        takes_effect: TakesEffect::Reload, requirements: &["S1-117"], used_by: "server: opening the store",
    }
    /// The lanes of large bodies. A relative path starts at `data-directory`.
    large_messages_directory: PathBuf = "large-messages-directory" {
        aliases: &["largemessages-directory"], scope: Scope::Server, kind: DIRECTORY, default: "largemessages",
        takes_effect: TakesEffect::Reload, requirements: &["S1-117"], used_by: "server: opening the store",
    }
    /// Bodies and page files of addresses that outgrow memory. A relative path starts at `data-directory`.
    paging_directory: PathBuf = "paging-directory" {
        aliases: &[], scope: Scope::Server, kind: DIRECTORY, default: "paging",
        takes_effect: TakesEffect::Reload, requirements: &["S1-117"], used_by: "server: opening the store",
    }
    /// The identity of this instance and what the disk probe measured. It belongs to this host alone and is never
    /// shared or copied, so it may lie outside the store. A relative path starts at `data-directory`.
    ha_directory: PathBuf = "ha-directory" {
        aliases: &[], scope: Scope::Server, kind: DIRECTORY, default: "ha",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "server: instance identity, disk probe",
    }

    /// How the journal writes.
    journal_type: JournalType = "journal-type" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Choice(&[
            Choice { word: "ASYNCIO", meaning: "io_uring and O_DIRECT into preallocated segments", built: true },
            Choice { word: "NIO", meaning: "buffered writes and fdatasync, for file systems without O_DIRECT", built: false },
            Choice { word: "MAPPED", meaning: "memory-mapped files", built: false },
        ]),
        default: "ASYNCIO",
        takes_effect: TakesEffect::Reload, requirements: &["S1-089"], used_by: "runtime: the driver of the journal",
    }
    /// How many lanes the journal has. Fixed when the store is created. `auto` is one for each data core, but no more
    /// than the disk can flush side by side without slowing each other.
    journal_lanes: Auto<u16> = "journal-lanes" {
        aliases: &[], scope: Scope::Server, kind: Kind::Auto(&Kind::Integer { min: 1, max: 64 }), default: "auto",
        takes_effect: TakesEffect::Never, requirements: &[], used_by: "server: creating the store",
    }
    /// The size of one segment file. A multiple of 4 KiB.
    journal_file_size: ByteSize = "journal-file-size" {
        aliases: &["journal-segment-size"], scope: Scope::Server,
        kind: Kind::Bytes { min: MIB, max: GIB, multiple_of: 4096 }, default: "64MiB",
        takes_effect: TakesEffect::Never, requirements: &["S1-061"], used_by: "journal: segments of a lane",
    }
    /// How many segment files a lane fills before its oldest one is emptied: what still lives in it is written again,
    /// if more than half of the lane is dead. Files are made ahead of the writer, at any setting.
    journal_min_files: u32 = "journal-min-files" {
        aliases: &[], scope: Scope::Server, kind: Kind::Integer { min: 2, max: 1000 }, default: "2",
        takes_effect: TakesEffect::Reload, requirements: &["S1-061"], used_by: "home: compaction",
    }
    /// How many emptied segment files of each lane are kept for reuse. `-1` keeps all.
    journal_pool_files: Option<u32> = "journal-pool-files" {
        aliases: &[], scope: Scope::Server, kind: Kind::OrNone(&Kind::Integer { min: 0, max: 100_000 }), default: "10",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "journal: reuse of segments",
    }
    /// How a block is made durable. Chosen when the store is created and kept in `ha-directory`; the log tells when an
    /// existing store was created with another one.
    sync: SyncMode = "sync" {
        aliases: &["journal-sync"], scope: Scope::Server,
        kind: Kind::Choice(&[
            Choice { word: "auto", meaning: "measured once for 200 ms, when the store is created", built: true },
            Choice { word: "dsync", meaning: "every write carries RWF_DSYNC", built: true },
            Choice { word: "fdatasync", meaning: "an fdatasync linked to the writes of a group", built: true },
        ]),
        default: "auto",
        takes_effect: TakesEffect::Never, requirements: &[], used_by: "server: creating the store",
    }
    /// Whether the answer to a commit waits for the disk. With `false` an answered commit can be lost in a power cut. A
    /// commit over queues of several data cores waits all the same.
    journal_sync_transactional: bool = "journal-sync-transactional" {
        aliases: &[], scope: Scope::Server, kind: Kind::Flag, default: "true",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "durability: the gate of commits",
    }
    /// Whether the answer to a durable send or acknowledgement outside a transaction waits for the disk. With `false`
    /// an answered send can be lost in a power cut.
    journal_sync_non_transactional: bool = "journal-sync-non-transactional" {
        aliases: &[], scope: Scope::Server, kind: Kind::Flag, default: "true",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "durability: the gate of sends",
    }

    /// The time after which a silent connection is closed, whatever its client asked for. `-1` leaves it to the client.
    connection_ttl_override: Option<Duration> = "connection-ttl-override" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::OrNone(&Kind::Duration { min_ms: 1, max_ms: DAY_MS }), default: "-1",
        takes_effect: TakesEffect::Reload, requirements: &["S1-158"], used_by: "session: dead connections",
    }
    /// How often the broker looks for silent connections.
    connection_ttl_check_interval: Duration = "connection-ttl-check-interval" {
        aliases: &[], scope: Scope::Server, kind: Kind::Duration { min_ms: 10, max_ms: HOUR_MS }, default: "2s",
        takes_effect: TakesEffect::Reload, requirements: &["S1-155"], used_by: "session: dead connections",
    }
    /// Who may go on with a session whose connection was lost, before its time to live is over. Only sessions of clients with a
    /// `confirmationWindowSize` can go on. A client asks for it by the session's name, before it logs in.
    session_reattach: SessionReattach = "session-reattach" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Choice(&[
            Choice { word: "same-host", meaning: "who comes from the same IP address, with the same TLS certificate if there was one", built: true },
            Choice { word: "tls", meaning: "who shows the same TLS certificate, from wherever", built: true },
            Choice { word: "off", meaning: "nobody: every session ends with its connection", built: true },
        ]),
        default: "same-host",
        takes_effect: TakesEffect::Reload, requirements: &["S1-166"], used_by: "broker: sessions of lost connections",
    }

    /// How many cores carry connections, queues and journal lanes. `auto` is one for each processor that this process
    /// may use. At any setting there are no more than journal lanes.
    data_cores: Auto<u16> = "data-cores" {
        aliases: &[], scope: Scope::Server, kind: Kind::Auto(&Kind::Integer { min: 1, max: 256 }), default: "auto",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "server: starting the cores",
    }
    /// Whether each data core is bound to a processor.
    pinning: Pinning = "pinning" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Choice(&[
            Choice { word: "auto", meaning: "bound when there are several and each can have a processor of its own", built: true },
            Choice { word: "on", meaning: "always bound, in turn where there are more data cores than processors", built: true },
            Choice { word: "off", meaning: "never bound", built: true },
        ]),
        default: "auto",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "server: starting the cores",
    }
    /// How many bytes of message bodies the whole broker keeps in memory. Beyond it, durable bodies stay on disk only
    /// and are read again when they are delivered. Each data core keeps an equal part, rounded down to a power of two.
    hot_window_size: ByteSize = "hot-window-size" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Bytes { min: MIB, max: 1024 * GIB, multiple_of: 1 }, default: "256MiB",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "queue: bodies in memory",
    }

    /// How many bytes the connections of the whole broker may take together: for what their clients have sent and what is not handled
    /// yet, beyond 132 KiB for each, for what they have not read, beyond 64 KiB for each, for what they have not confirmed, for what is on
    /// the way between cores or waits for another core, for metadata of sessions, beyond 1 KiB for each, and for sessions and consumers,
    /// beyond the first session of each connection with 4 KiB for its consumers. Each of these has its share. While it is used up, clients
    /// that send wait, deliveries of large messages pause, metadata, sessions and consumers are refused, and connections that do not go on
    /// with their frames, read or confirm are closed. Each data core has an equal part, and each of its shares always takes one
    /// frame. `auto` is a quarter of the memory that the broker may use.
    connection_memory: Auto<ByteSize> = "connection-memory" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Auto(&Kind::Bytes { min: MIB, max: 1024 * GIB, multiple_of: 1 }), default: "auto",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "broker: what connections hold",
    }

    /// How events are written to standard error.
    log_format: LogFormat = "log-format" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Choice(&[
            Choice { word: "text", meaning: "one line for people", built: true },
            Choice { word: "json", meaning: "one JSON object a line", built: true },
        ]),
        default: "text",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "cli: the log",
    }
    /// The least important events that are still written.
    log_level: LogLevel = "log-level" {
        aliases: &[], scope: Scope::Server,
        kind: Kind::Choice(&[
            Choice { word: "error", meaning: "a person must look", built: true },
            Choice { word: "warn", meaning: "something is not as it should be", built: true },
            Choice { word: "info", meaning: "the life of the broker", built: true },
            Choice { word: "debug", meaning: "for those who work on the broker", built: true },
            Choice { word: "trace", meaning: "everything", built: true },
        ]),
        default: "info",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "cli: the log",
    }
    /// The file of users, their passwords' hashes, and what roles may do; `ringmq user` makes and changes it (docs/users.md). A
    /// relative path starts at `data-directory`. Where there is none, nobody has to log in.
    users_file: PathBuf = "users-file" {
        aliases: &[], scope: Scope::Server, kind: DIRECTORY, default: "users.toml",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "server: logins and permissions",
    }
    /// Messages to this address are requests to look after the broker; they are carried out, not stored. The command line of
    /// Artemis knows no other name than the default.
    management_address: String = "management-address" {
        aliases: &[], scope: Scope::Server, kind: Kind::Name, default: "activemq.management",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "broker: requests to the management address",
    }


    /// The address to listen on. One that others than this host can reach needs a users file with a user, because without
    /// users anyone who reaches the port may send and receive.
    acceptor_host: IpAddr = "host" {
        aliases: &["bind"], scope: Scope::Acceptor, kind: Kind::Host, default: "127.0.0.1",
        takes_effect: TakesEffect::Reload, requirements: &["S1-110"], used_by: "net: the acceptor",
    }
    /// The port to listen on. `0` lets the system choose a free one.
    acceptor_port: u16 = "port" {
        aliases: &[], scope: Scope::Acceptor, kind: Kind::Integer { min: 0, max: 65535 }, default: "61616",
        takes_effect: TakesEffect::Reload, requirements: &["S1-110", "S2-15"], used_by: "net: the acceptor",
    }
    /// How long a new connection may take to say which protocol it speaks, the handshake of TLS included; and until it has opened a
    /// session, to finish a frame that it has begun.
    acceptor_handshake_timeout: Duration = "handshake-timeout" {
        aliases: &["handshakeTimeout"], scope: Scope::Acceptor,
        kind: Kind::Duration { min_ms: 10, max_ms: HOUR_MS }, default: "10s",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: the acceptor",
    }
    /// How many clients may be connected at once, to all data cores together. One more is answered by closing its connection.
    acceptor_max_connections: u32 = "max-connections" {
        aliases: &["connections-allowed", "connectionsAllowed"], scope: Scope::Acceptor,
        kind: Kind::Integer { min: 1, max: 1_000_000 }, default: "10000",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: the acceptor",
    }
    /// The largest frame a client may send. A larger one closes the connection.
    acceptor_max_frame_size: ByteSize = "max-frame-size" {
        aliases: &["maxFrameSize"], scope: Scope::Acceptor,
        kind: Kind::Bytes { min: 64 << 10, max: 64 * MIB, multiple_of: 1 }, default: "64MiB",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: splitting the stream into frames",
    }
    /// Whether the acceptor speaks TLS, and nothing else (docs/tls.md). It needs `key-store-path`.
    acceptor_ssl_enabled: bool = "ssl-enabled" {
        aliases: &["sslEnabled"], scope: Scope::Acceptor, kind: Kind::Flag, default: "false",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// A PEM file with the broker's certificate, followed by those that lead to the one that clients trust, and its private key, unless
    /// `key-path` names that. A relative path starts at `data-directory`. It is read when the broker starts, and again on SIGHUP.
    acceptor_key_store_path: PathBuf = "key-store-path" {
        aliases: &["keyStorePath"], scope: Scope::Acceptor, kind: Kind::File, default: "",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// A PEM file with the private key of the broker's certificate, where that is not in the file of `key-store-path`.
    acceptor_key_path: PathBuf = "key-path" {
        aliases: &["keyPath"], scope: Scope::Acceptor, kind: Kind::File, default: "",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// A PEM file with the certificates of those who sign for clients. Needed where clients are asked for certificates.
    acceptor_trust_store_path: PathBuf = "trust-store-path" {
        aliases: &["trustStorePath"], scope: Scope::Acceptor, kind: Kind::File, default: "",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// A PEM file with lists of revoked certificates (CRLs) of those in `trust-store-path`. With it, every signer of a client's certificate
    /// must have a list in it. It is read when the broker starts, and again on SIGHUP.
    acceptor_crl_path: PathBuf = "crl-path" {
        aliases: &["crlPath"], scope: Scope::Acceptor, kind: Kind::File, default: "",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// Whether a client must show a certificate that is signed by one of `trust-store-path`.
    acceptor_need_client_auth: bool = "need-client-auth" {
        aliases: &["needClientAuth"], scope: Scope::Acceptor, kind: Kind::Flag, default: "false",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// Whether a client is asked for such a certificate, and may do without. One that cannot be trusted closes the connection all the
    /// same.
    acceptor_want_client_auth: bool = "want-client-auth" {
        aliases: &["wantClientAuth"], scope: Scope::Acceptor, kind: Kind::Flag, default: "false",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }
    /// Which versions of TLS are spoken. Older ones than these are never.
    acceptor_enabled_protocols: Protocols = "enabled-protocols" {
        aliases: &["enabledProtocols"], scope: Scope::Acceptor,
        kind: Kind::Choice(&[
            Choice { word: "TLSv1.2,TLSv1.3", meaning: "both", built: true },
            Choice { word: "TLSv1.3", meaning: "only that", built: true },
            Choice { word: "TLSv1.2", meaning: "only that, for clients that must not use 1.3", built: true },
        ]),
        default: "TLSv1.2,TLSv1.3",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "net: TLS",
    }

    addresses:

    /// How many bytes the messages of one address may have before it is full, in all its queues, waiting or in the hands of
    /// consumers, as they are encoded. `-1` is no limit.
    max_size_bytes: Option<ByteSize> = "max-size-bytes" {
        aliases: &[], scope: Scope::Address,
        kind: Kind::OrNone(&Kind::Bytes { min: 1, max: 1024 * 1024 * GIB, multiple_of: 1 }), default: "-1",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "home: full addresses",
    }
    /// How many messages one address may have before it is full, counted as for `max-size-bytes`. `-1` is no limit.
    max_size_messages: Option<u32> = "max-size-messages" {
        aliases: &[], scope: Scope::Address,
        kind: Kind::OrNone(&Kind::Integer { min: 1, max: 4_000_000_000 }), default: "-1",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "home: full addresses",
    }
    /// What happens to producers when an address is full.
    full_policy: FullPolicy = "address-full-policy" {
        aliases: &[], scope: Scope::Address,
        kind: Kind::Choice(&[
            Choice { word: "PAGE", meaning: "the message is taken; bodies of durable messages lie on disk anyway", built: true },
            Choice { word: "BLOCK", meaning: "producers get no more credits until there is room, and wait", built: true },
            Choice { word: "FAIL", meaning: "the send is refused, and its producer told", built: true },
            Choice { word: "DROP", meaning: "the message is thrown away, and its producer not told", built: true },
        ]),
        default: "PAGE",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "home: full addresses",
    }
    /// Whether an address is made when a client first uses its name.
    auto_create_addresses: bool = "auto-create-addresses" {
        aliases: &[], scope: Scope::Address, kind: Kind::Flag, default: "true",
        takes_effect: TakesEffect::Reload, requirements: &["S2-15"], used_by: "routing: address settings",
    }
    /// Whether a queue is made when a client first uses its name. A send that needs the address too makes both or nothing.
    auto_create_queues: bool = "auto-create-queues" {
        aliases: &["auto-create-jms-queues"], scope: Scope::Address, kind: Kind::Flag, default: "true",
        takes_effect: TakesEffect::Reload, requirements: &["S2-15"], used_by: "routing: address settings",
    }
    /// Whether an address that its first use has made goes with its last queue.
    auto_delete_addresses: bool = "auto-delete-addresses" {
        aliases: &[], scope: Scope::Address, kind: Kind::Flag, default: "true",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "home: what nobody uses any more",
    }
    /// Whether a queue that its first use has made goes when it has no message and its last consumer has gone. Off by default, as in
    /// the configuration that `artemis create` writes.
    auto_delete_queues: bool = "auto-delete-queues" {
        aliases: &["auto-delete-jms-queues"], scope: Scope::Address, kind: Kind::Flag, default: "false",
        takes_effect: TakesEffect::Reload, requirements: &[], used_by: "home: what nobody uses any more",
    }
}
