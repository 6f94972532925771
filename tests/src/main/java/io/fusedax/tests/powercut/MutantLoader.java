package io.fusedax.tests.powercut;

/** Loads the volume and the enumeration anew, with one mutation in them. */
final class MutantLoader extends ClassLoader {
    private final Mutation mutation;

    /**
     * @param mutation what is switched off, or null: the control
     */
    MutantLoader(Mutation mutation) {
        super(MutantLoader.class.getClassLoader());
        this.mutation = mutation;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        boolean own =
                name.startsWith("io.fusedax.backing.")
                        || name.startsWith("io.fusedax.tests.powercut.");
        if (!own) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : define(name);
        }
    }

    private Class<?> define(String name) {
        byte[] bytes = Mutations.bytes(name.replace('.', '/'));
        if (mutation != null && name.equals(mutation.className())) {
            bytes = MutantMaker.mutate(bytes, mutation);
        }
        return defineClass(name, bytes, 0, bytes.length);
    }
}
