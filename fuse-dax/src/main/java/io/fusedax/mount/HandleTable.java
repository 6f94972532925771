package io.fusedax.mount;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The open files and directories, by the numbers the kernel knows them by. Looking one up takes no
 * lock. Numbers are reused; 0 is none. Safe for any number of threads.
 */
final class HandleTable {
    private static final int CHUNK_LOG2 = 10;
    private static final int CHUNK_SLOTS = 1 << CHUNK_LOG2;

    private volatile List<AtomicReferenceArray<OpenHandle>> chunks = List.of(newChunk());
    private long[] freeNumbers = new long[CHUNK_SLOTS];
    private int freeCount;
    private long nextNumber = 1;

    /** Enters a handle and returns its number. */
    synchronized long add(OpenHandle handle) {
        long number = freeCount > 0 ? freeNumbers[--freeCount] : nextNumber++;
        int chunk = (int) (number >>> CHUNK_LOG2);
        if (chunk == chunks.size()) {
            List<AtomicReferenceArray<OpenHandle>> grown = new ArrayList<>(chunks);
            grown.add(newChunk());
            chunks = List.copyOf(grown);
        }
        chunks.get(chunk).set((int) number & CHUNK_SLOTS - 1, handle);
        return number;
    }

    /** The handle, null if the number is not in use. */
    OpenHandle get(long number) {
        List<AtomicReferenceArray<OpenHandle>> current = chunks;
        long chunk = number >>> CHUNK_LOG2;
        return chunk < current.size()
                ? current.get((int) chunk).get((int) number & CHUNK_SLOTS - 1)
                : null;
    }

    /** Takes a handle out; null if the number is not in use. */
    synchronized OpenHandle remove(long number) {
        OpenHandle handle = get(number);
        if (handle != null) {
            chunks.get((int) (number >>> CHUNK_LOG2)).set((int) number & CHUNK_SLOTS - 1, null);
            if (freeCount == freeNumbers.length) {
                freeNumbers = java.util.Arrays.copyOf(freeNumbers, 2 * freeCount);
            }
            freeNumbers[freeCount++] = number;
        }
        return handle;
    }

    /** Takes out every handle, at the end of a mount. */
    synchronized List<OpenHandle> removeAll() {
        List<OpenHandle> handles = new ArrayList<>();
        for (long number = 1; number < nextNumber; number++) {
            OpenHandle handle = remove(number);
            if (handle != null) {
                handles.add(handle);
            }
        }
        return handles;
    }

    private static AtomicReferenceArray<OpenHandle> newChunk() {
        return new AtomicReferenceArray<>(CHUNK_SLOTS);
    }
}
