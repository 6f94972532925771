package io.fusedax.backing.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.fusedax.backing.FsException;
import io.fusedax.backing.journal.CommitCause;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;

/**
 * Many threads on the same few names: no deadlock, no lost inode, and what is seen is what is kept.
 */
class VolumeStormTest {
    private static final int THREADS = 8;
    private static final int OPERATIONS = 15_000;
    private static final int NAMES = 12;

    /** What a race with another thread may answer. */
    private static final Set<Errno> EXPECTED =
            EnumSet.of(
                    Errno.ENOENT,
                    Errno.EEXIST,
                    Errno.ENOTEMPTY,
                    Errno.EISDIR,
                    Errno.ENOTDIR,
                    Errno.EINVAL,
                    Errno.ESTALE,
                    Errno.EPERM,
                    Errno.ENOSPC);

    @Test
    void threadsOnTheSameNamesNeitherDeadlockNorLoseInodes() throws Exception {
        long seed = Long.getLong("fusedax.seed", System.nanoTime());
        System.out.println("seed " + seed);
        try (TestVolume v = new TestVolume(24 << 20)) {
            long[] directories = {
                Volume.ROOT_INODE, v.mkdir(2, "d1"), v.mkdir(2, "d2"), v.mkdir(2, "d3")
            };
            ExecutorService pool = Executors.newFixedThreadPool(THREADS);
            try {
                List<Callable<Void>> workers = new ArrayList<>();
                for (int i = 0; i < THREADS; i++) {
                    Random random = new Random(seed + i);
                    workers.add(() -> work(v, directories, random));
                }
                for (Future<Void> each : pool.invokeAll(workers, 120, TimeUnit.SECONDS)) {
                    each.get(); // a cancelled one hung
                }
            } finally {
                pool.shutdownNow();
            }
            v.volume.sync(CommitCause.SYNC);
            Map<String, String> seen = TreeSnapshot.of(v.volume);
            v.crash();
            assertEquals(seen, TreeSnapshot.of(v.volume));
            removeAll(v, Volume.ROOT_INODE);
            assertEquals(0, v.volume.statfs().usedInodes());
        }
    }

    /** An acquisition that fails, or holds: never one that seems to hold and does not. */
    @Test
    void anInodeIsHeldWhileItsNumberIsUsedAgain() throws Exception {
        try (TestVolume v = new TestVolume(8 << 20)) {
            long number = v.create(Volume.ROOT_INODE, "f");
            AtomicBoolean done = new AtomicBoolean();
            ExecutorService pool = Executors.newSingleThreadExecutor();
            try {
                Future<Void> reuse =
                        pool.submit(
                                () -> {
                                    while (!done.get()) {
                                        v.unlink(Volume.ROOT_INODE, "f");
                                        v.create(Volume.ROOT_INODE, "f");
                                    }
                                    return null;
                                });
                for (int i = 0; i < 20 * OPERATIONS; i++) {
                    acquireAndRelease(v, number);
                }
                done.set(true);
                reuse.get();
            } finally {
                done.set(true);
                pool.shutdownNow();
            }
        }
    }

    private static void acquireAndRelease(TestVolume v, long inode) throws FsException {
        try {
            v.volume.acquire(inode);
        } catch (FsException e) {
            assertEquals(Errno.ESTALE, e.errno());
            return;
        }
        v.volume.release(inode);
    }

    private static Void work(TestVolume v, long[] directories, Random random) throws FsException {
        for (int i = 0; i < OPERATIONS; i++) {
            try {
                step(v, directories, random);
            } catch (FsException e) {
                assertTrue(EXPECTED.contains(e.errno()), e.toString());
            }
        }
        return null;
    }

    private static void step(TestVolume v, long[] directories, Random random) throws FsException {
        long directory = directories[random.nextInt(directories.length)];
        long other = directories[random.nextInt(directories.length)];
        String name = "n" + random.nextInt(NAMES);
        String otherName = "n" + random.nextInt(NAMES);
        switch (random.nextInt(14)) {
            case 0, 1 -> v.create(directory, name);
            case 2 -> v.mkdir(directory, name);
            case 3, 4 -> v.unlink(directory, name);
            case 5 -> v.rmdir(directory, name);
            case 6 -> v.rename(directory, name, other, otherName, 0);
            case 7 -> v.rename(directory, name, other, otherName, RenameOperation.EXCHANGE);
            case 8 -> v.link(existing(v, directory, name), other, otherName);
            case 9 ->
                    v.write(
                            existing(v, directory, name),
                            random.nextInt(200_000),
                            new byte[20_000]);
            case 10 -> v.truncate(existing(v, directory, name), random.nextInt(100_000));
            case 11 -> v.volume.fsync(existing(v, directory, name), random.nextBoolean());
            case 12 -> v.read(existing(v, directory, name), 0, 10_000);
            default -> holdWhileUnlinked(v, directory, name);
        }
    }

    private static long existing(TestVolume v, long directory, String name) throws FsException {
        long inode = v.lookup(directory, name);
        if (inode == 0) {
            throw new FsException(Errno.ENOENT, name);
        }
        return inode;
    }

    private static void holdWhileUnlinked(TestVolume v, long directory, String name)
            throws FsException {
        long inode = existing(v, directory, name);
        v.volume.acquire(inode);
        try {
            v.unlink(directory, name);
            v.stat(inode);
            v.write(inode, 0, new byte[5_000]);
        } finally {
            v.volume.release(inode);
        }
    }

    private static void removeAll(TestVolume v, long directory) throws FsException {
        List<String> names = new ArrayList<>();
        List<Boolean> directories = new ArrayList<>();
        v.volume.readdir(
                directory,
                2,
                (name, offset, length, inode, type, next) -> {
                    names.add(new String(name, offset, length, StandardCharsets.UTF_8));
                    directories.add(type == 4);
                    return true;
                });
        for (int i = 0; i < names.size(); i++) {
            if (directories.get(i)) {
                removeAll(v, v.lookup(directory, names.get(i)));
                v.rmdir(directory, names.get(i));
            } else {
                v.unlink(directory, names.get(i));
            }
        }
    }
}
