package io.holdfast.cli.backup;

import com.google.common.util.concurrent.ThreadFactoryBuilder;
import io.holdfast.node.config.ConfigException;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * A lease on a bucket: an object that is only written if it is not there, or as it was when we last saw it, and written again
 * before it gets old. How old it is, is told by the store's clock alone. It goes by itself some time after its holder has died.
 *
 * <p>A holder that is paused finds out when it goes on, at its next {@link #check}; what it sent off just before that arrives.
 * Where a store ignores conditions on writes, two backups can be made at once.
 */
final class BucketHold implements BackupStore.Hold {
    private static final int PRECONDITION_FAILED = 412;
    private static final int CONFLICT = 409;
    private static final int NOT_FOUND = 404;
    private static final int TRIES = 3;

    private final S3Client s3;
    private final String bucket;
    private final String key;
    private final String place;
    private final Duration forgottenAfter;
    private final ScheduledExecutorService renewals =
            Executors.newSingleThreadScheduledExecutor(new ThreadFactoryBuilder()
                    .setDaemon(true)
                    .setNameFormat("backup-hold")
                    .build());
    private volatile String etag = "";
    private volatile long renewedAt;
    private volatile boolean lost;

    private BucketHold(S3Client s3, String bucket, String key, String place, Duration forgottenAfter) {
        this.s3 = s3;
        this.bucket = bucket;
        this.key = key;
        this.place = place;
        this.forgottenAfter = forgottenAfter;
    }

    /**
     * @param forgottenAfter without a sign of its holder a lease is void
     * @throws ConfigException if another has it
     */
    static BucketHold take(S3Client s3, String bucket, String key, String place, Duration forgottenAfter) {
        BucketHold hold = new BucketHold(s3, bucket, key, place, forgottenAfter);
        for (int i = 0; i < TRIES; i++) {
            if (hold.write(put -> put.ifNoneMatch("*"))) {
                return hold.renewing();
            }
            String forgotten = hold.forgotten();
            if (forgotten != null && hold.write(put -> put.ifMatch(forgotten))) {
                return hold.renewing();
            }
        }
        throw hold.taken();
    }

    /** The void lease that is there; null if it has just gone. */
    private @Nullable String forgotten() {
        HeadObjectResponse there;
        try {
            there = s3.headObject(head -> head.bucket(bucket).key(key));
        } catch (S3Exception e) {
            if (e.statusCode() == NOT_FOUND) {
                return null;
            }
            throw e;
        }
        Instant now = there.sdkHttpResponse()
                .firstMatchingHeader("Date")
                .map(date -> Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date)))
                .orElseThrow(() -> new ConfigException(place + " does not say what time it is"));
        if (there.lastModified().plus(forgottenAfter).isAfter(now)) {
            throw taken();
        }
        return there.eTag();
    }

    private ConfigException taken() {
        return new ConfigException("wait: another backup is being made in " + place
                + ". If it was interrupted, that is forgotten " + forgottenAfter.toSeconds() + " s after");
    }

    /** False if somebody else wrote. */
    private boolean write(Consumer<PutObjectRequest.Builder> condition) {
        long begun = System.nanoTime();
        PutObjectRequest.Builder put = PutObjectRequest.builder().bucket(bucket).key(key);
        condition.accept(put);
        try {
            etag = s3.putObject(put.build(), RequestBody.fromString(UUID.randomUUID() + "\n")) // each has its own tag
                    .eTag();
        } catch (S3Exception e) {
            if (e.statusCode() == PRECONDITION_FAILED || e.statusCode() == CONFLICT || e.statusCode() == NOT_FOUND) {
                return false;
            }
            throw e;
        }
        renewedAt = begun;
        return true;
    }

    private BucketHold renewing() {
        long every = forgottenAfter.toMillis() / 5;
        renewals.scheduleWithFixedDelay(this::renew, every, every, TimeUnit.MILLISECONDS);
        return this;
    }

    private void renew() {
        try {
            String last = etag;
            lost |= !write(put -> put.ifMatch(last));
        } catch (SdkException e) {
            // tried again; check fails when it has been too long
        }
    }

    @Override
    public void check() throws IOException {
        if (lost || System.nanoTime() - renewedAt > forgottenAfter.toNanos()) {
            throw new IOException("run it again: " + place + " could not be reached for " + forgottenAfter.toSeconds()
                    + " s, and another backup may have begun there");
        }
    }

    @Override
    public void close() throws IOException {
        renewals.shutdownNow();
        try {
            if (!renewals.awaitTermination(forgottenAfter.toMillis(), TimeUnit.MILLISECONDS)) {
                return; // forgotten by then
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        if (!lost && System.nanoTime() - renewedAt < forgottenAfter.toNanos()) {
            try {
                s3.deleteObject(delete -> delete.bucket(bucket).key(key));
            } catch (SdkException e) {
                // what was made is whole; the lease is forgotten by itself
            }
        }
    }
}
