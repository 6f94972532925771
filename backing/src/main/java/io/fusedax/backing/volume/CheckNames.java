package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Whether every inode in use has its place in the tree: names, parents, link counts. One without a
 * place gets one in /lost+found, or is freed when its last name was removed on purpose.
 */
final class CheckNames {
    private static final String LOST_AND_FOUND = "lost+found";

    /** What writing root and lost+found anew may take. */
    private static final int SPARE_BLOCKS = 8;

    private final CheckPass pass;
    private final CheckReport report;
    private final CheckDirectories directories;
    private final byte[] inode = new byte[InodeLayout.SIZE_BYTES];

    /** Names to be added, by directory. */
    private final Map<Long, List<CheckDirectories.Name>> additions = new HashMap<>();

    private long lostAndFound;

    CheckNames(CheckPass pass, CheckDirectories directories) {
        this.pass = pass;
        this.report = pass.report;
        this.directories = directories;
    }

    /** Counts all names, cuts loops of directories and frees what was removed on purpose. */
    void countAll() {
        directories.checkAll();
        for (long n : new long[] {InodeNumbers.ROOT, InodeNumbers.ORPHANS}) {
            pass.states.set(n, CheckStates.REACHED);
            pass.states.setParent(n, n);
        }
        for (long n = InodeNumbers.FIRST; n < pass.highWater; n++) {
            if (pass.states.isDirectory(n)) {
                reach(n);
            }
        }
        for (long n = InodeNumbers.FIRST; n < pass.highWater; n++) {
            if (isNameless(n)) {
                freeIfRemoved(n);
            }
        }
    }

    /** Gives a name to what has none and checks the counts; free blocks are known by now. */
    void placeAll() {
        long end = pass.highWater; // before lost+found may add to it
        for (long n = InodeNumbers.FIRST; n < end; n++) {
            if (isNameless(n)) {
                place(n);
            }
        }
        for (long n = InodeNumbers.ROOT; n < pass.highWater; n++) {
            if (pass.states.inUse(n) && pass.states.isNamed(n)) {
                checkCounts(n);
            }
        }
    }

    private boolean isNameless(long number) {
        return pass.states.inUse(number) && !pass.states.isNamed(number);
    }

    List<CheckDirectories.Name> additionsTo(long directory) {
        return additions.getOrDefault(directory, List.of());
    }

    /** Follows a directory's parents; a loop is cut, which leaves its first one without a name. */
    private void reach(long directory) {
        Set<Long> path = new HashSet<>();
        long at = directory;
        while (at != 0 && !pass.states.is(at, CheckStates.REACHED) && path.add(at)) {
            at = pass.states.parent(at);
        }
        if (path.contains(at)) {
            long holder = pass.states.parent(at);
            report.problem(
                    pass.table.where(at)
                            + ": directory is its own ancestor, named by directory "
                            + holder,
                    "name removed");
            directories.removeName(holder, at);
            pass.states.setParent(at, 0);
            pass.states.addLinks(holder, -1);
            addToLinkCount(holder, -1);
        }
        // a directory on the way that has no name gets one
        path.forEach(each -> pass.states.set(each, CheckStates.REACHED));
    }

    private void freeIfRemoved(long number) {
        pass.table.load(number, inode);
        boolean full =
                pass.states.isDirectory(number) && Bytes.getLong(inode, InodeLayout.FILE_SIZE) != 0;
        if (Bytes.getInt(inode, InodeLayout.LINK_COUNT) == 0
                && !full
                && !pass.states.is(number, CheckStates.ORPHAN)) {
            report.problem(
                    pass.table.where(number) + ": link_count 0, but no entry among the orphans",
                    "freed");
            pass.free(number, inode);
        }
    }

    /** Finds a place for an inode that no directory names. */
    private void place(long number) {
        pass.table.load(number, inode);
        int linkCount = Bytes.getInt(inode, InodeLayout.LINK_COUNT);
        if (linkCount == 0 && pass.states.is(number, CheckStates.ORPHAN)) {
            return;
        }
        String found = pass.table.where(number) + ": no name, link_count " + linkCount;
        if (!findLostAndFound()) {
            report.problem(
                    found, "left: no free inode or too few free blocks for /" + LOST_AND_FOUND);
            return;
        }
        String name = "#" + number;
        report.problem(found, "named /" + LOST_AND_FOUND + "/" + name);
        add(lostAndFound, name, number);
    }

