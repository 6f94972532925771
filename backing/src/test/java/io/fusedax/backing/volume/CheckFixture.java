package io.fusedax.backing.volume;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.InodeLayout;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.RecordNodeLayout;
import io.fusedax.backing.format.RecordRootLayout;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.format.Superblock;
import io.fusedax.backing.inode.Inode;
import io.fusedax.backing.inode.InodeNumbers;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.Region;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Consumer;

/** A volume with seeded content of every kind, in an array, for checks and for damage. */
final class CheckFixture {
    static final int REGION_BYTES = 8 << 20;
    static final VolumeOptions OPTIONS =
            VolumeOptions.defaults()
                    .withCommitIntervalMillis(0)
                    .withAtime(VolumeOptions.AtimeMode.NOATIME);

    final byte[] image;
    final Region region;
    final Superblock superblock;
    private final Checksums checksums;

    /** Inode numbers by name. */
    final Map<String, Long> inodes = new TreeMap<>();

    private CheckFixture(byte[] image) throws FsException {
        this.image = image;
        this.region = new ArrayRegion(image);
        this.superblock = Superblock.readAt(region, 0);
        this.checksums = new Checksums(superblock.geometry().uuid());
    }

    static Random random(String what) {
        long seed = Long.getLong("seed", Long.getLong("fusedax.seed", System.nanoTime()));
        System.out.println(what + ": -Dseed=" + seed);
        return new Random(seed);
    }

    /** Another volume of the same content. */
    CheckFixture copy() throws FsException {
        CheckFixture copy = new CheckFixture(image.clone());
        copy.inodes.putAll(inodes);
        return copy;
    }

    static CheckFixture formatted(int sizeBytes) throws FsException {
        return formatted(sizeBytes, 0);
    }

    /**
     * @param journalBytes 0: as the size suggests
     */
    static CheckFixture formatted(int sizeBytes, int journalBytes) throws FsException {
        byte[] image = new byte[sizeBytes];
        VolumeFormatter.format(
                new ArrayRegion(image),
                new FormatOptions(
                        new UUID(7, 9), "check", journalBytes, 0, 0, 3, 4, 1_700_000_000));
        return new CheckFixture(image);
    }

    /** A volume that was unmounted in order. */
    static CheckFixture populated(Random random) throws FsException {
        CheckFixture fixture = formatted(REGION_BYTES);
        Volume volume = Volume.open(fixture.region, OPTIONS);
        fixture.populate(volume, random);
        volume.close();
        return fixture;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    long create(Volume volume, long parent, String name, int mode) throws FsException {
        byte[] bytes = bytes(name);
        long inode =
                (mode & Inode.S_IFMT) == Inode.S_IFDIR
                        ? volume.mkdir(parent, bytes, 0, bytes.length, mode, Caller.ROOT)
                        : volume.mknod(parent, bytes, 0, bytes.length, mode, 0x105, Caller.ROOT);
        inodes.put(name, inode);
        return inode;
    }

    void populate(Volume volume, Random random) throws FsException {
        long dir = create(volume, 2, "dir", 040755);
        long sub = create(volume, dir, "sub", 040755);
        create(volume, sub, "subsub", 040700);
        for (int i = 0; i < 20; i++) {
            fill(volume, random, create(volume, i % 2 == 0 ? dir : sub, "file" + i, 0100644));
        }
        long fragmented = create(volume, dir, "fragmented", 0100600);
        for (int i = 0; i < 600; i++) {
            volume.write(fragmented, i * 8192L, bytes("part" + i), 0, 5, 0, Caller.ROOT);
        }
        long unwritten = create(volume, 2, "unwritten", 0100600);
        volume.fallocate(unwritten, 1, 0, 100_000, Caller.ROOT);
        volume.write(unwritten, 8192, bytes("here"), 0, 4, 0, Caller.ROOT);
        long wide = create(volume, 2, "wide", 040755);
        for (int i = 0; i < 400; i++) {
            create(volume, wide, "entry-" + i + "-" + "x".repeat(random.nextInt(150)), 0100644);
        }
        long nodes = create(volume, 2, "nodes", 040755);
        create(volume, nodes, "chr", 0020600);
        create(volume, nodes, "fifo", 0010600);
        create(volume, nodes, "socket", 0140600);
        symlink(volume, nodes, "short", 30);
        symlink(volume, nodes, "long", 1000);
        byte[] hard = bytes("hard");
        volume.link(inodes.get("file0"), nodes, hard, 0, hard.length);
        addAttributes(volume, random);
        removeSome(volume, wide);
    }

    private static void fill(Volume volume, Random random, long inode) throws FsException {
        byte[] content = new byte[random.nextInt(30_000) + 1];
        random.nextBytes(content);
        volume.write(inode, 0, content, 0, content.length, 0, Caller.ROOT);
    }

    private void symlink(Volume volume, long parent, String name, int length) throws FsException {
        byte[] bytes = bytes(name);
        byte[] target = bytes("t".repeat(length));
        inodes.put(name, volume.symlink(parent, bytes, 0, bytes.length, target, Caller.ROOT));
    }

    private void addAttributes(Volume volume, Random random) throws FsException {
        for (String name : new String[] {"file1", "dir", "fifo", "fragmented"}) {
            volume.setxattr(inodes.get(name), bytes("user.small"), bytes("v"), 0);
            byte[] large = new byte[9000 + random.nextInt(40_000)];
            random.nextBytes(large);
            volume.setxattr(inodes.get(name), bytes("user.large"), large, 0);
        }
    }

    private void removeSome(Volume volume, long wide) throws FsException {
        List<String> names = new ArrayList<>(inodes.keySet());
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            if (name.startsWith("entry-") && i % 5 == 0) {
                volume.unlink(wide, bytes(name), 0, name.length());
                inodes.remove(name);
            }
        }
    }

