package io.fusedax.tests.powercut;

import io.fusedax.backing.FsException;
import io.fusedax.backing.region.CacheLines;
import io.fusedax.backing.region.CrashRegion;
import io.fusedax.backing.region.Survivors;
import io.fusedax.backing.volume.Volume;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * All images of a recording: at every store, flush and drain; exhaustively where few lines or words
 * are not durable, else a sample by seed, always with the extremes. Equal images are checked once.
 */
final class Enumeration {
    /** Up to so many lines all subsets of them are tried. */
    private static final int EXHAUSTIVE_LINES = 4;

    /** Up to so many words all subsets of them are tried. */
    private static final int EXHAUSTIVE_WORDS = 4;

    /** Of the line stored last all subsets of so many words are tried. */
    private static final int EXHAUSTIVE_LAST_WORDS = 4;

    private static final int SAMPLES = 3;
    private static final int CUT_RECOVERY_EVERY = 256;
    private static final int RECOVERY_CUTS = 6;

    private final Recording recording;
    private final ImageChecker checker;
    private final Random random;
    private final CacheLines cache;
    private final ImageRegion image;
    private final Set<Long> seen = new HashSet<>();
    private long durableSum;
    private int cut;
    private ImageChecker.Range range;
    private long images;
    private String what = "";
    private boolean thin;

    Enumeration(Recording recording, ImageChecker checker, long seed) {
        this.recording = recording;
        this.checker = checker;
        this.random = Mix.random(seed);
        byte[] base = recording.region.base();
        this.cache = new CacheLines(base.clone(), base.clone());
        this.image = new ImageRegion(base.clone());
    }

    /** Tries a few images of each cut only. */
    void thin() {
        thin = true;
    }

    /** Images checked so far. */
    long images() {
        return images;
    }

    /** Where it is: for the message of a violation. */
    String where() {
        return "after event " + cut + " of " + recording.region.events().size() + ", " + what;
    }

    /** Checks all. */
    void run(long deadlineNanos) throws Violation, FsException {
        List<CrashRegion.Event> events = recording.region.events();
        int done = 0;
        for (cut = 0; cut <= events.size(); cut++) {
            CrashRegion.Event event = cut == 0 ? null : events.get(cut - 1);
            boolean drained = event != null && event.isDrain();
            if (event != null && event.stored() != null) {
                checkTorn(event);
            }
            if (drained) {
                cache.drain(this::subtract, this::add);
            } else if (event != null) {
                event.applyTo(cache);
            }
            int before = done;
            while (done < recording.steps.size() && recording.ends.get(done + 1) <= cut) {
                done++;
            }
            setRange(done);
            if (event == null || event.stored() != null || drained || done != before) {
                checkCut();
            }
            if (event != null && event.stored() != null) {
                checkLastLine(event);
            }
            if ((cut & 15) == 0 && System.nanoTime() > deadlineNanos) {
                return;
            }
        }
    }

    private void setRange(int done) {
        int last = done;
        if (done < recording.steps.size()) {
            last = done + 1;
            while (last < recording.steps.size()
                    && recording.ends.get(last).equals(recording.ends.get(done))) {
                last++; // steps without events: the next event belongs to a later one
            }
        }
        boolean mounting =
                done < recording.steps.size() && recording.steps.get(done).kind() == StepKind.KILL;
        range = new ImageChecker.Range(done, recording.floors.get(done), last, mounting);
    }

    private void subtract(int line) {
        durableSum -= Mix.of(line, Mix.of(cache.durable(), line, CacheLines.LINE_BYTES));
    }

    private void add(int line) {
        durableSum += Mix.of(line, Mix.of(cache.durable(), line, CacheLines.LINE_BYTES));
        image.storing(line, CacheLines.LINE_BYTES);
        image.restore(cache.durable());
    }

    /** eADR, and the store itself is cut: its first words are there. */
    private void checkTorn(CrashRegion.Event event) throws Violation, FsException {
        int length = event.stored().length;
        if (length <= 8 || range == null) {
            return;
        }
        int end = event.offset() + 1 + random.nextInt(length - 1) & -CacheLines.WORD_BYTES;
        int kept = end - event.offset();
        if (kept <= 0) {
            return;
        }
        for (CacheLines.Line line : cache.pending()) {
            put(line, line.versions());
        }
        image.storing(event.offset(), kept);
        System.arraycopy(event.stored(), 0, image.bytes(), event.offset(), kept);
        what = "eADR, store of " + length + " bytes torn at " + kept;
        check(Mix.of(cut, random.nextLong()));
    }

    private void checkCut() throws Violation, FsException {
        List<CacheLines.Line> lines = cache.pending();
        checkSurvivors(Survivors.NONE, 0);
        checkSurvivors(Survivors.ALL, 0);
        int count = lines.size();
        if (thin) {
            if (count > 0) {
                checkSurvivors(Survivors.ALL_BUT_ONE_LINE, random.nextInt(count));
                checkSurvivors(Survivors.TORN_LINES, 0);
            }
            return;
        }
        if (count <= EXHAUSTIVE_LINES) {
            for (int subset = 1; subset < (1 << count) - 1; subset++) {
                checkLines(subset);
            }
            checkWords();
        } else {
            for (int i = 0; i < SAMPLES; i++) {
                checkSurvivors(Survivors.ALL_BUT_ONE_LINE, random.nextInt(count));
            }
            // what was stored last is where order matters
            checkSurvivors(Survivors.ONE_LINE, count - 1);
            checkSurvivors(Survivors.ALL_BUT_ONE_LINE, count - 1);
            checkSurvivors(Survivors.ONE_LINE, random.nextInt(count));
            checkSurvivors(Survivors.ANY_LINES, 0);
        }
        if (count > 0) {
            checkSurvivors(Survivors.ANY_WORDS, 0);
            checkSurvivors(Survivors.TORN_LINES, 0);
        }
    }

