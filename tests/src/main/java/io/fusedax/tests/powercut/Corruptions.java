package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.format.MountStateLayout;
import io.fusedax.backing.journal.CommitCause;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import io.fusedax.backing.volume.Caller;
import io.fusedax.backing.volume.CheckReport;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeChecker;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import jnr.constants.platform.Errno;

/**
 * Damaged images: a mount and fsck end in bounded time, without any exception but one that names
 * what is wrong and where; a mount shows no tree that rot made; and what fsck says it repaired is
 * right afterwards.
 */
final class Corruptions {
    private static final long LIMIT_NANOS = 10_000_000_000L;

    private static final int CALLS = 8;

    /** The first images have no log that would put right what is damaged. */
    private static final int CLEAN_IMAGES = 2;

    /** More than any image has seen. */
    private static final int MOST_MOUNTS = 9;

    private final TreeReader reader = new TreeReader();
    private final List<byte[]> images = new ArrayList<>();
    private final List<Long> shapes = new ArrayList<>();
    private final List<ImageRegion> regions = new ArrayList<>();
    private final List<Damage> damages = new ArrayList<>();
    private final Random random = new Random();
    private long tried;
    private long refused;
    private long repaired;
    private volatile long startedNanos;
    private volatile String now = "";

    Corruptions() throws FsException {
        add(Template.SMALL.image());
        add(Template.FULL.image());
        List<Step> steps = Step.parse("APPEND.1,SYNC.1,CREATE.2,UNLINK_OPEN.7,SYNC.2,SHRINK.3");
        add(afterPowerCut(Template.SMALL, steps));
        add(afterPowerCut(Template.LOGGED, steps));
    }

    /** What is committed lies in the log only. */
    private static byte[] afterPowerCut(Template template, List<Step> steps) throws FsException {
        CrashRegion region = Recording.of(template, steps).region;
        return region.image(region.cuts() - 1, Survivors.NONE, new Random(1));
    }

    private void add(byte[] image) throws FsException {
        images.add(image.clone());
        ImageRegion region = new ImageRegion(image.clone());
        regions.add(region);
        damages.add(new Damage(region, random));
        Volume volume = Volume.open(new ArrayRegion(image.clone()), options());
        reader.read(volume);
        shapes.add(reader.shape);
    }

    private static io.fusedax.backing.volume.VolumeOptions options() {
        return Template.options(new long[] {1 << 19});
    }

    long tried() {
        return tried;
    }

    /** Images that a mount refused. */
    long refused() {
        return refused;
    }

    /** Images that fsck put right. */
    long repaired() {
        return repaired;
    }

    /** What is under way, when it takes longer than it may; else null. */
    String hanging() {
        long started = startedNanos;
        return started != 0 && System.nanoTime() - started > LIMIT_NANOS ? now : null;
    }

    /** Tries one damage. */
    void tryOne(long seed) throws Violation {
        tried++;
        random.setSeed(Mix.of(seed, 1));
        int which = random.nextInt(images.size());
        ImageRegion region = regions.get(which);
        int kind = random.nextInt(6);
        boolean rot = kind < 3;
        Damage damage = damages.get(which);
        String done = kind == 0 ? damage.vital() : rot ? damage.some() : damage.anything();
        now = "corruption " + seed + ":" + done;
        startedNanos = System.nanoTime();
        byte[] damaged = null;
        ArrayRegion used = region;
        try {
            if (kind == 0 && (which < CLEAN_IMAGES || !done.contains("VOLUME_STATE"))) {
                checkFound(region.bytes());
                checkMountStateForgotten(region.bytes());
            }
            if (random.nextInt(20) == 0) {
                int pages = 1 + random.nextInt(region.bytes().length / 4096);
                used = new ArrayRegion(java.util.Arrays.copyOf(region.bytes(), pages * 4096));
            } else if (random.nextInt(2) == 0) {
                damaged = region.bytes().clone();
            }
            // elsewhere the last transaction, damaged, looks like one that was never finished
            boolean shown = rot && used == region && (kind == 0 || which < CLEAN_IMAGES);
            mountAndUse(used, shown ? shapes.get(which) : 0);
            fsck(damaged == null ? used : new ArrayRegion(damaged));
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            StackTraceElement[] trace = e.getStackTrace();
            throw new Violation(now + ": " + e + (trace.length == 0 ? "" : " at " + trace[0]));
        } catch (Violation e) {
            throw new Violation(now + ": " + e.getMessage());
        } finally {
            startedNanos = 0;
            region.restore(images.get(which));
        }
    }

