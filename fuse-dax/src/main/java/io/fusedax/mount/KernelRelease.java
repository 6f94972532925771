package io.fusedax.mount;

/** What a Linux can do, by its release as uname(2) says it. */
final class KernelRelease {
    private KernelRelease() {}

    static String running() {
        return System.getProperty("os.version");
    }

    /** Whether a release is this one or newer; so is what does not look like a release. */
    static boolean isAtLeast(String release, int major, int minor) {
        String[] numbers = release.split("[^0-9]+", 3);
        try {
            int itsMajor = Integer.parseInt(numbers[0]);
            int itsMinor = numbers.length < 2 ? 0 : Integer.parseInt(numbers[1]);
            return itsMajor > major || itsMajor == major && itsMinor >= minor;
        } catch (NumberFormatException e) {
            return true;
        }
    }
}
