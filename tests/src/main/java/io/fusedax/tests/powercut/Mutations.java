package io.fusedax.tests.powercut;

import io.fusedax.backing.volume.Volume;
import io.fusedax.tests.powercut.Mutation.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * All that is switched off, one at a time: every call of flush, drain and zero of a region and
 * every check of a checksum, as the class files have them, and the rules of order by name.
 */
final class Mutations {
    /** Calls that are dropped wherever they are made. */
    private static final Set<String> CALLEES =
            Set.of(
                    "Region.flush",
                    "Region.drain",
                    "Region.zero",
                    "Checksums.problem",
                    "Checksums.seal",
                    "Reclaimer.enter",
                    "JournalLog.reset",
                    "BlockGroup.quarantine");

    private Mutations() {}

    /** Rules that are no such call. */
    private static List<Mutation> rules() {
        return List.of(
                Mutation.of(Kind.TRUST_LOG, "journal/JournalLog", "checksumOnMedia"),
                Mutation.of(Kind.HOME_FIRST, "journal/Committer", "write"),
                Mutation.of(Kind.SAME_SLOT, "journal/JournalLog", "reset"),
                Mutation.of(Kind.ANSWER_ZERO, "journal/Recovery$Replayer", "revoked"),
                Mutation.of(Kind.ANSWER_ZERO, "journal/Committer", "writeHome"),
                Mutation.of(Kind.ANSWER_ZERO, "inode/FileContent", "growthNeedsCommit"),
                Mutation.of(Kind.ANSWER_ZERO, "inode/FileContent", "tailNeedsCleaning"),
                Mutation.of(Kind.ANSWER_ZERO, "inode/FileContent", "zeroTail"),
                Mutation.of(Kind.ANSWER_ONE, "journal/MetadataCache", "isEvictable"),
                Mutation.of(Kind.ANSWER_ZERO, "volume/VolumeFormatter", "eraseSuperblocks"),
                Mutation.of(Kind.ANSWER_ZERO, "journal/JournalLog", "wipeOldTransactions"),
                Mutation.dropCall("journal/Transaction", "discard", "LongList.add", 0),
                Mutation.dropCall("journal/Recovery", "run", "JournalLog.resume", 0),
                Mutation.dropCall("journal/Journal", "prepare", "JournalClient.prepareCommit", 0),
                Mutation.dropCall("volume/Volume", "<init>", "Reclaimer.recover", 0),
                Mutation.dropCall("volume/DataOperations", "makeDurable", "Journal.commit", 0),
                Mutation.dropCall("volume/DataOperations", "commitInode", "Journal.commit", 0),
                Mutation.dropCall("volume/Volume", "sync", "Journal.commit", 0));
    }

    static List<Mutation> all() {
        List<Mutation> mutations = new ArrayList<>(rules());
        for (String type : classes()) {
            collect(type, mutations);
        }
        return mutations;
    }

    /** Internal names below {@link Mutation#PACKAGE}, in order. */
    private static List<String> classes() {
        try {
            URI source = Volume.class.getProtectionDomain().getCodeSource().getLocation().toURI();
            Path path = Path.of(source);
            if (Files.isDirectory(path)) {
                return classes(path);
            }
            try (FileSystem jar = FileSystems.newFileSystem(path)) {
                return classes(jar.getPath("/"));
            }
        } catch (IOException | java.net.URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<String> classes(Path root) throws IOException {
        Path top = root.resolve(Mutation.PACKAGE);
        try (Stream<Path> files = Files.walk(top)) {
            return files.map(file -> top.relativize(file).toString())
                    .filter(name -> name.endsWith(".class"))
                    .map(name -> name.substring(0, name.length() - ".class".length()))
                    .filter(name -> !name.startsWith("region/") && !name.contains("Overlay"))
                    .sorted()
                    .toList();
        }
    }

    private static void collect(String type, List<Mutation> mutations) {
        new ClassReader(bytes(Mutation.PACKAGE + type))
                .accept(
                        new ClassVisitor(Opcodes.ASM9) {
                            @Override
                            public MethodVisitor visitMethod(
                                    int access, String method, String d, String s, String[] e) {
                                return new CallFinder(type, method, mutations);
                            }
                        },
                        0);
    }

    private static final class CallFinder extends MethodVisitor {
        private final String type;
        private final String method;
        private final List<Mutation> mutations;
        private final Map<String, Integer> counts = new HashMap<>();

        CallFinder(String type, String method, List<Mutation> mutations) {
            super(Opcodes.ASM9);
            this.type = type;
            this.method = method;
            this.mutations = mutations;
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String d, boolean i) {
            String callee = Mutation.shortName(owner) + "." + name;
            if (CALLEES.contains(callee)) {
                int ordinal = counts.merge(callee, 1, Integer::sum) - 1;
                mutations.add(Mutation.dropCall(type, method, callee, ordinal));
            }
        }
    }

    /** A class file. */
    static byte[] bytes(String internalName) {
        String resource = internalName + ".class";
        try (InputStream in = Mutations.class.getClassLoader().getResourceAsStream(resource)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
