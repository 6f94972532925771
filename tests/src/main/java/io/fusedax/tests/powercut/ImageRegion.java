package io.fusedax.tests.powercut;

import io.fusedax.backing.region.ArrayRegion;

/** An image under check; what recovery and the check stored is taken back page by page. */
final class ImageRegion extends ArrayRegion {
    private static final int PAGE_SHIFT = 12;

    private final boolean[] dirty;
    private final int[] dirtyPages;
    private int dirtyCount;

    ImageRegion(byte[] image) {
        super(image);
        dirty = new boolean[image.length >> PAGE_SHIFT];
        dirtyPages = new int[dirty.length];
    }

    /** Notes that a range differs, or soon will, from what {@link #restore} brings back. */
    @Override
    protected void storing(int offset, int lengthBytes) {
        int end = offset + lengthBytes - 1 >> PAGE_SHIFT;
        for (int page = offset >> PAGE_SHIFT; page <= end; page++) {
            if (!dirty[page]) {
                dirty[page] = true;
                dirtyPages[dirtyCount++] = page;
            }
        }
    }

    void restore(byte[] from) {
        for (int i = 0; i < dirtyCount; i++) {
            int page = dirtyPages[i];
            dirty[page] = false;
            int at = page << PAGE_SHIFT;
            System.arraycopy(from, at, bytes, at, 1 << PAGE_SHIFT);
        }
        dirtyCount = 0;
    }
}
