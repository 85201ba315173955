package io.holdfast.node.config;

/** A setting is missing, unknown or wrong; the message says which, where it came from and what would be right. */
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ConfigException(String message) {
        super(message);
    }
}
