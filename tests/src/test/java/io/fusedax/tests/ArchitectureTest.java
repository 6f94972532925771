package io.fusedax.tests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Dependencies between packages point one way.
 *
 * <p>Rules that match no class yet pass: {@link #everyClassIsInAListedPackage} keeps a misspelt
 * package name here from hiding code.
 */
final class ArchitectureTest {
    /** Each may use those before it, never one after it. */
    private static final List<String> LAYERS =
            List.of(
                    "io.fusedax.backing",
                    "io.fusedax.backing.region..",
                    "io.fusedax.backing.format..",
                    "io.fusedax.backing.journal..",
                    "io.fusedax.backing.alloc..",
                    "io.fusedax.backing.inode..",
                    "io.fusedax.backing.namespace..",
                    "io.fusedax.backing.volume..",
                    "io.fusedax.mount..",
                    "io.fusedax.tools..",
                    "io.fusedax.tests..");

    private static JavaClasses ours;

    @BeforeAll
    static void importClasses() {
        // of another module's tests those are here that ours use
        ours =
                new ClassFileImporter()
                        .withImportOption(location -> !location.contains("-tests.jar"))
                        .importPackages("io.fusedax");
    }

    @TestFactory
    Stream<DynamicTest> noLayerUsesALaterOne() {
        return IntStream.range(0, LAYERS.size() - 1)
                .mapToObj(
                        i ->
                                DynamicTest.dynamicTest(
                                        LAYERS.get(i), () -> check(usesNothingAfter(i))));
    }

    @Test
    void everyClassIsInAListedPackage() {
        check(classes().should().resideInAnyPackage(LAYERS.toArray(String[]::new)));
    }

    @Test
    void onlyRegionAndMountTouchNativeMemory() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages(
                                "io.fusedax.backing.region..",
                                "io.fusedax.mount..",
                                "io.fusedax.tests..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "jnr.ffi..",
                                "com.kenai.jffi..",
                                "ru.serce.jnrfuse..",
                                "sun.misc..",
                                "jdk.internal.."));
    }

    @Test
    void onlyMountKnowsFuse() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages("io.fusedax.mount..", "io.fusedax.tests..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage("ru.serce.jnrfuse.."));
    }

    @Test
    void nothingUsesJavaUtilLogging() {
        check(noClasses().should().dependOnClassesThat().resideInAPackage("java.util.logging.."));
    }

    @Test
    void onlyToolsPrint() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages("io.fusedax.tools..", "io.fusedax.tests..")
                        .should(ACCESS_STANDARD_STREAMS));
    }

    private static ArchRule usesNothingAfter(int layer) {
        String[] later = LAYERS.subList(layer + 1, LAYERS.size()).toArray(String[]::new);
        return noClasses()
                .that()
                .resideInAPackage(LAYERS.get(layer))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(later);
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(ours);
    }
}
