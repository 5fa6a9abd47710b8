//! File descriptors: as many as the system lets this process have, shared out between the store and the clients.
//!
//! Whoever connects takes descriptors before anybody knows who it is. So clients get only what the store, and the broker itself, do not
//! need: whatever comes to the door, segments can be made and opened. Takes the limit of the process, gives both their shares.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::disk::FILES_OPEN_MAX;

/// What the process has open beside segments and clients: streams, locks, one ring, one eventfd and one listener for each core, what
/// the segment makers open for a moment; and connections that were accepted only to be closed.
const OWN: u64 = 64;
/// Files of one core that it cannot do without: those of its lanes that are written, are made, and are read back.
const FILES_MIN: u64 = 8;

/// Who may have how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Segment files that each core keeps open.
    pub(super) files: usize,
    /// Clients of the whole broker.
    pub(super) clients: usize,
}

/// Raises the limit of this process as far as it may, and shares it out. Tells if fewer clients can come than are wanted.
pub(super) fn share_out(cores: u16, clients_wanted: usize) -> Shares {
    let limit = raise();
    let shares = shares(limit, cores, clients_wanted);
    if shares.clients < clients_wanted {
        crate::event!(
            SV202,
            "acceptor.max-connections is {clients_wanted}, and no more than {} clients can come: RLIMIT_NOFILE is {limit}; to fix it set \
             LimitNOFILE=1048576 in the systemd unit, or run `ulimit -n 1048576`",
            shares.clients
        );
    }
    shares
}

/// The limit, after the soft one was raised to the hard one. One that cannot be asked for is the least that systems have.
fn raise() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}

fn shares(limit: u64, cores: u16, clients_wanted: usize) -> Shares {
    let cores = u64::from(cores.max(1));
    // Where there are few, clients get half of them.
    let most = FILES_OPEN_MAX as u64;
    let files = ((limit / 2).saturating_sub(OWN) / cores).clamp(FILES_MIN, most);
    let clients = limit.saturating_sub(OWN + cores * files).max(1);
    Shares {
        files: usize::try_from(files).unwrap_or(FILES_OPEN_MAX),
        clients: usize::try_from(clients).unwrap_or(usize::MAX).min(clients_wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_has_its_files_whoever_comes() {
        let wanted = 10_000;
        for cores in [1, 2, 8] {
            for limit in [256, 1024, 4096, 20_000, 1 << 20] {
                let Shares { files, clients } = shares(limit, cores, wanted);
                let all = OWN + u64::from(cores) * files as u64 + clients as u64;
                assert!(all <= limit, "{cores} cores, {limit}: {files} files, {clients} clients");
                assert!(files as u64 >= FILES_MIN && files <= FILES_OPEN_MAX && clients >= 32);
            }
        }
        assert_eq!(shares(1 << 20, 2, wanted), Shares { files: FILES_OPEN_MAX, clients: wanted });
        assert_eq!(shares(1024, 2, wanted), Shares { files: FILES_OPEN_MAX, clients: 1024 - 64 - 2 * 192 });
        assert_eq!(shares(256, 2, wanted), Shares { files: 32, clients: 128 });
        assert_eq!(shares(30, 2, wanted).clients, 1, "hopeless, and no reason to panic");
    }
}
