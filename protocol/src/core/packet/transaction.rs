//! Transactions of a session and XA branches.

use super::layout::layout;
use crate::core::cursor::{CursorError, Reader, Writer};
use crate::core::identity::CorrelationId;
use crate::core::list::{List, ListItem};
use crate::core::version::Version;
use crate::core::wire::Wire;
use crate::limits;

layout! {
    /// `SESS_COMMIT`: always answered.
    Commit {
        /// Present when a client from 132 on waits for the answer.
        correlation_id: Option<CorrelationId> [if more];
    }
}

layout! {
    /// `SESS_ROLLBACK`.
    Rollback {
        /// Whether the first delivery of each consumer counts as seen by the application.
        consider_last_message_as_delivered: bool;
    }
}

/// An XA transaction id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Xid<'a> {
    /// Says how the two parts are to be read.
    pub format_id: i32,
    /// Which branch.
    pub branch_qualifier: &'a [u8],
    /// Which transaction.
    pub global_transaction_id: &'a [u8],
}

impl<'a> Wire<'a> for Xid<'a> {
    fn read(reader: &mut Reader<'a>, _version: Version) -> Result<Self, CursorError> {
        let part = |error: CursorError| error.in_field("xid");
        Ok(Xid {
            format_id: reader.i32().map_err(part)?,
            branch_qualifier: reader.blob(limits::XID_PART_BYTES_MAX).map_err(part)?,
            global_transaction_id: reader.blob(limits::XID_PART_BYTES_MAX).map_err(part)?,
        })
    }

    fn write(&self, writer: &mut Writer<'_>, _version: Version) {
        writer.i32(self.format_id);
        writer.blob(self.branch_qualifier);
        writer.blob(self.global_transaction_id);
    }
}

impl<'a> ListItem<'a> for Xid<'a> {
    const COUNT_MAX: usize = limits::XIDS_MAX;
}

layout! {
    /// The requests that carry nothing but a branch.
    XaBranch<'a> {
        /// The branch.
        xid: Xid<'a>;
    }
}

layout! {
    /// `SESS_XA_END`.
    XaEnd<'a> {
        /// The branch.
        xid: Xid<'a>;
        /// Whether the work failed.
        failed: bool;
    }
}

layout! {
    /// `SESS_XA_COMMIT`.
    XaCommit<'a> {
        /// The branch.
        xid: Xid<'a>;
        /// Whether it was not prepared.
        one_phase: bool;
    }
}

layout! {
    /// `SESS_XA_INDOUBT_XIDS_RESP`.
    XidList<'a> {
        /// The prepared transactions of the server.
        xids: List<'a, Xid<'a>>;
    }
}

layout! {
    /// `SESS_XA_SET_TIMEOUT` and the answer to its counterpart.
    XaSeconds {
        /// How long a branch may take.
        seconds: i32;
    }
}

layout! {
    /// `SESS_XA_SET_TIMEOUT_RESP`.
    XaTimeoutSet {
        /// Whether it was taken.
        ok: bool;
    }
}
