package io.fusedax.tests.bench;

import static io.fusedax.tests.bench.Libc.check;

import jnr.ffi.Pointer;

/**
 * The operations of the microbenchmark, each by descriptor or by one name relative to a directory
 * descriptor.
 */
enum Operation {
    FSTAT("fstat", 1.0, 0.75) {
        @Override
        boolean isServedFromCache() {
            return true;
        }

        @Override
        Workload open(Libc libc, int dirFd) {
            Pointer stat = Libc.allocate(Libc.STAT_BYTES);
            return new FileWorkload(libc, dirFd, "fstat", Libc.O_RDWR, BLOCK) {
                @Override
                void call(int index) {
                    check(libc.fstat(fd, stat.address()), "fstat");
                }
            };
        }
    },
    OPEN_CLOSE("open+close", 1.0, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            return new FileWorkload(libc, dirFd, "open", Libc.O_RDWR, BLOCK) {
                @Override
                void call(int index) {
                    libc.close(
                            (int)
                                    check(
                                            libc.openat(dirFd, name.address(), Libc.O_RDONLY, 0),
                                            "open"));
                }
            };
        }
    },
    READ_4K("read 4 KiB", 1.0, 0.75) {
        @Override
        boolean isServedFromCache() {
            return true;
        }

        @Override
        Workload open(Libc libc, int dirFd) {
            return new FileWorkload(libc, dirFd, "read4k", Libc.O_RDWR, FILE_BYTES) {
                @Override
                void call(int index) {
                    check(libc.pread(fd, buffer.address(), BLOCK, scattered(index)), "pread");
                }
            };
        }
    },
    WRITE_4K("write 4 KiB", 1.0, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            return new FileWorkload(libc, dirFd, "write4k", Libc.O_RDWR, FILE_BYTES) {
                @Override
                void call(int index) {
                    check(libc.pwrite(fd, buffer.address(), BLOCK, scattered(index)), "pwrite");
                }
            };
        }
    },
    READ_1M("read 1 MiB", 1.0, 0.75) {
        @Override
        boolean isServedFromCache() {
            return true;
        }

        @Override
        Workload open(Libc libc, int dirFd) {
            return new FileWorkload(libc, dirFd, "read1m", Libc.O_RDWR, FILE_BYTES) {
                @Override
                void call(int index) {
                    check(libc.pread(fd, buffer.address(), MEGABYTE, wrapped(index)), "pread");
                }
            };
        }
    },
    WRITE_1M("write 1 MiB", 1.0, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            return new FileWorkload(libc, dirFd, "write1m", Libc.O_RDWR, FILE_BYTES) {
                @Override
                void call(int index) {
                    check(libc.pwrite(fd, buffer.address(), MEGABYTE, wrapped(index)), "pwrite");
                }
            };
        }
    },
    APPEND_4K("append 4 KiB", Report.NO_TARGET, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            return new AppendWorkload(libc, dirFd, "append4k") {
                @Override
                void call(int index) {
                    check(libc.write(fd, buffer.address(), BLOCK), "write");
                }
            };
        }
    },
    APPEND_FSYNC("append 512 B + fsync", Report.NO_TARGET, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            return new AppendWorkload(libc, dirFd, "append512") {
                @Override
                void call(int index) {
                    check(libc.write(fd, buffer.address(), 512), "write");
                    check(libc.fsync(fd), "fsync");
                }
            };
        }
    },
    CREATE_UNLINK("create+unlink", 1.1, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            Pointer name = Libc.name("created");
            int flags = Libc.O_CREAT | Libc.O_EXCL | Libc.O_WRONLY;
            return calls -> {
                for (int i = 0; i < calls; i++) {
                    libc.close(
                            (int) check(libc.openat(dirFd, name.address(), flags, 0644), "create"));
                    check(libc.unlinkat(dirFd, name.address(), 0), "unlink");
                }
            };
        }
    },
    MKDIR_RMDIR("mkdir+rmdir", 1.1, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            Pointer name = Libc.name("directory");
            return calls -> {
                for (int i = 0; i < calls; i++) {
                    check(libc.mkdirat(dirFd, name.address(), 0755), "mkdir");
                    check(libc.unlinkat(dirFd, name.address(), Libc.AT_REMOVEDIR), "rmdir");
                }
            };
        }
    },
    RENAME("rename", 1.1, 0.75) {
        @Override
        Workload open(Libc libc, int dirFd) {
            Pointer other = Libc.name("renamed-b");
            return new FileWorkload(libc, dirFd, "renamed-a", Libc.O_RDWR, BLOCK) {
                private Pointer from = name;
                private Pointer to = other;

                @Override
                void call(int index) {
                    check(libc.renameat(dirFd, from.address(), dirFd, to.address()), "rename");
                    Pointer swap = from;
                    from = to;
                    to = swap;
                }

                @Override
                public void close() {
                    libc.close(fd);
                    check(libc.unlinkat(dirFd, from.address(), 0), "unlink");
                }
            };
        }
    };

    private static final int BLOCK = 4096;
    private static final int MEGABYTE = 1 << 20;
    private static final int FILE_BYTES = 16 * MEGABYTE;
    private static final int FILE_BLOCKS = FILE_BYTES / BLOCK;

    private final String label;
    private final double targetAgainstFusexmp;
    private final double targetAgainstFuse2fs;

    Operation(String label, double targetAgainstFusexmp, double targetAgainstFuse2fs) {
        this.label = label;
        this.targetAgainstFusexmp = targetAgainstFusexmp;
        this.targetAgainstFuse2fs = targetAgainstFuse2fs;
    }

    /**
     * Prepares the operation in a directory; whatever it makes there, closing the workload removes.
     */
    abstract Workload open(Libc libc, int dirFd);

    String label() {
        return label;
    }

    /** Whether the kernel answers without the daemon where it may cache. */
    boolean isServedFromCache() {
        return false;
    }

    /** Greatest accepted ratio of our time to a peer's, NaN for none. */
    double targetAgainst(PeerKind peer, Caching caching) {
        if (caching.keepsFiles() && isServedFromCache()) {
            return Report.NO_TARGET;
        }
        return switch (peer) {
            case FUSE_DAX -> Report.NO_TARGET;
            case PASSTHROUGH -> targetAgainstPassthrough(caching);
            case FUSEXMP -> targetAgainstFusexmp;
            case FUSE2FS -> targetAgainstFuse2fs;
            case EXT4 -> this == APPEND_FSYNC ? 1.0 : Report.NO_TARGET;
        };
    }

    /** Ten percent faster than C by inode, where each call reaches the daemon. */
    private double targetAgainstPassthrough(Caching caching) {
        return switch (this) {
            case FSTAT, OPEN_CLOSE, CREATE_UNLINK, READ_4K, WRITE_4K ->
                    caching == Caching.NONE ? 0.9 : Report.NO_TARGET;
            case READ_1M, WRITE_1M -> caching == Caching.NONE ? 1 / 1.1 : Report.NO_TARGET;
            default -> Report.NO_TARGET;
        };
    }

    /** A block of the file, far from the one before. */
    private static long scattered(int index) {
        return (index * 1_597L % FILE_BLOCKS) * BLOCK;
    }

    private static long wrapped(int index) {
        return (long) MEGABYTE * (index % (FILE_BYTES / MEGABYTE));
    }

    /** A workload on one open file of a given size. */
    private abstract static class FileWorkload implements Workload {
        final Libc libc;
        final int dirFd;
        final Pointer name;
        final int fd;
        final Pointer buffer = Libc.allocate(MEGABYTE);
        private int index;

        FileWorkload(Libc libc, int dirFd, String fileName, int flags, int sizeBytes) {
            this.libc = libc;
            this.dirFd = dirFd;
            this.name = Libc.name(fileName);
            this.fd =
                    (int)
                            check(
                                    libc.openat(dirFd, name.address(), flags | Libc.O_CREAT, 0644),
                                    "open");
            for (long at = 0; at < sizeBytes; ) {
                at +=
                        check(
                                libc.pwrite(
                                        fd,
                                        buffer.address(),
                                        Math.min(MEGABYTE, sizeBytes - at),
                                        at),
                                "pwrite");
            }
        }

        abstract void call(int index);

        @Override
        public final void run(int calls) {
            for (int i = 0; i < calls; i++) {
                call(index++ & Integer.MAX_VALUE);
            }
        }

        @Override
        public void close() {
            libc.close(fd);
            check(libc.unlinkat(dirFd, name.address(), 0), "unlink");
        }
    }

    /** A file that grows and is emptied between samples. */
    private abstract static class AppendWorkload extends FileWorkload {
        AppendWorkload(Libc libc, int dirFd, String fileName) {
            super(libc, dirFd, fileName, Libc.O_WRONLY | Libc.O_APPEND, 0);
        }

        @Override
        public void reset() {
            check(libc.ftruncate(fd, 0), "ftruncate");
        }
    }
}
