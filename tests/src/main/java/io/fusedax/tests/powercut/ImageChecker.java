package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
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
        List<byte[]> versions = new ArrayList<>();
        byte[] newest = null;
        for (int i = last; i >= first; i--) {
            TreeState.Node node = recording.states.get(i).nodes.get(key);
            if (node != null && node.bytes != newest) {
                newest = node.bytes;
                versions.add(newest);
            }
        }
        int at = newest == null ? 0 : Arrays.mismatch(found, versions.get(0));
        for (at = at < 0 ? found.length : at & -8; at < found.length; at += 8) {
            int end = Math.min(at + 8, found.length);
            boolean held = false;
            for (int i = 0; i < versions.size() && !held; i++) {
                held = holds(versions.get(i), found, at, end);
            }
            held = held || endsWithin(versions, found, at, end);
            if (!held && !moved(key, found, at, end, recording, first, last)) {
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

    /** A version of the file ends within the word: bytes of it, and of another one behind. */
    private static boolean endsWithin(List<byte[]> versions, byte[] found, int at, int end) {
        boolean ends = false;
        for (byte[] version : versions) {
            ends |= version.length > at && version.length < end;
        }
        for (int i = at; ends && i < end; i++) {
            boolean held = false;
            for (byte[] version : versions) {
                held |= holds(version, found, i, i + 1);
            }
            ends = held;
        }
        return ends;
    }

    private static boolean holds(byte[] bytes, byte[] found, int at, int end) {
        return end <= bytes.length && Arrays.equals(bytes, at, end, found, at, end);
    }

    /** Where a step moved bytes within files, the word may come from any whole block's distance. */
    private static boolean moved(
            long key, byte[] found, int at, int end, Recording recording, int first, int last) {
        boolean moves = false;
        for (int i = first; i < last; i++) {
            moves |= recording.steps.get(i).kind().movesData();
        }
        for (int i = first; moves && i <= last; i++) {
            TreeState.Node node = recording.states.get(i).nodes.get(key);
            for (int from = at % 4096; node != null && from < node.bytes.length; from += 4096) {
                int length = Math.min(end - at, node.bytes.length - from);
                if (Arrays.equals(node.bytes, from, from + length, found, at, at + length)) {
                    return true;
                }
            }
        }
        return false;
    }
}