    private void checkLines(int subset) throws Violation, FsException {
        for (int i = 0; i < cache.pending().size(); i++) {
            if ((subset >> i & 1) != 0) {
                CacheLines.Line line = cache.pending().get(i);
                put(line, line.versions());
            }
        }
        what = "lines subset " + subset;
        check();
    }

    /** A line that says that something is valid: each of its words alone and with others. */
    private void checkLastLine(CrashRegion.Event event) throws Violation, FsException {
        int length = event.stored().length;
        if (length > CacheLines.LINE_BYTES || (event.offset() & 7) != 0) {
            return;
        }
        int[] words = new int[EXHAUSTIVE_LAST_WORDS];
        int count = 0;
        for (int at = event.offset(); at < event.offset() + length; at += 8) {
            if (Mix.getLong(cache.latest(), at) != Mix.getLong(cache.durable(), at)) {
                if (count == words.length) {
                    return;
                }
                words[count++] = at;
            }
        }
        for (int subset = 1; subset < (1 << count) - 1; subset++) {
            for (int i = 0; i < count; i++) {
                if ((subset >> i & 1) != 0) {
                    putWord(words[i]);
                }
            }
            what = "of the last line words subset " + subset;
            check();
        }
    }

    private void putWord(int at) {
        image.storing(at, CacheLines.WORD_BYTES);
        System.arraycopy(cache.latest(), at, image.bytes(), at, CacheLines.WORD_BYTES);
    }

    /** All subsets of the words that differ, if these are few. */
    private void checkWords() throws Violation, FsException {
        int[] words = new int[EXHAUSTIVE_WORDS];
        int count = 0;
        for (CacheLines.Line line : cache.pending()) {
            for (int at = 0; at < CacheLines.LINE_BYTES; at += 8) {
                int word = line.offset() + at;
                if (Mix.getLong(cache.latest(), word) != Mix.getLong(cache.durable(), word)) {
                    if (count == EXHAUSTIVE_WORDS) {
                        return;
                    }
                    words[count++] = word;
                }
            }
        }
        for (int subset = 1; subset < (1 << count) - 1; subset++) {
            for (int i = 0; i < count; i++) {
                if ((subset >> i & 1) != 0) {
                    putWord(words[i]);
                }
            }
            what = "words subset " + subset;
            check();
        }
    }

    private void checkSurvivors(Survivors survivors, int chosen) throws Violation, FsException {
        for (int i = 0; i < cache.pending().size(); i++) {
            CacheLines.Line line = cache.pending().get(i);
            int all = line.versions();
            switch (survivors) {
                case NONE -> {}
                case ALL -> put(line, all);
                case ANY_LINES -> put(line, random.nextInt(all + 1));
                case ANY_WORDS -> tear(line);
                case ALL_BUT_ONE_LINE -> put(line, i == chosen ? 0 : all);
                case ONE_LINE -> put(line, i == chosen ? all : 0);
                default -> {
                    int fate = random.nextInt(3);
                    if (fate == 0) {
                        tear(line);
                    } else {
                        put(line, (fate - 1) * all);
                    }
                }
            }
        }
        what = "survivors " + survivors;
        check();
    }

    private void put(CacheLines.Line line, int versions) {
        if (versions > 0) {
            image.storing(line.offset(), CacheLines.LINE_BYTES);
            CacheLines.keep(line, versions, image.bytes());
        }
    }

    private void tear(CacheLines.Line line) {
        image.storing(line.offset(), CacheLines.LINE_BYTES);
        CacheLines.tear(line, image.bytes(), random);
    }

    private void check() throws Violation, FsException {
        long sum = durableSum;
        for (CacheLines.Line line : cache.pending()) {
            int at = line.offset();
            sum += Mix.of(at, Mix.of(image.bytes(), at, CacheLines.LINE_BYTES));
            sum -= Mix.of(at, Mix.of(cache.durable(), at, CacheLines.LINE_BYTES));
        }
        check(Mix.of(sum, Mix.of(range.first(), range.done())));
    }

    private void check(long identity) throws Violation, FsException {
        try {
            if (!seen.add(identity)) {
                return;
            }
            images++;
            byte[] copy = images % CUT_RECOVERY_EVERY == 0 ? image.bytes().clone() : null;
            checker.check(image, recording, range);
            if (copy != null) {
                cutRecovery(copy);
            }
        } finally {
            image.restore(cache.durable());
        }
    }

    /** Recovery is cut in turn. */
    private void cutRecovery(byte[] copy) throws Violation, FsException {
        CrashRegion recovering = new CrashRegion(copy);
        recovering.record();
        Volume.open(recovering, Template.options(new long[] {1 << 19}));
        recovering.stopRecording();
        String outer = what;
        for (int i = 0; i < RECOVERY_CUTS; i++) {
            int at = random.nextInt(recovering.cuts());
            Survivors survivors = i == 0 ? Survivors.ALL : Survivors.TORN_LINES;
            what = outer + ", recovery cut after event " + at + ", survivors " + survivors;
            byte[] left = recovering.image(at, survivors, random);
            images++;
            checker.check(new ImageRegion(left), recording, range.whileMounting());
        }
    }
}
