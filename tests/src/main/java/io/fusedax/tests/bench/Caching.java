package io.fusedax.tests.bench;

import java.util.ArrayList;
import java.util.List;

/** What the kernel may cache: the options of every FUSE peer of a run. */
enum Caching {
    /** Nothing: each call reaches the daemon. */
    NONE("uncached", "direct_io,attr_timeout=0,entry_timeout=0", "cache=never,timeout=0"),
    /** File data in the page cache, attributes and names for ten seconds. */
    KERNEL("cached", "attr_timeout=10,entry_timeout=10", "cache=always,timeout=10"),
    /** Each peer as it is mounted without options, but for large writes. */
    OWN_DEFAULTS("default", "", "");

    private static final String SAME_AS_OURS = "default_permissions,use_ino";
    private static final String LARGE_WRITES = "big_writes,max_write=131072";

    private final String label;
    private final String options;
    private final String passthroughOptions;

    Caching(String label, String options, String passthroughOptions) {
        this.label = label;
        this.options = options;
        this.passthroughOptions = passthroughOptions;
    }

    String label() {
        return label;
    }

    /**
     * Options of mount that our daemon takes; what {@link #peerOptions} adds, it does by itself.
     */
    List<String> ownOptions() {
        return options.isEmpty() ? List.of() : List.of("-o", options);
    }

    /**
     * Options that give a libfuse peer what our daemon has.
     *
     * @param noDefaults an option that turns the peer's own defaults off, or none
     */
    List<String> peerOptions(String... noDefaults) {
        List<String> all = new ArrayList<>();
        if (this != OWN_DEFAULTS) {
            all.addAll(List.of(noDefaults));
            all.addAll(List.of(options, SAME_AS_OURS));
        }
        all.add(LARGE_WRITES);
        return List.of("-o", String.join(",", all));
    }

    /**
     * The same for passthrough_ll, which has names of its own for it.
     *
     * @param source its option for the directory it shows
     */
    List<String> lowLevelOptions(String source) {
        List<String> all = new ArrayList<>(List.of(source));
        if (this != OWN_DEFAULTS) {
            all.addAll(List.of(passthroughOptions, "default_permissions"));
        }
        return List.of("-o", String.join(",", all));
    }

    /** Whether the kernel answers for files that it has seen, instead of a daemon. */
    boolean keepsFiles() {
        return this != NONE;
    }
}
