package io.holdfast.consensus;

import java.util.concurrent.CompletionException;

/** What futures failed with. */
public final class Causes {
    private Causes() {}

    /** Without what futures wrap it in. */
    public static Throwable of(Throwable failure) {
        Throwable cause = failure;
        while (cause instanceof CompletionException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }
}
