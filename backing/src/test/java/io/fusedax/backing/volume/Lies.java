package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.inode.Inode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Random damage to structures of a volume, under right checksums. */
final class Lies {
    private final List<Place> places;
    private final Random random;

    Lies(CheckFixture whole, Random random) {
        this.places = structures(whole);
        this.random = random;
        assertTrue(places.size() > 400, "structures " + places.size());
    }

    /** Damages one to six structures, and says which. */
    String tell(CheckFixture fixture) {
        StringBuilder where = new StringBuilder();
        for (int count = 1 + random.nextInt(6); count > 0; count--) {
            Place place = pick(places, random);
            where.append(' ').append(place.type).append('@').append(place.offset);
            fixture.edit(place.type, place.offset, b -> damage(b, random));
        }
        return where.toString();
    }

    private record Place(StructureType type, long offset) {}

    /** Every structure of the volume that is right. */
    private static List<Place> structures(CheckFixture fixture) {
        Checksums checksums = new Checksums(fixture.superblock.geometry().uuid());
        List<Place> places = new ArrayList<>();
        for (long offset = 0; offset < fixture.image.length; offset += 64) {
            for (StructureType type : StructureType.values()) {
                boolean fits = offset + type.sizeBytes() <= fixture.image.length;
                if (fits
                        && Bytes.getInt(fixture.image, (int) offset) == type.magic()
                        && checksums.problem(type, offset, fixture.structure(type, offset))
                                == null) {
                    places.add(new Place(type, offset));
                }
            }
        }
        return places;
    }

    private static void damage(byte[] bytes, Random random) {
        int from = 8;
        // most of what is there lies near the start
        int range = random.nextBoolean() ? bytes.length : Math.min(256, bytes.length);
        int at = from + random.nextInt(range - from - 8);
        switch (random.nextInt(5)) {
            case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> Bytes.putLong(bytes, at & ~7, random.nextLong());
            case 2 -> Bytes.putLong(bytes, at & ~7, random.nextInt(3000));
            case 3 -> Bytes.putInt(bytes, at & ~3, -random.nextInt(3));
            default -> Bytes.putShort(bytes, at & ~1, random.nextInt(1 << 16));
        }
    }

    /** Every kind of structure as often as any other. */
    private static Place pick(List<Place> places, Random random) {
        StructureType[] types = StructureType.values();
        while (true) {
            StructureType type = types[random.nextInt(types.length)];
            List<Place> some = places.stream().filter(place -> place.type == type).toList();
            if (!some.isEmpty()) {
                return some.get(random.nextInt(some.size()));
            }
        }
    }

    /** Reads everything below an inode. */
    static void readAll(Volume volume, long inode) throws FsException {
        readAll(volume, inode, new byte[1 << 20], new HashSet<>());
    }

    /** An inode of many names is read once. */
    private static void readAll(Volume volume, long inode, byte[] buffer, Set<Long> done)
            throws FsException {
        if (!done.add(inode)) {
            return;
        }
        InodeAttributes attributes = new InodeAttributes();
        volume.getattr(inode, attributes);
        List<Long> children = new ArrayList<>();
        switch (attributes.mode & Inode.S_IFMT) {
            case Inode.S_IFREG -> volume.read(inode, 0, buffer, 0, buffer.length);
            case Inode.S_IFLNK -> volume.readlink(inode);
            case Inode.S_IFDIR ->
                    volume.readdir(
                            inode,
                            2,
                            (name, offset, length, child, type, next) -> children.add(child));
            default -> assertEquals(0, attributes.sizeBytes);
        }
        byte[] names = volume.listxattr(inode);
        for (int from = 0, end = 0; end < names.length; end++) {
            if (names[end] == 0) {
                volume.getxattr(inode, Arrays.copyOfRange(names, from, end));
                from = end + 1;
            }
        }
        for (long child : children) {
            readAll(volume, child, buffer, done);
        }
    }
}
