package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.DentryLayout;
import io.fusedax.backing.format.DirectoryLeafLayout;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.InodeNumbers;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/** Checks the dentries of directories and counts the names of inodes. */
final class CheckDirectories {
    private static final long ORDINAL_MASK = 15;

    private final CheckPass pass;
    private final CheckReport report;
    private final CheckTree tree;
    private final byte[] directory = new byte[InodeLayout.SIZE_BYTES];
    private final byte[] other = new byte[InodeLayout.SIZE_BYTES];
    private final byte[] leaf = new byte[DirectoryLeafLayout.SIZE_BYTES];

    private long number;
    private String where;
    private boolean changed;
    private boolean rebuild;
    private final Set<Long> keys = new HashSet<>();

    /** Names of the leaf at hand, and of the one before: one hash may lie in both. */
    private Set<String> names = new HashSet<>();

    private Set<String> namesBefore = new HashSet<>();

    CheckDirectories(CheckPass pass) {
        this.pass = pass;
        this.report = pass.report;
        this.tree = new CheckTree(pass.volume);
    }

    /** Checks every directory; the hidden one last, since names count for its entries. */
    void checkAll() {
        for (long n = InodeNumbers.ROOT; n < pass.highWater; n++) {
            if (pass.states.isDirectory(n) && n != InodeNumbers.ORPHANS) {
                check(n);
            }
        }
        check(InodeNumbers.ORPHANS);
    }

    /** Receives a leaf of a directory with the first key of its range and the next leaf's. */
    interface LeafVisitor {
        void leaf(long block, long key, long endKey);
    }

    /** Visits the good leaves of a directory in key order; {@link #leaf} is free for use. */
    private void visitLeaves(long directoryNumber, LeafVisitor visitor) {
        pass.table.load(directoryNumber, directory);
        boolean damaged = pass.states.is(directoryNumber, CheckStates.REBUILD);
        Set<Long> seen = new HashSet<>();
        long[] pending = {-1, 0};
        tree.walk(
                directoryNumber,
                pass.table.offsetOf(directoryNumber),
                directory,
                (key, block) -> {
                    boolean good =
                            !damaged
                                    || CheckLeaf.load(pass.volume, directoryNumber, block, leaf)
                                                    == null
                                            && seen.add(block);
                    if (good) {
                        if (pending[0] >= 0) {
                            visitor.leaf(pending[0], pending[1], key);
                        }
                        pending[0] = block;
                        pending[1] = key;
                    }
                });
        if (pending[0] >= 0) {
            visitor.leaf(pending[0], pending[1], Long.MAX_VALUE);
        }
    }

    private void check(long directoryNumber) {
        number = directoryNumber;
        rebuild = false;
        names.clear();
        boolean[] first = {true};
        visitLeaves(
                number,
                (block, key, endKey) -> {
                    checkLeaf(block, first[0] ? 0 : key, endKey);
                    first[0] = false;
                });
        if (rebuild) {
            pass.states.set(number, CheckStates.REBUILD);
        }
    }

    private void checkLeaf(long block, long key, long endKey) {
        long offset = block << Geometry.BLOCK_SHIFT;
        CheckLeaf.load(pass.volume, number, block, leaf);
        where = CheckText.ofInode(StructureType.DIRECTORY_LEAF, number, offset);
        changed = false;
        keys.clear();
        Set<String> emptied = namesBefore;
        namesBefore = names;
        names = emptied;
        names.clear();
        checkEnd();
        checkLive();
        for (int at : CheckLeaf.liveEntries(leaf)) {
            checkDentry(at, key, endKey);
        }
        if (changed) {
            CheckLeaf.Live live = CheckLeaf.Live.of(leaf);
            live.store(leaf);
            rebuild |= live.count() == 0;
            pass.volume.put(StructureType.DIRECTORY_LEAF, offset, leaf);
        }
    }

    /** The dentries must fill the leaf up to its used_bytes. */
    private void checkEnd() {
        int at = DirectoryLeafLayout.ENTRIES;
        while (CheckLeaf.next(leaf, at) > 0) {
            at = CheckLeaf.next(leaf, at);
        }
        int used = CheckLeaf.used(leaf);
        if (at < used) {
            report.problem(
                    where + ": dentry at byte " + at + " of " + used + " is malformed",
                    "it and those behind it removed");
            Bytes.putShort(leaf, DirectoryLeafLayout.USED_BYTES, at);
            changed = true;
        }
    }

    private void checkLive() {
        CheckLeaf.Live live = CheckLeaf.Live.of(leaf);
        CheckLeaf.Live stored = CheckLeaf.Live.stored(leaf);
        if (!live.equals(stored)) {
            if (!changed) {
                report.problem(
                        where
                                + ": live_count "
                                + stored.count()
                                + " live_bytes "
                                + stored.bytes()
                                + ", expected "
                                + live.count()
                                + " and "
                                + live.bytes(),
                        "corrected");
            }
            changed = true;
        } else if (live.count() == 0) {
            report.problem(where + ": no live dentry", "leaf freed");
            changed = true;
        }
    }

    private void checkDentry(int at, long key, long endKey) {
        int nameAt = at + DentryLayout.NAME;
        int nameLength = CheckLeaf.nameLength(leaf, at);
        String problem = nameProblem(nameAt, nameLength);
        if (problem == null) {
            problem = targetProblem(at);
        }
        long hash = pass.nameKeys.firstKeyOf(leaf, nameAt, nameLength);
        String name = new String(leaf, nameAt, nameLength, StandardCharsets.ISO_8859_1);
        if (problem == null && (namesBefore.contains(name) || names.contains(name))) {
            problem = "name is there twice";
        }
        if (problem != null) {
            report.problem(describe(at) + ": " + problem, "name removed");
            Bytes.putLong(leaf, at + DentryLayout.INODE, 0);
            changed = true;
            return;
        }
        names.add(name);
        checkKey(at, hash, key, endKey);
        checkType(at);
        count(CheckLeaf.inode(leaf, at));
    }

