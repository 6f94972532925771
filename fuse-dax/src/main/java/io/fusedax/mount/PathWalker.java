package io.fusedax.mount;

import io.fusedax.backing.FsException;
import jnr.constants.platform.Errno;

/**
 * Turns libfuse's paths, C strings of raw bytes, into inodes without making Java strings. One for
 * each thread.
 */
final class PathWalker {
    /** Longest name in bytes. */
    static final int NAME_MAX = 255;

    /** Finds a name in a directory: an inode, or 0. */
    @FunctionalInterface
    interface Lookup {
        long lookup(long directory, byte[] name, int nameOffset, int nameLength) throws FsException;
    }

    private final Lookup lookup;
    private final long root;
    private final byte[] component = new byte[NAME_MAX];

    PathWalker(Lookup lookup, long rootInode) {
        this.lookup = lookup;
        this.root = rootInode;
    }

    /**
     * Resolves a whole path.
     *
     * @param path address of an absolute path
     * @return the inode, 0 if the last component is missing
     * @throws FsException ENOENT if another one is missing; ENOTDIR, ENAMETOOLONG
     */
    long resolve(long path) throws FsException {
        long inode = root;
        long position = path;
        while (Memory.getByte(position) == '/') {
            position++;
        }
        while (Memory.getByte(position) != 0) {
            if (inode == 0) {
                throw new FsException(Errno.ENOENT, "a directory of the path is missing");
            }
            int length = copyComponent(position, component);
            inode = lookup.lookup(inode, component, 0, length);
            position += length;
            while (Memory.getByte(position) == '/') {
                position++;
            }
        }
        return inode;
    }

    /**
     * Resolves the directory part of a path and takes out the last component.
     *
     * @param path address of an absolute path other than "/"
     * @param last receives the last component
     * @return the inode of the directory
     * @throws FsException ENOENT, ENOTDIR, ENAMETOOLONG
     */
    long resolveParent(long path, Name last) throws FsException {
        long inode = root;
        long position = path + 1;
        while (true) {
            last.length = copyComponent(position, last.bytes);
            position += last.length;
            if (Memory.getByte(position) == 0) {
                return inode;
            }
            inode = lookup.lookup(inode, last.bytes, 0, last.length);
            if (inode == 0) {
                throw new FsException(Errno.ENOENT, "a directory of the path is missing");
            }
            position++;
        }
    }

    /** Takes out the last component of a path whose directory is known already. */
    static void lastComponent(long path, Name last) throws FsException {
        long start = path;
        long position = path;
        for (byte b = Memory.getByte(position); b != 0; b = Memory.getByte(++position)) {
            if (b == '/') {
                start = position + 1;
            }
        }
        if (position - start > NAME_MAX) {
            throw new FsException(Errno.ENAMETOOLONG, "name over 255 bytes");
        }
        last.length = (int) (position - start);
        Memory.get(start, last.bytes, 0, last.length);
    }

    private static int copyComponent(long position, byte[] into) throws FsException {
        int length = 0;
        for (byte b = Memory.getByte(position);
                b != 0 && b != '/';
                b = Memory.getByte(position + length)) {
            if (length == NAME_MAX) {
                throw new FsException(Errno.ENAMETOOLONG, "name over 255 bytes");
            }
            into[length++] = b;
        }
        return length;
    }

    /** A name of at most {@link #NAME_MAX} bytes, for reuse. */
    static final class Name {
        final byte[] bytes = new byte[NAME_MAX];
        int length;
    }
}
