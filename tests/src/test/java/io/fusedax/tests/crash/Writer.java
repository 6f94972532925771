package io.fusedax.tests.crash;

import io.fusedax.tests.crash.Operation.Kind;
import io.fusedax.tests.support.Posix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Makes random calls in a tree of its own and keeps, outside the mount, what it asked for and what
 * was acknowledged. Then says whether what a crash left is a state this record allows.
 */
final class Writer {
    private static final int MOST_NODES = 70;
    private static final int MOST_BYTES = 200_000;
    private static final int MOST_WRITTEN = 60_000; // one FUSE request, so that it is one operation

    private final String name;
    private final Random random;
    private TreeModel base = new TreeModel();
    private TreeModel model;
    private final List<Done> log = new ArrayList<>();
    private int durable;
    private int names;
    private volatile boolean dying;

    Writer(String name, long seed) {
        this.name = name;
        random = new Random(seed);
        model = base.plainCopy();
    }

    /** An operation asked for; its end is 0 when no answer came. */
    private static final class Done {
        final Operation operation;
        final long beginNanos = System.nanoTime();
        long endNanos;

        Done(Operation operation) {
            this.operation = operation;
        }
    }

    /** What a crash may have kept: the fewest and the most first operations that explain it. */
    record Kept(int fewest, int most) {}

    /** Errors are no surprise from now on: the daemon is about to be killed. */
    void expectDeath() {
        dying = true;
    }

    /** Makes the root of this writer's tree, durably. */
    void prepare(Path mount) {
        Path root = mount.resolve(name);
        Posix.mkdir(root, 0755);
        int fd = Posix.open(root, Posix.O_RDONLY);
        Posix.fsync(fd);
        Posix.close(fd);
    }

    /**
     * Works until the mount is gone or so many operations are done; an error before {@link
     * #expectDeath} fails the test.
     */
    void run(Path mount, int mostOperations) {
        Path root = mount.resolve(name);
        while (log.size() < mostOperations) {
            Operation operation = next();
            int first = log.size();
            operation.parts().forEach(part -> log.add(new Done(part)));
            try {
                operation.perform(root);
            } catch (RuntimeException e) {
                if (dying) {
                    return;
                }
                throw new AssertionError(name + ": " + operation + ": " + e.getMessage(), e);
            }
            long now = System.nanoTime();
            for (int i = first; i < log.size(); i++) {
                log.get(i).endNanos = now;
                Operation part = log.get(i).operation;
                durable = Math.max(durable, part.durableAfter(model));
                part.apply(model, i);
            }
        }
    }

    int operations() {
        return log.size();
    }

    int durableOperations() {
        return durable;
    }

    /** Fails unless the tree is the state after some first operations, all durable ones in it. */
    Kept verify(Path mount) {
        TreeModel actual = TreeModel.read(mount.resolve(name));
        TreeModel model = base.plainCopy();
        int fewest = -1;
        int most = -1;
        String problem = null;
        for (int kept = 0; kept <= log.size(); kept++) {
            if (kept >= durable && model.sameShape(actual)) {
                if (fewest < 0) {
                    problem = contentProblem(model, kept, actual);
                    fewest = problem == null ? kept : -1;
                }
                most = kept;
            }
            if (kept < log.size()) {
                log.get(kept).operation.apply(model, kept);
            }
        }
        if (fewest < 0) {
            throw new AssertionError(name + ": " + explain(actual, problem));
        }
        return new Kept(fewest, most);
    }

    /** Fails unless the tree is what all operations together made. */
    void verifyExactly(Path mount) {
        TreeModel actual = TreeModel.read(mount.resolve(name));
        String difference = model.difference(actual);
        if (!difference.isEmpty()) {
            throw new AssertionError(name + ": " + difference);
        }
    }

    /** When the last operation that certainly was kept had begun; 0 if there is none. */
    long beginOfLast(Kept kept) {
        return kept.fewest() == 0 ? 0 : log.get(kept.fewest() - 1).beginNanos;
    }

    /** Operations that had ended before a moment: when a later one was kept, these must be, too. */
    int endedBefore(long nanos) {
        int count = 0;
        while (count < log.size()
                && log.get(count).endNanos != 0
                && log.get(count).endNanos < nanos) {
            count++;
        }
        return count;
    }

    /** Starts the next round from what is there. */
    void restart(Path mount) {
        base = TreeModel.read(mount.resolve(name));
        model = base.plainCopy();
        log.clear();
        durable = 0;
        dying = false;
    }

    private String contentProblem(TreeModel model, int kept, TreeModel actual) {
        TreeModel later = model.recordingCopy();
        TreeModel names = later.snapshotOfNames();
        var contents = later.contents();
        for (int i = kept; i < log.size(); i++) {
            Done done = log.get(i);
            boolean unanswered = done.endNanos == 0;
            if (!unanswered || !done.operation.isSync()) {
                done.operation.apply(later, i);
            }
        }
        // An fsync before the kept state promises nothing that the state itself does not hold.
        return TreeModel.unexplainedByte(names, contents, actual);
    }

