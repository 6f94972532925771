package io.fusedax.tests.crash;

import io.fusedax.tests.support.Posix;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * One call on a writer's tree, to be made on the mount and on the model.
 *
 * @param path its object, relative to the writer's root
 * @param other new name, or target of a symbolic link, or value of an attribute
 * @param offset offset in the file, or new size
 * @param data bytes to write, or as many zeros as a hole has
 */
record Operation(Kind kind, String path, String other, int offset, byte[] data) {
    private static final int PAGE_BYTES = 4096;
    private static final byte[] NOTHING = new byte[0];

    /** What is written to a file that has lost its name. */
    private static final int NAMELESS_OFFSET = 100_000;

    private static final int NAMELESS_BYTES = 5_000;

    /** The calls there are. */
    enum Kind {
        CREATE,
        WRITE,
        TRUNCATE,
        PUNCH,
        PREALLOCATE,
        FSYNC,
        FDATASYNC,
        MKDIR,
        RMDIR,
        SYMLINK,
        LINK,
        RENAME,
        UNLINK,
        UNLINK_OPEN,
        SETXATTR
    }

    static Operation of(Kind kind, String path) {
        return new Operation(kind, path, "", 0, NOTHING);
    }

    static Operation of(Kind kind, String path, String other) {
        return new Operation(kind, path, other, 0, NOTHING);
    }

    static Operation of(Kind kind, String path, int offset, byte[] data) {
        return new Operation(kind, path, "", offset, data);
    }

    /** Makes the call. */
    void perform(Path root) {
        Path object = root.resolve(path);
        switch (kind) {
            case CREATE -> Posix.close(Posix.create(object));
            case WRITE -> onFile(object, this::writeFully);
            case TRUNCATE -> Posix.truncate(object, offset);
            case PUNCH ->
                    onFile(
                            object,
                            fd ->
                                    Posix.fallocate(
                                            fd,
                                            Posix.FALLOC_PUNCH_HOLE | Posix.FALLOC_KEEP_SIZE,
                                            offset,
                                            data.length));
            case PREALLOCATE ->
                    onFile(
                            object,
                            fd -> Posix.fallocate(fd, Posix.FALLOC_KEEP_SIZE, offset, data.length));
            case FSYNC -> onFile(object, Posix::fsync);
            case FDATASYNC -> onFile(object, Posix::fdatasync);
            case MKDIR -> Posix.mkdir(object, 0755);
            case RMDIR -> Posix.rmdir(object);
            case SYMLINK -> Posix.symlink(other, object);
            case LINK -> Posix.link(object, root.resolve(other));
            case RENAME -> Posix.rename(object, root.resolve(other));
            case UNLINK -> Posix.unlink(object);
            case UNLINK_OPEN ->
                    onFile(
                            object,
                            fd -> {
                                Posix.unlink(object);
                                Posix.pwrite(fd, new byte[NAMELESS_BYTES], NAMELESS_OFFSET);
                                Posix.fsync(fd);
                            });
            case SETXATTR ->
                    Posix.setxattr(
                            object, TreeModel.XATTR, other.getBytes(StandardCharsets.UTF_8), 0);
            default -> throw new IllegalStateException(kind.name());
        }
    }

    private void writeFully(int fd) {
        int written = Posix.pwrite(fd, data, offset);
        if (written != data.length) {
            throw new IllegalStateException("short write: " + written + " of " + data.length);
        }
    }

    private static void onFile(Path path, IntConsumer call) {
        int fd = Posix.open(path, Posix.O_RDWR);
        try {
            call.accept(fd);
        } finally {
            Posix.closeQuietly(fd);
        }
    }

    /**
     * What the kernel may make of it, each part an operation of its own: a write that begins inside
     * a page that is not cached is sent in two requests.
     */
    List<Operation> parts() {
        int headBytes = PAGE_BYTES - offset % PAGE_BYTES;
        if (kind != Kind.WRITE || headBytes == PAGE_BYTES || headBytes >= data.length) {
            return List.of(this);
        }
        return List.of(
                of(kind, path, offset, Arrays.copyOf(data, headBytes)),
                of(
                        kind,
                        path,
                        offset + headBytes,
                        Arrays.copyOfRange(data, headBytes, data.length)));
    }

    /** Whether its success makes operations durable. */
    boolean isSync() {
        return kind == Kind.FSYNC || kind == Kind.FDATASYNC;
    }

    /**
     * The number of first operations that are durable when this one has succeeded, given the model
     * before it. fdatasync promises only what is needed to find the bytes.
     */
    int durableAfter(TreeModel model) {
        return switch (kind) {
            case FSYNC -> model.get(path).touchedUntil;
            case FDATASYNC -> model.get(path).resizedUntil;
            default -> 0;
        };
    }

    /** Does the same to the model, as operation number {@code index}. */
    void apply(TreeModel model, int index) {
        TreeModel.Node node = model.get(path);
        boolean resizes = true;
        switch (kind) {
            case CREATE -> model.add(path, new TreeModel.Node('f', null));
            case WRITE -> {
                // Into a hole this also counts, but the model does not know which blocks there are.
                resizes = offset + data.length > node.content.length;
                TreeModel.write(node, offset, data);
            }
            case TRUNCATE -> TreeModel.truncate(node, offset);
            case PUNCH -> punch(node);
            case FSYNC, FDATASYNC -> {
                node.synced();
                return;
            }
            case MKDIR -> model.add(path, new TreeModel.Node('d', null));
            case SYMLINK -> model.add(path, new TreeModel.Node('l', other));
            case LINK -> {
                model.link(path, other);
                resizes = false;
            }
            case RENAME -> {
                model.rename(path, other);
                resizes = false;
            }
            case UNLINK_OPEN -> {
                overwriteNameless(node);
                model.remove(path);
                resizes = false;
            }
            case RMDIR, UNLINK -> {
                model.remove(path);
                resizes = false;
            }
            case SETXATTR -> {
                node.xattr = other;
                resizes = false;
            }
            default -> resizes = false;
        }
        TreeModel.Node touched = node != null ? node : model.get(path);
        touched.touchedUntil = index + 1;
        if (resizes) {
            touched.resizedUntil = index + 1;
        }
    }

    /** A crash may take the unlink back, and the new size, but not what was stored in place. */
    private static void overwriteNameless(TreeModel.Node node) {
        int end = Math.min(NAMELESS_OFFSET + NAMELESS_BYTES, node.content.length);
        if (end > NAMELESS_OFFSET) {
            TreeModel.write(node, NAMELESS_OFFSET, new byte[end - NAMELESS_OFFSET]);
        }
    }

    private void punch(TreeModel.Node node) {
        int end = Math.min(offset + data.length, node.content.length);
        if (end > offset) {
            TreeModel.write(node, offset, new byte[end - offset]);
        }
    }

    @Override
    public String toString() {
        return kind
                + " "
                + path
                + (other.isEmpty() ? "" : " -> " + (kind == Kind.SETXATTR ? other.length() : other))
                + (data.length == 0 && offset == 0 ? "" : " " + offset + "+" + data.length);
    }
}
