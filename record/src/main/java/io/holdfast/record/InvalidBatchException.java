package io.holdfast.record;

/** The bytes are not a well-formed record batch; the message says what is wrong and where. */
public final class InvalidBatchException extends Exception {
    private static final long serialVersionUID = 1L;

    public InvalidBatchException(String message) {
        super(message);
    }

    public InvalidBatchException(String message, Throwable cause) {
        super(message, cause);
    }
}
