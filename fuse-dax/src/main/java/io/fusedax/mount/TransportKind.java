package io.fusedax.mount;

/** How requests reach the mount. */
public enum TransportKind {
    /** /dev/fuse itself: one inode per file, the kernel's protocol of today. */
    NATIVE("native"),
    /** libfuse 2.9 through jnr-fuse. */
    JNR_FUSE("jnr-fuse");

    private final String optionValue;

    TransportKind(String optionValue) {
        this.optionValue = optionValue;
    }

    /** As {@code -o transport=} and the statistics name it. */
    public String optionValue() {
        return optionValue;
    }

    /**
     * The kind of a name.
     *
     * @return null for "auto"
     * @throws IllegalArgumentException if there is no such transport
     */
    public static TransportKind parse(String value) {
        for (TransportKind kind : values()) {
            if (kind.optionValue.equals(value)) {
                return kind;
            }
        }
        if (value.equals("auto")) {
            return null;
        }
        throw new IllegalArgumentException("transport=" + value + ": auto, native or jnr-fuse");
    }
}
