package io.fusedax.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A MAP_SHARED mapping that ends when it is closed: the JDK unmaps only when it collects garbage,
 * and until then the mount is busy.
 */
public final class SharedMapping implements AutoCloseable {
    private final MappedByteBuffer buffer;

    public SharedMapping(Path path, long offset, int lengthBytes) {
        try (FileChannel channel =
                FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            buffer = channel.map(FileChannel.MapMode.READ_WRITE, offset, lengthBytes);
        } catch (IOException e) {
            throw new UncheckedIOException(path.toString(), e);
        }
    }

    public MappedByteBuffer buffer() {
        return buffer;
    }

    /** munmap, without msync: the page cache keeps the stores. */
    @Override
    public void close() {
        try {
            Class<?> unsafeClass = Class.forName("sun.misc.Unsafe");
            Field field = unsafeClass.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            Method cleaner = unsafeClass.getMethod("invokeCleaner", ByteBuffer.class);
            cleaner.invoke(field.get(null), buffer);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot unmap", e);
        }
    }
}