    private String explain(TreeModel actual, String problem) {
        TreeModel model = base.plainCopy();
        for (int i = 0; i < durable; i++) {
            log.get(i).operation.apply(model, i);
        }
        StringBuilder text = new StringBuilder();
        text.append(problem != null ? "content: " + problem : "no prefix has this shape");
        text.append("\noperations ").append(log.size()).append(", durable ").append(durable);
        text.append("\nagainst the durable state:\n  ").append(model.shapeDifference(actual));
        for (int i = durable; i < log.size(); i++) {
            log.get(i).operation.apply(model, i);
        }
        text.append("\nagainst the state after all:\n  ").append(model.shapeDifference(actual));
        text.append("\nthe operations around the durable one:");
        for (int i = Math.max(0, durable - 10); i < Math.min(log.size(), durable + 40); i++) {
            text.append("\n  ").append(i).append(' ').append(log.get(i).operation);
            text.append(log.get(i).endNanos == 0 ? " (no answer)" : "");
        }
        return text.toString();
    }

    private Operation next() {
        List<String> files = model.paths('f');
        if (files.isEmpty()) {
            return Operation.of(Kind.CREATE, newPath());
        }
        if (model.size() >= MOST_NODES) {
            return removal(files);
        }
        String file = files.get(random.nextInt(files.size()));
        int dice = random.nextInt(100);
        if (dice < 45) {
            return contentChange(file, dice);
        }
        if (dice < 60) {
            return Operation.of(random.nextInt(3) == 0 ? Kind.FDATASYNC : Kind.FSYNC, file);
        }
        return nameChange(file, files, dice);
    }

    /**
     * Files are half of a full tree: if only they went, the others would leave no room for them.
     */
    private Operation removal(List<String> files) {
        List<String> others = new ArrayList<>(model.paths('d'));
        others.addAll(model.paths('l'));
        List<String> paths = files.size() > others.size() ? files : others;
        String path = model.lastBelow(paths.get(random.nextInt(paths.size())));
        return Operation.of(model.get(path).kind == 'd' ? Kind.RMDIR : Kind.UNLINK, path);
    }

    private Operation contentChange(String file, int dice) {
        int sizeBytes = model.get(file).content.length;
        byte[] data = new byte[1 + random.nextInt(1 << (4 + random.nextInt(12)))];
        int length = Math.min(data.length, MOST_WRITTEN);
        if (dice < 20 && sizeBytes + length <= MOST_BYTES) {
            return Operation.of(Kind.WRITE, file, sizeBytes, noise(length));
        }
        int offset = random.nextInt(Math.max(1, sizeBytes));
        if (dice < 33) {
            return Operation.of(Kind.WRITE, file, offset, noise(length));
        }
        if (dice < 39) {
            return Operation.of(Kind.TRUNCATE, file, random.nextInt(MOST_BYTES / 2), new byte[0]);
        }
        return Operation.of(
                dice < 42 ? Kind.PUNCH : Kind.PREALLOCATE, file, offset, new byte[length]);
    }

    private Operation nameChange(String file, List<String> files, int dice) {
        List<String> directories = model.paths('d');
        String directory =
                directories.isEmpty() ? "" : directories.get(random.nextInt(directories.size()));
        if (dice < 72) {
            return Operation.of(Kind.CREATE, newPath());
        }
        if (dice < 78) {
            String to = random.nextBoolean() ? newPath() : files.get(random.nextInt(files.size()));
            boolean sameInode = model.get(to) == model.get(file);
            return sameInode ? Operation.of(Kind.FSYNC, file) : Operation.of(Kind.RENAME, file, to);
        }
        if (dice < 80 && !directory.isEmpty()) {
            return Operation.of(Kind.RENAME, directory, "moved" + names++);
        }
        if (dice < 82 && !directory.isEmpty() && !model.hasChildren(directory)) {
            return Operation.of(Kind.RMDIR, directory);
        }
        if (dice < 85) {
            return Operation.of(Kind.MKDIR, newPath());
        }
        if (dice < 88) {
            return Operation.of(Kind.LINK, file, newPath());
        }
        if (dice < 90) {
            return Operation.of(Kind.SYMLINK, newPath(), "t".repeat(1 + random.nextInt(200)));
        }
        if (dice < 93) {
            return Operation.of(Kind.SETXATTR, file, "v".repeat(random.nextInt(3000)));
        }
        boolean onlyName = model.get(file).linkCount == 1;
        return Operation.of(dice < 94 && onlyName ? Kind.UNLINK_OPEN : Kind.UNLINK, file);
    }

    private String newPath() {
        List<String> directories = model.paths('d');
        int pick = random.nextInt(directories.size() + 2);
        String folder = pick < directories.size() ? directories.get(pick) + "/" : "";
        return folder + "n" + names++ + "x".repeat(random.nextInt(30));
    }

    private byte[] noise(int lengthBytes) {
        byte[] data = new byte[lengthBytes];
        random.nextBytes(data);
        return data;
    }
}
