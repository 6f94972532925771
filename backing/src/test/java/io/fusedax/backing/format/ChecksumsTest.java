package io.fusedax.backing.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ChecksumsTest {
    private static final UUID VOLUME = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");

    private final Random random = Seed.random("ChecksumsTest");

    /** CRC32C bit by bit, as RFC 3720 describes it. */
    private static int crc32c(byte[] bytes) {
        int crc = -1;
        for (byte each : bytes) {
            crc ^= each & 0xFF;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                crc = (crc & 1) != 0 ? crc >>> 1 ^ 0x82F6_3B78 : crc >>> 1;
            }
        }
        return ~crc;
    }

    /** The checksum rule of FORMAT.md, done by hand. */
    private static int byHand(UUID uuid, long place, byte[] structure) {
        ByteBuffer covered = ByteBuffer.allocate(16 + 8 + structure.length - 4);
        covered.putLong(uuid.getMostSignificantBits()).putLong(uuid.getLeastSignificantBits());
        covered.order(ByteOrder.LITTLE_ENDIAN).putLong(place);
        covered.put(structure, 0, 4).put(structure, 8, structure.length - 8);
        return crc32c(covered.array());
    }

    private byte[] sealed(StructureType type, long place) {
        byte[] bytes = new byte[type.sizeBytes()];
        random.nextBytes(bytes);
        new Checksums(VOLUME).seal(type, place, bytes);
        return bytes;
    }

    @Test
    void theReferenceGivesThePublishedValues() {
        assertEquals(0xE306_9283, crc32c("123456789".getBytes(StandardCharsets.US_ASCII)));
        assertEquals(0x8A91_36AA, crc32c(new byte[32])); // RFC 3720, B.4
    }

    @Test
    void aSealedStructureCarriesTheChecksumOfTheDocument() {
        for (StructureType type : StructureType.values()) {
            long place = random.nextInt() & 0xFFFF_FFC0L;
            byte[] bytes = sealed(type, place);
            assertEquals(byHand(VOLUME, place, bytes), Bytes.getInt(bytes, 4), type.title());
            assertNull(new Checksums(VOLUME).problem(type, place, bytes), type.title());
        }
    }

    @Test
    void aFixedExampleNeverChanges() {
        byte[] bytes = new byte[VolumeStateLayout.SIZE_BYTES];
        bytes[VolumeStateLayout.FREE_BLOCKS] = 42;
        new Checksums(VOLUME).seal(StructureType.VOLUME_STATE, VolumeStateLayout.OFFSET, bytes);
        assertEquals("FDV1", new String(bytes, 0, 4, StandardCharsets.US_ASCII));
        assertEquals(0xABAA_B1AD, Bytes.getInt(bytes, 4));
    }

    @Test
    void everyFlippedBitAndEveryOtherPlaceIsSeen() {
        Checksums checksums = new Checksums(VOLUME);
        for (StructureType type : StructureType.values()) {
            long place = 4096L * random.nextInt(1000);
            byte[] bytes = sealed(type, place);
            for (int i = 0; i < 200; i++) {
                int at = random.nextInt(bytes.length);
                byte old = bytes[at];
                bytes[at] ^= (byte) (1 << random.nextInt(Byte.SIZE));
                assertNotNull(checksums.problem(type, place, bytes), type + " byte " + at);
                bytes[at] = old;
            }
            assertNotNull(checksums.problem(type, place + 64, bytes), "moved");
            UUID other = new UUID(VOLUME.getMostSignificantBits(), 1);
            assertNotNull(new Checksums(other).problem(type, place, bytes), "another volume's");
        }
    }

    @Test
    void magicsAreReadableAndAllDifferent() {
        for (StructureType one : StructureType.values()) {
            byte[] bytes = sealed(one, 0);
            String magic = new String(bytes, 0, 4, StandardCharsets.US_ASCII);
            assertTrue(magic.matches("FD[A-Z]1"), magic);
            for (StructureType other : StructureType.values()) {
                if (one != other) {
                    assertNotEquals(one.magic(), other.magic());
                    assertTrue(new Checksums(VOLUME).problem(other, 0, bytes).startsWith("magic"));
                }
            }
        }
    }
}
