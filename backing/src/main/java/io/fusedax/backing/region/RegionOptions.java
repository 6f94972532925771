package io.fusedax.backing.region;

import java.util.Objects;

/**
 * How to open a region.
 *
 * @param readOnly leave the media untouched: stores stay in private memory; any number of read-only
 *     openers may share
 * @param persistMode how stores become durable; without effect on a read-only region
 * @param createSizeBytes 0 to open what is there; otherwise make the file if it is missing or
 *     empty, sparse, of this size in bytes rounded down to {@link Region#PAGE_BYTES}. A file that
 *     has bytes must have just that size, or {@code overwrite} must be set
 * @param overwrite with {@code createSizeBytes}: throw away what an existing file holds, once it is
 *     ours alone
 * @param preallocate with {@code createSizeBytes}: take all its storage from the host now. A sparse
 *     region can meet a full host file system at any store, see {@link Region}
 */
public record RegionOptions(
        boolean readOnly,
        PersistMode persistMode,
        long createSizeBytes,
        boolean overwrite,
        boolean preallocate) {

    public RegionOptions {
        Objects.requireNonNull(persistMode, "persistMode");
    }

    /** Open what is there, writable if it can be, AUTO persistence. */
    public static RegionOptions defaults() {
        return new RegionOptions(false, PersistMode.AUTO, 0, false, false);
    }

    /** As this, with another {@link #readOnly()}. */
    public RegionOptions withReadOnly(boolean newReadOnly) {
        return new RegionOptions(newReadOnly, persistMode, createSizeBytes, overwrite, preallocate);
    }

    /** As this, with another {@link #persistMode()}. */
    public RegionOptions withPersistMode(PersistMode newPersistMode) {
        return new RegionOptions(readOnly, newPersistMode, createSizeBytes, overwrite, preallocate);
    }

    /** As this, with another {@link #createSizeBytes()}. */
    public RegionOptions withCreateSizeBytes(long newCreateSizeBytes) {
        return new RegionOptions(readOnly, persistMode, newCreateSizeBytes, overwrite, preallocate);
    }

    /** As this, with another {@link #overwrite()}. */
    public RegionOptions withOverwrite(boolean newOverwrite) {
        return new RegionOptions(readOnly, persistMode, createSizeBytes, newOverwrite, preallocate);
    }

    /** As this, with another {@link #preallocate()}. */
    public RegionOptions withPreallocate(boolean newPreallocate) {
        return new RegionOptions(readOnly, persistMode, createSizeBytes, overwrite, newPreallocate);
    }
}
