package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.volume.Volume;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jnr.constants.platform.Errno;

/**
 * A workload that was run: the region's events, what a user saw after each step, and what each step
 * promised to be durable.
 */
final class Recording {
    final CrashRegion region;
    final List<Step> steps;

    /** States by number of steps done; the first is what the template holds. */
    final List<TreeState> states = new ArrayList<>();

    /** Events until the step had returned, by number of steps done. */
    final List<Integer> ends = new ArrayList<>();

    /** The oldest state that a cut may show, by number of steps done. */
    final List<Integer> floors = new ArrayList<>();

    /** By number of steps done: by node the oldest state whose content a cut may show. */
    final List<Map<Long, Integer>> contentFloors = new ArrayList<>();

    private final Map<Long, Integer> lineChanged = new HashMap<>();
    private final Map<Long, Integer> mapChanged = new HashMap<>();

    /** Files with stores through mappings that only an fsync makes durable. */
    private final Set<Long> storedUnflushed = new HashSet<>();

    private Recording(CrashRegion region, List<Step> steps) {
        this.region = region;
        this.steps = steps;
    }

    /**
     * Runs a workload.
     *
     * @throws AssertionError when a step fails as none may
     */
    static Recording of(Template template, List<Step> steps) throws FsException {
        Recording recording = new Recording(new CrashRegion(template.image()), steps);
        recording.run(template);
        return recording;
    }

    private void run(Template template) throws FsException {
        long[] clock = new long[1];
        Volume volume = Volume.open(region, Template.options(clock));
        template.warmUp(volume);
        Scene scene = new Scene(volume, region, Template.options(clock));
        TreeReader reader = new TreeReader();
        region.record();
        states.add(reader.keep(volume, null));
        scene.model.adopt(states.get(0), true);
        ends.add(0);
        floors.add(0);
        contentFloors.add(Map.of());
        for (int i = 1; i <= steps.size(); i++) {
            Step step = steps.get(i - 1);
            clock[0] = i;
            scene.begin(step, i);
            boolean done = perform(step, scene);
            ends.add(region.events().size());
            states.add(reader.keep(scene.volume, states.get(i - 1)));
            scene.model.adopt(states.get(i), step.kind().forgets());
            String difference = scene.model.difference(states.get(i));
            if (difference != null) {
                throw new AssertionError(step + ": " + difference);
            }
            noteChanges(i);
            promise(i, step.kind(), done, scene.target);
        }
        region.stopRecording();
    }

    private static boolean perform(Step step, Scene scene) {
        try {
            step.kind().run(scene);
            return true;
        } catch (FsException e) {
            Errno errno = e.errno();
            if (errno == Errno.EIO || errno == Errno.EROFS || e.getMessage().contains("offset ")) {
                throw new AssertionError(step + ": " + e.getMessage(), e);
            }
            return false;
        } catch (RuntimeException e) {
            throw new AssertionError(step + ": " + e, e);
        }
    }

    private void noteChanges(int now) {
        TreeState before = states.get(now - 1);
        TreeState after = states.get(now);
        for (Map.Entry<Long, TreeState.Node> entry : after.nodes.entrySet()) {
            TreeState.Node old = before.nodes.get(entry.getKey());
            if (old == null || old.line != entry.getValue().line) {
                lineChanged.put(entry.getKey(), now);
            }
            if (old == null || old.map != entry.getValue().map) {
                lineChanged.put(entry.getKey(), now);
                mapChanged.put(entry.getKey(), now);
            }
        }
    }

    private void promise(int now, StepKind kind, boolean done, long target) {
        StepKind.Promise promise = done ? kind.promise() : StepKind.Promise.NOTHING;
        int floor = floors.get(now - 1);
        Map<Long, Integer> contents = new HashMap<>(contentFloors.get(now - 1));
        for (long key : states.get(now).nodes.keySet()) {
            if (promise == StepKind.Promise.ALL) {
                floor = now;
                contents.put(key, now);
            } else if (TreeState.inodeOf(key) == target && promise != StepKind.Promise.NOTHING) {
                boolean all = promise == StepKind.Promise.INODE;
                floor = Math.max(floor, (all ? lineChanged : mapChanged).getOrDefault(key, 0));
                if (kind.flushesMappings() || !storedUnflushed.contains(target)) {
                    contents.put(key, now);
                }
            }
        }
        if (kind == StepKind.STORE) {
            storedUnflushed.add(target);
        } else if (kind.flushesMappings() && done) {
            storedUnflushed.remove(target);
            if (target == 0) {
                storedUnflushed.clear();
            }
        }
        floors.add(floor);
        contentFloors.add(contents);
    }
}
