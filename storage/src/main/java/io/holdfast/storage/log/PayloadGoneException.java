package io.holdfast.storage.log;

import java.io.IOException;

/** The payload of a Raft entry is gone since records of it have: nothing is damaged, and a checkpoint has what is left. */
public final class PayloadGoneException extends IOException {
    private static final long serialVersionUID = 1L;

    public PayloadGoneException(String message) {
        super(message);
    }
}
