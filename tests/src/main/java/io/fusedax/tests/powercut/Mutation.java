package io.fusedax.tests.powercut;

/**
 * Something the design relies on, switched off.
 *
 * @param kind how
 * @param type class within io.fusedax.backing, such as journal/JournalLog
 * @param method where in it
 * @param callee of a dropped call: class and method
 * @param ordinal which of the calls of that in the method
 */
record Mutation(Kind kind, String type, String method, String callee, int ordinal) {
    static final String PACKAGE = "io/fusedax/backing/";

    /** Ways to switch something off. */
    enum Kind {
        DROP_CALL,
        ANSWER_ZERO,
        ANSWER_ONE,
        TRUST_LOG,
        HOME_FIRST,
        SAME_SLOT
    }

    static Mutation dropCall(String type, String method, String callee, int ordinal) {
        return new Mutation(Kind.DROP_CALL, type, method, callee, ordinal);
    }

    static Mutation of(Kind kind, String type, String method) {
        return new Mutation(kind, type, method, "", 0);
    }

    static String shortName(String internalName) {
        return internalName.substring(internalName.lastIndexOf('/') + 1);
    }

    /** The class's binary name. */
    String className() {
        return (PACKAGE + type).replace('/', '.');
    }

    @Override
    public String toString() {
        String where = shortName(type) + "." + method;
        return kind == Kind.DROP_CALL
                ? where + " without " + callee + "#" + ordinal
                : kind + " " + where;
    }
}
