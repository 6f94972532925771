package io.fusedax.tests.powercut;

/** An image that is not what a power cut may leave. */
@SuppressWarnings("serial")
final class Violation extends Exception {
    Violation(String what) {
        super(what, null, false, false);
    }
}
