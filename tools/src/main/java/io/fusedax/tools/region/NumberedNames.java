package io.fusedax.tools.region;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.Comparator;

/** Orders {@code region2} before {@code region10}. */
final class NumberedNames implements Comparator<Path>, Serializable {
    private static final long serialVersionUID = 1;

    @Override
    public int compare(Path left, Path right) {
        return key(left).compareTo(key(right));
    }

    private static String key(Path path) {
        StringBuilder key = new StringBuilder();
        for (String part : path.getFileName().toString().split("(?<=\\D)(?=\\d)|(?<=\\d)(?=\\D)")) {
            boolean number = Character.isDigit(part.charAt(0));
            key.append(number ? "0".repeat(Math.max(0, 20 - part.length())) : "").append(part);
        }
        return key.toString();
    }
}
