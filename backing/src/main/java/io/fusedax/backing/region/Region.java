package io.fusedax.backing.region;

import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import java.nio.file.Path;
import java.util.Optional;
import jnr.constants.platform.Errno;

/**
 * One contiguous range of emulated persistent memory: the one seam under everything else.
 *
 * <p><b>Addressing.</b> Offsets and lengths are bytes from the start of the region. Numbers are
 * little-endian at any alignment. Every access is checked in long arithmetic: an offset below 0 or
 * a range that ends beyond {@link #sizeBytes()} throws {@link IndexOutOfBoundsException}, whatever
 * a corrupt image says. A range of length 0 is allowed anywhere in 0..sizeBytes. After {@link
 * #close()} every access throws {@link IllegalStateException}.
 *
 * <p><b>Durability.</b> A store may become durable at any moment from when it is made, in any
 * order, and surely is so only after {@link #flush} of its range and then {@link #drain}. Between
 * the two nothing is promised. On power loss the smallest piece that is never torn is an aligned
 * 8-byte word; everything larger can be half there.
 *
 * <p><b>Storage.</b> When the host cannot provide the storage of a page (its file system is full,
 * the file was cut from outside, a disk error), {@link #readTo} throws {@link MediaErrorException}.
 * Any other access throws {@link InternalError}, possibly many steps late or on the thread's next
 * call of something else, and a load has told nonsense or a store is half done meanwhile: that is
 * all the virtual machine offers. So metadata has checksums, {@link #drain} does not return if the
 * file is shorter than it was, and a page gets its storage by {@link #provide} before stores to it.
 *
 * <p><b>Threads.</b> Any number of threads may use a region. Stores to the same bytes are not
 * ordered for them; that is the caller's work. {@code close} must not run together with any other
 * call.
 */
public interface Region extends AutoCloseable {
    /** The smallest region and the unit of region sizes: one page. */
    int PAGE_BYTES = 4096;

    /** The size, a positive multiple of {@link #PAGE_BYTES}; never changes. */
    long sizeBytes();

    /** What the region lies on. */
    RegionKind kind();

    /**
     * What offsets, lengths and addresses of a mapping of this region must be multiples of: 4096
     * for files and memory, up to 1 GiB for devices; a power of two.
     */
    int alignmentBytes();

    /**
     * Whether the media is left untouched. Stores to a read-only region work but stay in private
     * memory, so that a journal can be replayed for reading; {@link #flush}, {@link #drain} and
     * {@link #punch} do nothing.
     */
    boolean readOnly();

    /** Names the region to people, in messages. */
    String description();

    /** Where another process can open the same region; empty when there is no such place. */
    default Optional<Path> path() {
        return Optional.empty();
    }

    /**
     * Opens the region once more, as an open file of its own without the lock.
     *
     * @return a descriptor, the caller's to close
     * @throws FsException EOPNOTSUPP where there is no file behind it
     */
    default int reopen(boolean writable) throws FsException {
        throw new FsException(Errno.EOPNOTSUPP, description() + ": cannot be mapped by others");
    }

    /** What makes stores durable. */
    FlushMechanism flushMechanism();

    /** Where this region counts its flushes and drains. */
    Counters counters();

    /**
     * The units that loads and stores fail on, which throw {@link MediaErrorException}; none but
     * those that were marked.
     */
    BadBlocks badBlocks();

    /** Loads 4 bytes. */
    int getInt(long offset);

    /** Loads 8 bytes; one piece if {@code offset} is a multiple of 8. */
    long getLong(long offset);

    /** Stores 4 bytes. */
    void putInt(long offset, int value);

    /** Stores 8 bytes; never torn by power loss if {@code offset} is a multiple of 8. */
    void putLong(long offset, long value);

    /** Loads {@code length} bytes into {@code dst} from {@code dstIndex}. */
    void read(long offset, byte[] dst, int dstIndex, int length);

    /** Stores {@code length} bytes of {@code src} from {@code srcIndex}. */
    void write(long offset, byte[] src, int srcIndex, int length);

    /**
     * Loads into native memory, such as a FUSE reply buffer.
     *
     * @param nativeAddress start of {@code lengthBytes} writable bytes; not checked
     */
    void readTo(long offset, long nativeAddress, long lengthBytes);

    /**
     * Stores from native memory, such as a FUSE request buffer.
     *
     * @param nativeAddress start of {@code lengthBytes} readable bytes; not checked
     */
    void writeFrom(long offset, long nativeAddress, long lengthBytes);

    /** Copies within the region; the ranges may overlap, as in memmove(3). */
    void copy(long fromOffset, long toOffset, long lengthBytes);

    /** Stores zeros. */
    void zero(long offset, long lengthBytes);

    /**
     * Hands a range to write-back. What was stored there before this call is durable once a {@link
     * #drain} that began after it (on any thread) has returned.
     */
    void flush(long offset, long lengthBytes);

    /**
     * Hands to write-back what other processes, too, stored to this region, ended or not, and did
     * not flush.
     *
     * @return false where only the caller can tell where that may be: then nothing was done
     */
    default boolean flushStrangers() {
        flush(0, sizeBytes());
        return true;
    }

    /** Whether {@link #flush} does anything; if not, nobody need find out what to flush. */
    default boolean needsFlush() {
        return true;
    }

    /**
     * Waits until every flush that happened before this call is durable, whichever thread made it
     * and whichever thread is writing it back. Writes nothing back when nothing was flushed since
     * the last drain.
     *
     * @throws MediaErrorException as {@link #checkStorage}
     * @throws java.io.UncheckedIOException if the media refused the data. It may be lost, so the
     *     region has failed for good: every later drain throws too.
     */
    void drain();

    /**
     * Says that a range is free, so that the storage behind it can be given back to the host. A
     * hint: it may do nothing. The content afterwards is either unchanged or zero, page by page,
     * durable or not, so the caller must have made durable that nobody needs the range before.
     */
    void punch(long offset, long lengthBytes);

    /**
     * Has the host give a range its storage before it is stored into. Cheap where it was done
     * before.
     *
     * @return how many bytes from {@code offset} on have storage; fewer than {@code lengthBytes}
     *     where the host is full
     * @throws FsException EIO when the host says anything else
     */
    default long provide(long offset, long lengthBytes) throws FsException {
        return lengthBytes; // memory has it
    }

    /**
     * As {@link #provide}, or not at all.
     *
     * @throws FsException ENOSPC also when the host has no storage for a part
     */
    default void provideAll(long offset, long lengthBytes) throws FsException {
        if (provide(offset, lengthBytes) < lengthBytes) {
            throw new FsException(
                    Errno.ENOSPC,
                    description()
                            + ": the host has no storage for offset="
                            + offset
                            + " length_bytes="
                            + lengthBytes);
        }
    }

    /**
     * Has the host hold storage back, 1 MiB, for those who free: they may have to store something
     * first. Does nothing while it is held.
     */
    default void holdStorageBack() {
        // memory is there
    }

    /**
     * Gives up what {@link #holdStorageBack} holds.
     *
     * @return whether there was any
     */
    default boolean releaseStorage() {
        return false;
    }

    /**
     * Looks whether the file behind the region is as long as it was.
     *
     * @throws MediaErrorException when it was cut: what lay behind its end is lost
     */
    default void checkStorage() {
        // nobody else reaches it
    }

    /** Whether the file behind the region has lost its name: it ends with who has it open. */
    default boolean isUnlinked() {
        return false;
    }

    /**
     * Unmaps the region and lets others open it. Makes nothing durable: {@link #drain} does. Does
     * nothing the second time.
     */
    @Override
    void close();
}
