package io.fusedax.mount;

import io.fusedax.backing.Counter;
import io.fusedax.backing.Counters;
import io.fusedax.backing.FsException;
import io.fusedax.backing.volume.Volume;
import jnr.constants.platform.Errno;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one place where failures become errno replies. An expected one, {@link FsException}, has its
 * errno. Anything else is a bug or a broken region: it is logged, the volume refuses further
 * changes, and the caller sees EIO.
 */
final class ErrorMapper {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorMapper.class);

    private final Volume volume;
    private final Counters counters;

    ErrorMapper(Volume volume) {
        this.volume = volume;
        this.counters = volume.counters();
    }

    /** The errno of a failure, negated. */
    int toReply(String operation, Throwable failure) {
        counters.increment(Counter.OP_ERRORS);
        if (failure instanceof FsException expected) {
            if (expected.errno() == Errno.EIO) {
                LOG.warn("{} failed: {}", operation, expected.toString());
            }
            return -expected.errno().intValue();
        }
        try {
            LOG.error("{} failed, the volume is read-only from now on", operation, failure);
            volume.fail(operation, failure);
        } catch (Throwable alsoFailed) {
            failure.addSuppressed(alsoFailed); // nothing may leave a callback
        }
        return -Errno.EIO.intValue();
    }

    /** Counts and answers an error that needed no exception. */
    int toReply(Errno errno) {
        counters.increment(Counter.OP_ERRORS);
        return -errno.intValue();
    }
}
