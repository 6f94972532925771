package io.fusedax.tests.conformance;

/** The same with every file open past the page cache. */
final class FileContentDirectIoIT extends FileContentIT {
    @Override
    String mountOptions() {
        return "direct_io";
    }
}
