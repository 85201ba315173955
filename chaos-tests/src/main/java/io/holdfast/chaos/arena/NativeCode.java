package io.holdfast.chaos.arena;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** What is written in C here, made where it is to run. */
final class NativeCode {
    private NativeCode() {}

    /** Whether there is a C compiler. */
    static boolean isPossible() {
        return Commands.works("cc", "--version");
    }

    /**
     * Compiles a source that lies beside this class.
     *
     * @return the program or library, in the folder
     */
    static Path compile(Path folder, String source, String output, String... options) throws IOException {
        Path code = folder.resolve(source);
        Path made = folder.resolve(output).toAbsolutePath();
        try (InputStream in = NativeCode.class.getResourceAsStream(source)) {
            Files.copy(Objects.requireNonNull(in), code);
        }
        List<String> command = new ArrayList<>(List.of("cc", "-O2", "-o", made.toString(), code.toString()));
        command.addAll(List.of(options));
        Commands.run(command);
        return made;
    }
}
