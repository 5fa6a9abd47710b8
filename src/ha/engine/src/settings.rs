//! What a server is configured to do, as far as the rules of a pair ask for it.

use std::time::Duration;

use crate::ha_state::Role;
use crate::limits;
use crate::register::AckMode;
use crate::register_client::Provider;

/// What a stale start does without a register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StaleStart {
    /// It serves, and says so.
    #[default]
    Warn,
    /// It waits for the peer.
    Refuse,
}

/// How long a server waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Times {
    /// `retry-replication-wait`: before it looks again at the register and at the peer.
    pub retry: Duration,
    /// `startup-peer-wait`: before a start goes on without its peer.
    pub start_wait: Duration,
    /// `call-timeout`: before an answer of the peer counts as none.
    pub answer: Duration,
    /// `replica-failure-timeout`: silence of the peer.
    pub silence: Duration,
    /// `replica-lag-timeout`: a replica that speaks and does not confirm.
    pub lag: Duration,
    /// `replication-heartbeat-interval`.
    pub heartbeat: Duration,
    /// `initial-replication-sync-timeout`: acks wait for a joiner.
    pub sync: Duration,
    /// `activation-timeout`.
    pub activation: Duration,
    /// How long an announced handover may keep the replica from suspecting the active.
    pub stop_guard: Duration,
    /// `handover-timeout`.
    pub handover: Duration,
    /// `vote-retry-wait`: between two attempts to take over.
    pub verdict: Duration,
    /// `suspended-timeout`; 0 is never.
    pub suspended: Duration,
    /// `failback-min-stable`.
    pub failback: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            retry: limits::RETRY_REPLICATION_WAIT,
            start_wait: limits::STARTUP_PEER_WAIT,
            answer: limits::CALL_TIMEOUT,
            silence: limits::REPLICA_FAILURE_TIMEOUT,
            lag: limits::REPLICA_LAG_TIMEOUT,
            heartbeat: limits::HEARTBEAT_INTERVAL,
            sync: limits::INITIAL_SYNC_TIMEOUT,
            activation: limits::ACTIVATION_TIMEOUT,
            stop_guard: limits::STOP_GUARD,
            handover: limits::HANDOVER_TIMEOUT,
            verdict: limits::VOTE_RETRY_WAIT,
            suspended: limits::SUSPENDED_TIMEOUT,
            failback: limits::FAILBACK_MIN_STABLE,
        }
    }
}

/// The settings of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// What it is.
    pub role: Role,
    /// Who decides.
    pub provider: Provider,
    /// When it acks.
    pub ack_mode: AckMode,
    /// A digest of cluster, secret and group.
    pub group: u128,
    /// The lanes of its store.
    pub lanes: u16,
    /// What it can read and write.
    pub features: u32,
    /// `allow-failback`: hands over to a primary that asks.
    pub allow_failback: bool,
    /// `failback-max-per-hour`: so many such handovers, and then no more until the hour that began with the first one is over.
    pub failback_max_per_hour: u32,
    /// `restart-backup`: becomes a backup after a failback, instead of ending.
    pub restart_backup: bool,
    /// `check-for-live-server`: a primary without a register looks for an active before it starts.
    pub check_for_active: bool,
    /// `stale-start`.
    pub stale_start: StaleStart,
    /// `slave-cold-start = if-newest`: a backup without a register may start when it knows that it is the newest.
    pub cold_start: bool,
    /// `vote-retries`: attempts to take over before it looks around again.
    pub verdicts_max: u32,
    /// How long it waits.
    pub times: Times,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            role: Role::Primary,
            provider: Provider::Etcd,
            ack_mode: AckMode::Durable,
            group: 0,
            lanes: 1,
            features: 1,
            allow_failback: true,
            failback_max_per_hour: limits::FAILBACK_MAX_PER_HOUR,
            restart_backup: true,
            check_for_active: true,
            stale_start: StaleStart::Warn,
            cold_start: false,
            verdicts_max: limits::VOTE_RETRIES,
            times: Times::default(),
        }
    }
}
