package io.fusedax.backing;

/**
 * Every statistic there is. The values live in {@link Counters}.
 *
 * <p>The keys are part of the user interface (statistics output, tests, scripts): a key never
 * changes its meaning.
 */
public enum Counter {
    // Calls, one counter for each kind. A call that failed counts too.
    /** Name lookups in a directory. */
    OP_LOOKUP("op_lookup", Unit.COUNT, "Name lookups in a directory."),
    /** Attribute reads (stat). */
    OP_GETATTR("op_getattr", Unit.COUNT, "Attribute reads (stat)."),
    /** Attribute changes: mode, owner, flags. */
    OP_SETATTR("op_setattr", Unit.COUNT, "Attribute changes: mode, owner, flags."),
    /** Special files and FIFOs made. */
    OP_MKNOD("op_mknod", Unit.COUNT, "Special files and FIFOs made."),
    /** Directories made. */
    OP_MKDIR("op_mkdir", Unit.COUNT, "Directories made."),
    /** Names of files removed. */
    OP_UNLINK("op_unlink", Unit.COUNT, "Names of files removed."),
    /** Directories removed. */
    OP_RMDIR("op_rmdir", Unit.COUNT, "Directories removed."),
    /** Symbolic links made. */
    OP_SYMLINK("op_symlink", Unit.COUNT, "Symbolic links made."),
    /** Symbolic links read. */
    OP_READLINK("op_readlink", Unit.COUNT, "Symbolic links read."),
    /** Names moved or exchanged. */
    OP_RENAME("op_rename", Unit.COUNT, "Names moved or exchanged."),
    /** Hard links made. */
    OP_LINK("op_link", Unit.COUNT, "Hard links made."),
    /** Files opened. */
    OP_OPEN("op_open", Unit.COUNT, "Files opened."),
    /** Files created and opened. */
    OP_CREATE("op_create", Unit.COUNT, "Files created and opened."),
    /** Read calls on files. */
    OP_READ("op_read", Unit.COUNT, "Read calls on files."),
    /** Write calls on files. */
    OP_WRITE("op_write", Unit.COUNT, "Write calls on files."),
    /** Ranges preallocated, zeroed or punched. */
    OP_FALLOCATE("op_fallocate", Unit.COUNT, "Ranges preallocated, zeroed or punched."),
    /** File sizes set. */
    OP_TRUNCATE("op_truncate", Unit.COUNT, "File sizes set."),
    /** fsync calls. */
    OP_FSYNC("op_fsync", Unit.COUNT, "fsync calls."),
    /** fdatasync calls. */
    OP_FDATASYNC("op_fdatasync", Unit.COUNT, "fdatasync calls."),
    /** Flush calls, one for each close of a descriptor. */
    OP_FLUSH("op_flush", Unit.COUNT, "Flush calls, one for each close of a descriptor."),
    /** Open files released. */
    OP_RELEASE("op_release", Unit.COUNT, "Open files released."),
    /** Directories opened. */
    OP_OPENDIR("op_opendir", Unit.COUNT, "Directories opened."),
    /** Directory listings, one for each batch of entries. */
    OP_READDIR("op_readdir", Unit.COUNT, "Directory listings, one for each batch of entries."),
    /** Volume statistics read. */
    OP_STATFS("op_statfs", Unit.COUNT, "Volume statistics read."),
    /** Extended attributes set. */
    OP_SETXATTR("op_setxattr", Unit.COUNT, "Extended attributes set."),
    /** Extended attributes read. */
    OP_GETXATTR("op_getxattr", Unit.COUNT, "Extended attributes read."),
    /** Extended attributes listed. */
    OP_LISTXATTR("op_listxattr", Unit.COUNT, "Extended attributes listed."),
    /** Extended attributes removed. */
    OP_REMOVEXATTR("op_removexattr", Unit.COUNT, "Extended attributes removed."),
    /** Time stamps set. */
    OP_UTIMENS("op_utimens", Unit.COUNT, "Time stamps set."),
    /** ioctl calls. */
    OP_IOCTL("op_ioctl", Unit.COUNT, "ioctl calls."),
    /** Permission checks asked for. */
    OP_ACCESS("op_access", Unit.COUNT, "Permission checks asked for."),
    /** Calls of any kind answered with an error. */
    OP_ERRORS("op_errors", Unit.COUNT, "Calls of any kind answered with an error."),

