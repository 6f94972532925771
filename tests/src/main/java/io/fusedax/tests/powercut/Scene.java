package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.Region;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.Fault;
import io.fusedax.backing.volume.InodeAttributes;
import io.fusedax.backing.volume.SetAttributes;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeOptions;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import jnr.constants.platform.Errno;

/** A volume under a workload: what is there to choose from, and the calls by short names. */
final class Scene {
    static final byte[] ACCESS_ACL = bytes("system.posix_acl_access");
    static final byte[] DEFAULT_ACL = bytes("system.posix_acl_default");
    static final int PUNCH = 3;
    static final int COLLAPSE = 8;
    static final int ZERO = 0x10;
    static final int INSERT = 0x20;
    private static final int BLOCK = 4096;
    private static final int MOST_BYTES = 96 << 10;

    final FileModel model = new FileModel();
    Volume volume;
    private final Region region;
    private final VolumeOptions options;
    private final List<Name> names = new ArrayList<>();

    /** Files with stores that their program has not flushed. */
    private final Set<Long> dirtyMappings = new LinkedHashSet<>();

    private final InodeAttributes attributes = new InodeAttributes();
    private Random random;
    private boolean focused;
    private int number;

    /** The file that the step was about, for promises of durability; 0: none. */
    long target;

    /** A name in the tree. */
    record Name(long parent, byte[] name, long inode, int type) {
        boolean isDirectory() {
            return type == Inode.S_IFDIR >>> 12;
        }

        boolean isFile() {
            return type == Inode.S_IFREG >>> 12;
        }
    }

    Scene(Volume volume, Region region, VolumeOptions options) {
        this.volume = volume;
        this.region = region;
        this.options = options;
    }

    /** The process dies and another one takes over: what was stored is there. */
    void kill() throws FsException {
        volume = Volume.open(region, options);
        dirtyMappings.clear(); // what a volume shows from the start is durable
    }

    /** As the mount does before an fsync: what lies under mappings is flushed. */
    void flushMappings(long inode) throws FsException {
        if (dirtyMappings.remove(inode)) {
            volume.flushMapped(inode, 0, 1 << 20);
        }
    }

    /** As {@link #flushMappings}, of all files. */
    void flushAllMappings() throws FsException {
        for (long inode : List.copyOf(dirtyMappings)) {
            flushMappings(inode);
        }
    }

    /** Prepares for a step: looks at what is there. */
    void begin(Step step, int stepNumber) throws FsException {
        random = new Random(step.choice() * 0x5DEECE66DL + 11);
        focused = step.choice() % 2 == 0;
        number = stepNumber;
        target = 0;
        names.clear();
        Set<Long> seen = new LinkedHashSet<>(List.of(Volume.ROOT_INODE));
        for (Long at = Volume.ROOT_INODE; at != null; at = next(seen, at)) {
            list(at, seen);
        }
        names.sort((a, b) -> java.util.Arrays.compare(a.name, b.name));
    }

    private static Long next(Set<Long> seen, long after) {
        Iterator<Long> at = seen.iterator();
        while (at.next() != after) {}
        return at.hasNext() ? at.next() : null;
    }

