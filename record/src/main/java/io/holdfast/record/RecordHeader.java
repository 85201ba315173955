package io.holdfast.record;

import org.jspecify.annotations.Nullable;

/** A named attribute of a record. The value is not copied. */
public record RecordHeader(String name, byte @Nullable [] value) {}