    // File data moved by calls.
    /** File bytes returned by read calls. */
    BYTES_READ("bytes_read", Unit.BYTES, "File bytes returned by read calls."),
    /** File bytes taken by write calls. */
    BYTES_WRITTEN("bytes_written", Unit.BYTES, "File bytes taken by write calls."),

    // Journal. Each commit counts under the one cause that started it.
    /** Commits started by fsync or fdatasync. */
    JOURNAL_COMMITS_FSYNC(
            "journal_commits_fsync", Unit.COUNT, "Commits started by fsync or fdatasync."),
    /** Commits started by an explicit sync command. */
    JOURNAL_COMMITS_SYNC(
            "journal_commits_sync", Unit.COUNT, "Commits started by an explicit sync command."),
    /** Commits started by a write to a file opened O_SYNC or O_DSYNC. */
    JOURNAL_COMMITS_O_SYNC(
            "journal_commits_o_sync",
            Unit.COUNT,
            "Commits started by a write to a file opened O_SYNC or O_DSYNC."),
    /** Commits started because the commit interval was over. */
    JOURNAL_COMMITS_INTERVAL(
            "journal_commits_interval",
            Unit.COUNT,
            "Commits started because the commit interval was over."),
    /** Commits started because the running transaction or the journal was nearly full. */
    JOURNAL_COMMITS_PRESSURE(
            "journal_commits_pressure",
            Unit.COUNT,
            "Commits started because the running transaction or the journal was nearly full."),
    /** Commits started by unmounting. */
    JOURNAL_COMMITS_UNMOUNT(
            "journal_commits_unmount", Unit.COUNT, "Commits started by unmounting."),
    /** Commits started by a synchronous write fault (MAP_SYNC). */
    JOURNAL_COMMITS_FAULT(
            "journal_commits_fault",
            Unit.COUNT,
            "Commits started by a synchronous write fault (MAP_SYNC)."),
    /** Commits started to get back freed blocks that an allocation needed. */
    JOURNAL_COMMITS_NOSPACE(
            "journal_commits_nospace",
            Unit.COUNT,
            "Commits started to get back freed blocks that an allocation needed."),
    /** Time spent in commits of any cause. */
    JOURNAL_COMMIT_NANOSECONDS(
            "journal_commit_nanoseconds", Unit.NANOSECONDS, "Time spent in commits of any cause."),
    /** Bytes written to the journal: records, descriptors and commit marks. */
    JOURNAL_LOGGED_BYTES(
            "journal_logged_bytes",
            Unit.BYTES,
            "Bytes written to the journal: records, descriptors and commit marks."),
    /** Metadata structures or blocks written to the journal. */
    JOURNAL_LOGGED_BLOCKS(
            "journal_logged_blocks",
            Unit.COUNT,
            "Metadata structures or blocks written to the journal."),
    /** Checkpoints: committed metadata written home and journal space reclaimed. */
    JOURNAL_CHECKPOINTS(
            "journal_checkpoints",
            Unit.COUNT,
            "Checkpoints: committed metadata written home and journal space reclaimed."),
    /** Committed transactions replayed when the volume was opened. */
    JOURNAL_RECOVERED_TRANSACTIONS(
            "journal_recovered_transactions",
            Unit.COUNT,
            "Committed transactions replayed when the volume was opened."),

    // Region: the emulated persistent memory itself.
    /** Ranges handed to write-back. */
    REGION_FLUSHES("region_flushes", Unit.COUNT, "Ranges handed to write-back."),
    /** Bytes handed to write-back. */
    REGION_FLUSHED_BYTES("region_flushed_bytes", Unit.BYTES, "Bytes handed to write-back."),
    /** Waits until everything flushed is durable. */
    REGION_DRAINS("region_drains", Unit.COUNT, "Waits until everything flushed is durable."),
    /** msync system calls made by drains. */
    REGION_MSYNCS("region_msyncs", Unit.COUNT, "msync system calls made by drains."),
    /** fdatasync system calls made by drains, when there were too many ranges for msync. */
    REGION_FDATASYNCS(
            "region_fdatasyncs",
            Unit.COUNT,
            "fdatasync system calls made by drains, when there were too many ranges for msync."),