    /** Notes the names in a directory; in a damaged volume it may be its own descendant. */
    private void list(long directory, Set<Long> seen) throws FsException {
        volume.readdir(
                directory,
                2,
                (name, offset, length, inode, type, next) -> {
                    byte[] copy = java.util.Arrays.copyOfRange(name, offset, offset + length);
                    Name found = new Name(directory, copy, inode, type);
                    names.add(found);
                    if (found.isDirectory()) {
                        seen.add(inode);
                    }
                    return true;
                });
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    int pick(int bound) {
        return random.nextInt(bound);
    }

    /** A file; the same one half of the time, so that steps meet. */
    Name file() throws FsException {
        List<Name> files = names.stream().filter(Name::isFile).toList();
        return choose(focused ? files.subList(0, Math.min(1, files.size())) : files);
    }

    private Name choose(List<Name> some) throws FsException {
        if (some.isEmpty()) {
            throw new FsException(Errno.ENOENT, "nothing to choose");
        }
        return some.get(pick(some.size()));
    }

    /** Any name but a directory's. */
    Name other() throws FsException {
        return choose(names.stream().filter(name -> !name.isDirectory()).toList());
    }

    Name any() throws FsException {
        return choose(names);
    }

    Name subdirectory() throws FsException {
        return choose(names.stream().filter(Name::isDirectory).toList());
    }

    long directory() throws FsException {
        return pick(3) == 0 ? Volume.ROOT_INODE : subdirectory().inode;
    }

    byte[] newName() {
        return bytes("n" + number + "x".repeat(pick(8) == 0 ? 200 : pick(20)));
    }

    long create(int mode) throws FsException {
        byte[] name = newName();
        return volume.mknod(directory(), name, 0, name.length, mode, 0x105, Caller.ROOT);
    }

    void unlink(Name name) throws FsException {
        volume.unlink(name.parent, name.name, 0, name.name.length);
    }

    void rename(Name from, long parent, byte[] to, int flags) throws FsException {
        volume.rename(from.parent, from.name, 0, from.name.length, parent, to, 0, to.length, flags);
    }

    long size(long inode) throws FsException {
        volume.getattr(inode, attributes);
        return attributes.sizeBytes;
    }

    void resize(long inode, long bytes) throws FsException {
        volume.setattr(inode, new SetAttributes().size(bytes), Caller.ROOT, new InodeAttributes());
        model.resize(inode, bytes);
    }

    /** A place in a file, aligned to a block now and then. */
    long place(long inode) throws FsException {
        long at = pick((int) Math.max(1, Math.min(MOST_BYTES, size(inode))));
        return pick(3) == 0 ? at & -BLOCK : at;
    }

    /** Stores bytes that no other file and no other step ever stores. */
    void write(long inode, long offset, int length, int flags) throws FsException {
        long at = (flags & Volume.WRITE_APPEND) != 0 ? size(inode) : offset;
        byte[] content = new byte[length];
        for (int i = 0; i < length; i++) {
            content[i] = (byte) (tag(inode, at + i >>> 3) >>> ((at + i & 7) * 8));
        }
        model.write(
                inode,
                at,
                content,
                volume.write(inode, offset, content, 0, length, flags, Caller.ROOT));
    }

    private long tag(long inode, long word) {
        return Mix.of(Mix.of(inode, number), word) | 0x0101_0101_0101_0101L;
    }

    /**
     * A store through a mapping; with {@code sync} the program flushes it as MAP_SYNC promises.
     *
     * @return false when the fault was not granted: nothing is stored
     */
    boolean storeMapped(long inode, long offset, boolean sync) throws FsException {
        Fault fault = new Fault();
        fault.offset = offset & -BLOCK;
        fault.areaEnd = 1 << 20;
        fault.address = BLOCK;
        fault.write = true;
        volume.fault(inode, fault);
        if (fault.kind != Fault.Kind.WRITE) {
            return false;
        }
        checkTail(fault, size(inode));
        if (sync) {
            volume.commitInode(inode, CommitCause.FAULT);
        }
        long at = (offset & -8) - fault.start;
        long end = Math.min(fault.start + fault.length, size(inode));
        int words = 1 + pick(3);
        for (int i = 0; i < words && fault.start + at + 8 * i + 8 <= end; i++) {
            long word = fault.start + at + 8 * i >>> 3;
            region.putLong(fault.regionOffset + at + 8 * i, tag(inode, word));
            byte[] stored = new byte[8];
            region.read(fault.regionOffset + at + 8 * i, stored, 0, 8);
            model.write(inode, word << 3, stored, 8);
        }
        if (sync) {
            region.flush(fault.regionOffset + at, 8L * words);
            region.drain();
        } else {
            dirtyMappings.add(inode);
        }
        return true;
    }

    /** Nothing stores behind an end here, so a mapping must see zeros there. */
    private void checkTail(Fault fault, long size) {
        for (long at = size; at < fault.start + fault.length; at++) {
            byte[] one = new byte[1];
            region.read(fault.regionOffset + at - fault.start, one, 0, 1);
            if (one[0] != 0) {
                throw new IllegalStateException("a mapping sees old bytes behind the end");
            }
        }
    }
}
