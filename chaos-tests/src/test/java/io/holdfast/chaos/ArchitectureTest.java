package io.holdfast.chaos;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which room may see which. The poms fence the modules; this fences packages and third parties. */
class ArchitectureTest {
    private static JavaClasses classes;

    @BeforeAll
    static void load() {
        // Names are enough: what is generated, and what others wrote, need not be read.
        ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
        classes = new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .withImportOption(location ->
                        !location.contains("/io/holdfast/v1/") && !location.contains("/io/holdfast/internal/v1/"))
                .importPackages("io.holdfast");
    }

    @Test
    void shouldKeepRatisInConsensus() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.holdfast.consensus..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache.ratis..")
                .check(classes);
    }

    @Test
    void shouldKeepRocksDbInStateTables() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.holdfast.storage.state..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.rocksdb..")
                .check(classes);
    }

    @Test
    void shouldKeepStorageFreeOfRaftGrpcAndProtos() {
        noClasses()
                .that()
                .resideInAnyPackage("io.holdfast.storage..", "io.holdfast.record..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.apache.ratis..",
                        "io.grpc..",
                        "com.google.protobuf..",
                        "io.holdfast.v1..",
                        "io.holdfast.internal..")
                .check(classes);
    }

    @Test
    void shouldKeepClientsApartFromNodes() {
        noClasses()
                .that()
                .resideInAPackage("io.holdfast.client..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.holdfast.node..",
                        "io.holdfast.consensus..",
                        "io.holdfast.storage..",
                        "io.holdfast.internal..")
                .check(classes);
    }

    @Test
    void shouldWalkDownOnly() {
        noClasses()
                .that()
                .resideInAPackage("io.holdfast.consensus..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.holdfast.node..", "io.holdfast.cli..", "io.holdfast.client..")
                .check(classes);
        noClasses()
                .that()
                .resideInAPackage("io.holdfast.node..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.holdfast.cli..", "io.holdfast.client..")
                .check(classes);
        noClasses()
                .that()
                .resideInAPackage("io.holdfast.node.cluster..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.holdfast.node.service..", "io.holdfast.node.http..")
                .check(classes);
    }

    @Test
    void shouldHaveNoCyclesBetweenPackages() {
        slices().matching("io.holdfast.(storage|consensus|node).(*)..")
                .should()
                .beFreeOfCycles()
                .check(classes);
    }
}
