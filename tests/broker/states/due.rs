//! The table of states: what each packet type leads to in each state of its client. The tests beside it hold the broker to it.
//!
//! A packet type that is new needs its row: [`in_session`] is exhaustive.

use protocol::core::packet::Packet;

use crate::peer::{CONSUMER, OWN};

/// What a packet leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// One answer on the packet's channel; the protocol's exception is one.
    Answer,
    /// The protocol's exception: the client may not do this, or nobody can.
    Refusal,
    /// Nothing, as the reference does it, because.
    Silence(&'static str),
    /// The connection is closed, without an answer.
    End,
}

/// What the client has done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Connected, and said nothing.
    Mute,
    /// Said which protocol it speaks.
    Greeted,
    /// The same, where clients have to log in.
    Stranger,
    /// Opened a session with a consumer.
    Open,
    /// Logged in and opened a session, and may do nothing.
    Powerless,
    /// Asked for the end of its session, and not been answered.
    Closing,
    /// Closed its session.
    Closed,
    /// Was told to go.
    Leaving,
}

impl State {
    pub(super) const ALL: [Self; 8] = [
        Self::Mute,
        Self::Greeted,
        Self::Stranger,
        Self::Open,
        Self::Powerless,
        Self::Closing,
        Self::Closed,
        Self::Leaving,
    ];

    /// Do clients have to log in?
    pub(super) fn is_guarded(self) -> bool {
        matches!(self, Self::Stranger | Self::Powerless)
    }
}

const NO_ANSWER_WANTED: &str = "it asks for no answer";
const NO_SESSION: &str = "no session has the channel: its client may have closed it a moment ago";
const MEANINGLESS: &str = "it means nothing on this channel";
const GOING: &str = "the client was told to go";

fn if_wanted(wanted: bool) -> Due {
    if wanted { Due::Answer } else { Due::Silence(NO_ANSWER_WANTED) }
}

/// On the channel of an open session that may do this.
#[allow(clippy::too_many_lines, reason = "a table, one line for each packet type")]
fn in_session(packet: &Packet<'_>) -> Due {
    match packet {
        Packet::Send(send) => if_wanted(send.trailer.requires_response),
        Packet::SendContinuation(piece) => if_wanted(piece.trailer.requires_response),
        Packet::SendLarge(_) => Due::Silence("the last piece is answered"),
        Packet::Acknowledge(acknowledge) | Packet::IndividualAcknowledge(acknowledge) => {
            if_wanted(acknowledge.requires_response)
        }
        Packet::CreateConsumer(create) => if_wanted(create.requires_response),
        Packet::CreateAddress(create) => if_wanted(create.requires_response),
        Packet::CreateQueue(create) => if_wanted(create.requires_response),
        Packet::CreateQueueV2(create) => if_wanted(create.definition.requires_response),
        Packet::CreateSharedQueue(create) => if_wanted(create.requires_response),
        Packet::CreateSharedQueueV2(create) => if_wanted(create.definition.requires_response),
        Packet::AddMetadataV2(metadata) => if_wanted(metadata.requires_confirmation),
        Packet::AddMetadata(_)
        | Packet::UniqueAddMetadata(_)
        | Packet::DeleteQueue(_)
        | Packet::QueueQuery(_)
        | Packet::BindingQuery(_)
        | Packet::ConsumerClose(_)
        | Packet::ProducerRequestCredits(_)
        | Packet::Commit(_)
        | Packet::Rollback(_)
        | Packet::SessionStop
        | Packet::SessionClose
        | Packet::XaIndoubtXids
        | Packet::XaSuspend
        | Packet::XaGetTimeout
        | Packet::XaSetTimeout(_)
        | Packet::XaStart(_)
        | Packet::XaJoin(_)
        | Packet::XaResume(_)
        | Packet::XaEnd(_)
        | Packet::XaPrepare(_)
        | Packet::XaCommit(_)
        | Packet::XaRollback(_)
        | Packet::XaForget(_) => Due::Answer,
        Packet::SessionStart
        | Packet::PacketsConfirmed(_)
        | Packet::CreateProducer(_)
        | Packet::RemoveProducer(_)
        | Packet::ConsumerCredits(_)
        | Packet::MessageExpired(_)
        | Packet::XaFailed(_) => Due::Silence("it has no answer"),
        Packet::ForceDelivery(force) if force.consumer_id.0 == CONSUMER => Due::Answer,
        Packet::ForceDelivery(_) => Due::Silence("there is no such consumer"),
        Packet::Ping(_)
        | Packet::SubscribeTopology(_)
        | Packet::SubscribeTopologyV2(_)
        | Packet::CheckForFailover(_)
        | Packet::CreateSession(_)
        | Packet::ReattachSession(_)
        | Packet::Unknown { .. } => Due::End,
        // None of these can be read as a client's.
        Packet::Disconnect(_)
        | Packet::DisconnectV2(_)
        | Packet::DisconnectV3(_)
        | Packet::DisconnectConsumer(_)
        | Packet::DisconnectConsumerKill(_)
        | Packet::CheckForFailoverReply(_)
        | Packet::Exception(_)
        | Packet::NullResponse(_)
        | Packet::CreateSessionResponse(_)
        | Packet::ReattachSessionResponse(_)
        | Packet::ProducerCredits(_)
        | Packet::ProducerFailCredits(_)
        | Packet::ReceiveMessage(_)
        | Packet::ReceiveLargeMessage(_)
        | Packet::ReceiveContinuation(_)
        | Packet::XaResponse(_)
        | Packet::XaIndoubtXidsResponse(_)
        | Packet::XaSetTimeoutResponse(_)
        | Packet::XaGetTimeoutResponse(_)
        | Packet::ClusterTopology(_)
        | Packet::QueueQueryResponse(_)
        | Packet::BindingQueryResponse(_) => Due::End,
    }
}

/// On the channel of a session that may do nothing, and so has no consumer.
fn without_permission(packet: &Packet<'_>) -> Due {
    match (packet, in_session(packet)) {
        (
            Packet::Send(_)
            | Packet::CreateConsumer(_)
            | Packet::CreateAddress(_)
            | Packet::CreateQueue(_)
            | Packet::CreateQueueV2(_)
            | Packet::CreateSharedQueue(_)
            | Packet::CreateSharedQueueV2(_),
            Due::Answer,
        ) => Due::Refusal,
        (Packet::ForceDelivery(_), _) => Due::Silence("there is no such consumer"),
        (_, due) => due,
    }
}

/// What a packet on a channel leads to in a state. `None`: it cannot be read as a client's.
pub(super) fn due(state: State, channel: i64, packet: Option<&Packet<'_>>) -> Due {
    let packet = match (state, packet) {
        (State::Mute, _) => return Due::End,
        (State::Leaving, _) => return Due::Silence(GOING),
        (_, None | Some(Packet::Unknown { .. })) => return Due::End,
        (_, Some(packet)) => packet,
    };
    match (channel, packet) {
        (0, Packet::Ping(_) | Packet::SubscribeTopology(_) | Packet::SubscribeTopologyV2(_)) => Due::Answer,
        // Nobody of that name is known.
        (1, Packet::CreateSession(create)) if state.is_guarded() && create.settings.version.is_accepted() => {
            Due::Refusal
        }
        (1, Packet::CheckForFailover(_) | Packet::CreateSession(_) | Packet::ReattachSession(_)) => Due::Answer,
        (0 | 1, _) => Due::Silence(MEANINGLESS),
        (OWN, _) if state == State::Open => in_session(packet),
        (OWN, _) if state == State::Powerless => without_permission(packet),
        _ => Due::Silence(NO_SESSION),
    }
}