    private String describe(int at) {
        return where + ": name '" + CheckLeaf.name(leaf, at) + "' at byte " + at;
    }

    private String nameProblem(int at, int length) {
        for (int i = at; i < at + length; i++) {
            if (leaf[i] == '/' || leaf[i] == 0) {
                return "slash or NUL in the name";
            }
        }
        boolean dots = leaf[at] == '.' && (length == 1 || length == 2 && leaf[at + 1] == '.');
        return dots ? "name is . or .." : null;
    }

    private String targetProblem(int at) {
        long target = CheckLeaf.inode(leaf, at);
        if (target < InodeNumbers.FIRST || target >= pass.highWater) {
            return "inode " + target + ", expected 4.." + (pass.highWater - 1);
        }
        if (!pass.states.inUse(target)) {
            boolean broken = pass.states.kind(target) == CheckStates.BROKEN;
            return "inode " + target + " is not in use, but " + (broken ? "broken" : "free");
        }
        if (number == InodeNumbers.ORPHANS) {
            return orphanProblem(at, target);
        }
        if (pass.states.isDirectory(target) && pass.states.parent(target) != 0) {
            return "directory " + target + " has another name";
        }
        return null;
    }

    /** Entries: inodes without a name, and files that are being truncated. */
    private String orphanProblem(int at, long target) {
        if (!CheckLeaf.name(leaf, at).equals(Long.toHexString(target))) {
            return "is not the number of inode " + target;
        }
        pass.table.load(target, other);
        int links = Bytes.getInt(other, InodeLayout.LINK_COUNT);
        boolean regular = pass.states.kind(target) == CheckStates.REGULAR;
        boolean named = pass.states.isNamed(target);
        if (!regular && (named || links != 0)) {
            return "inode " + target + " is in use and no file that is being truncated";
        }
        if (pass.states.isDirectory(target) && Bytes.getLong(other, InodeLayout.FILE_SIZE) != 0) {
            return "directory " + target + " is not empty";
        }
        return null;
    }

    private void checkKey(int at, long hash, long key, long endKey) {
        long found = CheckLeaf.key(leaf, at);
        String problem = null;
        if ((found & ~ORDINAL_MASK) != hash) {
            problem = "key " + found + ", expected " + hash + ".." + (hash | ORDINAL_MASK);
        } else if (found < key || found >= endKey) {
            problem = "key " + found + " outside the leaf's " + key + ".." + (endKey - 1);
        } else if (!keys.add(found)) {
            problem = "key " + found + " is there twice";
        }
        if (problem != null) {
            report.problem(describe(at) + ": " + problem, "directory rebuilt");
            rebuild = true;
        }
    }

    private void checkType(int at) {
        int expected = pass.states.kind(CheckLeaf.inode(leaf, at));
        int found = CheckLeaf.type(leaf, at);
        if (found != expected) {
            report.problem(
                    describe(at) + ": type " + found + ", expected " + expected, "corrected");
            leaf[at + DentryLayout.TYPE] = (byte) expected;
            changed = true;
        }
    }

    private void count(long target) {
        if (number == InodeNumbers.ORPHANS) {
            pass.states.set(target, CheckStates.ORPHAN);
        } else if (pass.states.isDirectory(target)) {
            pass.states.setParent(target, number);
            pass.states.addLinks(number, 1);
        } else {
            pass.states.addLinks(target, 1);
        }
    }

    /** Takes the name of a directory out of the one that holds it. */
    void removeName(long holder, long target) {
        visitLeaves(
                holder,
                (block, key, endKey) -> {
                    CheckLeaf.load(pass.volume, holder, block, leaf);
                    boolean found = false;
                    for (int at : CheckLeaf.liveEntries(leaf)) {
                        if (CheckLeaf.inode(leaf, at) == target) {
                            Bytes.putLong(leaf, at + DentryLayout.INODE, 0);
                            found = true;
                        }
                    }
                    if (found) {
                        CheckLeaf.Live live = CheckLeaf.Live.of(leaf);
                        live.store(leaf);
                        if (live.count() == 0) {
                            pass.states.set(holder, CheckStates.REBUILD);
                        }
                        pass.volume.put(
                                StructureType.DIRECTORY_LEAF, block << Geometry.BLOCK_SHIFT, leaf);
                    }
                });
    }

    /** One name. */
    record Name(byte[] bytes, long inode, int type, long key) {}

    /** Receives the names of a directory. */
    interface NameVisitor {
        void name(Name name);
    }

    /** Visits all names of a directory's good leaves, in no order within a leaf. */
    void visitNames(long directoryNumber, NameVisitor visitor) {
        visitLeaves(
                directoryNumber,
                (block, key, endKey) -> {
                    CheckLeaf.load(pass.volume, directoryNumber, block, leaf);
                    for (int at : CheckLeaf.liveEntries(leaf)) {
                        visitor.name(
                                new Name(
                                        CheckLeaf.nameBytes(leaf, at),
                                        CheckLeaf.inode(leaf, at),
                                        CheckLeaf.type(leaf, at),
                                        CheckLeaf.key(leaf, at)));
                    }
                });
    }
}
