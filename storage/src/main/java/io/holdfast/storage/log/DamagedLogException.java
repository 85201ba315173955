package io.holdfast.storage.log;

import java.io.IOException;

/**
 * Bytes that were written and acknowledged cannot be read back as they were. Never the end of a log: an incomplete last
 * write is cut silently. The replica must withdraw; nothing is deleted because of this.
 */
public final class DamagedLogException extends IOException {
    private static final long serialVersionUID = 1L;

    public DamagedLogException(String message) {
        super(message);
    }
}
