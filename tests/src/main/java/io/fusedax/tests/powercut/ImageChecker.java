package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.volume.CheckReport;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeChecker;
import io.fusedax.backing.volume.VolumeOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * What must hold of an image: it mounts, the tree is a state that the workload allows, fsck finds
 * nothing before or after recovery, and a second recovery changes nothing.
 */
final class ImageChecker {
    private static final int SECOND_RECOVERY_EVERY = 8;

    private final VolumeOptions options = Template.options(new long[] {1 << 19});
    private final TreeReader reader = new TreeReader();
    private final InodeAttributes attributes = new InodeAttributes();
    private int fsckEvery = 1;

    /** Whether power went while a mount began. */
    private boolean mounting;

    private long checked;

    /** Runs fsck for one of so many images only. */
    void fsckEvery(int images) {
        fsckEvery = images;
    }

    /**
     * States that an image may show.
     *
     * @param done steps that had returned
     * @param first oldest state, in steps
     * @param last newest state
     * @param mounting whether power went while a mount began
     */
    record Range(int done, int first, int last, boolean mounting) {
        Range whileMounting() {
            return new Range(done, first, last, true);
        }
    }

    /** Checks an image, which recovery changes. */
    void check(ArrayRegion image, Recording recording, Range range) throws Violation {
        checked++;
        mounting = range.mounting;
        try {
            boolean wanted = checked % fsckEvery == 0;
            boolean checkFirst = checked / fsckEvery % 2 == 0;
            if (wanted && checkFirst) {
                fsck(image, "before recovery");
            }
            Volume volume = Volume.open(image, options);
            reader.read(volume);
            checkNoOrphans(volume);
            match(volume, recording, range);
            if (checked % SECOND_RECOVERY_EVERY == 1) {
                volume = recoverAgain(image);
            }
            if (wanted && !checkFirst) {
                volume.close();
                fsck(image, "after recovery");
            }
        } catch (FsException | RuntimeException e) {
            throw new Violation("does not mount: " + e + where(e));
        }
    }

    private static String where(Exception e) {
        if (e instanceof FsException) {
            return "";
        }
        StackTraceElement[] trace = e.getStackTrace();
        return trace.length == 0 ? "" : " at " + trace[0];
    }

    private Volume recoverAgain(ArrayRegion image) throws FsException, Violation {
        long shape = reader.shape;
        long content = reader.content;
        Volume again = Volume.open(image, options);
        reader.read(again);
        if (reader.shape != shape || reader.content != content) {
            throw new Violation("a second recovery changes the tree");
        }
        return again;
    }

    /** The mount state is stored directly, may be torn, and steers nothing: see DESIGN.md. */
    private boolean mayBeSaid(String line) {
        return mounting && line.startsWith("mount state")
                || line.startsWith("journal: transactions=")
                || line.endsWith("it was being written when power went");
    }

    /** Recovery has freed the files that were open without a name. */
    private void checkNoOrphans(Volume volume) throws FsException, Violation {
        volume.getattr(InodeNumbers.ORPHANS, attributes);
        if (attributes.sizeBytes != 0) {
            throw new Violation("orphans are left");
        }
    }

    private void fsck(ArrayRegion image, String when) throws FsException, Violation {
        CheckReport report = VolumeChecker.check(image, false, line -> {});
        if (report.messages().stream().anyMatch(line -> !mayBeSaid(line))) {
            throw new Violation("fsck " + when + ": " + report.messages());
        }
    }

    private void match(Volume volume, Recording recording, Range range)
            throws FsException, Violation {
        boolean sameShape = false;
        for (int i = range.last; i >= range.first; i--) {
            TreeState state = recording.states.get(i);
            if (state.shape == reader.shape) {
                if (state.content == reader.content && range.first == range.last) {
                    return;
                }
                sameShape = true;
            }
        }
        if (sameShape) {
            checkContents(volume, recording, range);
            return;
        }
        throw new Violation(
                "the tree is none of those after " + range.first + " to " + range.last + " steps");
    }