    // Space.
    /** Extents allocated. */
    ALLOCATIONS("allocations", Unit.COUNT, "Extents allocated."),
    /** Blocks allocated. */
    ALLOCATED_BLOCKS("allocated_blocks", Unit.COUNT, "Blocks allocated."),
    /** Extents freed. */
    FREES("frees", Unit.COUNT, "Extents freed."),
    /** Blocks freed. */
    FREED_BLOCKS("freed_blocks", Unit.COUNT, "Blocks freed."),

    // Caches in the daemon's memory.
    /** Look-ups answered from the metadata cache. */
    METADATA_CACHE_HITS(
            "metadata_cache_hits", Unit.COUNT, "Look-ups answered from the metadata cache."),
    /** Look-ups the metadata cache could not answer. */
    METADATA_CACHE_MISSES(
            "metadata_cache_misses", Unit.COUNT, "Look-ups the metadata cache could not answer."),
    /** Entries dropped from the metadata cache to bound it. */
    METADATA_CACHE_EVICTIONS(
            "metadata_cache_evictions",
            Unit.COUNT,
            "Entries dropped from the metadata cache to bound it."),
    /** Look-ups answered from the inode cache. */
    INODE_CACHE_HITS("inode_cache_hits", Unit.COUNT, "Look-ups answered from the inode cache."),
    /** Look-ups the inode cache could not answer. */
    INODE_CACHE_MISSES(
            "inode_cache_misses", Unit.COUNT, "Look-ups the inode cache could not answer."),
    /** Entries dropped from the inode cache to bound it. */
    INODE_CACHE_EVICTIONS(
            "inode_cache_evictions",
            Unit.COUNT,
            "Entries dropped from the inode cache to bound it."),

    // Faults of direct mappings.
    /** First loads from a page of a direct mapping. */
    READ_FAULTS("read_faults", Unit.COUNT, "First loads from a page of a direct mapping."),
    /** First stores to a page of a direct mapping. */
    WRITE_FAULTS("write_faults", Unit.COUNT, "First stores to a page of a direct mapping."),
    /** Write faults on MAP_SYNC mappings. */
    SYNCHRONOUS_FAULTS("synchronous_faults", Unit.COUNT, "Write faults on MAP_SYNC mappings."),
    /** Faults answered with a whole 2 MiB page. */
    HUGE_FAULTS("huge_faults", Unit.COUNT, "Faults answered with a whole 2 MiB page."),
    /** Faults that asked for a 2 MiB page and were answered with 4 KiB. */
    FALLBACK_FAULTS(
            "fallback_faults",
            Unit.COUNT,
            "Faults that asked for a 2 MiB page and were answered with 4 KiB."),
    /** Write faults that came by userfaultfd. */
    GUARDED_FAULTS("guarded_faults", Unit.COUNT, "Write faults that came by userfaultfd."),
    /** Synchronous faults that had to commit the journal before the store. */
    FAULT_COMMITS(
            "fault_commits",
            Unit.COUNT,
            "Synchronous faults that had to commit the journal before the store."),
    /** Faults on holes and unwritten blocks answered with zeros. */
    ZERO_PAGE_GRANTS(
            "zero_page_grants",
            Unit.COUNT,
            "Faults on holes and unwritten blocks answered with zeros."),
    /** Ranges taken back from direct mappings. */
    REVOCATIONS("revocations", Unit.COUNT, "Ranges taken back from direct mappings."),
    /** Programs cut off because they did not give a range back in time. */
    REVOCATION_TIMEOUTS(
            "revocation_timeouts",
            Unit.COUNT,
            "Programs cut off because they did not give a range back in time.");

    private final String key;
    private final String unit;
    private final String help;

    Counter(String key, String unit, String help) {
        this.key = key;
        this.unit = unit;
        this.help = help;
    }

    /** The name shown to users, snake_case, unique. */
    public String key() {
        return key;
    }

    /** One of {@code "count"}, {@code "bytes"}, {@code "nanoseconds"}. */
    public String unit() {
        return unit;
    }

    /** One English sentence that says what is counted. */
    public String help() {
        return help;
    }

    private static final class Unit {
        static final String COUNT = "count";
        static final String BYTES = "bytes";
        static final String NANOSECONDS = "nanoseconds";

        private Unit() {}
    }
}