    private void mountAndUse(ArrayRegion region, long rightShape) throws Violation {
        Volume volume;
        try {
            volume = Volume.open(region, options());
            reader.read(volume);
        } catch (FsException e) {
            refused++;
            checkMessage(e);
            return;
        }
        if (rightShape != 0 && reader.shape != rightShape) {
            throw new Violation("a mount shows a wrong tree");
        }
        change(volume);
    }

    /** A few calls; each may fail, none in a way that is not foreseen. */
    private void change(Volume volume) throws Violation {
        Scene scene = new Scene(volume, null, options());
        StepKind[] kinds = {
            StepKind.CREATE, StepKind.WRITE, StepKind.UNLINK, StepKind.SHRINK,
            StepKind.RENAME, StepKind.SET_XATTR, StepKind.PUNCH, StepKind.MKDIR
        };
        for (int i = 0; i < CALLS; i++) {
            try {
                scene.begin(new Step(kinds[i], (int) tried + i), i);
                kinds[i].run(scene);
            } catch (FsException e) {
                checkMessage(e);
            }
        }
        try {
            volume.sync(CommitCause.SYNC);
            volume.write(4, 0, new byte[1], 0, 1, 0, Caller.ROOT);
            volume.close();
        } catch (FsException e) {
            checkMessage(e);
        }
    }

    private static void checkMessage(FsException e) throws Violation {
        boolean says = e.getMessage() != null && e.getMessage().matches("(?s).*\\d.*");
        if (e.errno() == Errno.EUCLEAN && !says) {
            throw new Violation("names no place: " + e.getMessage());
        }
    }

    /** No rot of what counts is overlooked. */
    private static void checkFound(byte[] damaged) throws Violation {
        try {
            ArrayRegion region = new ArrayRegion(damaged.clone());
            if (VolumeChecker.check(region, false, line -> {}).clean()) {
                throw new Violation("fsck finds nothing");
            }
        } catch (FsException e) {
            checkMessage(e);
        }
    }

    /** What a damaged mount state says is not carried on. */
    private static void checkMountStateForgotten(byte[] damaged) throws Violation {
        ArrayRegion region = new ArrayRegion(damaged.clone());
        try {
            Volume.open(region, options()).close();
        } catch (FsException e) {
            checkMessage(e);
            return;
        }
        long at = MountStateLayout.OFFSET;
        if (region.getInt(at + MountStateLayout.STATE) != MountStateLayout.STATE_CLEAN
                || region.getInt(at + MountStateLayout.MOUNT_COUNT) > MOST_MOUNTS
                || region.getLong(at + MountStateLayout.ERROR_COUNT) != 0) {
            throw new Violation("a damaged mount state is carried on");
        }
    }

    private void fsck(ArrayRegion region) throws Violation {
        try {
            CheckReport report = VolumeChecker.check(region, true, line -> {});
            if (report.problems() == 0 || report.repaired() < report.problems()) {
                return;
            }
            repaired++;
            CheckReport again = VolumeChecker.check(region, false, line -> {});
            if (!again.clean()) {
                throw new Violation("repaired, but still: " + again.messages());
            }
            reader.read(Volume.open(region, options()));
        } catch (FsException e) {
            if (e.errno() == Errno.EUCLEAN) {
                throw new Violation("fsck: " + e.getMessage());
            }
        }
    }
}
