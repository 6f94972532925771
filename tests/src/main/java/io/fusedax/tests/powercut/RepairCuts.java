package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.ArrayRegion;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import io.fusedax.backing.volume.CheckReport;
import io.fusedax.backing.volume.Volume;
import io.fusedax.backing.volume.VolumeChecker;
import java.util.List;
import java.util.Random;

/** Cuts fsck's repair at every store: the next repair finishes it, with the same tree. */
final class RepairCuts {
    private final int mostCuts;
    private final Random random;
    private final TreeReader reader = new TreeReader();
    private long images;

    /**
     * @param mostCuts tried at most, the one after all that fsck stores first
     */
    RepairCuts(long seed, int mostCuts) {
        this.mostCuts = mostCuts;
        random = Mix.random(seed);
        reader.withoutTimes();
    }

    long images() {
        return images;
    }

    /** A volume whose last commits lie in the log only, and one that was unmounted after many. */
    static List<byte[]> used() throws FsException {
        Recording used =
                Recording.of(
                        Template.SMALL,
                        Step.parse("APPEND.1,SYNC.1,CREATE.2,SYNC.2,SET_LONG_XATTR.3,SYNC.3"));
        ArrayRegion logged = Recording.of(Template.LOGGED, Step.parse("CREATE.1,SYNC.1")).region;
        Volume.open(logged, Template.options(new long[1])).close();
        return List.of(
                used.region.image(used.region.cuts() - 1, Survivors.NONE, new Random(1)),
                logged.bytes());
    }

    /** Damages one of the volumes and repairs it. */
    void run(List<byte[]> used) throws Violation, FsException {
        byte[] image = used.get(random.nextInt(used.size())).clone();
        Damage damage = new Damage(image, random);
        String done = random.nextBoolean() ? damage.some() : damage.lies();
        CrashRegion region = new CrashRegion(image);
        region.record();
        CheckReport report;
        try {
            report = VolumeChecker.check(region, true, line -> {});
        } catch (FsException e) {
            return; // no superblock is left
        }
        region.stopRecording();
        if (report.problems() == 0 || report.repaired() < report.problems()) {
            return;
        }
        long expected = shapeOf(region.bytes().clone());
        for (int i = 0; i < Math.min(mostCuts, region.cuts()); i++) {
            int cut = region.cuts() <= mostCuts ? i : random.nextInt(region.cuts());
            cut = i == 0 ? region.cuts() - 1 : cut;
            Survivors[] all = Survivors.values();
            Survivors survivors = i == 0 ? Survivors.NONE : all[random.nextInt(all.length)];
            String where = done + ", repair cut after event " + cut + ", survivors " + survivors;
            check(region.image(cut, survivors, random), expected, i == 0, where);
        }
    }

    private void check(byte[] image, long expected, boolean finished, String where)
            throws Violation, FsException {
        images++;
        CheckReport second = VolumeChecker.check(new ArrayRegion(image), true, line -> {});
        if (finished && !second.clean()) {
            throw new Violation("a repair was not durable: " + second.messages() + " " + where);
        }
        if (second.repaired() < second.problems()) {
            throw new Violation("not finished: " + second.messages() + " " + where);
        }
        CheckReport third = VolumeChecker.check(new ArrayRegion(image), false, line -> {});
        if (!third.clean()) {
            throw new Violation("still wrong: " + third.messages() + " " + where);
        }
        if (shapeOf(image) != expected) {
            throw new Violation("the second repair made another tree: " + where);
        }
    }

    private long shapeOf(byte[] image) throws FsException {
        Volume volume = Volume.open(new ArrayRegion(image), Template.options(new long[1]));
        reader.read(volume);
        return reader.shape;
    }
}
