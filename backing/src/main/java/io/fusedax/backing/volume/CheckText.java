package io.fusedax.backing.volume;

import io.fusedax.backing.format.StructureType;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** How structures and names are called in messages and dumps. */
final class CheckText {
    private CheckText() {}

    static String at(StructureType type, long offset) {
        return type.title() + " at offset " + offset;
    }

    static String inode(long number, long offset) {
        return "inode " + number + " at offset " + offset;
    }

    static String ofInode(StructureType type, long number, long offset) {
        return type.title() + " at offset " + offset + " of inode " + number;
    }

    /** The name as text on one line; bytes that are none as {@code \xNN}. */
    static String name(byte[] bytes, int offset, int length) {
        String text;
        try {
            text =
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(bytes, offset, length))
                            .toString();
        } catch (CharacterCodingException e) {
            text = new String(bytes, offset, length, StandardCharsets.ISO_8859_1);
            return escape(text, 0x7e);
        }
        return escape(text, Character.MAX_VALUE);
    }

    private static String escape(String text, int lastPlain) {
        StringBuilder escaped = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\\') {
                escaped.append("\\\\");
            } else if (Character.isISOControl(c) || c > lastPlain) {
                escaped.append(String.format("\\x%02x", (int) c));
            } else {
                escaped.append(c);
            }
        }
        return escaped.toString();
    }
}
