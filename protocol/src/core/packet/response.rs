//! General answers: success with nothing to say, failure, confirmation of counted packets, outcome of XA requests.

use super::layout::layout;
use crate::core::error_code::ErrorCode;
use crate::core::identity::{CommandId, CorrelationId};
use crate::core::text::Text;
use crate::core::version::Version;

layout! {
    /// `EXCEPTION`: the request failed; the connection goes on.
    Exception<'a> {
        /// What kind of failure.
        code: ErrorCode;
        /// What a person should read.
        message: Option<Text<'a>>;
        /// Which request, present only when the request carried an id.
        correlation_id: Option<CorrelationId> [if more];
    }
}

layout! {
    /// `NULL_RESPONSE`: the request succeeded.
    NullResponse {
        /// Which request; -1 when it carried no id.
        correlation_id: CorrelationId [since Version::CORRELATION_IDS];
    }
}

layout! {
    /// `PACKETS_CONFIRMED`: counted packets of the channel were handled.
    PacketsConfirmed {
        /// The last of them.
        command_id: CommandId;
    }
}

layout! {
    /// `SESS_XA_RESP`: outcome of an XA request.
    XaResponse<'a> {
        /// Whether it failed.
        error: bool;
        /// The XA code, 0 for success.
        response_code: i32;
        /// What a person should read.
        message: Option<Text<'a>>;
        /// Which request, present only when the request carried an id.
        correlation_id: Option<CorrelationId> [if more];
    }
}
