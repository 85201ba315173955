package io.holdfast.cli.local;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What a node's JVM is started with. The launcher script says the same for {@code server}. */
final class JvmOptions {
    private static final int NATIVE_ACCESS_SINCE = 24;

    /**
     * Ten times as many calls as usual before a method is optimized, and less that is copied into it. With the defaults the
     * optimizing compiler took half of a node's processor time for minutes on a small machine, mostly for what is called
     * rarely; what is worth it comes to so many calls within seconds.
     */
    private static final List<String> COMPILER = List.of(
            "-XX:Tier4InvocationThreshold=50000",
            "-XX:Tier4MinInvocationThreshold=6000",
            "-XX:Tier4CompileThreshold=150000",
            "-XX:Tier4BackEdgeThreshold=400000",
            "-XX:FreqInlineSize=120",
            "-XX:InlineSmallCode=1000",
            "-XX:MaxInlineLevel=9");

    private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

    private JvmOptions() {}

    static List<String> forNode() {
        List<String> options = new ArrayList<>(List.of(
                "-Xms128m",
                "-Xmx512m",
                "-XX:MaxDirectMemorySize=2g",
                "-XX:+UseG1GC",
                "-XX:MaxGCPauseMillis=50",
                // A batch of a megabyte is an ordinary object then, not a humongous one.
                "-XX:G1HeapRegionSize=4m",
                "-XX:+ExitOnOutOfMemoryError",
                // Netty may take direct memory as it is then. Else each buffer of a megabyte is filled with zeros
                // first.
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "-Dio.netty.tryReflectionSetAccessible=true",
                // Ours, also where a test brings another one along.
                "-Dlogback.configurationFile=holdfast-logback.xml"));
        options.addAll(COMPILER);
        if (haveHugePages()) {
            options.add("-XX:+UseTransparentHugePages");
        }
        String archive = System.getProperty("holdfast.class-archive", ""); // told by the launcher
        if (!archive.isEmpty()) {
            options.addAll(
                    archive.endsWith(".aot")
                            ? List.of("-XX:AOTCache=" + archive, "-Xlog:aot=off", "-Xlog:cds=off")
                            : List.of("-XX:SharedArchiveFile=" + archive, "-Xlog:cds=off", "-Xlog:cds+dynamic=off"));
        }
        if (Runtime.version().feature() >= NATIVE_ACCESS_SINCE) {
            options.add("--enable-native-access=ALL-UNNAMED");
            options.add("--sun-misc-unsafe-memory-access=allow");
        }
        return options;
    }

    /** Linux has pages of 2 MB for those who ask: fewer misses of the processor's table of pages. */
    private static boolean haveHugePages() {
        try {
            return Files.readString(HUGE_PAGES).contains("[madvise]");
        } catch (IOException e) {
            return false; // not Linux, or without them
        }
    }
}