    private void add(long directory, String name, long number) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        int type = pass.states.kind(number);
        additions
                .computeIfAbsent(directory, each -> new ArrayList<>())
                .add(new CheckDirectories.Name(bytes, number, type, 0));
        pass.states.set(directory, CheckStates.REBUILD);
        if (pass.states.isDirectory(number)) {
            pass.states.setParent(number, directory);
            pass.states.addLinks(directory, 1);
            addToLinkCount(directory, 1);
            pass.table.load(number, inode);
            Bytes.putLong(inode, InodeLayout.PARENT, directory);
            pass.table.put(number, inode);
        } else {
            pass.states.addLinks(number, 1);
        }
    }

    /** A change of names that a repair makes goes along with what the inode says. */
    private void addToLinkCount(long directory, int more) {
        pass.table.load(directory, inode);
        int count = Bytes.getInt(inode, InodeLayout.LINK_COUNT);
        Bytes.putInt(inode, InodeLayout.LINK_COUNT, count + more);
        pass.table.put(directory, inode);
    }

    private boolean findLostAndFound() {
        if (lostAndFound != 0) {
            return true;
        }
        pass.table.load(InodeNumbers.ROOT, inode);
        long rootBlocks = Bytes.getLong(inode, InodeLayout.BLOCK_COUNT);
        if (pass.ownership.freeBlocks() < SPARE_BLOCKS + rootBlocks / 8) {
            return false;
        }
        Set<String> taken = new HashSet<>();
        directories.visitNames(
                InodeNumbers.ROOT,
                name -> {
                    String text = new String(name.bytes(), StandardCharsets.ISO_8859_1);
                    if (text.startsWith(LOST_AND_FOUND)) {
                        taken.add(text);
                    }
                    if (text.equals(LOST_AND_FOUND) && pass.states.isDirectory(name.inode())) {
                        lostAndFound = name.inode();
                    }
                });
        if (lostAndFound == 0) {
            String name = LOST_AND_FOUND;
            while (taken.contains(name)) {
                name += "-";
            }
            makeLostAndFound(name);
        }
        return lostAndFound != 0;
    }

    private void makeLostAndFound(String name) {
        long number = pass.takeFreeInode();
        if (number == 0) {
            return;
        }
        byte[] made = new byte[InodeLayout.SIZE_BYTES];
        Bytes.putLong(made, InodeLayout.INODE, number);
        Bytes.putInt(made, InodeLayout.GENERATION, pass.generationOf(number) + 1);
        Bytes.putInt(made, InodeLayout.MODE, Inode.S_IFDIR | 0700);
        Bytes.putInt(made, InodeLayout.LINK_COUNT, 2);
        Bytes.putLong(made, InodeLayout.PARENT, InodeNumbers.ROOT);
        for (int i = 0; i < 4; i++) {
            Bytes.putLong(made, InodeLayout.ATIME_SECONDS + i * Long.BYTES, pass.nowSeconds);
        }
        pass.table.put(number, made);
        pass.states.setKind(number, CheckStates.DIRECTORY);
        pass.states.set(number, CheckStates.REACHED);
        lostAndFound = number;
        add(InodeNumbers.ROOT, name, number);
        report.note(pass.table.where(number) + ": made as /" + name);
    }

    private void checkCounts(long number) {
        pass.table.load(number, inode);
        boolean directory = pass.states.isDirectory(number);
        int links = pass.states.links(number);
        int expected = directory ? 2 + links : links;
        int found = Bytes.getInt(inode, InodeLayout.LINK_COUNT);
        boolean changed = false;
        if (found != expected) {
            report.problem(
                    pass.table.where(number)
                            + ": link_count "
                            + Integer.toUnsignedString(found)
                            + ", expected "
                            + expected,
                    "corrected");
            Bytes.putInt(inode, InodeLayout.LINK_COUNT, expected);
            changed = true;
        }
        long parent = pass.states.parent(number);
        long foundParent = Bytes.getLong(inode, InodeLayout.PARENT);
        if (directory && foundParent != parent) {
            report.problem(
                    pass.table.where(number) + ": parent " + foundParent + ", expected " + parent,
                    "corrected");
            Bytes.putLong(inode, InodeLayout.PARENT, parent);
            changed = true;
        }
        if (changed) {
            pass.table.put(number, inode);
        }
    }
}
