package io.fusedax.tests.bench;

/** What is compared. */
enum PeerKind {
    FUSE_DAX("fuse-dax"),
    PASSTHROUGH("passthrough_ll"),
    FUSEXMP("fusexmp_fh"),
    FUSE2FS("fuse2fs"),
    EXT4("ext4 on loop");

    private final String label;

    PeerKind(String label) {
        this.label = label;
    }

    String label() {
        return label;
    }
}
