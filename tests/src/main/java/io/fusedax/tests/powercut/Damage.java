package io.fusedax.tests.powercut;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.Geometry;
import io.fusedax.backing.format.StructureType;
import io.fusedax.backing.region.ArrayRegion;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;

/** Damages an image by seed: what rots, and what an attacker would write. */
final class Damage {
    private static final int LINE = 64;

    private final byte[] image;
    private final ArrayRegion region;
    private final Random random;
    private final Checksums checksums = new Checksums(new UUID(7, 1));
    private final Map<StructureType, List<Integer>> places = new EnumMap<>(StructureType.class);
    private final List<StructureType> types = new ArrayList<>();

    /**
     * @param region whose structures are right so far
     */
    Damage(ArrayRegion region, Random random) {
        this.region = region;
        this.image = region.bytes();
        this.random = random;
        for (int at = 0; at < image.length; at += LINE) {
            int magic = Bytes.getInt(image, at);
            for (StructureType type : StructureType.values()) {
                if (magic == type.magic() && at + type.sizeBytes() <= image.length) {
                    places.computeIfAbsent(type, key -> new ArrayList<>()).add(at);
                }
            }
        }
        types.addAll(places.keySet());
    }

    Damage(byte[] image, Random random) {
        this(new ArrayRegion(image), random);
    }

    /** One to three flips or zeroed pieces in structures: all that media do by themselves. */
    String some() {
        StringBuilder done = new StringBuilder();
        for (int count = 1 + random.nextInt(3); count > 0; count--) {
            done.append(random.nextInt(3) > 0 ? flip() : zero());
        }
        return done.toString();
    }

    /**
     * One flip in a structure that counts in any volume, and only where it says something.
     *
     * @return what was done
     */
    String vital() {
        StructureType[] all = {
            StructureType.SUPERBLOCK,
            StructureType.VOLUME_STATE,
            StructureType.MOUNT_STATE,
            StructureType.JOURNAL_HEADER
        };
        StructureType type = all[random.nextInt(all.length)];
        boolean logged = type == StructureType.VOLUME_STATE; // the copies behind the first
        return flip(type, logged ? places.get(type).get(0) : place(type));
    }

    /** One or two lies under right checksums. */
    String lies() {
        return random.nextBoolean() ? lie() : lie() + lie();
    }

    /** Anything, lies under right checksums included. */
    String anything() {
        StringBuilder done = new StringBuilder();
        for (int count = 1 + random.nextInt(5); count > 0; count--) {
            done.append(
                    switch (random.nextInt(8)) {
                        case 0 -> flip();
                        case 1 -> zero();
                        case 2 -> swapBlocks();
                        case 3 -> noise();
                        default -> lie();
                    });
        }
        return done.toString();
    }

    private StructureType type() {
        return types.get(random.nextInt(types.size()));
    }

    private int place(StructureType type) {
        List<Integer> some = places.get(type);
        return some.get(random.nextInt(some.size()));
    }

    private String flip() {
        StructureType type = type();
        return flip(type, place(type));
    }

    private String flip(StructureType type, int place) {
        int at = place + random.nextInt(type.sizeBytes());
        byte flipped = (byte) (image[at] ^ 1 << random.nextInt(8));
        region.write(at, new byte[] {flipped}, 0, 1);
        return " flip " + type + "@" + at;
    }

    private String zero() {
        StructureType type = type();
        int at = place(type);
        int length = random.nextBoolean() ? LINE : type.sizeBytes();
        region.zero(at, length);
        return " zero " + type + "@" + at + "+" + length;
    }

    private String swapBlocks() {
        int blocks = image.length / Geometry.BLOCK_BYTES;
        int one = random.nextInt(blocks) * Geometry.BLOCK_BYTES;
        int other = place(type()) & -Geometry.BLOCK_BYTES;
        byte[] bytes = new byte[Geometry.BLOCK_BYTES];
        region.read(one, bytes, 0, bytes.length);
        region.copy(other, one, bytes.length);
        region.write(other, bytes, 0, bytes.length);
        return " swap @" + one + " @" + other;
    }

    private String noise() {
        int at = random.nextInt(image.length / LINE) * LINE;
        byte[] bytes = new byte[LINE];
        random.nextBytes(bytes);
        region.write(at, bytes, 0, LINE);
        return " noise @" + at;
    }

    /** A field of a structure becomes something else, under a right checksum. */
    private String lie() {
        StructureType type = type();
        int offset = place(type);
        byte[] bytes = new byte[type.sizeBytes()];
        region.read(offset, bytes, 0, bytes.length);
        int range = random.nextBoolean() ? bytes.length : Math.min(256, bytes.length);
        int at = 8 + random.nextInt(range - 16);
        switch (random.nextInt(6)) {
            case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> Bytes.putLong(bytes, at & ~7, random.nextLong());
            case 2 -> Bytes.putLong(bytes, at & ~7, random.nextInt(300));
            case 3 -> Bytes.putInt(bytes, at & ~3, -random.nextInt(3));
            case 4 -> bytes[at] = (byte) '/';
            default -> Bytes.putShort(bytes, at & ~1, random.nextInt(1 << 16));
        }
        checksums.seal(type, offset, bytes);
        region.write(offset, bytes, 0, bytes.length);
        return " lie " + type + "@" + offset + "+" + at;
    }
}