    /** Every word must be one that its file held since its data was last made durable. */
    private void checkContents(Volume volume, Recording recording, Range range)
            throws FsException, Violation {
        TreeState found = reader.keep(volume, null);
        Map<Long, Integer> floors = recording.contentFloors.get(range.done);
        for (Map.Entry<Long, TreeState.Node> entry : found.nodes.entrySet()) {
            byte[] bytes = entry.getValue().bytes;
            if (bytes != null) {
                int floor = floors.getOrDefault(entry.getKey(), 0);
                checkContent(entry.getKey(), bytes, recording, floor, range.last);
            }
        }
    }

    private static void checkContent(
            long key, byte[] found, Recording recording, int first, int last) throws Violation {
        List<byte[]> versions = new ArrayList<>(); // the newest first
        for (int i = last; i >= first; i--) {
            TreeState.Node node = recording.states.get(i).nodes.get(key);
            if (node != null
                    && (versions.isEmpty() || node.bytes != versions.get(versions.size() - 1))) {
                versions.add(node.bytes);
            }
        }
        int at = versions.isEmpty() ? 0 : Arrays.mismatch(found, versions.get(0));
        for (at = at < 0 ? found.length : at & -8; at < found.length; at += 8) {
            int end = Math.min(at + 8, found.length);
            if (!held(versions, found, at, end)
                    && !couldHold(key, found, at, recording, first, last)) {
                throw new Violation(
                        "inode "
                                + TreeState.inodeOf(key)
                                + " at byte "
                                + at
                                + " holds "
                                + HexFormat.of().formatHex(found, at, end)
                                + ", which it never did after "
                                + first
                                + " to "
                                + last
                                + " steps");
            }
        }
    }

    private static boolean held(List<byte[]> versions, byte[] found, int at, int end) {
        for (byte[] bytes : versions) {
            if (end <= bytes.length && Arrays.equals(bytes, at, end, found, at, end)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Power keeps what one step stored in a word and not what another did. So where steps stored
     * only a part of the word, each part may be of another version; else the word is one's. Where a
     * step moved bytes within the file, they may come from any whole block's distance.
     */
    private static boolean couldHold(
            long key, byte[] found, int at, Recording recording, int first, int last) {
        boolean moves = false;
        for (int i = first; i < last; i++) {
            moves |= recording.steps.get(i).kind().movesData();
        }
        List<Long> words = new ArrayList<>();
        long starts = 1; // of parts: a bit for each byte
        byte[] before = null;
        for (int i = first; i <= last; i++) {
            TreeState.Node node = recording.states.get(i).nodes.get(key);
            if (node == null || node.bytes == before) {
                continue;
            }
            boolean stored = before != null && !recording.steps.get(i - 1).kind().movesData();
            int from = moves ? at % Geometry.BLOCK_BYTES : at;
            do {
                long now = word(node.bytes, from);
                words.add(now);
                int changed = stored ? differingBytes(word(before, from), now) : 0;
                starts |= changed ^ changed << 1;
                from += Geometry.BLOCK_BYTES;
            } while (moves && from < node.bytes.length);
            before = node.bytes;
        }
        return partsAreOf(words, starts, word(found, at), Math.min(8, found.length - at));
    }

    private static boolean partsAreOf(List<Long> words, long starts, long found, int length) {
        for (int from = 0; from < length; ) {
            int to = from + 1;
            while (to < length && (starts >>> to & 1) == 0) {
                to++;
            }
            long part = -1L >>> 64 - (to - from) * 8 << from * 8;
            if (words.stream().noneMatch(word -> ((word ^ found) & part) == 0)) {
                return false;
            }
            from = to;
        }
        return true;
    }

    /** Little-endian; zeros behind the end. */
    private static long word(byte[] bytes, int at) {
        long word = 0;
        for (int i = Math.min(at + 8, bytes.length) - 1; i >= at; i--) {
            word = word << 8 | bytes[i] & 0xFF;
        }
        return word;
    }

    /** A bit for each byte. */
    private static int differingBytes(long a, long b) {
        int bytes = 0;
        for (int i = 0; i < 8; i++) {
            bytes |= ((a ^ b) >>> i * 8 & 0xFF) == 0 ? 0 : 1 << i;
        }
        return bytes;
    }
}