    /** Names that lead to inodes in use, and what they show. */
    Map<String, String> tree() throws FsException {
        Volume volume = Volume.open(new ArrayRegion(image.clone()), OPTIONS);
        Map<String, String> tree = TreeSnapshot.of(volume);
        volume.close();
        return tree;
    }

    /** Commits and leaves everything as kill -9 does. */
    void commit(Volume volume) throws FsException {
        volume.sync(CommitCause.SYNC);
    }

    CheckReport check(boolean repair) throws FsException {
        return VolumeChecker.check(region, repair, line -> {});
    }

    /** By the records of the inode table, which all lie in its inode. */
    long offsetOfInode(long number) {
        int payload = (int) InodeNumbers.TABLE_INODE_OFFSET + InodeLayout.PAYLOAD;
        int count = Bytes.getU16(image, payload + RecordRootLayout.COUNT);
        long block = number / InodeNumbers.PER_BLOCK;
        long offset = -1;
        for (int i = 0; i < count; i++) {
            int record = payload + RecordRootLayout.RECORDS + i * RecordNodeLayout.RECORD_BYTES;
            long into = block - getLong(record);
            if (into >= 0) {
                long physical = PackedExtent.start(getLong(record + Long.BYTES)) + into;
                offset =
                        (physical << Geometry.BLOCK_SHIFT)
                                + number % InodeNumbers.PER_BLOCK * InodeLayout.SIZE_BYTES;
            }
        }
        return offset;
    }

    long offsetOfInode(String name) {
        return offsetOfInode(inodes.get(name));
    }

    byte[] structure(StructureType type, long offset) {
        byte[] bytes = new byte[type.sizeBytes()];
        region.read(offset, bytes, 0, bytes.length);
        return bytes;
    }

    /** Changes a structure and gives it a right checksum. */
    void edit(StructureType type, long offset, Consumer<byte[]> change) {
        byte[] bytes = structure(type, offset);
        change.accept(bytes);
        checksums.seal(type, offset, bytes);
        region.write(offset, bytes, 0, bytes.length);
    }

    void editInode(long number, Consumer<byte[]> change) {
        edit(StructureType.INODE, offsetOfInode(number), change);
    }

    void editInode(String name, Consumer<byte[]> change) {
        edit(StructureType.INODE, offsetOfInode(name), change);
    }

    void flip(long offset) {
        image[(int) offset] ^= 0x10;
    }

    long getLong(long offset) {
        return Bytes.getLong(image, (int) offset);
    }
}
