package io.fusedax.backing.region;

import io.fusedax.backing.FsException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import jnr.constants.platform.Errno;
import jnr.ffi.LibraryLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes cache lines back to memory, by whichever means this machine has. */
abstract class CacheWriteBack {
    private static final Logger LOG = LoggerFactory.getLogger(CacheWriteBack.class);

    /** Makes what was stored to a range durable before it returns. */
    abstract void persist(long address, long lengthBytes);

    /** Who does it. */
    abstract FlushMechanism mechanism();

    /**
     * libpmem where it is installed, else what the JDK has for MappedByteBuffer.force().
     *
     * @throws FsException EOPNOTSUPP when there is neither
     */
    static CacheWriteBack best() throws FsException {
        try {
            return libpmem();
        } catch (LinkageError e) {
            LOG.debug("no_libpmem reason={}", e.getMessage());
        }
        try {
            return jdk();
        } catch (ReflectiveOperationException e) {
            throw new FsException(
                    Errno.EOPNOTSUPP,
                    "nothing here writes cache lines back: install libpmem1 (Debian), or give java"
                            + " --add-exports java.base/jdk.internal.misc=ALL-UNNAMED: "
                            + e,
                    e);
        }
    }

    /**
     * @throws LinkageError when it is not installed
     */
    static CacheWriteBack libpmem() {
        return new Libpmem(LibraryLoader.create(LibpmemCalls.class).failImmediately().load("pmem"));
    }

    /**
     * @throws ReflectiveOperationException when this virtual machine has none, or hides it
     */
    static CacheWriteBack jdk() throws ReflectiveOperationException {
        return new Jdk();
    }

    /**
     * libpmem(7) as jnr-ffi binds it; public only because the class it generates lives in another
     * package.
     */
    public interface LibpmemCalls {
        /** Writes back and waits; chooses CLWB, CLFLUSHOPT or CLFLUSH, and nothing on eADR. */
        void pmem_persist(long address, long lengthBytes);
    }

    private static final class Libpmem extends CacheWriteBack {
        private final LibpmemCalls calls;

        Libpmem(LibpmemCalls calls) {
            this.calls = calls;
        }

        @Override
        void persist(long address, long lengthBytes) {
            calls.pmem_persist(address, lengthBytes);
        }

        @Override
        FlushMechanism mechanism() {
            return FlushMechanism.LIBPMEM;
        }
    }

    /** The virtual machine's own (JEP 352): CLWB, CLFLUSHOPT or CLFLUSH between fences. */
    private static final class Jdk extends CacheWriteBack {
        /** One call writes back so much, since no thread can be stopped within it. */
        private static final long CHUNK_BYTES = 1L << 20;

        private final MethodHandle writeBack;

        Jdk() throws ReflectiveOperationException {
            Class<?> type = Class.forName("jdk.internal.misc.Unsafe");
            if (!(Boolean) type.getMethod("isWritebackEnabled").invoke(null)) {
                throw new ReflectiveOperationException("this processor cannot");
            }
            Object unsafe = type.getMethod("getUnsafe").invoke(null);
            this.writeBack =
                    MethodHandles.lookup()
                            .unreflect(type.getMethod("writebackMemory", long.class, long.class))
                            .bindTo(unsafe);
        }

        @Override
        void persist(long address, long lengthBytes) {
            try {
                for (long done = 0; done < lengthBytes; done += CHUNK_BYTES) {
                    long piece = Math.min(CHUNK_BYTES, lengthBytes - done);
                    writeBack.invokeExact(address + done, piece);
                }
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError("writebackMemory declares nothing", e);
            }
        }

        @Override
        FlushMechanism mechanism() {
            return FlushMechanism.JDK;
        }
    }
}
