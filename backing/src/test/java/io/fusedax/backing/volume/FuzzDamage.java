package io.fusedax.backing.volume;

import io.fusedax.backing.format.Bytes;
import io.fusedax.backing.format.Checksums;
import io.fusedax.backing.format.PackedExtent;
import io.fusedax.backing.format.StructureType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Changes structures of an image as an input says, and makes their checksums right again. */
final class FuzzDamage {
    private static final int LINE = 64;
    private static final int MAX_EDITS = 24;

    private final Checksums checksums;
    private final Map<StructureType, List<Integer>> places = new EnumMap<>(StructureType.class);
    private final List<StructureType> types;

    /**
     * @param whole an image whose structures are right
     */
    FuzzDamage(byte[] whole, Checksums checksums) {
        this.checksums = checksums;
        for (int at = 0; at < whole.length; at += LINE) {
            for (StructureType type : StructureType.values()) {
                if (Bytes.getInt(whole, at) == type.magic() && isWhole(whole, type, at)) {
                    places.computeIfAbsent(type, key -> new ArrayList<>()).add(at);
                }
            }
        }
        types = List.copyOf(places.keySet());
    }

    /**
     * Neither a copy in the log nor what was left in a free block. The log has a target of its own.
     */
    private boolean isWhole(byte[] whole, StructureType type, int at) {
        int end = at + type.sizeBytes();
        return end <= whole.length
                && checksums.problem(type, at, Arrays.copyOfRange(whole, at, end)) == null;
    }

    /** Does what the input says to the image; returns what that was. */
    String apply(FuzzInput input, byte[] image) {
        StringBuilder done = new StringBuilder();
        for (int i = 0; i < MAX_EDITS && !input.atEnd(); i++) {
            StructureType type = types.get(input.below(types.size()));
            int place = place(input, type);
            done.append(' ').append(type).append('@').append(place);
            edit(input, type, place, image);
        }
        return done.toString();
    }

    private int place(FuzzInput input, StructureType type) {
        List<Integer> some = places.get(type);
        return some.get(input.below(some.size()));
    }

    private void edit(FuzzInput input, StructureType type, int place, byte[] image) {
        byte[] bytes = Arrays.copyOfRange(image, place, place + type.sizeBytes());
        int kind = input.u8();
        int at = input.below(bytes.length);
        change(input, kind % 8, bytes, at, image, type);
        boolean rot = kind >= 240;
        if (!rot) {
            checksums.seal(type, place, bytes);
        }
        System.arraycopy(bytes, 0, image, place, bytes.length);
    }

    private void change(
            FuzzInput input, int kind, byte[] bytes, int at, byte[] image, StructureType type) {
        switch (kind) {
            case 0 -> put(bytes, at, input.take(1 + input.below(16)));
            case 1 -> put(bytes, at, input.take(2));
            case 2 -> putLong(bytes, at, -1 - input.u8());
            case 3 -> putLong(bytes, at, input.u16());
            case 4 -> putLong(bytes, at, extent(input));
            case 5 -> bytes[at] ^= (byte) (1 << input.below(8));
            case 6 -> { // a piece of another structure of the kind
                int from = place(input, type);
                int length = Math.min(input.u8(), bytes.length - at);
                System.arraycopy(image, from + at, bytes, at, length);
            }
            default -> { // another structure of the kind as a whole
                int from = place(input, type);
                System.arraycopy(image, from, bytes, 0, bytes.length);
            }
        }
    }

    private static long extent(FuzzInput input) {
        long start = input.u16();
        return PackedExtent.of(start, 1 + input.u16(), (input.u8() & 1) != 0);
    }

    private static void putLong(byte[] bytes, int at, long value) {
        Bytes.putLong(bytes, Math.min(at & -8, bytes.length - Long.BYTES), value);
    }

    private static void put(byte[] bytes, int at, byte[] value) {
        System.arraycopy(value, 0, bytes, at, Math.min(value.length, bytes.length - at));
    }
}
