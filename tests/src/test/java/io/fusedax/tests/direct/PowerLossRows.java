package io.fusedax.tests.direct;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rows of dax-after-power-loss.txt, and whether another file system's are as good.
 *
 * <p>Size and contents must be those of ext4's rows. Allocated blocks and segments depend on how a
 * file system splits extents (ext4 writes zeros to up to 32 KiB of unwritten blocks rather than
 * split them, and its trees have other node sizes): there xfs's row is as good.
 */
public final class PowerLossRows {
    private static final Pattern ROW =
            Pattern.compile(
                    "size +(\\d+) blocks +(\\d+) KiB +pages with data +(\\d+), zero +(\\d+),"
                            + " other (\\d+) +SEEK_DATA segments (\\d+)");

    private PowerLossRows() {}

    /**
     * The rows of the reference by file.
     *
     * @param fileSystem ext4 or xfs
     * @param mode sync or plain
     */
    public static Map<String, String> reference(String fileSystem, String mode) {
        String text = ReferenceTable.resource("dax-after-power-loss.txt");
        return ReferenceTable.section(text, "== " + fileSystem + " " + mode, " +").rows();
    }

    /** The rows of what maptest powerloss-check printed. */
    public static Map<String, String> printed(String out) {
        return ReferenceTable.all(out, " +").rows();
    }

    /** What is wrong with the row of a file, or null. */
    public static String difference(String ext4, String xfs, String got) {
        String shown = "%nexpected %s%n      or %s%n     got %s".formatted(ext4, xfs, got);
        Matcher expected = ROW.matcher(ext4);
        Matcher other = ROW.matcher(xfs);
        Matcher answer = ROW.matcher(got);
        if (!expected.matches()) {
            return ext4.equals(got) ? null : shown;
        }
        if (!answer.matches() || !other.matches()) {
            return shown;
        }
        for (int group : new int[] {1, 3, 4, 5}) {
            if (!expected.group(group).equals(answer.group(group))) {
                return shown;
            }
        }
        for (int group : new int[] {2, 6}) {
            if (!answer.group(group).equals(expected.group(group))
                    && !answer.group(group).equals(other.group(group))) {
                return shown;
            }
        }
        return null;
    }
}
