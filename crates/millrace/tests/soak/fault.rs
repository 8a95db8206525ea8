//! The faults, and what each stands for in a life of years.

use crate::home::Kind;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    /// The out-of-memory killer, a power cut of ours.
    Kill,
    /// The same, again and again as soon as it is back: while it recovers.
    KillOften,
    /// The first copy of everything, killed on its way, once or more.
    KillInCopy,
    /// An orderly restart of ours, under load.
    Drain,
    /// Maintenance of the source.
    RestartPostgres,
    /// The source's own crash.
    CrashPostgres,
    /// Both at once: a machine that goes down.
    CrashBoth,
    /// An administrator, a failover proxy or a network that ends the replication session.
    EndWalsender,
    /// A second reader on our slot, while we are away.
    SlotTaken,
    /// The store's disk is full for a while.
    DiskFull,
    /// Killed while the store's disk is full, and there is room only later.
    KillDiskFull,
    /// Tables copied again beside the stream, killed on the way or not.
    Resync,
    /// Paused for a while, killed meanwhile or not.
    Pause,
    /// Tables get other options while it runs, killed on the way or not.
    Reload,
    /// A column gets another type, and its table is copied again.
    Retype,
    /// Columns come, go and change, several at once, killed in between or not.
    Alter,
    /// A table gets another name, and later its old one again, killed in between or not.
    Rename,
    /// A transaction of many rows, with changes and deletions of its own, killed in it or not.
    LargeTransaction,
    /// The network is cut, again and again.
    Cut,
    /// The network passes nothing for a while, and does not say so; then everything is slow.
    HoldUp,
    /// The store's server crashes and comes back, soon or late, with us killed meanwhile or not.
    StoreKilled,
    /// The network to it is cut, again and again, for moments or so long that the spool is used.
    StoreCut,
    /// It passes nothing, and does not say so; then everything is slow.
    StoreHeldUp,
    /// The spool's disk is full while the store is away, and we are killed in it or not.
    SpoolFull,
}

impl Fault {
    const ALL: [Fault; 24] = [
        Fault::Kill,
        Fault::KillOften,
        Fault::KillInCopy,
        Fault::Drain,
        Fault::RestartPostgres,
        Fault::CrashPostgres,
        Fault::CrashBoth,
        Fault::EndWalsender,
        Fault::SlotTaken,
        Fault::DiskFull,
        Fault::KillDiskFull,
        Fault::Resync,
        Fault::Pause,
        Fault::Reload,
        Fault::Retype,
        Fault::Alter,
        Fault::Rename,
        Fault::LargeTransaction,
        Fault::Cut,
        Fault::HoldUp,
        Fault::StoreKilled,
        Fault::StoreCut,
        Fault::StoreHeldUp,
        Fault::SpoolFull,
    ];

    /// All that such a store may meet.
    pub(crate) fn of(kind: Kind, has_small_disk: bool) -> Vec<Fault> {
        let is_met = |fault: &Fault| match fault {
            Fault::DiskFull | Fault::KillDiskFull => kind == Kind::Engine && has_small_disk,
            Fault::SpoolFull => kind == Kind::Server && has_small_disk,
            Fault::StoreKilled | Fault::StoreCut | Fault::StoreHeldUp => kind == Kind::Server,
            _ => true,
        };
        Fault::ALL.into_iter().filter(is_met).collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Kill => "kill -9",
            Fault::KillOften => "kill -9 often",
            Fault::KillInCopy => "kill -9 in copy",
            Fault::Drain => "SIGTERM",
            Fault::RestartPostgres => "postgres restart",
            Fault::CrashPostgres => "postgres crash",
            Fault::CrashBoth => "both crash",
            Fault::EndWalsender => "walsender ended",
            Fault::SlotTaken => "slot taken",
            Fault::DiskFull => "disk full",
            Fault::KillDiskFull => "kill, disk full",
            Fault::Resync => "resync",
            Fault::Pause => "pause",
            Fault::Reload => "reload",
            Fault::Retype => "retype",
            Fault::Alter => "schema changes",
            Fault::Rename => "rename",
            Fault::LargeTransaction => "large transaction",
            Fault::Cut => "network cut",
            Fault::HoldUp => "network held up",
            Fault::StoreKilled => "store killed",
            Fault::StoreCut => "store cut off",
            Fault::StoreHeldUp => "store held up",
            Fault::SpoolFull => "spool's disk full",
        }
    }
}
