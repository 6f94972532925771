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
 * errno. One of them, EUCLEAN, says that the volume is damaged; anything that is no FsException is
 * a bug or a broken region, and the caller sees EIO. After both, logged once, the volume refuses
 * further changes.
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
            } else if (expected.errno() == Errno.EUCLEAN) {
                stopVolume(operation, expected); // damaged: nothing may be built on it
            }
            return -expected.errno().intValue();
        }
        stopVolume(operation, failure);
        return -Errno.EIO.intValue();
    }

    /** Logs, and refuses changes from now on. */
    private void stopVolume(String operation, Throwable failure) {
        try {
            volume.fail(operation, failure);
        } catch (Throwable alsoFailed) {
            if (alsoFailed != failure) {
                failure.addSuppressed(alsoFailed); // nothing may leave a callback
            }
            LOG.error("{} failed, and stopping the volume, too", operation, failure);
        }
    }

    /** Counts and answers an error that needed no exception. */
    int toReply(Errno errno) {
        counters.increment(Counter.OP_ERRORS);
        return -errno.intValue();
    }
}
