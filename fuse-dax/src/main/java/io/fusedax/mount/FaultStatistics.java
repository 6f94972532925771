package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.volume.Fault;
import java.util.LinkedHashMap;
import java.util.Map;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;

/**
 * What direct mappings did: per mount, with the latency of faults, and for the files mapped last.
 * Counting allocates nothing.
 */
final class FaultStatistics {
    private static final int MAX_FILES = 1024;
    private static final long MAX_NANOS = 60_000_000_000L;
    private static final int SIGNIFICANT_DIGITS = 2;

    private final Counters counters;
    private final Recorder recorder = new Recorder(1, MAX_NANOS, SIGNIFICANT_DIGITS);
    private final Histogram latency = new Histogram(1, MAX_NANOS, SIGNIFICANT_DIGITS);
    private Histogram interval; // guarded by this

    private final Map<Long, FaultCounts> files = new LinkedHashMap<>() { // guarded by this
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<Long, FaultCounts> eldest) {
                    return size() > MAX_FILES;
                }
            };

    FaultStatistics(Counters counters) {
        this.counters = counters;
    }

    void count(FaultCounts file, Counter counter) {
        counters.increment(counter);
        file.increment(counter);
    }

    /** Counts a fault that was answered. */
    void count(FaultCounts file, Fault fault, boolean sync, long nanos) {
        recorder.recordValue(Math.max(1, Math.min(nanos, MAX_NANOS)));
        count(file, fault.write ? Counter.WRITE_FAULTS : Counter.READ_FAULTS);
        if (sync) {
            count(file, Counter.SYNCHRONOUS_FAULTS);
        }
        if (fault.kind == Fault.Kind.BUS) {
            return;
        }
        if (fault.huge) {
            count(file, Counter.HUGE_FAULTS);
        } else if (fault.wantsHuge) {
            count(file, Counter.FALLBACK_FAULTS);
        }
        if (fault.kind == Fault.Kind.ZERO) {
            count(file, Counter.ZERO_PAGE_GRANTS);
        }
    }

    /** The counts of a file, new ones if the inode's number meant another file. */
    synchronized FaultCounts of(long inode, int inodeGeneration) {
        FaultCounts counts = files.remove(inode);
        if (counts == null || counts.inodeGeneration != inodeGeneration) {
            counts = new FaultCounts(inodeGeneration);
        }
        files.put(inode, counts); // the youngest now
        return counts;
    }

    /** The counts of a file, null if it is not among those mapped last. */
    synchronized FaultCounts find(long inode, int inodeGeneration) {
        FaultCounts counts = files.get(inode);
        return counts != null && counts.inodeGeneration == inodeGeneration ? counts : null;
    }

    /** One value of the latency's distribution. */
    interface Visitor {
        void value(String key, long nanos);
    }

    /** Visits percentiles of the time from a fault's request to its answer. */
    synchronized void visitLatency(Visitor visitor) {
        interval = recorder.getIntervalHistogram(interval);
        latency.add(interval);
        visitor.value("fault_latency_p50_nanoseconds", latency.getValueAtPercentile(50));
        visitor.value("fault_latency_p90_nanoseconds", latency.getValueAtPercentile(90));
        visitor.value("fault_latency_p99_nanoseconds", latency.getValueAtPercentile(99));
        visitor.value("fault_latency_p999_nanoseconds", latency.getValueAtPercentile(99.9));
        visitor.value("fault_latency_max_nanoseconds", latency.getMaxValue());
    }
}
